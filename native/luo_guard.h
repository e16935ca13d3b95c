/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings that outlive the loss of their memory. A page of a shared mapping cannot be had when the
 * file was truncated, its disk fails, or there is no memory for a hole. The kernel answers the access
 * with SIGBUS, which ends a JVM in some of its stubs. A guarded mapping is replaced by private zero
 * pages instead, as a whole and before the access goes on: it reads 0 from then on, everywhere.
 *
 * A JVM may load this library several times, once for each class loader, and unload it in any order.
 * All copies share one table of guards; one copy that has guards provides the signal handler. Faults
 * at other addresses go to the handler that was there before, the JVM's.
 *
 * The caller must hold one lock, the same for all copies of the library in the process, around each of
 * these calls. The handler runs at any time.
 */
#ifndef LUO_GUARD_H
#define LUO_GUARD_H

#include <stdint.h>

/* Returns the address of a new table, for all copies of the library, or -errno. It is never freed. */
int64_t luo_guard_table(void);

/* Uses the table that another copy has made. 0; -EINVAL when there is no table of this version. */
int luo_guard_use(int64_t table);

/*
 * Guards a mapping of luo_map. 0; -ENOSPC when too many are guarded; -ENOTSUP when the kernel calls
 * another handler first, as with libjsig; what sigaction(2) says.
 */
int luo_guard(int64_t address, int64_t length);

/*
 * Ends the guard of the mapping at an address, before it is unmapped. 0; -EINVAL if there is none; 1
 * when a handler of somebody else, which came later, still calls this copy's: it must stay loaded.
 */
int luo_unguard(int64_t address);

#endif
