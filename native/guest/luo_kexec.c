/* SPDX-License-Identifier: Apache-2.0 */
/*
 * luo_kexec KERNEL INITRD CMDLINE
 *
 * Loads KERNEL and INITRD with kexec_file_load and jumps into it at once.
 * No process is stopped first, so LUO sessions that others hold stay open
 * until the jump. Returns only on failure, with status 1 (2: bad usage).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

static int fail(const char *what, const char *hint)
{
	int err = errno;

	fprintf(stderr, "luo_kexec: %s: %s (errno %d)%s\n", what, strerror(err), err, hint);
	return 1;
}

static const char *load_hint(int err)
{
	switch (err) {
	case ENOEXEC:
		return "; not a kernel image that kexec can load (is CONFIG_RELOCATABLE set?)";
	case EPERM:
		return "; needs CAP_SYS_BOOT and kernel.kexec_load_disabled=0";
	case ENOSYS:
		return "; this kernel lacks CONFIG_KEXEC_FILE";
	case EBUSY:
		return "; another load is running, or CPUs cannot be taken offline (CONFIG_HOTPLUG_CPU)";
	case ENOMEM:
	case EADDRNOTAVAIL:
		return "; no room for the new kernel: give the machine more memory";
	default:
		return "";
	}
}

int main(int argc, char **argv)
{
	int kernel, initrd;

	if (argc != 4) {
		fprintf(stderr, "usage: luo_kexec KERNEL INITRD CMDLINE\n");
		return 2;
	}
	kernel = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (kernel < 0)
		return fail(argv[1], "");
	initrd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (initrd < 0)
		return fail(argv[2], "");
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1, argv[3], 0UL) != 0)
		return fail("kexec_file_load", load_hint(errno));
	sync();
	/* what was printed must be out before the console goes; not every fd is a tty */
	(void)tcdrain(STDOUT_FILENO);
	(void)tcdrain(STDERR_FILENO);
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		LINUX_REBOOT_CMD_KEXEC, NULL);
	return fail("reboot(LINUX_REBOOT_CMD_KEXEC)", "; the live update was cancelled");
}
