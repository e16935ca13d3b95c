/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix sockets in plain C, by the rules of luo_sys.h: a value >= 0 or -errno, no state, any thread; an
 * fd that is returned is close-on-exec and the caller's. A signal that comes while a call waits does
 * not end it; the wait then starts anew, with all of its time.
 *
 * An address is 1 to LUO_ADDRESS_MAX bytes: a path, without NUL, or after a NUL an abstract name;
 * -EINVAL for another. A time limit is in milliseconds, 0 for none; -EINVAL for a negative one; a wait
 * that reaches it ends with -EAGAIN. A path that is bound is created with mode 0600, less the umask.
 */
#ifndef LUO_SOCKET_H
#define LUO_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#define LUO_ADDRESS_MAX 107 /* bytes of sun_path, less one for a path's NUL */
#define LUO_FDS_MAX 253     /* fds that the kernel passes with one message */

struct luo_address {
    const uint8_t *bytes;
    size_t length;
};

/* What is sent: 1 byte or more, -EINVAL for none, and the fds that are passed with it, -E2BIG for more
 * than LUO_FDS_MAX. The fds stay the caller's. */
struct luo_message {
    const void *bytes;
    size_t length;
    const int *fds;
    size_t fd_count;
};

/* Sends one SOCK_DGRAM message from a socket of its own; 0. */
int luo_send_to(struct luo_address address, struct luo_message message, int64_t timeout);

/* A SOCK_DGRAM socket that receives what is sent to the address. */
int luo_bind(struct luo_address address);

/* A SOCK_SEQPACKET socket that listens. */
int luo_listen(struct luo_address address, int backlog);

/* A connected SOCK_SEQPACKET socket, which keeps the time limit. */
int luo_connect(struct luo_address address, int64_t timeout);

/* The next connection; -EINVAL after luo_shutdown. */
int luo_accept(int listener);

/* Sends one message over a connection; 0. */
int luo_send(int fd, struct luo_message message);

/*
 * Receives one message and the fds with it, which are close-on-exec and the caller's. *fd_count is the
 * room for fds, and the number that came afterwards: 0 on failure. Returns the message's length; 0 at
 * the end of the stream and for an empty message; -EINVAL where there is no room for a byte; -EMSGSIZE
 * for a message, or fds, that the room or the process's limit of fds cannot take. Fds that came with an
 * empty message or with -EMSGSIZE are closed.
 */
int64_t luo_receive(int fd, void *buffer, size_t length, int *fds, size_t *fd_count);

/* Who made the connection's other end: the process, user and group at connect or listen; 0. */
int luo_peer(int fd, int pid_uid_gid[3]);

/* The time limit of accept, receive and send; 0. */
int luo_set_timeout(int fd, int64_t timeout);

/* Ends both directions, and with them the calls that wait on the socket; 0. */
int luo_shutdown(int fd);

#endif
