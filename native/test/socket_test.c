/* SPDX-License-Identifier: Apache-2.0 */
/* luo_socket on any Linux: each function's success and errors, over Unix sockets of its own. */
#define _GNU_SOURCE
#include "../luo_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

#define ROUNDS 100000000 /* of waiting for what another thread does */
#define MANY 100000      /* messages or connections, more than any queue holds */

static char folder[64];

static struct luo_address address_of(const char *bytes, size_t length) {
    return (struct luo_address){.bytes = (const uint8_t *)bytes, .length = length};
}

/* An abstract name of this process and this test. */
static struct luo_address abstract(const char *name) {
    static char bytes[LUO_ADDRESS_MAX];
    int length = snprintf(bytes + 1, sizeof bytes - 1, "luo4j-test-%d-%s", (int)getpid(), name);
    bytes[0] = 0;
    return address_of(bytes, (size_t)length + 1);
}

static struct luo_address path(const char *name) {
    static char bytes[256];
    int length = snprintf(bytes, sizeof bytes, "%s/%s", folder, name);
    return address_of(bytes, (size_t)length);
}

static struct luo_message text(const char *bytes) {
    return (struct luo_message){.bytes = bytes, .length = strlen(bytes)};
}

static struct luo_message with_fds(const char *bytes, const int *fds, size_t count) {
    return (struct luo_message){
        .bytes = bytes, .length = strlen(bytes), .fds = fds, .fd_count = count};
}

static int new_memfd(void) {
    int fd = (int)syscall(SYS_memfd_create, "socket-test", 0);
    CHECK(fd >= 0);
    return fd;
}

static void close_fd(int fd) {
    CHECK_EQUAL(0, close(fd));
}

