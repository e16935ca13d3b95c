/* SPDX-License-Identifier: Apache-2.0 */
/* luo_abi.h against the system's own headers, as far as they are there. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/memfd.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "../luo_abi.h"
#include "../luo_socket.h"
#include "check.h"

#if __has_include(<linux/liveupdate.h>)
#include <linux/liveupdate.h>
#define HAVE_LIVEUPDATE_H 1
#endif

int main(void) {
    CHECK_EQUAL(0xBA00, LUO_CREATE_SESSION);
    CHECK_EQUAL(0xBA01, LUO_RETRIEVE_SESSION);
    CHECK_EQUAL(0xBA40, LUO_SESSION_PRESERVE_FD);
    CHECK_EQUAL(0xBA41, LUO_SESSION_RETRIEVE_FD);
    CHECK_EQUAL(0xBA42, LUO_SESSION_FINISH);
    CHECK_EQUAL(0xBA43, LUO_SESSION_GET_NAME);
#ifdef HAVE_LIVEUPDATE_H
    CHECK_EQUAL(LIVEUPDATE_IOCTL_CREATE_SESSION, LUO_CREATE_SESSION);
    CHECK_EQUAL(LIVEUPDATE_IOCTL_RETRIEVE_SESSION, LUO_RETRIEVE_SESSION);
    CHECK_EQUAL(LIVEUPDATE_SESSION_PRESERVE_FD, LUO_SESSION_PRESERVE_FD);
    CHECK_EQUAL(LIVEUPDATE_SESSION_RETRIEVE_FD, LUO_SESSION_RETRIEVE_FD);
    CHECK_EQUAL(LIVEUPDATE_SESSION_FINISH, LUO_SESSION_FINISH);
    CHECK_EQUAL(LIVEUPDATE_SESSION_NAME_LENGTH, LUO_NAME_LENGTH);
    CHECK_EQUAL(sizeof(struct liveupdate_ioctl_create_session), sizeof(struct luo_session_arg));
    CHECK_EQUAL(sizeof(struct liveupdate_ioctl_retrieve_session), sizeof(struct luo_session_arg));
    CHECK_EQUAL(sizeof(struct liveupdate_session_preserve_fd), sizeof(struct luo_fd_arg));
    CHECK_EQUAL(sizeof(struct liveupdate_session_retrieve_fd), sizeof(struct luo_fd_arg));
    CHECK_EQUAL(sizeof(struct liveupdate_session_finish), sizeof(struct luo_finish_arg));
    CHECK_EQUAL(offsetof(struct liveupdate_session_preserve_fd, token),
                offsetof(struct luo_fd_arg, token));
#ifdef LIVEUPDATE_SESSION_GET_NAME
    CHECK_EQUAL(LIVEUPDATE_SESSION_GET_NAME, LUO_SESSION_GET_NAME);
    CHECK_EQUAL(sizeof(struct liveupdate_session_get_name), sizeof(struct luo_name_arg));
#endif
    puts("compared with linux/liveupdate.h");
#else
    puts("linux/liveupdate.h is not installed: compared with the documented numbers only");
#endif

#ifdef STATX_SIZE
    CHECK_EQUAL(STATX_BASIC_STATS, LUO_STATX_BASIC);
    CHECK_EQUAL(offsetof(struct statx, stx_uid), offsetof(struct luo_statx, uid));
    CHECK_EQUAL(offsetof(struct statx, stx_mode), offsetof(struct luo_statx, mode));
    CHECK_EQUAL(offsetof(struct statx, stx_ino), offsetof(struct luo_statx, inode));
    CHECK_EQUAL(offsetof(struct statx, stx_dev_major), offsetof(struct luo_statx, device_major));
    CHECK_EQUAL(offsetof(struct statx, stx_dev_minor), offsetof(struct luo_statx, device_minor));
    CHECK_EQUAL(sizeof(struct statx), sizeof(struct luo_statx));
    CHECK_EQUAL(offsetof(struct statx, stx_size), offsetof(struct luo_statx, size));
    CHECK_EQUAL(offsetof(struct statx, stx_blocks), offsetof(struct luo_statx, blocks));
#endif

    /* The numbers that the Java side states in org.luo4j.internal.bridge.Abi. */
    CHECK_EQUAL(0x1, MFD_CLOEXEC);
    CHECK_EQUAL(0x2, MFD_ALLOW_SEALING);
    CHECK_EQUAL(0x4, MFD_HUGETLB);
