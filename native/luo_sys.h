/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls of luo4j in plain C. Each function returns a value >= 0 on success and -errno on
 * failure, keeps no state and may be called by any thread. A file descriptor that is returned is
 * close-on-exec and belongs to the caller. Buffers and names belong to the caller throughout.
 */
#ifndef LUO_SYS_H
#define LUO_SYS_H

#include <stddef.h>
#include <stdint.h>

#include "luo_abi.h"

/* The device: hold it only for the call, as one process at a time may have it open. */
int luo_open_device(void);
int luo_create_session(int device, const uint8_t name[LUO_NAME_LENGTH]);
int luo_retrieve_session(int device, const uint8_t name[LUO_NAME_LENGTH]);

/* A session. */
int luo_preserve(int session, int fd, uint64_t token);
int luo_retrieve(int session, uint64_t token);
int luo_finish(int session);
int luo_session_name(int session, uint8_t name[LUO_NAME_LENGTH]);

/* ioctl(2) with a structure that starts with its size; copied in and out by the kernel. */
int luo_ioctl(int fd, int request, void *argument);

/* File descriptors. */
int luo_memfd_create(const char *name, unsigned int flags);
int luo_close(int fd);
int luo_duplicate(int fd);

/* An exclusive lock, on an open file of its own: its fd. */
int luo_lock(int fd);
int luo_descriptor_flags(int fd);
int luo_set_descriptor_flags(int fd, int flags);
int luo_status_flags(int fd);
int luo_seals(int fd);
int luo_add_seals(int fd, int seals);
int64_t luo_size(int fd);
int64_t luo_allocated(int fd);
int luo_truncate(int fd, int64_t size);
int luo_allocate(int fd, int mode, int64_t offset, int64_t length);
int64_t luo_seek(int fd, int64_t offset, int whence);

/* file_offset < 0: at the file's position, as read(2) and write(2); else as pread(2), pwrite(2). */
int64_t luo_read(int fd, void *buffer, size_t length, int64_t file_offset);
int64_t luo_write(int fd, const void *buffer, size_t length, int64_t file_offset);

/*
 * An ordinary file, read-write; its last component may not be a symbolic link (ELOOP). With create it
 * must not exist yet (EEXIST) and is made with mode 0600 less the umask.
 */
int luo_open_file(const char *path, int create);

/*
 * Takes an open-file-description lock (F_OFD_SETLK) on the whole file, for writing. It belongs to this
 * open file, is in conflict with POSIX locks too, and ends with the last fd of the open file. EAGAIN
 * while another has one.
 */
int luo_lock_file(int fd);

/* Ends both kinds of locks of this open file, also where another fd, as of a child, keeps it open. */
int luo_unlock(int fd);

/* What fstat(2) says of a file. */
enum luo_status_field {
    LUO_STATUS_MODE,
    LUO_STATUS_UID,
    LUO_STATUS_DEVICE, /* major << 32 | minor */
    LUO_STATUS_INODE,
    LUO_STATUS_SIZE,
    LUO_STATUS_ALLOCATED, /* bytes */
    LUO_STATUS_FIELDS
};
int luo_status(int fd, int64_t fields[LUO_STATUS_FIELDS]);

/* geteuid(2): the user whom new files belong to. */
int luo_user_id(void);

/* CLOCK_BOOTTIME: milliseconds since the machine booted, suspended time included. */
int64_t luo_boot_time(void);

/* A shared mapping at a multiple of LUO_MAP_ALIGNMENT; the address, or -errno. */
int64_t luo_map(int fd, int64_t offset, int64_t length, int writable);
int luo_unmap(int64_t address, int64_t length);

/*
 * Puts private zero pages in place of a mapping, at once for all threads: the file's memory is given
 * up, and what a thread still reads or writes there concerns nobody.
 */
int luo_revoke(int64_t address, int64_t length);
int luo_advise(int64_t address, int64_t length, int advice);

#endif