static int open_fds(void) {
    int count = 0;
    for (int fd = 0; fd < 2048; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* A connection: its ends[0] is the one that connected. */
static void connection(int ends[2]) {
    struct luo_address address = abstract("connection");
    int listener = luo_listen(address, 1);
    CHECK(listener >= 0);
    ends[0] = luo_connect(address, 0);
    CHECK(ends[0] >= 0);
    ends[1] = luo_accept(listener);
    CHECK(ends[1] >= 0);
    close_fd(listener);
}

static void close_both(const int ends[2]) {
    close_fd(ends[0]);
    close_fd(ends[1]);
}

static void expect_message(int fd, const char *wanted) {
    char buffer[64] = {0};
    int fds[1];
    size_t count = 1;
    CHECK_EQUAL(strlen(wanted), luo_receive(fd, buffer, sizeof buffer, fds, &count));
    CHECK_EQUAL(0, count);
    CHECK(strcmp(buffer, wanted) == 0);
}

static void expect_cut(int fd, size_t length, size_t room) {
    char buffer[64];
    int fds[LUO_FDS_MAX];
    int before = open_fds();
    size_t count = room;
    CHECK_EQUAL(-EMSGSIZE, luo_receive(fd, buffer, length, fds, &count));
    CHECK_EQUAL(0, count);
    CHECK_EQUAL(before, open_fds());
}

static void expect_same_file(int one, int other) {
    struct stat first;
    struct stat second;
    CHECK_EQUAL(0, fstat(one, &first));
    CHECK_EQUAL(0, fstat(other, &second));
    CHECK_EQUAL(first.st_dev, second.st_dev);
    CHECK_EQUAL(first.st_ino, second.st_ino);
}

static void a_bad_address_is_refused(void) {
    char bytes[LUO_ADDRESS_MAX + 1];
    memset(bytes, 'a', sizeof bytes);
    struct luo_address bad[] = {address_of(bytes, 0), address_of(bytes, sizeof bytes),
                                address_of("pa\0th", 5)};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_EQUAL(-EINVAL, luo_listen(bad[i], 1));
        CHECK_EQUAL(-EINVAL, luo_bind(bad[i]));
        CHECK_EQUAL(-EINVAL, luo_connect(bad[i], 0));
        CHECK_EQUAL(-EINVAL, luo_send_to(bad[i], text("x"), 0));
    }
    CHECK_EQUAL(-ENOENT, luo_connect(address_of(bytes, LUO_ADDRESS_MAX), 0));
}

static void an_address_may_have_107_bytes(void) {
    char bytes[LUO_ADDRESS_MAX];
    for (int is_path = 0; is_path <= 1; is_path++) {
        memset(bytes, 'a', sizeof bytes);
        if (is_path) {
            struct luo_address start = path("");
            memcpy(bytes, start.bytes, start.length);
        } else {
            bytes[0] = 0;
        }
        struct luo_address address = address_of(bytes, sizeof bytes);
        int listener = luo_listen(address, 1);
        CHECK(listener >= 0);
        int fd = luo_connect(address, 0);
        CHECK(fd >= 0);
        CHECK_EQUAL(-EADDRINUSE, luo_listen(address, 1));
        close_fd(fd);
        close_fd(listener);
    }
    char terminated[LUO_ADDRESS_MAX + 1] = {0};
    memcpy(terminated, bytes, sizeof bytes);
    CHECK_EQUAL(-ECONNREFUSED, luo_connect(address_of(bytes, sizeof bytes), 0));
    CHECK_EQUAL(0, unlink(terminated));
}

static void a_path_is_its_owners_only(void) {
    mode_t umasks[] = {0, 022, 077, 0177};
    for (size_t i = 0; i < 2 * sizeof umasks / sizeof *umasks; i++) {
        struct luo_address address = path("mode");
        mode_t before = umask(umasks[i / 2]);
        int fd = i % 2 == 0 ? luo_listen(address, 1) : luo_bind(address);
        umask(before);
        CHECK(fd >= 0);
        CHECK_EQUAL(FD_CLOEXEC, fcntl(fd, F_GETFD));
        struct stat status;
        CHECK_EQUAL(0, stat((const char *)address.bytes, &status));
        CHECK_EQUAL(S_IFSOCK | 0600, status.st_mode);
        close_fd(fd);
        CHECK_EQUAL(0, unlink((const char *)address.bytes));
    }
}

static void messages_keep_their_bounds_and_carry_fds(void) {
    int ends[2];
    connection(ends);
    CHECK_EQUAL(FD_CLOEXEC, fcntl(ends[0], F_GETFD));
    CHECK_EQUAL(FD_CLOEXEC, fcntl(ends[1], F_GETFD));
    int memfd = new_memfd();
    int sent[] = {memfd, ends[0]};
    CHECK_EQUAL(0, luo_send(ends[0], with_fds("two", sent, 2)));
    CHECK_EQUAL(0, luo_send(ends[0], text("none")));
    CHECK_EQUAL(0, luo_send(ends[1], text("back")));
    char buffer[3];
    int got[2];
    size_t count = 2;
    CHECK_EQUAL(3, luo_receive(ends[1], buffer, sizeof buffer, got, &count));
    CHECK(memcmp(buffer, "two", 3) == 0);
    CHECK_EQUAL(2, count);
    expect_same_file(memfd, got[0]);
    expect_same_file(ends[0], got[1]);
    CHECK_EQUAL(FD_CLOEXEC, fcntl(got[0], F_GETFD));
    CHECK_EQUAL(FD_CLOEXEC, fcntl(got[1], F_GETFD));
    expect_message(ends[1], "none");
    expect_message(ends[0], "back");
    close_both(got);
    close_fd(memfd);
    close_both(ends);
}

static void a_datagram_carries_fds(void) {
    struct luo_address addresses[] = {abstract("datagram"), path("datagram")};
    for (int i = 0; i < 2; i++) {
        int receiver = luo_bind(addresses[i]);
        CHECK(receiver >= 0);
        int memfd = new_memfd();
        int before = open_fds();
        CHECK_EQUAL(0, luo_send_to(addresses[i], with_fds("FDSTORE=1", &memfd, 1), 0));
        CHECK_EQUAL(before, open_fds());
        char buffer[64];
        int got[1];
        size_t count = 1;
        CHECK_EQUAL(9, luo_receive(receiver, buffer, sizeof buffer, got, &count));
        CHECK_EQUAL(1, count);
        expect_same_file(memfd, got[0]);
        close_fd(got[0]);
        close_fd(memfd);
        close_fd(receiver);
    }
    CHECK_EQUAL(0, unlink((const char *)addresses[1].bytes));
}

static void fds_are_at_most_253(void) {
    int ends[2];
    connection(ends);
    int memfd = new_memfd();
    int sent[LUO_FDS_MAX + 1];
    for (int i = 0; i <= LUO_FDS_MAX; i++) {
        sent[i] = memfd;
    }
    CHECK_EQUAL(-E2BIG, luo_send(ends[0], with_fds("x", sent, LUO_FDS_MAX + 1)));
    CHECK_EQUAL(0, luo_send(ends[0], with_fds("x", sent, LUO_FDS_MAX)));
    char buffer[1];
    int got[LUO_FDS_MAX];
    size_t count = LUO_FDS_MAX;
    CHECK_EQUAL(1, luo_receive(ends[1], buffer, sizeof buffer, got, &count));
    CHECK_EQUAL(LUO_FDS_MAX, count);
    for (size_t i = 0; i < count; i++) {
        expect_same_file(memfd, got[i]);
        close_fd(got[i]);
    }
    /* The kernel's own limit is the same. */
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof sent)] = {0};
    struct iovec part = {.iov_base = buffer, .iov_len = 1};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof sent);
    memcpy(CMSG_DATA(rights), sent, sizeof sent);
    errno = 0;
    CHECK(sendmsg(ends[0], &header, 0) < 0 && errno == EINVAL);
    close_fd(memfd);
    close_both(ends);
}

