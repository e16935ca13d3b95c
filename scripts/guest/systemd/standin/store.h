/* SPDX-License-Identifier: Apache-2.0 */
/* What the stand-in programs share: the file descriptor store's two directions. */
#ifndef STANDIN_STORE_H
#define STANDIN_STORE_H

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "standin: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The fd that the service manager passed under this name as its number
 * `skip` (0 is the first), or -1. */
static int passed(const char *name, int skip)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
	size_t length = strlen(name);
	int i, count;

	if (!pid || !fds || !names || atoi(pid) != getpid())
		return -1;
	count = atoi(fds);
	for (i = 0; i < count; i++) {
		if (strncmp(names, name, length) == 0 && (names[length] == ':' || names[length] == '\0') && skip-- == 0)
			return 3 + i;
		names = strchr(names, ':');
		if (!names)
			break;
		names++;
	}
	return -1;
}

/* Sends text to the service manager, and fd with it unless that is -1. */
static void notify(const char *text, int fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec part = { .iov_base = (void *)text, .iov_len = strlen(text) };
	struct msghdr message = {
		.msg_name = &address, .msg_iov = &part, .msg_iovlen = 1,
	};
	const char *path = getenv("NOTIFY_SOCKET");
	struct cmsghdr *c;
	int s;

	if (!path || strlen(path) >= sizeof(address.sun_path)) {
		errno = EDESTADDRREQ;
		die("NOTIFY_SOCKET");
	}
	strcpy(address.sun_path, path);
	message.msg_namelen = offsetof(struct sockaddr_un, sun_path) + strlen(path) + (path[0] != '@');
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0 || sendmsg(s, &message, MSG_NOSIGNAL) < 0)
		die("NOTIFY_SOCKET");
	close(s);
}

/* Stores fd with the service manager under this name. */
static void store(const char *name, int fd)
{
	char text[128];

	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	notify(text, fd);
}

#endif
