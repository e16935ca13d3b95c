/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session create NAME
 *   As root, before the service (ExecStartPre=+): creates the LUO session NAME
 *   and stores it with the service manager as "session". If there is an
 *   outgoing session NAME, it is in the store since an earlier start: done. An
 *   incoming session NAME that nobody has retrieved is stored as well.
 * session open
 *   Opens /dev/liveupdate and closes it again. Ends with 3 when that is denied.
 * session serve NAME BYTES [WHAT]
 *   The service, as any user: a memfd that is preserved in the session at
 *   birth. It verifies and changes the memory at each start, as StandIn does.
 *   If no session is in the store, it does itself what create does; then its
 *   user needs access to /dev/liveupdate. WHAT: what it keeps in the store,
 *   "memory", "session" or "both" (the default). A session alone does not bring
 *   the memory back after a restart: nothing is retrieved from an outgoing one.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
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

/* LUO_CREATE_SESSION or LUO_RETRIEVE_SESSION: the session's fd, or -1 and errno. */
static int named(unsigned long call, const char *name)
{
	struct luo_session_arg request = { .size = sizeof(request) };
	int device = open_device(), status, err;

	if (device < 0)
		die(LUO_DEVICE);
	snprintf((char *)request.name, sizeof(request.name), "%s", name);
	status = ioctl(device, call, &request);
	err = errno;
	close(device);
	errno = err;
	return status < 0 ? -1 : request.fd;
}

static void create(const char *name)
{
	int fd = named(LUO_RETRIEVE_SESSION, name);

	/* left for systemd, which did not retrieve it */
	if (fd >= 0)
		store("session", fd);
	fd = named(LUO_CREATE_SESSION, name);
	if (fd >= 0)
		store("session", fd);
	else if (errno != EEXIST)
		die("create session");
	/* else it is in the store since an earlier start */
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

/* Locks the memory over an open file description of its own, for as long as the
 * process lives. */
static void lock(int memory)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(path);
	if (fcntl(fd, F_OFD_SETLK, &range) < 0)
		die("lock memory");
}

static uint64_t word(uint64_t generation, size_t i)
{
	return (generation * 0x9e3779b97f4a7c15u + i) * 0xbf58476d1ce4e5b9u;
}

static _Noreturn void serve(const char *name, size_t bytes, const char *what)
{
	bool store_memory = strcmp(what, "session") != 0, store_session = strcmp(what, "memory") != 0;
	int memory = passed("memory", 0), outgoing = -1, incoming = -1, fd, i, err;
	const char *from = "the store";
	uint64_t *words, generation = 0;
	size_t count;
	struct stat status;
	char text[128];

	for (i = 0; (fd = passed("session", i)) >= 0 || (i == 0 && store_session &&
							  (fd = named(LUO_RETRIEVE_SESSION, name)) >= 0); i++) {
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
		} else if (err == ENOENT) {
			/* finished by a process that did not live to drop it */
			incoming = fd;
		} else {
			die("retrieve memory");
		}
	}
	if (outgoing < 0 && store_session) {
		outgoing = named(LUO_CREATE_SESSION, name);
		if (outgoing < 0)
			die("create session");
		/* the incoming session has to leave the store first */
		if (incoming < 0)
			store("session", outgoing);
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
	lock(memory);
	fprintf(stderr, "standin: memory is %#o %u:%u\n", status.st_mode, status.st_uid, status.st_gid);
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
	if (store_memory && (!from || incoming >= 0))
		/* before anything is given up: from here on a crash keeps the memory */
		store("memory", memory);
	if (incoming >= 0) {
		finish(incoming);
		/* drops both sessions of this name from the store: the outgoing one goes back */
		notify("FDSTOREREMOVE=1\nFDNAME=session", -1);
		store("session", outgoing);
		close(incoming);
	}
	if (store_session && preserve(outgoing, memory) < 0 && errno != EEXIST)
		die("preserve memory");
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
	if (argc == 3 && strcmp(argv[1], "create") == 0) {
		create(argv[2]);
		return 0;
	}
	if ((argc == 4 || argc == 5) && strcmp(argv[1], "serve") == 0)
		serve(argv[2], strtoul(argv[3], NULL, 10), argc == 5 ? argv[4] : "both");
	if (argc == 2 && strcmp(argv[1], "open") == 0) {
		if (open_device() < 0) {
			if (errno == EACCES || errno == EPERM)
				return 3;
			die(LUO_DEVICE);
		}
		return 0;
	}
	fprintf(stderr, "usage: session create NAME | session open | session serve NAME BYTES [memory|session|both]\n");
	return 2;
}
