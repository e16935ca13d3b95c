/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session create NAME
 *   As root, before the service (ExecStartPre=+): creates the LUO session NAME
 *   and stores it with the service manager as "session". If there is an
 *   outgoing session NAME, it is in the store since an earlier start: done.
 * session open
 *   Opens /dev/liveupdate and closes it again. Ends with 3 when that is denied.
 * session serve BYTES
 *   The service, as any user: a memfd that is preserved in the session at
 *   birth. It verifies and changes the memory at each start, as StandIn does.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../../../../native/luo_abi.h"
#include "store.h"

#define TOKEN 1

static int create(const char *name)
{
	struct luo_session_arg request = { .size = sizeof(request) };
	int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);

	if (device < 0)
		die(LUO_DEVICE);
	snprintf((char *)request.name, sizeof(request.name), "%s", name);
	if (ioctl(device, LUO_CREATE_SESSION, &request) < 0) {
		if (errno == EEXIST)
			return 0;
		die("create session");
	}
	store("session", request.fd);
	return 0;
}

static int preserve(int session, int fd)
{
	struct luo_fd_arg request = { .size = sizeof(request), .fd = fd, .token = TOKEN };

	return ioctl(session, LUO_SESSION_PRESERVE_FD, &request);
}

static int retrieve(int session)
{
	struct luo_fd_arg request = { .size = sizeof(request), .token = TOKEN };

	return ioctl(session, LUO_SESSION_RETRIEVE_FD, &request) < 0 ? -1 : request.fd;
}

static void finish(int session)
{
	struct luo_finish_arg request = { .size = sizeof(request) };

	if (ioctl(session, LUO_SESSION_FINISH, &request) < 0)
		die("finish session");
}

static uint64_t word(uint64_t generation, size_t i)
{
	return (generation * 0x9e3779b97f4a7c15u + i) * 0xbf58476d1ce4e5b9u;
}

static _Noreturn void serve(size_t bytes)
{
	int memory = passed("memory", 0), outgoing = -1, incoming = -1, fd, i, err;
	const char *from = "the store";
	uint64_t *words, generation = 0;
	size_t count;
	struct stat status;
	char text[128];

	for (i = 0; (fd = passed("session", i)) >= 0; i++) {
		int retrieved = retrieve(fd);

		err = errno;
		if (retrieved >= 0) {
			if (memory >= 0)
				fprintf(stderr, "standin: the memory came from the store and from the session\n");
			memory = retrieved;
			incoming = fd;
			from = "the session";
		} else if (err == EINVAL) {
			outgoing = fd;
		} else {
			die("retrieve memory");
		}
	}
	if (outgoing < 0) {
		errno = ENOENT;
		die("no outgoing session in the store");
	}
	if (memory < 0) {
		from = NULL;
		memory = memfd_create("memory", MFD_CLOEXEC);
		if (memory < 0 || ftruncate(memory, bytes) < 0)
			die("memfd_create");
	}
	if (fstat(memory, &status) < 0)
		die("memory");
	count = status.st_size / sizeof(*words);
	words = mmap(NULL, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (words == MAP_FAILED)
		die("mmap");
	if (from) {
		size_t bad = 0;

		generation = words[0];
		for (size_t k = 1; k < count; k++)
			bad += words[k] != word(generation, k);
		snprintf(text, sizeof(text), bad ? "STATUS=damaged: not the contents of generation %" PRIu64
						 : "STATUS=warm generation %" PRIu64 " from %s", generation, from);
	} else {
		snprintf(text, sizeof(text), "STATUS=cold");
	}
	if (incoming >= 0) {
		finish(incoming);
		/* drops both sessions of this name from the store: the outgoing one goes back */
		notify("FDSTOREREMOVE=1\nFDNAME=session", -1);
		store("session", outgoing);
		close(incoming);
	}
	if (!from || incoming >= 0) {
		if (preserve(outgoing, memory) < 0)
			die("preserve memory");
		store("memory", memory);
	}
	words[0] = ++generation;
	for (size_t k = 1; k < count; k++)
		words[k] = word(generation, k);
	strcat(text, "\nREADY=1");
	notify(text, -1);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "create") == 0)
		return create(argv[2]);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(strtoul(argv[2], NULL, 10));
	if (argc == 2 && strcmp(argv[1], "open") == 0) {
		if (open(LUO_DEVICE, O_RDWR | O_CLOEXEC) < 0) {
			if (errno == EACCES || errno == EPERM)
				return 3;
			die(LUO_DEVICE);
		}
		return 0;
	}
	fprintf(stderr, "usage: session create NAME | session open | session serve BYTES\n");
	return 2;
}
