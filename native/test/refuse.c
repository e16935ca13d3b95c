/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program under a seccomp filter that refuses one system call, as containers have:
 *
 *   refuse memfd_create|statx ERRNO PROGRAM [ARGUMENT...]
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static long number_of(const char *name) {
    if (strcmp(name, "memfd_create") == 0) {
        return SYS_memfd_create;
    }
    return strcmp(name, "statx") == 0 ? SYS_statx : -1;
}

int main(int count, char **arguments) {
    long call = count < 4 ? -1 : number_of(arguments[1]);
    if (call < 0) {
        fprintf(stderr, "usage: refuse memfd_create|statx ERRNO PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    unsigned int error = (unsigned int)atoi(arguments[2]) & SECCOMP_RET_DATA;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) {
        perror("refuse: seccomp");
        return 2;
    }
    execvp(arguments[3], arguments + 3);
    perror(arguments[3]);
    return 2;
}
