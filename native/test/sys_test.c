/* SPDX-License-Identifier: Apache-2.0 */
/* luo_sys on any Linux: each function's success and errors as far as they need no LUO device. */
#define _GNU_SOURCE
#include "../luo_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static int new_memfd(int64_t size) {
    int fd = luo_memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(fd >= 0);
    CHECK_EQUAL(0, luo_truncate(fd, size));
    return fd;
}

static void memfd_reports_what_it_was_made_with(void) {
    int fd = new_memfd(4097);
    CHECK_EQUAL(4097, luo_size(fd));
    CHECK_EQUAL(0, luo_allocated(fd));
    CHECK_EQUAL(FD_CLOEXEC, luo_descriptor_flags(fd));
    CHECK_EQUAL(0, luo_set_descriptor_flags(fd, 0));
    CHECK_EQUAL(0, luo_descriptor_flags(fd));
    CHECK_EQUAL(O_RDWR, luo_status_flags(fd) & O_ACCMODE);
    CHECK_EQUAL(0, luo_allocate(fd, 0, 0, 4097));
    CHECK_EQUAL(8192, luo_allocated(fd));
    CHECK_EQUAL(0, luo_close(fd));
    CHECK_EQUAL(-EBADF, luo_close(fd));
}

static void memfd_refuses_an_unknown_flag(void) {
    CHECK_EQUAL(-EINVAL, luo_memfd_create("test", 0x8000));
}

static void read_and_write_use_the_position_unless_told_an_offset(void) {
    int fd = new_memfd(0);
    char back[4] = {0};
    CHECK_EQUAL(3, luo_write(fd, "abc", 3, -1));
    CHECK_EQUAL(3, luo_write(fd, "xyz", 3, 1));
    CHECK_EQUAL(3, luo_seek(fd, 0, SEEK_CUR));
    CHECK_EQUAL(4, luo_size(fd));
    CHECK_EQUAL(1, luo_read(fd, back, 4, -1));
    CHECK_EQUAL(4, luo_read(fd, back, 4, 0));
    CHECK(memcmp(back, "axyz", 4) == 0);
    CHECK_EQUAL(-EINVAL, luo_seek(fd, -1, SEEK_SET));
    CHECK_EQUAL(0, luo_close(fd));
}

static void seals_hold(void) {
    int fd = new_memfd(4096);
    CHECK_EQUAL(0, luo_seals(fd) & F_SEAL_SEAL);
    CHECK_EQUAL(0, luo_add_seals(fd, F_SEAL_SHRINK | F_SEAL_GROW));
    CHECK_EQUAL(-EPERM, luo_truncate(fd, 0));
    CHECK_EQUAL(-EPERM, luo_truncate(fd, 8192));
    CHECK_EQUAL(0, luo_close(fd));
}

static void duplicate_shares_the_file(void) {
    int fd = new_memfd(10);
    int dup = luo_duplicate(fd);
    CHECK(dup >= 0 && dup != fd);
    CHECK_EQUAL(7, luo_seek(fd, 7, SEEK_SET));
    CHECK_EQUAL(7, luo_seek(dup, 0, SEEK_CUR));
    CHECK_EQUAL(0, luo_close(fd));
    CHECK_EQUAL(10, luo_size(dup));
    CHECK_EQUAL(0, luo_close(dup));
}

static void lock_is_of_one_open_file(void) {
    int fd = new_memfd(10);
    int dup = luo_duplicate(fd);
    int own = luo_lock(fd);
    CHECK(own >= 0);
    CHECK_EQUAL(FD_CLOEXEC, luo_descriptor_flags(own));
    CHECK_EQUAL(-EAGAIN, luo_lock(fd));
    CHECK_EQUAL(0, luo_close(dup));
    CHECK_EQUAL(-EAGAIN, luo_lock(fd));
    CHECK_EQUAL(0, luo_close(own));
    own = luo_lock(fd);
    CHECK(own >= 0);
    int inherited = luo_duplicate(own);
    CHECK_EQUAL(0, luo_unlock(own));
    CHECK_EQUAL(0, luo_close(own));
    own = luo_lock(fd);
    CHECK(own >= 0);
    CHECK_EQUAL(0, luo_close(inherited));
    CHECK_EQUAL(0, luo_close(own));
    CHECK_EQUAL(0, luo_close(fd));
}

