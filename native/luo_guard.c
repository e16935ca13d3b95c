/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "luo_guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "luo_sys.h"

#define TABLE_MAGIC UINT64_C(0x3144524155474F4C) /* "LOGUARD1" */
#define GUARDS_MAX 1024
#define KERNEL_SIGSET_BYTES 8

typedef void handler(int number, siginfo_t *info, void *context);

/* The handler reads a guard while others write it: start, 0 in a free place, goes in last. */
struct guard {
    _Atomic uintptr_t start;
    _Atomic uintptr_t end;
    handler *host; /* the handler of the copy that made the guard */
};

struct table {
    uint64_t magic;
    handler *installed; /* NULL while none is */
    struct sigaction before;
    struct guard guards[GUARDS_MAX];
};

/* Shared by all copies of the library. */
static struct table *table;

/* Replaces the guarded mapping that an address lies in; whether there was one. Async-signal-safe. */
static int absorb(uintptr_t address) {
    for (size_t i = 0; i < GUARDS_MAX; i++) {
        uintptr_t start = atomic_load(&table->guards[i].start);
        uintptr_t end = atomic_load(&table->guards[i].end);
        if (start != 0 && address >= start && address < end) {
            return luo_revoke((int64_t)start, (int64_t)(end - start)) == 0;
        }
    }
    return 0;
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
    const struct sigaction *before = &table->before;
    int error = errno;
    /* A positive code is the kernel's; a misaligned access is no loss of memory. */
    int absorbed =
        info->si_code > 0 && info->si_code != BUS_ADRALN && absorb((uintptr_t)info->si_addr);
    errno = error;
    if (absorbed) {
        return;
    }
    if (before->sa_flags & SA_SIGINFO) {
        before->sa_sigaction(number, info, context);
    } else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
        before->sa_handler(number);
    } else {
        sigaction(number, before, NULL); /* the access is made again, and ends the process */
    }
}

int64_t luo_guard_table(void) {
    struct table *made = mmap(NULL, sizeof(struct table), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED) {
        return -(int64_t)errno;
    }
    made->magic = TABLE_MAGIC;
    return (int64_t)(uintptr_t)made;
}

int luo_guard_use(int64_t address) {
    struct table *shared = (struct table *)(uintptr_t)address;
    if (shared == NULL || shared->magic != TABLE_MAGIC) {
        return -EINVAL;
    }
    table = shared;
    return 0;
}

/*
 * Whether the kernel calls a handler. With libjsig, which stands before sigaction(3), it calls the
 * JVM's first, which never passes such a fault on.
 */
static int is_called(handler *host) {
    uintptr_t present[16] = {0}; /* the kernel's struct sigaction begins with the handler */
    return syscall(SYS_rt_sigaction, SIGBUS, NULL, present, KERNEL_SIGSET_BYTES) == 0 &&
           present[0] == (uintptr_t)host;
}

/* Makes a copy's handler the process's, in place of another copy's or of the one before. */
static int install(handler *host) {
    struct sigaction action = {.sa_sigaction = host};
    if (table->installed == NULL && sigaction(SIGBUS, NULL, &table->before) < 0) {
        return -errno;
    }
    action.sa_mask = table->before.sa_mask;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    if (sigaction(SIGBUS, &action, NULL) < 0) {
        return -errno;
    }
    if (!is_called(host)) {
        sigaction(SIGBUS, &table->before, NULL);
        table->installed = NULL;
        return -ENOTSUP;
    }
    table->installed = host;
    return 0;
}

/* This copy has no guards any more: another one that has takes over. 1 when that cannot be. */
static int leave(void) {
    handler *other = NULL;
    for (size_t i = 0; i < GUARDS_MAX; i++) {
        if (atomic_load(&table->guards[i].start) != 0) {
            if (table->guards[i].host == on_bus_error) {
                return 0;
            }
            other = table->guards[i].host;
        }
    }
    struct sigaction present;
    if (table->installed != on_bus_error) {
        return 0;
    }
    if (sigaction(SIGBUS, NULL, &present) < 0 || !(present.sa_flags & SA_SIGINFO) ||
        present.sa_sigaction != on_bus_error) {
        return 1;
    }
    if (other != NULL) {
        return install(other) < 0;
    }
    if (sigaction(SIGBUS, &table->before, NULL) < 0) {
        return 1;
    }
    table->installed = NULL;
    return 0;
}

int luo_guard(int64_t address, int64_t length) {
    if (table == NULL || address <= 0 || length <= 0) {
        return -EINVAL;
    }
    if (table->installed == NULL) {
        int rc = install(on_bus_error);
        if (rc < 0) {
            return rc;
        }
    }
    for (size_t i = 0; i < GUARDS_MAX; i++) {
        struct guard *guard = &table->guards[i];
        if (atomic_load(&guard->start) == 0) {
            guard->host = on_bus_error;
            atomic_store(&guard->end, (uintptr_t)(address + length));
            atomic_store(&guard->start, (uintptr_t)address);
            return 0;
        }
    }
    return -ENOSPC;
}

int luo_unguard(int64_t address) {
    for (size_t i = 0; table != NULL && address > 0 && i < GUARDS_MAX; i++) {
        if (atomic_load(&table->guards[i].start) == (uintptr_t)address) {
            atomic_store(&table->guards[i].start, 0);
            return leave();
        }
    }
    return -EINVAL;
}
