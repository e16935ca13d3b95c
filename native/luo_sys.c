/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "luo_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* Linux keeps -errno of a system call in [-4095, -1], so a result and an error never collide. */
#define RESULT(call) result_of((int64_t)(call))

static int64_t result_of(int64_t value) {
    return value < 0 ? -(int64_t)errno : value;
}

int luo_open_device(void) {
    return (int)RESULT(open(LUO_DEVICE, O_RDWR | O_CLOEXEC));
}

static int session_call(int device, int request, const uint8_t name[LUO_NAME_LENGTH]) {
    struct luo_session_arg arg = {.size = sizeof arg, .fd = -1};
    memcpy(arg.name, name, LUO_NAME_LENGTH);
    int rc = luo_ioctl(device, request, &arg);
    return rc < 0 ? rc : arg.fd;
}

int luo_create_session(int device, const uint8_t name[LUO_NAME_LENGTH]) {
    return session_call(device, LUO_CREATE_SESSION, name);
}

int luo_retrieve_session(int device, const uint8_t name[LUO_NAME_LENGTH]) {
    return session_call(device, LUO_RETRIEVE_SESSION, name);
}

int luo_preserve(int session, int fd, uint64_t token) {
    struct luo_fd_arg arg = {.size = sizeof arg, .fd = fd, .token = token};
    return luo_ioctl(session, LUO_SESSION_PRESERVE_FD, &arg);
}

int luo_retrieve(int session, uint64_t token) {
    struct luo_fd_arg arg = {.size = sizeof arg, .fd = -1, .token = token};
    int rc = luo_ioctl(session, LUO_SESSION_RETRIEVE_FD, &arg);
    return rc < 0 ? rc : arg.fd;
}

int luo_finish(int session) {
    struct luo_finish_arg arg = {.size = sizeof arg};
    return luo_ioctl(session, LUO_SESSION_FINISH, &arg);
}

int luo_session_name(int session, uint8_t name[LUO_NAME_LENGTH]) {
    struct luo_name_arg arg = {.size = sizeof arg};
    int rc = luo_ioctl(session, LUO_SESSION_GET_NAME, &arg);
    if (rc >= 0) {
        memcpy(name, arg.name, LUO_NAME_LENGTH);
    }
    return rc;
}

int luo_ioctl(int fd, int request, void *argument) {
    return (int)RESULT(ioctl(fd, request, argument));
}

int luo_memfd_create(const char *name, unsigned int flags) {
    /* By number: the wrapper came with glibc 2.27 only. */
    return (int)RESULT(syscall(SYS_memfd_create, name, flags));
}

int luo_close(int fd) {
    return (int)RESULT(close(fd));
}