static void what_is_cut_short_is_refused_and_leaks_nothing(void) {
    int ends[2];
    connection(ends);
    int sent[] = {ends[0], ends[1], ends[0]};
    for (size_t i = 1; i <= 3; i++) {
        CHECK_EQUAL(0, luo_send(ends[0], with_fds("x", sent, i)));
        expect_cut(ends[1], 1, i - 1);
        CHECK_EQUAL(0, luo_send(ends[0], with_fds("long", sent, i)));
        expect_cut(ends[1], 3, i);
    }
    /* No room for a byte is refused before the message is taken. */
    CHECK_EQUAL(0, luo_send(ends[0], text("y")));
    size_t count = 0;
    CHECK_EQUAL(-EINVAL, luo_receive(ends[1], sent, 0, sent, &count));
    expect_message(ends[1], "y");
    close_both(ends);
}

static void fds_beyond_the_limit_of_the_process_are_refused(void) {
    int ends[2];
    connection(ends);
    int memfd = new_memfd();
    int sent[] = {memfd, memfd, memfd};
    struct rlimit limit;
    CHECK_EQUAL(0, getrlimit(RLIMIT_NOFILE, &limit));
    struct rlimit low = {.rlim_cur = (rlim_t)memfd + 3, .rlim_max = limit.rlim_max};
    CHECK_EQUAL(0, luo_send(ends[0], with_fds("x", sent, 3)));
    CHECK_EQUAL(0, setrlimit(RLIMIT_NOFILE, &low));
    expect_cut(ends[1], 1, 3);
    CHECK_EQUAL(0, setrlimit(RLIMIT_NOFILE, &limit));
    close_fd(memfd);
    close_both(ends);
}

static void an_empty_message_is_not_sent_and_ends_what_is_received(void) {
    int ends[2];
    connection(ends);
    CHECK_EQUAL(-EINVAL, luo_send(ends[0], text("")));
    CHECK_EQUAL(-EINVAL, luo_send_to(abstract("empty"), text(""), 0));
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct msghdr header = {.msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &ends[0], sizeof(int));
    CHECK_EQUAL(0, sendmsg(ends[0], &header, 0));
    char buffer[1];
    int got[1];
    size_t count = 1;
    int before = open_fds();
    CHECK_EQUAL(0, luo_receive(ends[1], buffer, 1, got, &count));
    CHECK_EQUAL(0, count);
    CHECK_EQUAL(before, open_fds());
    close_fd(ends[0]);
    count = 1;
    CHECK_EQUAL(0, luo_receive(ends[1], buffer, 1, got, &count));
    CHECK_EQUAL(-EPIPE, luo_send(ends[1], text("x")));
    close_fd(ends[1]);
}

static void a_time_limit_ends_each_wait(void) {
    int ends[2];
    connection(ends);
    char buffer[1];
    int got[1];
    size_t count = 1;
    CHECK_EQUAL(0, luo_set_timeout(ends[0], 1));
    CHECK_EQUAL(-EAGAIN, luo_receive(ends[0], buffer, 1, got, &count));
    int rc = 0;
    for (int i = 0; rc == 0 && i < MANY; i++) {
        rc = luo_send(ends[0], text("x"));
    }
    CHECK_EQUAL(-EAGAIN, rc);
    close_both(ends);

    struct luo_address address = abstract("limit");
    int listener = luo_listen(address, 0);
    CHECK_EQUAL(0, luo_set_timeout(listener, 1));
    CHECK_EQUAL(-EAGAIN, luo_accept(listener));
    int first = luo_connect(address, 1);
    CHECK(first >= 0);
    CHECK_EQUAL(-EAGAIN, luo_receive(first, buffer, 1, got, &count));
    CHECK_EQUAL(-EAGAIN, luo_connect(address, 1));
    close_fd(first);
    close_fd(listener);

    int receiver = luo_bind(address);
    int before = open_fds();
    rc = 0;
    for (int i = 0; rc == 0 && i < MANY; i++) {
        rc = luo_send_to(address, text("x"), 1);
    }
    CHECK_EQUAL(-EAGAIN, rc);
    CHECK_EQUAL(before, open_fds());
    CHECK_EQUAL(-EINVAL, luo_set_timeout(receiver, -1));
    CHECK_EQUAL(-EINVAL, luo_send_to(address, text("x"), -1));
    CHECK_EQUAL(-EINVAL, luo_connect(address, -1));
    CHECK_EQUAL(0, luo_set_timeout(receiver, INT64_MAX));
    close_fd(receiver);
}

