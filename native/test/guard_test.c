/* SPDX-License-Identifier: Apache-2.0 */
/* luo_guard: what a guarded mapping does when its memory is gone, and what another handler is told. */
#define _GNU_SOURCE
#include "../luo_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../luo_sys.h"
#include "check.h"

#define LENGTH (16 * 4096)

static sigjmp_buf jump;
static volatile int told;

static void other_handler(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    (void)context;
    told++;
    siglongjmp(jump, 1);
}

static int64_t mapped_memfd(int *fd) {
    *fd = luo_memfd_create("guard", MFD_CLOEXEC);
    CHECK(*fd >= 0);
    CHECK_EQUAL(0, luo_truncate(*fd, LENGTH));
    int64_t address = luo_map(*fd, 0, LENGTH, 1);
    CHECK(address > 0);
    memset((void *)(uintptr_t)address, 'x', LENGTH);
    return address;
}

static void no_guard_without_a_table(void) {
    int fd;
    int64_t address = mapped_memfd(&fd);
    CHECK_EQUAL(-EINVAL, luo_guard(address, LENGTH));
    CHECK_EQUAL(-EINVAL, luo_unguard(address));
    CHECK_EQUAL(-EINVAL, luo_guard_use(0));
    int64_t table = luo_guard_table();
    CHECK(table > 0);
    CHECK_EQUAL(-EINVAL, luo_guard_use(address));
    CHECK_EQUAL(0, luo_guard_use(table));
    CHECK_EQUAL(0, luo_unmap(address, LENGTH));
    CHECK_EQUAL(0, luo_close(fd));
}

static void a_cut_file_reads_zero_all_over(void) {
    int fd;
    int64_t address = mapped_memfd(&fd);
    volatile char *memory = (volatile char *)(uintptr_t)address;
    CHECK_EQUAL(0, luo_guard(address, LENGTH));
    CHECK_EQUAL(0, luo_truncate(fd, 4096));
    CHECK_EQUAL('x', memory[100]);
    CHECK_EQUAL(0, memory[2 * 4096]);
    CHECK_EQUAL(0, memory[100]);
    memory[5 * 4096] = 'y';
    CHECK_EQUAL('y', memory[5 * 4096]);
    CHECK_EQUAL(4096, luo_size(fd));
    CHECK_EQUAL(0, luo_unguard(address));
    CHECK_EQUAL(-EINVAL, luo_unguard(address));
    CHECK_EQUAL(0, luo_unmap(address, LENGTH));
    CHECK_EQUAL(0, luo_close(fd));
}

static void other_addresses_go_to_the_handler_before(void) {
    int fd, other_fd;
    struct sigaction other = {.sa_sigaction = other_handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
    struct sigaction present;
    CHECK_EQUAL(0, sigaction(SIGBUS, &other, NULL));
    int64_t address = mapped_memfd(&fd);
    int64_t unguarded = mapped_memfd(&other_fd);
    CHECK_EQUAL(0, luo_guard(address, LENGTH));
    CHECK_EQUAL(0, luo_truncate(other_fd, 0));
    if (sigsetjmp(jump, 1) == 0) {
        (void)*(volatile char *)(uintptr_t)unguarded;
        CHECK(0);
    }
    CHECK_EQUAL(1, told);
    CHECK_EQUAL(0, luo_unguard(address));
    CHECK_EQUAL(0, sigaction(SIGBUS, NULL, &present));
    CHECK(present.sa_sigaction == other_handler);
    CHECK_EQUAL(0, luo_unmap(address, LENGTH));
    CHECK_EQUAL(0, luo_unmap(unguarded, LENGTH));
    CHECK_EQUAL(0, luo_close(fd));
    CHECK_EQUAL(0, luo_close(other_fd));
}

static void a_later_handler_keeps_ours(void) {
    int fd;
    struct sigaction other = {.sa_sigaction = other_handler, .sa_flags = SA_SIGINFO};
    struct sigaction ours;
    int64_t address = mapped_memfd(&fd);
    CHECK_EQUAL(0, luo_guard(address, LENGTH));
    CHECK_EQUAL(0, sigaction(SIGBUS, &other, &ours));
    CHECK_EQUAL(1, luo_unguard(address));
    CHECK_EQUAL(0, sigaction(SIGBUS, &ours, NULL));
    /* With it back in place it can be taken away. */
    CHECK_EQUAL(0, luo_guard(address, LENGTH));
    CHECK_EQUAL(0, luo_unguard(address));
    CHECK_EQUAL(0, luo_unmap(address, LENGTH));
    CHECK_EQUAL(0, luo_close(fd));
}

static void the_table_has_an_end(void) {
    int fd;
    int64_t address = mapped_memfd(&fd);
    for (int i = 0; i < 1024; i++) {
        CHECK_EQUAL(0, luo_guard(address + i, 1));
    }
    CHECK_EQUAL(-ENOSPC, luo_guard(address + 1024, 1));
    for (int i = 0; i < 1024; i++) {
        CHECK_EQUAL(0, luo_unguard(address + i));
    }
    CHECK_EQUAL(0, luo_unmap(address, LENGTH));
    CHECK_EQUAL(0, luo_close(fd));
}

static void *read_all(void *memory) {
    int64_t sum = 0;
    for (int round = 0; round < 200; round++) {
        for (size_t at = 0; at < LENGTH; at += 512) {
            sum += ((volatile char *)memory)[at];
        }
    }
    return (void *)(intptr_t)sum;
}

static void several_threads_meet_the_cut(void) {
    for (int round = 0; round < 50; round++) {
        int fd;
        pthread_t threads[4];
        int64_t address = mapped_memfd(&fd);
        CHECK_EQUAL(0, luo_guard(address, LENGTH));
        for (int i = 0; i < 4; i++) {
            CHECK_EQUAL(0, pthread_create(&threads[i], NULL, read_all, (void *)(uintptr_t)address));
        }
        CHECK_EQUAL(0, luo_truncate(fd, 0));
        for (int i = 0; i < 4; i++) {
            CHECK_EQUAL(0, pthread_join(threads[i], NULL));
        }
        CHECK_EQUAL(0, *(volatile char *)(uintptr_t)address);
        CHECK_EQUAL(0, luo_unguard(address));
        CHECK_EQUAL(0, luo_unmap(address, LENGTH));
        CHECK_EQUAL(0, luo_close(fd));
    }
}

int main(void) {
    no_guard_without_a_table();
    a_cut_file_reads_zero_all_over();
    other_addresses_go_to_the_handler_before();
    a_later_handler_keeps_ours();
    the_table_has_an_end();
    several_threads_meet_the_cut();
    puts("6 tests of luo_guard passed");
    return 0;
}
