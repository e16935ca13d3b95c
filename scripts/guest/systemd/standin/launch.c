/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launch NAME BYTES COMMAND [ARGUMENT...]
 *
 * Runs COMMAND in its own place with STANDIN_FD set to the number of a memfd,
 * and STANDIN_FROM to where it comes from: "store" when the service manager
 * passed one called NAME, else "new": one of BYTES was made, and stored with
 * the service manager under NAME.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "store.h"

int main(int argc, char **argv)
{
	char text[16];
	int fd;

	if (argc < 4) {
		fprintf(stderr, "usage: launch NAME BYTES COMMAND [ARGUMENT...]\n");
		return 2;
	}
	fd = passed(argv[1], 0);
	setenv("STANDIN_FROM", fd < 0 ? "new" : "store", 1);
	if (fd < 0) {
		/* not close-on-exec: COMMAND is to have it */
		fd = memfd_create(argv[1], 0);
		if (fd < 0 || ftruncate(fd, atoll(argv[2])) < 0)
			die("memfd_create");
		store(argv[1], fd);
	}
	snprintf(text, sizeof(text), "%d", fd);
	setenv("STANDIN_FD", text, 1);
	execvp(argv[3], argv + 3);
	die(argv[3]);
}
