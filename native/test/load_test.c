/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_test LIBRARY
 *
 * Loads libluo4j.so as a JVM does, and calls the natives that it registers, on a JNI of its own that
 * has the functions they need. For the platforms on which no JVM is at hand. Prints "PASS NAME" or
 * "FAIL NAME: REASON" for each test; ends with 1 if one failed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <jni.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BRIDGE_CLASS "org/luo4j/internal/jni/JniBridge"
#define MEMFD_FLAGS 3 /* MFD_CLOEXEC | MFD_ALLOW_SEALING */
#define BEYOND_4_GIB ((INT64_C(5) << 32) + 8)
#define FDS_MAX 253
#define VALUE INT64_C(0x0123456789ABCDEF)

static const char *test;
static int failed;

/* Ends the current test, a function, as failed. */
#define EXPECT(wanted, actual)                                                                     \
    do {                                                                                           \
        int64_t want = (int64_t)(wanted);                                                          \
        int64_t have = (int64_t)(actual);                                                          \
        if (want != have) {                                                                        \
            printf("FAIL %s: %s is %lld, not %s = %lld\n", test, #actual, (long long)have,         \
                   #wanted, (long long)want);                                                      \
            failed = 1;                                                                            \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* The JVM's side: an array, and a direct buffer, are these behind their jobject. */
struct array {
    jsize length;
    void *elements;
};

static const JNINativeMethod *methods;
static jint method_count;
static char found_class[64];
static char found_system[] = "java/lang/System";

static jclass JNICALL find_class(JNIEnv *env, const char *name) {
    (void)env;
    if (strcmp(name, found_system) == 0) {
        return (jclass)found_system;
    }
    snprintf(found_class, sizeof found_class, "%s", name);
    return (jclass)found_class;
}

/* System.getProperty, which has one property. */
static jmethodID JNICALL static_method(JNIEnv *env, jclass type, const char *name,
                                       const char *signature) {
    (void)env;
    return type == (jclass)found_system && strcmp(name, "getProperty") == 0 &&
                   strcmp(signature, "(Ljava/lang/String;)Ljava/lang/String;") == 0
               ? (jmethodID)static_method
               : NULL;
}

static jstring JNICALL new_string(JNIEnv *env, const char *text) {
    (void)env;
    return (jstring)text;
}

static const char *named_class; /* NULL for none */

static jobject JNICALL call_static(JNIEnv *env, jclass type, jmethodID method, ...) {
    (void)env;
    (void)type;
    va_list arguments;
    va_start(arguments, method);
    const char *name = va_arg(arguments, const char *);
    va_end(arguments);
    return strcmp(name, "luo4j.jni.class") == 0 ? (jobject)named_class : NULL;
}

static jsize JNICALL string_length(JNIEnv *env, jstring text) {
    (void)env;
    return (jsize)strlen((const char *)text);
}

static void JNICALL string_region(JNIEnv *env, jstring text, jsize start, jsize length, char *to) {
    (void)env;
    memcpy(to, (const char *)text + start, (size_t)length);
}

static jboolean JNICALL no_exception(JNIEnv *env) {
    (void)env;
    return JNI_FALSE;
}

static void JNICALL clear_exception(JNIEnv *env) {
    (void)env;
}

static jint JNICALL register_natives(JNIEnv *env, jclass type, const JNINativeMethod *table,
                                     jint count) {
    (void)env;
    if (type != (jclass)found_class) {
        return JNI_ERR;
    }
    methods = table;
    method_count = count;
    return JNI_OK;
}

static jsize JNICALL array_length(JNIEnv *env, jarray array) {
    (void)env;
    return ((struct array *)array)->length;
}

static void get_region(jarray array, jsize start, jsize length, void *to, size_t element) {
    memcpy(to, (char *)((struct array *)array)->elements + (size_t)start * element,
           (size_t)length * element);
}

static void set_region(jarray array, jsize start, jsize length, const void *from, size_t element) {
    memcpy((char *)((struct array *)array)->elements + (size_t)start * element, from,
           (size_t)length * element);
}

static void JNICALL get_bytes(JNIEnv *env, jbyteArray array, jsize start, jsize length, jbyte *to) {
    (void)env;
    get_region(array, start, length, to, 1);
}

static void JNICALL set_bytes(JNIEnv *env, jbyteArray array, jsize start, jsize length,
                              const jbyte *from) {
    (void)env;
    set_region(array, start, length, from, 1);
}

static void JNICALL get_ints(JNIEnv *env, jintArray array, jsize start, jsize length, jint *to) {
    (void)env;
    get_region(array, start, length, to, sizeof(jint));
}

static void JNICALL set_ints(JNIEnv *env, jintArray array, jsize start, jsize length,
                             const jint *from) {
    (void)env;
    set_region(array, start, length, from, sizeof(jint));
}

static jobject JNICALL new_direct_buffer(JNIEnv *env, void *address, jlong capacity) {
    (void)env;
    static struct array made;
    made = (struct array){.length = (jsize)capacity, .elements = address};
    return (jobject)&made;
}

static void *JNICALL direct_buffer_address(JNIEnv *env, jobject buffer) {
    (void)env;
    return ((struct array *)buffer)->elements;
}

static jlong JNICALL direct_buffer_capacity(JNIEnv *env, jobject buffer) {
    (void)env;
    return ((struct array *)buffer)->length;
}

static const struct JNINativeInterface_ functions = {
    .FindClass = find_class,
    .GetStaticMethodID = static_method,
    .CallStaticObjectMethod = call_static,
    .NewStringUTF = new_string,
    .GetStringLength = string_length,
    .GetStringUTFLength = string_length,
    .GetStringUTFRegion = string_region,
    .ExceptionCheck = no_exception,
    .ExceptionClear = clear_exception,
    .RegisterNatives = register_natives,
    .GetArrayLength = array_length,
    .GetByteArrayRegion = get_bytes,
    .SetByteArrayRegion = set_bytes,
    .GetIntArrayRegion = get_ints,
    .SetIntArrayRegion = set_ints,
    .NewDirectByteBuffer = new_direct_buffer,
    .GetDirectBufferAddress = direct_buffer_address,
    .GetDirectBufferCapacity = direct_buffer_capacity,
};

static JNIEnv the_env = &functions;
static JNIEnv *const env = &the_env;

static jint JNICALL get_env(JavaVM *vm, void **to, jint version) {
    (void)vm;
    if (version != JNI_VERSION_1_8) {
        return JNI_EVERSION;
    }
    *to = &the_env;
    return JNI_OK;
}

/* The function that is registered for a method; without one the program ends. */
static void *native(const char *name, const char *signature) {
    for (jint i = 0; i < method_count; i++) {
        if (strcmp(methods[i].name, name) == 0 && strcmp(methods[i].signature, signature) == 0) {
            return methods[i].fnPtr;
        }
    }
    printf("FAIL %s: no native %s%s is registered\n", test, name, signature);
    exit(1);
}

/* A call of the native with these parameters after the JNIEnv and the object or class. */
#define CALL(result, name, signature, parameters, ...) \
    ((result(JNICALL *) parameters)native(name, signature))(env, NULL, __VA_ARGS__)

#define ENV JNIEnv *, jobject
#define INT_OF_FD(name, fd) CALL(jint, name, "(I)I", (ENV, jint), fd)
#define LONG_OF_FD(name, fd) CALL(jlong, name, "(I)J", (ENV, jint), fd)

static jbyteArray bytes(struct array *array, void *elements, size_t length) {
    *array = (struct array){.length = (jsize)length, .elements = elements};
    return (jbyteArray)array;
}

static jint new_memfd(void) {
    struct array name;
    return CALL(jint, "memfdCreate", "([BI)I", (ENV, jbyteArray, jint),
                bytes(&name, "load_test", 10), MEMFD_FLAGS);
}

static jint truncated(jint fd, jlong size) {
    return CALL(jint, "truncate", "(IJ)I", (ENV, jint, jlong), fd, size);
}

static jlong transferred(const char *name, jint fd, struct array *buffer, jint start, jint length,
                         jlong offset) {
    return CALL(jlong, name, "(ILjava/nio/ByteBuffer;IIJ)J",
                (ENV, jint, jobject, jint, jint, jlong), fd, (jobject)buffer, start, length, offset);
}

static jlong mapped(jint fd, jlong offset, jlong length) {
    return CALL(jlong, "map", "(IJJZ)J", (ENV, jint, jlong, jlong, jboolean), fd, offset, length,
                1);
}

static jint session_call(const char *name, jint fd, struct array *field) {
    return CALL(jint, name, "(I[B)I", (ENV, jint, jbyteArray), fd, (jbyteArray)field);
}

static void bridge_version(void) {
    jint version = ((jint(JNICALL *)(ENV))native("bridgeVersion", "()I"))(env, NULL);
    EXPECT(1, version > 0 && version < 1000);
}

static void errno_of_a_bad_fd(void) {
    EXPECT(-EBADF, LONG_OF_FD("size", -1));
    EXPECT(-EBADF, LONG_OF_FD("allocated", -1));
    EXPECT(-EBADF, INT_OF_FD("close", -1));
    EXPECT(-EBADF, INT_OF_FD("duplicate", -1));
    EXPECT(-EBADF, INT_OF_FD("descriptorFlags", -1));
    EXPECT(-EBADF, INT_OF_FD("seals", -1));
    EXPECT(-EBADF, truncated(-1, 0));
}

static void a_memfd(void) {
    jint fd = new_memfd();
    EXPECT(1, fd > 2);
    EXPECT(0, LONG_OF_FD("size", fd));
    EXPECT(0, truncated(fd, BEYOND_4_GIB));
    EXPECT(BEYOND_4_GIB, LONG_OF_FD("size", fd));
    EXPECT(0, LONG_OF_FD("allocated", fd));
    EXPECT(0, CALL(jint, "allocate", "(IIJJ)I", (ENV, jint, jint, jlong, jlong), fd, 0, 0, 1));
    EXPECT(1, LONG_OF_FD("allocated", fd) >= 4096);
    EXPECT(BEYOND_4_GIB,
           CALL(jlong, "seek", "(IJI)J", (ENV, jint, jlong, jint), fd, 0, SEEK_END));
    EXPECT(FD_CLOEXEC, INT_OF_FD("descriptorFlags", fd));
    EXPECT(O_RDWR, INT_OF_FD("statusFlags", fd) & O_ACCMODE);
    EXPECT(-EINVAL, truncated(fd, -1));
    jint copy = INT_OF_FD("duplicate", fd);
    EXPECT(1, copy > fd);
    EXPECT(0, CALL(jint, "addSeals", "(II)I", (ENV, jint, jint), copy, F_SEAL_SHRINK));
    EXPECT(F_SEAL_SHRINK, INT_OF_FD("seals", fd));
    EXPECT(-EPERM, truncated(fd, 0));
    EXPECT(0, INT_OF_FD("close", copy));
    EXPECT(0, INT_OF_FD("close", fd));
    EXPECT(-EBADF, INT_OF_FD("close", fd));
}

static void a_mapping_of_it(void) {
    jint fd = new_memfd();
    int64_t value = VALUE;
    struct array buffer = {.length = sizeof value, .elements = &value};
    EXPECT(0, truncated(fd, BEYOND_4_GIB));
    EXPECT(8, transferred("write", fd, &buffer, 0, 8, BEYOND_4_GIB - 8));
    EXPECT(-EFAULT, transferred("write", fd, &buffer, 1, 8, 0));
    jlong offset = INT64_C(5) << 32;
    jlong address = mapped(fd, offset, 8);
    EXPECT(1, address > 0);
    EXPECT(0, address % (2 << 20));
    EXPECT(0, CALL(jint, "advise", "(JJI)I", (ENV, jlong, jlong, jint), address, 8, MADV_WILLNEED));
    struct array *view = (struct array *)CALL(jobject, "bufferAt", "(JI)Ljava/nio/ByteBuffer;",
                                              (ENV, jlong, jint), address, 8);
    EXPECT(8, view->length);
    memcpy(&value, view->elements, sizeof value);
    EXPECT(VALUE, value);
    value = ~VALUE;
    memcpy(view->elements, &value, sizeof value);
    value = 0;
    EXPECT(8, transferred("read", fd, &buffer, 0, 8, offset));
    EXPECT(~VALUE, value);
    EXPECT(0, CALL(jint, "unmap", "(JJ)I", (ENV, jlong, jlong), address, 8));
    EXPECT(-EINVAL, mapped(fd, 0, 0));
    EXPECT(0, INT_OF_FD("close", fd));
}

static void a_message_with_an_fd(void) {
    char name[32] = {0};
    int length = 1 + snprintf(name + 1, sizeof name - 1, "luo4j-load-%d", (int)getpid());
    struct array address, message, fds, buffer, room, numbers;
    bytes(&address, name, (size_t)length);
    jint listener =
        CALL(jint, "listen", "([BI)I", (ENV, jbyteArray, jint), (jbyteArray)&address, 1);
    EXPECT(1, listener > 2);
    jint client =
        CALL(jint, "connect", "([BJ)I", (ENV, jbyteArray, jlong), (jbyteArray)&address, 10000);
    EXPECT(1, client > 2);
    jint server = INT_OF_FD("accept", listener);
    EXPECT(1, server > 2);
    EXPECT(0, CALL(jint, "setTimeout", "(IJ)I", (ENV, jint, jlong), server, 10000));

    jint sent = new_memfd();
    EXPECT(0, truncated(sent, 4711));
    bytes(&fds, &sent, 1);
    EXPECT(0, CALL(jint, "send", "(I[B[I)I", (ENV, jint, jbyteArray, jintArray), client,
                   bytes(&message, "hello", 5), (jintArray)&fds));
    char received[16] = {0};
    jint received_fds[2] = {0};
    bytes(&room, received_fds, 2);
    EXPECT(5, CALL(jint, "receive", "(I[B[I)I", (ENV, jint, jbyteArray, jintArray), server,
                   bytes(&buffer, received, sizeof received), (jintArray)&room));
    EXPECT(0, strcmp("hello", received));
    EXPECT(-1, received_fds[1]);
    EXPECT(4711, LONG_OF_FD("size", received_fds[0]));
    EXPECT(FD_CLOEXEC, INT_OF_FD("descriptorFlags", received_fds[0]));

    jint peer[3] = {0};
    bytes(&numbers, peer, 3);
    EXPECT(0, CALL(jint, "peer", "(I[I)I", (ENV, jint, jintArray), server, (jintArray)&numbers));
    EXPECT(getpid(), peer[0]);
    EXPECT(0, INT_OF_FD("shutdown", client));
    int opened[] = {listener, client, server, sent, received_fds[0]};
    EXPECT(0, CALL(jint, "receive", "(I[B[I)I", (ENV, jint, jbyteArray, jintArray), server,
                   (jbyteArray)&buffer, (jintArray)&room));
    for (size_t i = 0; i < sizeof opened / sizeof *opened; i++) {
        EXPECT(0, INT_OF_FD("close", opened[i]));
    }
}

/* More than musl's sendmsg has room for. */
static void as_many_fds_as_the_kernel_passes(void) {
    jint fd = new_memfd();
    jint sent[FDS_MAX];
    jint received[FDS_MAX];
    char name[32] = {0};
    int length = 1 + snprintf(name + 1, sizeof name - 1, "luo4j-fds-%d", (int)getpid());
    struct array address, message, fds, buffer, room;
    for (int i = 0; i < FDS_MAX; i++) {
        sent[i] = fd;
    }
    jint bound = CALL(jint, "bind", "([B)I", (ENV, jbyteArray),
                      bytes(&address, name, (size_t)length));
    EXPECT(1, bound > 2);
    EXPECT(0, CALL(jint, "sendTo", "([B[B[IJ)I", (ENV, jbyteArray, jbyteArray, jintArray, jlong),
                   (jbyteArray)&address, bytes(&message, "x", 1),
                   (jintArray)bytes(&fds, sent, FDS_MAX), 10000));
    char one = 0;
    EXPECT(1, CALL(jint, "receive", "(I[B[I)I", (ENV, jint, jbyteArray, jintArray), bound,
                   bytes(&buffer, &one, 1), (jintArray)bytes(&room, received, FDS_MAX)));
    EXPECT('x', one);
    for (int i = 0; i < FDS_MAX; i++) {
        EXPECT(0, INT_OF_FD("close", received[i]));
    }
    EXPECT(0, INT_OF_FD("close", bound));
    EXPECT(0, INT_OF_FD("close", fd));
}

/* The kernel's answer, or qemu-user's. */
static int no_such_ioctl(jint rc) {
    return rc == -ENOTTY || rc == -ENOSYS;
}

static void what_a_memfd_refuses(void) {
    jint fd = new_memfd();
    char field[64] = "name";
    struct array name;
    bytes(&name, field, sizeof field);
    EXPECT(1, no_such_ioctl(session_call("createSession", fd, &name)));
    EXPECT(1, no_such_ioctl(session_call("sessionName", fd, &name)));
    EXPECT(1, no_such_ioctl(CALL(jint, "preserve", "(IIJ)I", (ENV, jint, jint, jlong), fd, fd, 1)));
    EXPECT(1, no_such_ioctl(INT_OF_FD("finish", fd)));
    name.length = 63;
    EXPECT(-EINVAL, session_call("createSession", fd, &name));
    EXPECT(0, INT_OF_FD("close", fd));
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    {"bridge version", bridge_version},
    {"errno of a bad fd", errno_of_a_bad_fd},
    {"a memfd", a_memfd},
    {"a mapping of it", a_mapping_of_it},
    {"a message with an fd", a_message_with_an_fd},
    {"as many fds as the kernel passes", as_many_fds_as_the_kernel_passes},
    {"what a memfd refuses", what_a_memfd_refuses},
};

static void on_load(const char *library) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        printf("FAIL %s: %s\n", test, dlerror());
        failed = 1;
        return;
    }
    static const struct JNIInvokeInterface_ invoke = {.GetEnv = get_env};
    static JavaVM vm = &invoke;
    jint(JNICALL * load)(JavaVM *, void *);
    *(void **)&load = dlsym(handle, "JNI_OnLoad");
    EXPECT(1, load != NULL);
    named_class = "some.other.JniBridge";
    EXPECT(JNI_VERSION_1_8, load(&vm, NULL));
    EXPECT(0, strcmp("some/other/JniBridge", found_class));
    named_class = NULL;
    EXPECT(JNI_VERSION_1_8, load(&vm, NULL));
    EXPECT(0, strcmp(BRIDGE_CLASS, found_class));
    EXPECT(1, method_count > 0);
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: load_test LIBRARY\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    test = "JNI_OnLoad";
    on_load(arguments[1]);
    if (failed) {
        return 1;
    }
    printf("PASS %s\n", test);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        int before = failed;
        failed = 0;
        test = tests[i].name;
        tests[i].run();
        if (!failed) {
            printf("PASS %s\n", test);
        }
        failed |= before;
    }
    return failed;
}