static void map_is_aligned_shared_and_leaves_no_reserve(void) {
    int64_t length = 5 * 4096 + 1;
    int fd = new_memfd(length);
    int64_t address = luo_map(fd, 0, length, 1);
    CHECK(address > 0);
    CHECK_EQUAL(0, address % LUO_MAP_ALIGNMENT);
    volatile char *memory = (volatile char *)(uintptr_t)address;
    memory[length - 1] = 'z';
    char back = 0;
    CHECK_EQUAL(1, luo_read(fd, &back, 1, length - 1));
    CHECK_EQUAL('z', back);
    CHECK_EQUAL(0, luo_advise(address, length, MADV_WILLNEED));
    CHECK_EQUAL(-EINVAL, luo_advise(address + 1, 10, MADV_WILLNEED));
    CHECK_EQUAL(0, luo_unmap(address, length));
    /* All of it is gone, the pages before and after included: msync says ENOMEM for a hole. */
    errno = 0;
    CHECK(msync((void *)(uintptr_t)address, 4096, MS_ASYNC) == -1 && errno == ENOMEM);
    errno = 0;
    CHECK(msync((void *)(uintptr_t)(address + 6 * 4096), 4096, MS_ASYNC) == -1 && errno == ENOMEM);
    CHECK_EQUAL(0, luo_close(fd));
}

static void a_file_is_made_private_and_locked_once(void) {
    char path[] = "/tmp/luo-sys-test-XXXXXX";
    int64_t fields[LUO_STATUS_FIELDS] = {0};
    CHECK(mkdtemp(path) != NULL);
    CHECK_EQUAL(0, chdir(path));
    CHECK_EQUAL(-ENOENT, luo_open_file("file", 0));
    int fd = luo_open_file("file", 1);
    CHECK(fd >= 0);
    CHECK_EQUAL(FD_CLOEXEC, luo_descriptor_flags(fd));
    CHECK_EQUAL(-EEXIST, luo_open_file("file", 1));
    CHECK_EQUAL(0, luo_truncate(fd, 10000));
    CHECK_EQUAL(0, luo_status(fd, fields));
    CHECK_EQUAL(0100600, fields[LUO_STATUS_MODE]);
    CHECK_EQUAL(geteuid(), luo_user_id());
    CHECK_EQUAL(geteuid(), fields[LUO_STATUS_UID]);
    CHECK_EQUAL(10000, fields[LUO_STATUS_SIZE]);
    CHECK_EQUAL(0, fields[LUO_STATUS_ALLOCATED]);
    CHECK(fields[LUO_STATUS_INODE] > 0);
    CHECK_EQUAL(0, luo_lock_file(fd));
    int other = luo_open_file("file", 0);
    CHECK(other >= 0);
    CHECK_EQUAL(-EAGAIN, luo_lock_file(other));
    CHECK_EQUAL(0, luo_close(other)); /* which does not end the lock */
    other = luo_open_file("file", 0);
    CHECK_EQUAL(-EAGAIN, luo_lock_file(other));
    struct flock posix = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CHECK(fcntl(other, F_SETLK, &posix) == -1 && errno == EAGAIN);
    int inherited = luo_duplicate(fd);
    CHECK_EQUAL(0, luo_unlock(fd));
    CHECK_EQUAL(0, luo_lock_file(other));
    CHECK_EQUAL(-EAGAIN, luo_lock_file(inherited));
    CHECK_EQUAL(0, luo_unlock(other));
    CHECK_EQUAL(-EBADF, luo_unlock(-1));
    CHECK_EQUAL(0, luo_close(inherited));
    CHECK_EQUAL(0, luo_close(fd));
    CHECK_EQUAL(0, luo_lock_file(other));
    CHECK_EQUAL(0, luo_close(other));
    CHECK_EQUAL(0, symlink("file", "link"));
    CHECK_EQUAL(-ELOOP, luo_open_file("link", 0));
    CHECK_EQUAL(-EISDIR, luo_open_file(".", 0));
    CHECK_EQUAL(0, unlink("link") | unlink("file") | chdir("/") | rmdir(path));
}

static void the_time_since_boot_goes_on(void) {
    int64_t first = luo_boot_time();
    CHECK(first > 0);
    CHECK(luo_boot_time() >= first);
}

