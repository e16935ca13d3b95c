/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a JVM, sets its wall clock: by as many milliseconds as the file that WALL_CLOCK names
 * holds in its first 8 bytes, at any time.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

__attribute__((constructor)) static void map_offset(void)
{
	const char *name = getenv("WALL_CLOCK");
	int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	void *mapped;

	if (fd < 0)
		return;
	mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
	if (mapped != MAP_FAILED)
		offset = mapped;
	close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	long result = syscall(SYS_clock_gettime, clock, time);

	if (result == 0 && clock == CLOCK_REALTIME && offset) {
		int64_t millis = *offset;
		int64_t nanos = time->tv_nsec + millis % 1000 * 1000000;

		time->tv_sec += millis / 1000 + (nanos < 0 ? -1 : nanos / 1000000000);
		time->tv_nsec = nanos < 0 ? nanos + 1000000000 : nanos % 1000000000;
	}
	return (int)result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	time->tv_sec = now.tv_sec;
	time->tv_usec = now.tv_nsec / 1000;
	return 0;
}