int luo_duplicate(int fd) {
    return (int)RESULT(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

int luo_lock(int fd) {
    char path[32];
    int flags = luo_descriptor_flags(fd);
    if (flags < 0) {
        return flags;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = (int)RESULT(open(path, O_RDWR | O_CLOEXEC));
    if (own < 0) {
        return own;
    }
    int rc = (int)RESULT(flock(own, LOCK_EX | LOCK_NB));
    if (rc < 0) {
        close(own);
        return rc;
    }
    return own;
}

int luo_descriptor_flags(int fd) {
    return (int)RESULT(fcntl(fd, F_GETFD));
}

int luo_set_descriptor_flags(int fd, int flags) {
    return (int)RESULT(fcntl(fd, F_SETFD, flags));
}

int luo_status_flags(int fd) {
    return (int)RESULT(fcntl(fd, F_GETFL));
}

int luo_seals(int fd) {
    return (int)RESULT(fcntl(fd, F_GET_SEALS));
}

int luo_add_seals(int fd, int seals) {
    return (int)RESULT(fcntl(fd, F_ADD_SEALS, seals));
}

/*
 * statx(2) by number: the symbol of fstat(2) in a new glibc would bind the library to that glibc, and
 * musl has statx from 1.2.5 on only. A sandbox may refuse it, as those that are older than the call
 * do; then fstat(2) by number, whose structure is that of <sys/stat.h> on 64-bit machines.
 */
int luo_status(int fd, int64_t fields[LUO_STATUS_FIELDS]) {
    struct luo_statx status;
    int rc = (int)RESULT(syscall(SYS_statx, fd, "", AT_EMPTY_PATH, LUO_STATX_BASIC, &status));
    if (rc == 0) {
        fields[LUO_STATUS_MODE] = status.mode;
        fields[LUO_STATUS_UID] = status.uid;
        fields[LUO_STATUS_DEVICE] = (int64_t)status.device_major << 32 | status.device_minor;
        fields[LUO_STATUS_INODE] = (int64_t)status.inode;
        fields[LUO_STATUS_SIZE] = (int64_t)status.size;
        fields[LUO_STATUS_ALLOCATED] = (int64_t)status.blocks * 512;
        return 0;
    }
    if (rc != -ENOSYS && rc != -EPERM) {
        return rc;
    }
    struct stat old;
    rc = (int)RESULT(syscall(SYS_fstat, fd, &old));
    if (rc == 0) {
        fields[LUO_STATUS_MODE] = old.st_mode;
        fields[LUO_STATUS_UID] = old.st_uid;
        fields[LUO_STATUS_DEVICE] = (int64_t)major(old.st_dev) << 32 | minor(old.st_dev);
        fields[LUO_STATUS_INODE] = (int64_t)old.st_ino;
        fields[LUO_STATUS_SIZE] = old.st_size;
        fields[LUO_STATUS_ALLOCATED] = (int64_t)old.st_blocks * 512;
    }
    return rc;
}

int64_t luo_size(int fd) {
    int64_t fields[LUO_STATUS_FIELDS] = {0};
    int rc = luo_status(fd, fields);
    return rc < 0 ? rc : fields[LUO_STATUS_SIZE];
}

int64_t luo_allocated(int fd) {
    int64_t fields[LUO_STATUS_FIELDS] = {0};
    int rc = luo_status(fd, fields);
    return rc < 0 ? rc : fields[LUO_STATUS_ALLOCATED];
}

int luo_open_file(const char *path, int create) {
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    return (int)RESULT(open(path, create ? flags | O_CREAT | O_EXCL : flags, 0600));
}

int luo_lock_file(int fd) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return (int)RESULT(fcntl(fd, F_OFD_SETLK, &whole));
}

int luo_unlock(int fd) {
    struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    int rc = (int)RESULT(flock(fd, LOCK_UN));
    return rc < 0 ? rc : (int)RESULT(fcntl(fd, F_OFD_SETLK, &whole));
}

int luo_user_id(void) {
    return (int)geteuid();
}

int64_t luo_boot_time(void) {
    struct timespec time;
    int64_t rc = RESULT(clock_gettime(CLOCK_BOOTTIME, &time));
    return rc < 0 ? rc : (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int luo_truncate(int fd, int64_t size) {
    return (int)RESULT(ftruncate(fd, size));
}

int luo_allocate(int fd, int mode, int64_t offset, int64_t length) {
    return (int)RESULT(fallocate(fd, mode, offset, length));
}

int64_t luo_seek(int fd, int64_t offset, int whence) {
    return RESULT(lseek(fd, offset, whence));
}

int64_t luo_read(int fd, void *buffer, size_t length, int64_t file_offset) {
    return RESULT(file_offset < 0 ? read(fd, buffer, length)
                                  : pread(fd, buffer, length, file_offset));
}

int64_t luo_write(int fd, const void *buffer, size_t length, int64_t file_offset) {
    return RESULT(file_offset < 0 ? write(fd, buffer, length)
                                  : pwrite(fd, buffer, length, file_offset));
}

int64_t luo_map(int fd, int64_t offset, int64_t length, int writable) {
    if (length <= 0) {
        return -EINVAL;
    }
    if (length > INT64_MAX - LUO_MAP_ALIGNMENT) {
        return -ENOMEM;
    }
    /* Reserve address space with room to align, map the file over the aligned part, drop the rest. */
    size_t reserved = (size_t)(length + LUO_MAP_ALIGNMENT);
    void *base = mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        return -(int64_t)errno;
    }
    uintptr_t start = (uintptr_t)base;
    uintptr_t aligned =
        (start + (uintptr_t)LUO_MAP_ALIGNMENT - 1) & ~((uintptr_t)LUO_MAP_ALIGNMENT - 1);
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    void *map = mmap((void *)aligned, (size_t)length, protection, MAP_SHARED | MAP_FIXED, fd, offset);
    if (map == MAP_FAILED) {
        int error = errno;
        munmap(base, reserved);
        return -(int64_t)error;
    }
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t end = (aligned + (uintptr_t)length + page - 1) & ~(page - 1);
    if (aligned > start) {
        munmap(base, aligned - start);
    }
    if (start + reserved > end) {
        munmap((void *)end, start + reserved - end);
    }
    return (int64_t)aligned;
}

int luo_unmap(int64_t address, int64_t length) {
    return (int)RESULT(munmap((void *)(uintptr_t)address, (size_t)length));
}

int luo_revoke(int64_t address, int64_t length) {
    void *zero = mmap((void *)(uintptr_t)address, (size_t)length, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    return zero == MAP_FAILED ? -errno : 0;
}

int luo_advise(int64_t address, int64_t length, int advice) {
    return (int)RESULT(madvise((void *)(uintptr_t)address, (size_t)length, advice));
}
