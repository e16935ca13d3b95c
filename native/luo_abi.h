/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's interface in numbers: linux/liveupdate.h (7.3) and the memfd, seal and advice numbers
 * that older system headers lack. Written from the documented interface; test/abi_test.c compares
 * them with the system's own headers wherever these have them.
 */
#ifndef LUO_ABI_H
#define LUO_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define LUO_DEVICE "/dev/liveupdate"
#define LUO_NAME_LENGTH 64 /* bytes of a name field, the NUL included */

/* Every call is _IO(0xBA, nr); the structure's first field is its own size in bytes. */
#define LUO_IOCTL_TYPE 0xBA
#define LUO_CREATE_SESSION _IO(LUO_IOCTL_TYPE, 0x00)      /* on the device, luo_session_arg */
#define LUO_RETRIEVE_SESSION _IO(LUO_IOCTL_TYPE, 0x01)    /* on the device, luo_session_arg */
#define LUO_SESSION_PRESERVE_FD _IO(LUO_IOCTL_TYPE, 0x40) /* on an outgoing session, luo_fd_arg */
#define LUO_SESSION_RETRIEVE_FD _IO(LUO_IOCTL_TYPE, 0x41) /* on an incoming session, luo_fd_arg */
#define LUO_SESSION_FINISH _IO(LUO_IOCTL_TYPE, 0x42)      /* on an incoming session, luo_finish_arg */
#define LUO_SESSION_GET_NAME _IO(LUO_IOCTL_TYPE, 0x43)    /* on any session, luo_name_arg */

struct luo_session_arg {
    uint32_t size;
    int32_t fd; /* out: the session */
    uint8_t name[LUO_NAME_LENGTH];
};

struct luo_fd_arg {
    uint32_t size;
    int32_t fd; /* in for PRESERVE_FD, out for RETRIEVE_FD */
    uint64_t token;
};

struct luo_finish_arg {
    uint32_t size;
    uint32_t reserved; /* 0 */
};

struct luo_name_arg {
    uint32_t size;
    uint32_t reserved; /* 0 */
    uint8_t name[LUO_NAME_LENGTH]; /* out */
};

_Static_assert(sizeof(struct luo_session_arg) == 72, "luo_session_arg is 72 bytes");
_Static_assert(offsetof(struct luo_session_arg, fd) == 4, "fd at 4");
_Static_assert(offsetof(struct luo_session_arg, name) == 8, "name at 8");
_Static_assert(sizeof(struct luo_fd_arg) == 16, "luo_fd_arg is 16 bytes");
_Static_assert(offsetof(struct luo_fd_arg, token) == 8, "token at 8");
_Static_assert(sizeof(struct luo_finish_arg) == 8, "luo_finish_arg is 8 bytes");
_Static_assert(sizeof(struct luo_name_arg) == 72, "luo_name_arg is 72 bytes");
_Static_assert(LUO_CREATE_SESSION == 0xBA00, "the generic ioctl encoding: other machines differ");
_Static_assert(sizeof(void *) == 8, "a 64-bit machine");

/* linux/stat.h, which musl's headers come without. */
#define LUO_STATX_BASIC 0x7ffU /* all of the fields below */

struct luo_statx {
    uint8_t before_uid[20];
    uint32_t uid;
    uint32_t gid;
    uint16_t mode;
    uint16_t after_mode;
    uint64_t inode;
    uint64_t size;
    uint64_t blocks; /* of 512 bytes */
    uint8_t before_device[80];
    uint32_t device_major;
    uint32_t device_minor;
    uint8_t after_device[112];
};

_Static_assert(sizeof(struct luo_statx) == 256, "luo_statx is 256 bytes");
_Static_assert(offsetof(struct luo_statx, uid) == 20, "uid at 20");
_Static_assert(offsetof(struct luo_statx, mode) == 28, "mode at 28");
_Static_assert(offsetof(struct luo_statx, inode) == 32, "inode at 32");
_Static_assert(offsetof(struct luo_statx, size) == 40, "size at 40");
_Static_assert(offsetof(struct luo_statx, blocks) == 48, "blocks at 48");
_Static_assert(offsetof(struct luo_statx, device_major) == 136, "device_major at 136");

/* Huge folios are mapped by PMD: 2 MiB with 4 KiB pages. */
#define LUO_MAP_ALIGNMENT (INT64_C(2) << 20)

#endif