static void a_peer_is_who_made_the_other_end(void) {
    int ends[2];
    connection(ends);
    for (int i = 0; i < 2; i++) {
        int peer[3] = {0};
        CHECK_EQUAL(0, luo_peer(ends[i], peer));
        CHECK_EQUAL(getpid(), peer[0]);
        CHECK_EQUAL(geteuid(), (uid_t)peer[1]);
        CHECK_EQUAL(getegid(), (gid_t)peer[2]);
    }
    close_both(ends);
}

static void nobody_there_is_named(void) {
    int before = open_fds();
    CHECK_EQUAL(-ECONNREFUSED, luo_connect(abstract("nobody"), 0));
    CHECK_EQUAL(-ECONNREFUSED, luo_send_to(abstract("nobody"), text("x"), 0));
    CHECK_EQUAL(-ENOENT, luo_connect(path("nobody"), 0));
    CHECK_EQUAL(-ENOENT, luo_send_to(path("nobody"), text("x"), 0));
    CHECK_EQUAL(-ENOENT, luo_listen(path("no/folder"), 1));
    CHECK_EQUAL(before, open_fds());
    struct luo_address address = path("type");
    int listener = luo_listen(address, 1);
    CHECK_EQUAL(-EPROTOTYPE, luo_send_to(address, text("x"), 0));
    close_fd(listener);
    CHECK_EQUAL(0, unlink((const char *)address.bytes));
    int receiver = luo_bind(address);
    CHECK_EQUAL(-EPROTOTYPE, luo_connect(address, 0));
    close_fd(receiver);
    CHECK_EQUAL(0, unlink((const char *)address.bytes));
}

static void a_message_beyond_the_buffer_of_the_socket_is_refused(void) {
    int ends[2];
    connection(ends);
    size_t length = (size_t)64 << 20;
    char *bytes = calloc(1, length);
    CHECK(bytes != NULL);
    struct luo_message message = {.bytes = bytes, .length = length};
    CHECK_EQUAL(-EMSGSIZE, luo_send(ends[0], message));
    free(bytes);
    close_both(ends);
}

static void other_fds_are_refused(void) {
    int memfd = new_memfd();
    int fds[] = {-1, memfd};
    int refusals[] = {-EBADF, -ENOTSOCK};
    for (int i = 0; i < 2; i++) {
        char buffer[1];
        int numbers[3];
        size_t count = 3;
        CHECK_EQUAL(refusals[i], luo_accept(fds[i]));
        CHECK_EQUAL(refusals[i], luo_send(fds[i], text("x")));
        CHECK_EQUAL(refusals[i], luo_receive(fds[i], buffer, 1, numbers, &count));
        CHECK_EQUAL(refusals[i], luo_peer(fds[i], numbers));
        CHECK_EQUAL(refusals[i], luo_set_timeout(fds[i], 0));
        CHECK_EQUAL(refusals[i], luo_shutdown(fds[i]));
    }
    int ends[2];
    connection(ends);
    CHECK_EQUAL(-EBADF, luo_send(ends[0], with_fds("x", fds, 2)));
    CHECK_EQUAL(-EINVAL, luo_accept(ends[0]));
    close_both(ends);
    close_fd(memfd);
}

/* A thread that waits in luo_accept or luo_receive. */
struct waiter {
    int fd;
    int accepts;
    pthread_t thread;
    atomic_int id;
    int64_t result;
};

