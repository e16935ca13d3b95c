/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session open
 *   Opens /dev/liveupdate and closes it again. Ends with 3 when that is denied.
 * session serve NAME BYTES WHAT
 *   A service whose memory is a memfd of BYTES. Started with nothing in its file
 *   descriptor store it fills the memory, and stores WHAT: "memory", the memfd, or
 *   "both", the memfd and the LUO session NAME that has preserved it since birth.
 *   Before and after, it stores the eventfds "WHAT.before" and "WHAT.after": none
 *   can be preserved, so systemd's shutdown says when it has come to each of them,
 *   and between the two it preserves WHAT. In the next kernel it verifies what it
 *   finds in the store.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "../../../../native/luo_abi.h"
#include "store.h"

#define TOKEN 1

/* Seconds to wait for the device, which one process at a time can have open */
#define DEVICE_WAIT 10

static int open_device(void)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	int fd;

	for (int i = 0; i < DEVICE_WAIT * 100; i++) {
		fd = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
		if (fd >= 0 || errno != EBUSY)
			break;
		nanosleep(&pause, NULL);
	}
	return fd;
}

/* A new session that has preserved the memory. */
static int preserved(const char *name, int memory)
{
	struct luo_session_arg create = { .size = sizeof(create) };
	struct luo_fd_arg preserve = { .size = sizeof(preserve), .fd = memory, .token = TOKEN };
	int device = open_device();

	if (device < 0)
		die(LUO_DEVICE);
	snprintf((char *)create.name, sizeof(create.name), "%s", name);
	if (ioctl(device, LUO_CREATE_SESSION, &create) < 0)
		die("create session");
	close(device);
	if (ioctl(create.fd, LUO_SESSION_PRESERVE_FD, &preserve) < 0)
		die("preserve memory");
	return create.fd;
}

static int retrieve(int session)
{
	struct luo_fd_arg request = { .size = sizeof(request), .token = TOKEN };

	return ioctl(session, LUO_SESSION_RETRIEVE_FD, &request) < 0 ? -1 : request.fd;
}

/* Stores an eventfd called WHAT.WHEN. */
static void store_mark(const char *what, const char *when)
{
	char name[64];
	int fd = eventfd(0, EFD_CLOEXEC);

	if (fd < 0)
		die("eventfd");
	snprintf(name, sizeof(name), "%s.%s", what, when);
	store(name, fd);
}

static uint64_t word(size_t i)
{
	return (i + 1) * 0xbf58476d1ce4e5b9u;
}

static _Noreturn void serve(const char *name, size_t bytes, const char *what)
{
	int memory = passed("memory", 0), session = passed("session", 0);
	const char *from = memory >= 0 ? "the store" : NULL;
	size_t count = bytes / sizeof(uint64_t), bad = 0;
	uint64_t *words;
	char text[128];

	if (session >= 0) {
		memory = retrieve(session);
		if (memory < 0)
			die("retrieve memory");
		from = "the session";
	}
	if (!from) {
		memory = memfd_create("memory", MFD_CLOEXEC);
		if (memory < 0 || ftruncate(memory, bytes) < 0)
			die("memfd_create");
		store_mark(what, "before");
		store("memory", memory);
		if (strcmp(what, "both") == 0)
			store("session", preserved(name, memory));
		store_mark(what, "after");
	}
	words = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (words == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < count; i++) {
		if (from)
			bad += words[i] != word(i);
		else
			words[i] = word(i);
	}
	if (!from)
		snprintf(text, sizeof(text), "STATUS=cold\nREADY=1");
	else
		snprintf(text, sizeof(text), "STATUS=%s from %s\nREADY=1", bad ? "damaged" : "warm", from);
	notify(text, -1);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "serve") == 0)
		serve(argv[2], strtoul(argv[3], NULL, 10), argv[4]);
	if (argc == 2 && strcmp(argv[1], "open") == 0) {
		if (open_device() < 0) {
			if (errno == EACCES || errno == EPERM)
				return 3;
			die(LUO_DEVICE);
		}
		return 0;
	}
	fprintf(stderr, "usage: session open | session serve NAME BYTES memory|both\n");
	return 2;
}
