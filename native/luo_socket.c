/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "luo_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(sizeof(struct sockaddr_un) == 2 + LUO_ADDRESS_MAX + 1, "sun_path is 108 bytes");

#define CONTROL_BYTES CMSG_SPACE(LUO_FDS_MAX * sizeof(int))

/* Room for the fds of one message, aligned as a control message is. */
union control {
    struct cmsghdr header;
    char bytes[CONTROL_BYTES];
};

/* Makes a call until no signal interrupts it. */
#define UNINTERRUPTED(result, call)           \
    do {                                      \
        (result) = (call);                    \
    } while ((result) < 0 && errno == EINTR)

/* The length of the address in the kernel's form, or -EINVAL. */
static int to_sockaddr(struct luo_address address, struct sockaddr_un *to) {
    if (address.length < 1 || address.length > LUO_ADDRESS_MAX) {
        return -EINVAL;
    }
    int is_path = address.bytes[0] != 0;
    if (is_path && memchr(address.bytes, 0, address.length) != NULL) {
        return -EINVAL;
    }
    memset(to, 0, sizeof *to);
    to->sun_family = AF_UNIX;
    memcpy(to->sun_path, address.bytes, address.length);
    /* Each byte counts in an abstract name, so only a path has one more, its NUL. */
    return (int)(offsetof(struct sockaddr_un, sun_path) + address.length) + is_path;
}

static int new_socket(int type) {
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

/* Closes a socket that its maker does not return; the maker's result. */
static int closing(int fd, int result) {
    close(fd);
    return result;
}

static int send_message(int fd, const struct sockaddr_un *to, int to_length,
                        struct luo_message message) {
    union control control;
    struct iovec part = {.iov_base = (void *)message.bytes, .iov_len = message.length};
    struct msghdr header = {.msg_name = (void *)to,
                            .msg_namelen = (socklen_t)to_length,
                            .msg_iov = &part,
                            .msg_iovlen = 1};
    if (message.length == 0) {
        return -EINVAL;
    }
    if (message.fd_count > LUO_FDS_MAX) {
        return -E2BIG;
    }
    if (message.fd_count > 0) {
        size_t bytes = message.fd_count * sizeof(int);
        memset(&control, 0, sizeof control);
        header.msg_control = &control;
        /* Lengths are size_t in glibc, socklen_t in musl. */
        header.msg_controllen = (socklen_t)CMSG_SPACE(bytes);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = (socklen_t)CMSG_LEN(bytes);
        memcpy(CMSG_DATA(&control.header), message.fds, bytes);
    }
    /* By number: musl's sendmsg has room for 252 fds only. Its padding, which it clears, is 0 here. */
    int64_t sent;
    UNINTERRUPTED(sent, syscall(SYS_sendmsg, fd, &header, MSG_NOSIGNAL));
    return sent < 0 ? -errno : 0;
}

int luo_send_to(struct luo_address address, struct luo_message message, int64_t timeout) {
    struct sockaddr_un to;
    int length = to_sockaddr(address, &to);
    if (length < 0) {
        return length;
    }
    int fd = new_socket(SOCK_DGRAM);
    if (fd < 0) {
        return fd;
    }
    int rc = luo_set_timeout(fd, timeout);
    return closing(fd, rc < 0 ? rc : send_message(fd, &to, length, message));
}

static int bound_socket(int type, struct luo_address address) {
    struct sockaddr_un at;
    int length = to_sockaddr(address, &at);
    if (length < 0) {
        return length;
    }
    int fd = new_socket(type);
    if (fd < 0) {
        return fd;
    }
    /* bind(2) gives the path the mode of the socket's own inode: it is never wider than this. */
    if (fchmod(fd, S_IRUSR | S_IWUSR) < 0 ||
        bind(fd, (const struct sockaddr *)&at, (socklen_t)length) < 0) {
        return closing(fd, -errno);
    }
    return fd;
}

int luo_bind(struct luo_address address) {
    return bound_socket(SOCK_DGRAM, address);
}

int luo_listen(struct luo_address address, int backlog) {
    int fd = bound_socket(SOCK_SEQPACKET, address);
    return fd >= 0 && listen(fd, backlog) < 0 ? closing(fd, -errno) : fd;
}

int luo_connect(struct luo_address address, int64_t timeout) {
    struct sockaddr_un to;
    int length = to_sockaddr(address, &to);
    if (length < 0) {
        return length;
    }
    int fd = new_socket(SOCK_SEQPACKET);
    if (fd < 0) {
        return fd;
    }
    int rc = luo_set_timeout(fd, timeout);
    if (rc < 0) {
        return closing(fd, rc);
    }
    UNINTERRUPTED(rc, connect(fd, (const struct sockaddr *)&to, (socklen_t)length));
    return rc < 0 ? closing(fd, -errno) : fd;
}

int luo_accept(int listener) {
    int fd;
    UNINTERRUPTED(fd, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
    return fd < 0 ? -errno : fd;
}

int luo_send(int fd, struct luo_message message) {
    return send_message(fd, NULL, 0, message);
}

/* Copies the fds of a received message, of which its control bytes bound the number; their number. */
static size_t passed_fds(struct msghdr *header, int fds[CONTROL_BYTES / sizeof(int)]) {
    size_t count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
            size_t more = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(fds + count, CMSG_DATA(part), more * sizeof(int));
            count += more;
        }
    }
    return count;
}

int64_t luo_receive(int fd, void *buffer, size_t length, int *fds, size_t *fd_count) {
    size_t room = *fd_count;
    *fd_count = 0;
    if (length == 0) {
        return -EINVAL;
    }
    /* All fds that can come are taken, so that the kernel's rounding of the room decides nothing. */
    union control control;
    struct iovec part = {.iov_base = buffer, .iov_len = length};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control};
    ssize_t received;
    UNINTERRUPTED(received, recvmsg(fd, &header, MSG_CMSG_CLOEXEC));
    if (received < 0) {
        return -errno;
    }
    int passed[CONTROL_BYTES / sizeof(int)];
    size_t count = passed_fds(&header, passed);
    int is_cut = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || count > room;
    if (is_cut || received == 0) {
        for (size_t i = 0; i < count; i++) {
            close(passed[i]);
        }
        return is_cut ? -EMSGSIZE : 0;
    }
    memcpy(fds, passed, count * sizeof(int));
    *fd_count = count;
    return received;
}

int luo_peer(int fd, int pid_uid_gid[3]) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
        return -errno;
    }
    pid_uid_gid[0] = peer.pid;
    pid_uid_gid[1] = (int)peer.uid;
    pid_uid_gid[2] = (int)peer.gid;
    return 0;
}

int luo_set_timeout(int fd, int64_t timeout) {
    if (timeout < 0) {
        return -EINVAL;
    }
    struct timeval limit = {.tv_sec = timeout / 1000, .tv_usec = timeout % 1000 * 1000};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0) {
        return -errno;
    }
    return 0;
}

int luo_shutdown(int fd) {
    return shutdown(fd, SHUT_RDWR) < 0 ? -errno : 0;
}