static void *wait_on(void *argument) {
    struct waiter *waiter = argument;
    char buffer[8];
    int fds[1];
    size_t count = 1;
    atomic_store(&waiter->id, (int)syscall(SYS_gettid));
    waiter->result = waiter->accepts ? luo_accept(waiter->fd)
                                     : luo_receive(waiter->fd, buffer, sizeof buffer, fds, &count);
    return NULL;
}

static int is_asleep(int thread) {
    char name[64];
    char line[128] = {0};
    snprintf(name, sizeof name, "/proc/self/task/%d/stat", thread);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK(read(fd, line, sizeof line - 1) > 0);
    close_fd(fd);
    const char *end = strrchr(line, ')');
    return end != NULL && end[1] == ' ' && end[2] == 'S';
}

static void start(struct waiter *waiter) {
    CHECK_EQUAL(0, pthread_create(&waiter->thread, NULL, wait_on, waiter));
    for (int i = 0; i < ROUNDS; i++) {
        int id = atomic_load(&waiter->id);
        if (id != 0 && is_asleep(id)) {
            return;
        }
        sched_yield();
    }
    CHECK(0);
}

static int64_t join(struct waiter *waiter) {
    CHECK_EQUAL(0, pthread_join(waiter->thread, NULL));
    return waiter->result;
}

static void shutdown_wakes_who_waits(void) {
    struct luo_address address = abstract("shutdown");
    struct waiter accepting = {.fd = luo_listen(address, 1), .accepts = 1};
    start(&accepting);
    CHECK_EQUAL(0, luo_shutdown(accepting.fd));
    CHECK_EQUAL(-EINVAL, join(&accepting));
    CHECK_EQUAL(-EINVAL, luo_accept(accepting.fd));
    CHECK_EQUAL(-ECONNREFUSED, luo_connect(address, 0));
    close_fd(accepting.fd);
    int ends[2];
    connection(ends);
    struct waiter receiving = {.fd = ends[0]};
    start(&receiving);
    CHECK_EQUAL(0, luo_shutdown(ends[0]));
    CHECK_EQUAL(0, join(&receiving));
    CHECK_EQUAL(-EPIPE, luo_send(ends[0], text("x")));
    close_both(ends);
}

static atomic_int signals;

static void on_signal(int signal) {
    (void)signal;
    atomic_fetch_add(&signals, 1);
}

static void a_signal_does_not_end_a_wait(void) {
    struct sigaction action = {.sa_handler = on_signal}; /* without SA_RESTART */
    CHECK_EQUAL(0, sigaction(SIGUSR1, &action, NULL));
    int ends[2];
    connection(ends);
    struct luo_address address = abstract("signal");
    struct waiter waiters[] = {{.fd = ends[0]}, {.fd = luo_listen(address, 1), .accepts = 1}};
    for (int i = 0; i < 2; i++) {
        start(&waiters[i]);
        int before = atomic_load(&signals);
        CHECK_EQUAL(0, pthread_kill(waiters[i].thread, SIGUSR1));
        for (int round = 0; atomic_load(&signals) == before && round < ROUNDS; round++) {
            sched_yield();
        }
        CHECK_EQUAL(before + 1, atomic_load(&signals));
    }
    CHECK_EQUAL(0, luo_send(ends[1], text("woken")));
    CHECK_EQUAL(5, join(&waiters[0]));
    int connected = luo_connect(address, 0);
    CHECK(connected >= 0);
    int accepted = (int)join(&waiters[1]);
    CHECK(accepted >= 0);
    close_fd(accepted);
    close_fd(connected);
    close_fd(waiters[1].fd);
    close_both(ends);
}

int main(void) {
    snprintf(folder, sizeof folder, "/tmp/luo4j-socket-test-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    int before = open_fds();
    a_bad_address_is_refused();
    an_address_may_have_107_bytes();
    a_path_is_its_owners_only();
    messages_keep_their_bounds_and_carry_fds();
    a_datagram_carries_fds();
    fds_are_at_most_253();
    what_is_cut_short_is_refused_and_leaks_nothing();
    fds_beyond_the_limit_of_the_process_are_refused();
    an_empty_message_is_not_sent_and_ends_what_is_received();
    a_time_limit_ends_each_wait();
    a_peer_is_who_made_the_other_end();
    nobody_there_is_named();
    a_message_beyond_the_buffer_of_the_socket_is_refused();
    other_fds_are_refused();
    shutdown_wakes_who_waits();
    a_signal_does_not_end_a_wait();
    CHECK_EQUAL(before, open_fds());
    CHECK_EQUAL(0, rmdir(folder));
    puts("16 tests of luo_socket passed");
    return 0;
}
