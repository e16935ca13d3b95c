/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Linux's Live Update Orchestrator for the JVM: sessions that carry memfds across a kexec.
 *
 * <p>{@link org.luo4j.LiveUpdate} creates and retrieves a {@link org.luo4j.Session}; a session
 * preserves and retrieves a {@link org.luo4j.MemFd}; a memfd is mapped as a {@link
 * org.luo4j.MemoryRegion}. What the kernel refuses is a {@link org.luo4j.LuoException} with its
 * errno. {@link org.luo4j.Systemd}, or where there is none an {@link org.luo4j.Agent}, holds a
 * service's memory while the service is restarted.
 *
 * <p>Threads: every method of every public type may be called by any thread, except builders, which
 * are for one. Ownership: Session and MemFd each own one fd until they are closed; none is closed
 * by garbage collection, as that could drop what is preserved.
 *
 * <p>Interrupts: an interrupt of the thread ends no call and no wait. A call works as ever, a wait
 * goes on to its deadline, and the thread's interrupt flag is set afterwards.
 *
 * <p>Class loaders: when everything is closed that a class loader opened here, the class loader can
 * be collected, as after a redeployment; no thread, mapping or fd stays. Over JNA that is so half a
 * minute after its last use: it has a thread that ends by itself then. What was left open is not
 * closed: fds and mappings stay open until the process ends, and on the emulator until they are
 * collected.
 *
 * <p>Copies: several class loaders, and a copy whose package was renamed (shaded), may use luo4j in
 * one process. Without JNA and commons-io on the class path, JNI works; it needs java.base only.
 *
 * <p>Where a type is not marked {@link org.jspecify.annotations.Nullable}, no argument and no
 * result is null.
 *
 * <p>Sources: include/uapi/linux/liveupdate.h, kernel/liveupdate/ and mm/memfd_luo.c of Linux 7.3;
 * memfd_create(2), fcntl(2), madvise(2).
 *
 * @since 0.1.0
 */
@NullMarked
package org.luo4j;

import org.jspecify.annotations.NullMarked;