#ifdef MFD_NOEXEC_SEAL
    CHECK_EQUAL(0x8, MFD_NOEXEC_SEAL);
    CHECK_EQUAL(0x10, MFD_EXEC);
#endif
    CHECK_EQUAL(26, MFD_HUGE_SHIFT);
    CHECK_EQUAL(0x1, F_SEAL_SEAL);
    CHECK_EQUAL(0x2, F_SEAL_SHRINK);
    CHECK_EQUAL(0x4, F_SEAL_GROW);
    CHECK_EQUAL(0x8, F_SEAL_WRITE);
    CHECK_EQUAL(0x10, F_SEAL_FUTURE_WRITE);
    CHECK_EQUAL(1, FD_CLOEXEC);
    CHECK_EQUAL(3, O_ACCMODE);
    CHECK_EQUAL(2, O_RDWR);
    CHECK_EQUAL(3, MADV_WILLNEED);
    CHECK_EQUAL(14, MADV_HUGEPAGE);
    CHECK_EQUAL(15, MADV_NOHUGEPAGE);
    CHECK_EQUAL(16, MADV_DONTDUMP);
#ifdef MADV_POPULATE_WRITE
    CHECK_EQUAL(22, MADV_POPULATE_READ);
    CHECK_EQUAL(23, MADV_POPULATE_WRITE);
#endif
    CHECK_EQUAL(107, LUO_ADDRESS_MAX);
    CHECK_EQUAL(253, LUO_FDS_MAX);

    /* Those that it states in org.luo4j.internal.jna.UnixSockets. */
    CHECK_EQUAL(1, AF_UNIX);
    CHECK_EQUAL(2, SOCK_DGRAM);
    CHECK_EQUAL(5, SOCK_SEQPACKET);
    CHECK_EQUAL(0x80000, SOCK_CLOEXEC);
    CHECK_EQUAL(1, SOL_SOCKET);
    CHECK_EQUAL(17, SO_PEERCRED);
    CHECK_EQUAL(20, SO_RCVTIMEO);
    CHECK_EQUAL(21, SO_SNDTIMEO);
    CHECK_EQUAL(1, SCM_RIGHTS);
    CHECK_EQUAL(0x8, MSG_CTRUNC);
    CHECK_EQUAL(0x20, MSG_TRUNC);
    CHECK_EQUAL(0x4000, MSG_NOSIGNAL);
    CHECK_EQUAL(0x40000000, MSG_CMSG_CLOEXEC);
    CHECK_EQUAL(2, SHUT_RDWR);
    CHECK_EQUAL(2, offsetof(struct sockaddr_un, sun_path));
    CHECK_EQUAL(12, sizeof(struct ucred));
    CHECK_EQUAL(16, sizeof(struct timeval));
    CHECK_EQUAL(8, offsetof(struct timeval, tv_usec));
    CHECK_EQUAL(56, sizeof(struct msghdr));
    CHECK_EQUAL(0, offsetof(struct msghdr, msg_name));
    CHECK_EQUAL(8, offsetof(struct msghdr, msg_namelen));
    CHECK_EQUAL(16, offsetof(struct msghdr, msg_iov));
    CHECK_EQUAL(24, offsetof(struct msghdr, msg_iovlen));
    CHECK_EQUAL(32, offsetof(struct msghdr, msg_control));
    CHECK_EQUAL(40, offsetof(struct msghdr, msg_controllen));
    CHECK_EQUAL(48, offsetof(struct msghdr, msg_flags));
    CHECK_EQUAL(16, sizeof(struct iovec));
    CHECK_EQUAL(8, offsetof(struct iovec, iov_len));
    CHECK_EQUAL(16, CMSG_LEN(0));
    CHECK_EQUAL(8, offsetof(struct cmsghdr, cmsg_level));
    CHECK_EQUAL(12, offsetof(struct cmsghdr, cmsg_type));
    CHECK_EQUAL(1032, CMSG_SPACE(LUO_FDS_MAX * sizeof(int)));
    return 0;
}