static void a_revoked_mapping_has_nothing_of_the_file(void) {
    int64_t length = 3 * 4096;
    int fd = new_memfd(length);
    int64_t address = luo_map(fd, 0, length, 1);
    volatile char *memory = (volatile char *)(uintptr_t)address;
    memory[5000] = 'a';
    CHECK_EQUAL(0, luo_revoke(address, length));
    CHECK_EQUAL(0, memory[5000]);
    memory[5000] = 'b';
    char back = 0;
    CHECK_EQUAL(1, luo_read(fd, &back, 1, 5000));
    CHECK_EQUAL('a', back);
    CHECK_EQUAL(0, luo_unmap(address, length));
    CHECK_EQUAL(0, luo_close(fd));
}

static void map_refuses_bad_arguments(void) {
    int fd = new_memfd(4096);
    CHECK_EQUAL(-EINVAL, luo_map(fd, 0, 0, 1));
    CHECK_EQUAL(-EINVAL, luo_map(fd, 0, -1, 1));
    CHECK_EQUAL(-EINVAL, luo_map(fd, 1, 4096, 1));
    CHECK_EQUAL(-ENOMEM, luo_map(fd, 0, INT64_MAX, 1));
    CHECK_EQUAL(-ENOMEM, luo_map(fd, 0, INT64_C(1) << 60, 1));
    CHECK_EQUAL(-EBADF, luo_map(-1, 0, 4096, 1));
    CHECK_EQUAL(0, luo_add_seals(fd, F_SEAL_WRITE));
    CHECK_EQUAL(-EPERM, luo_map(fd, 0, 4096, 1));
    CHECK_EQUAL(0, luo_close(fd));
}

static void every_call_names_a_bad_fd(void) {
    uint8_t name[LUO_NAME_LENGTH] = "x";
    CHECK_EQUAL(-EBADF, luo_create_session(-1, name));
    CHECK_EQUAL(-EBADF, luo_retrieve_session(-1, name));
    CHECK_EQUAL(-EBADF, luo_preserve(-1, 0, 1));
    CHECK_EQUAL(-EBADF, luo_retrieve(-1, 1));
    CHECK_EQUAL(-EBADF, luo_finish(-1));
    CHECK_EQUAL(-EBADF, luo_session_name(-1, name));
    CHECK_EQUAL(-EBADF, luo_duplicate(-1));
    CHECK_EQUAL(-EBADF, luo_lock(-1));
    CHECK_EQUAL(-EBADF, luo_descriptor_flags(-1));
    CHECK_EQUAL(-EBADF, luo_set_descriptor_flags(-1, 0));
    CHECK_EQUAL(-EBADF, luo_status_flags(-1));
    CHECK_EQUAL(-EBADF, luo_seals(-1));
    CHECK_EQUAL(-EBADF, luo_add_seals(-1, 0));
    CHECK_EQUAL(-EBADF, luo_size(-1));
    CHECK_EQUAL(-EBADF, luo_allocated(-1));
    CHECK_EQUAL(-EBADF, luo_allocate(-1, 0, 0, 1));
    CHECK_EQUAL(-EBADF, luo_seek(-1, 0, SEEK_CUR));
    char byte = 0;
    CHECK_EQUAL(-EBADF, luo_read(-1, &byte, 1, -1));
    CHECK_EQUAL(-EBADF, luo_write(-1, &byte, 1, -1));
}

static void luo_calls_on_other_files_are_refused(void) {
    int fd = new_memfd(0);
    CHECK_EQUAL(-ENOTTY, luo_preserve(fd, fd, 1));
    CHECK_EQUAL(-ENOTTY, luo_finish(fd));
    CHECK_EQUAL(0, luo_close(fd));
}

static void the_device_opens_or_says_why(void) {
    int device = luo_open_device();
    if (access(LUO_DEVICE, F_OK) != 0) {
        CHECK_EQUAL(-ENOENT, device);
    } else if (device >= 0) {
        CHECK_EQUAL(-EBUSY, luo_open_device());
        CHECK_EQUAL(0, luo_close(device));
    }
}

int main(void) {
    memfd_reports_what_it_was_made_with();
    memfd_refuses_an_unknown_flag();
    read_and_write_use_the_position_unless_told_an_offset();
    seals_hold();
    duplicate_shares_the_file();
    lock_is_of_one_open_file();
    map_is_aligned_shared_and_leaves_no_reserve();
    a_file_is_made_private_and_locked_once();
    the_time_since_boot_goes_on();
    a_revoked_mapping_has_nothing_of_the_file();
    map_refuses_bad_arguments();
    every_call_names_a_bad_fd();
    luo_calls_on_other_files_are_refused();
    the_device_opens_or_says_why();
    puts("13 tests of luo_sys passed");
    return 0;
}
