/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The natives of org.luo4j.internal.jni.JniBridge: unpack, call luo_sys or luo_socket, return. No
 * state, no thrown exception of its own. A name, an address or an array of fds is copied to the stack,
 * a socket's message to the heap; bulk data travels in direct buffers, whose ranges the Java side has
 * checked.
 */
#include <errno.h>
#include <jni.h>
#include <stdlib.h>
#include <string.h>

#include "luo_guard.h"
#include "luo_socket.h"
#include "luo_sys.h"

#define BRIDGE_CLASS "org/luo4j/internal/jni/JniBridge"
#define CLASS_PROPERTY "luo4j.jni.class"
#define CLASS_NAME_MAX 1024
#define ARGUMENT_MAX 4096
#define NAME_MAX_BYTES 256
#define PATH_MAX_BYTES 4096

/* Changes whenever a native method does, so that an old library is refused by a newer jar. */
#define BRIDGE_VERSION 3

static jint bridge_version(JNIEnv *env, jclass type) {
    (void)env;
    (void)type;
    return BRIDGE_VERSION;
}

static jint open_device(JNIEnv *env, jobject self) {
    (void)env;
    (void)self;
    return luo_open_device();
}

/* Copies exactly LUO_NAME_LENGTH bytes in; 0, or -EINVAL for an array of another length. */
static int name_in(JNIEnv *env, jbyteArray name, uint8_t field[LUO_NAME_LENGTH]) {
    if ((*env)->GetArrayLength(env, name) != LUO_NAME_LENGTH) {
        return -EINVAL;
    }
    (*env)->GetByteArrayRegion(env, name, 0, LUO_NAME_LENGTH, (jbyte *)field);
    return 0;
}

static jint create_session(JNIEnv *env, jobject self, jint device, jbyteArray name) {
    (void)self;
    uint8_t field[LUO_NAME_LENGTH];
    int rc = name_in(env, name, field);
    return rc < 0 ? rc : luo_create_session(device, field);
}

static jint retrieve_session(JNIEnv *env, jobject self, jint device, jbyteArray name) {
    (void)self;
    uint8_t field[LUO_NAME_LENGTH];
    int rc = name_in(env, name, field);
    return rc < 0 ? rc : luo_retrieve_session(device, field);
}

static jint preserve(JNIEnv *env, jobject self, jint session, jint fd, jlong token) {
    (void)env;
    (void)self;
    return luo_preserve(session, fd, (uint64_t)token);
}

static jint retrieve(JNIEnv *env, jobject self, jint session, jlong token) {
    (void)env;
    (void)self;
    return luo_retrieve(session, (uint64_t)token);
}

static jint finish(JNIEnv *env, jobject self, jint session) {
    (void)env;
    (void)self;
    return luo_finish(session);
}

static jint session_name(JNIEnv *env, jobject self, jint session, jbyteArray name) {
    (void)self;
    uint8_t field[LUO_NAME_LENGTH] = {0};
    if ((*env)->GetArrayLength(env, name) != LUO_NAME_LENGTH) {
        return -EINVAL;
    }
    int rc = luo_session_name(session, field);
    if (rc >= 0) {
        (*env)->SetByteArrayRegion(env, name, 0, LUO_NAME_LENGTH, (const jbyte *)field);
    }
    return rc;
}

static jint do_ioctl(JNIEnv *env, jobject self, jint fd, jint request, jbyteArray argument) {
    (void)self;
    uint8_t buffer[ARGUMENT_MAX];
    jsize length = (*env)->GetArrayLength(env, argument);
    if (length < 4 || length > ARGUMENT_MAX) {
        return -EINVAL;
    }
    (*env)->GetByteArrayRegion(env, argument, 0, length, (jbyte *)buffer);
    uint32_t size;
    memcpy(&size, buffer, sizeof size);
    if (size > (uint32_t)length) {
        return -EFAULT; /* the kernel would read past the array */
    }
    int rc = luo_ioctl(fd, request, buffer);
    (*env)->SetByteArrayRegion(env, argument, 0, length, (const jbyte *)buffer);
    return rc;
}

static jint memfd_create_(JNIEnv *env, jobject self, jbyteArray name, jint flags) {
    (void)self;
    char buffer[NAME_MAX_BYTES + 1];
    jsize length = (*env)->GetArrayLength(env, name);
    if (length > NAME_MAX_BYTES) {
        return -EINVAL;
    }
    (*env)->GetByteArrayRegion(env, name, 0, length, (jbyte *)buffer);
    buffer[length] = 0;
    return luo_memfd_create(buffer, (unsigned int)flags);
}

static jint open_file(JNIEnv *env, jobject self, jbyteArray path, jboolean create) {
    (void)self;
    char buffer[PATH_MAX_BYTES];
    jsize length = (*env)->GetArrayLength(env, path);
    if (length >= PATH_MAX_BYTES) {
        return -ENAMETOOLONG;
    }
    (*env)->GetByteArrayRegion(env, path, 0, length, (jbyte *)buffer);
    buffer[length] = 0;
    return luo_open_file(buffer, create);
}

static jint lock_file(JNIEnv *env, jobject self, jint fd) {
    (void)env;
    (void)self;
    return luo_lock_file(fd);
}

static jint unlock(JNIEnv *env, jobject self, jint fd) {
    (void)env;
    (void)self;
    return luo_unlock(fd);
}

static jint status(JNIEnv *env, jobject self, jint fd, jlongArray fields) {
    (void)self;
    int64_t values[LUO_STATUS_FIELDS] = {0};
    if ((*env)->GetArrayLength(env, fields) != LUO_STATUS_FIELDS) {
        return -EINVAL;
    }
    int rc = luo_status(fd, values);
    if (rc == 0) {
        (*env)->SetLongArrayRegion(env, fields, 0, LUO_STATUS_FIELDS, (const jlong *)values);
    }
    return rc;
}

static jint user_id(JNIEnv *env, jobject self) {
    (void)env;
    (void)self;
    return luo_user_id();
}

static jlong boot_time(JNIEnv *env, jobject self) {
    (void)env;
    (void)self;
    return luo_boot_time();
}

static jint revoke(JNIEnv *env, jobject self, jlong address, jlong length) {
    (void)env;
    (void)self;
    return luo_revoke(address, length);
}

static jlong guard_table(JNIEnv *env, jclass type) {
    (void)env;
    (void)type;
    return luo_guard_table();
}

static jint guard_use(JNIEnv *env, jclass type, jlong table) {
    (void)env;
    (void)type;
    return luo_guard_use(table);
}

static jint guard(JNIEnv *env, jclass type, jlong address, jlong length) {
    (void)env;
    (void)type;
    return luo_guard(address, length);
}

static jint unguard(JNIEnv *env, jclass type, jlong address) {
    (void)env;
    (void)type;
    return luo_unguard(address);
}

static jint close_(JNIEnv *env, jobject self, jint fd) {
    (void)env;
    (void)self;
    return luo_close(fd);
}

static jint duplicate(JNIEnv *env, jobject self, jint fd) {
    (void)env;
    (void)self;
    return luo_duplicate(fd);
}

static jint lock(JNIEnv *env, jobject self, jint fd) {
    (void)env;
    (void)self;
    return luo_lock(fd);
}

static jint descriptor_flags(JNIEnv *env, jobject self, jint fd) {
    (void)env;
    (void)self;
    return luo_descriptor_flags(fd);
}

static jint set_descriptor_flags(JNIEnv *env, jobject self, jint fd, jint flags) {
    (void)env;
    (void)self;
    return luo_set_descriptor_flags(fd, flags);
}

static jint status_flags(JNIEnv *env, jobject self, jint fd) {
    (void)env;
    (void)self;
    return luo_status_flags(fd);
}

static jint seals(JNIEnv *env, jobject self, jint fd) {
    (void)env;
    (void)self;
    return luo_seals(fd);
}

static jint add_seals(JNIEnv *env, jobject self, jint fd, jint bits) {
    (void)env;
    (void)self;
    return luo_add_seals(fd, bits);
}

static jlong size(JNIEnv *env, jobject self, jint fd) {
    (void)env;
    (void)self;
    return luo_size(fd);
}

static jlong allocated(JNIEnv *env, jobject self, jint fd) {
    (void)env;
    (void)self;
    return luo_allocated(fd);
}

static jint truncate_(JNIEnv *env, jobject self, jint fd, jlong bytes) {
    (void)env;
    (void)self;
    return luo_truncate(fd, bytes);
}

static jint allocate(JNIEnv *env, jobject self, jint fd, jint mode, jlong offset, jlong length) {
    (void)env;
    (void)self;
    return luo_allocate(fd, mode, offset, length);
}

static jlong seek(JNIEnv *env, jobject self, jint fd, jlong offset, jint whence) {
    (void)env;
    (void)self;
    return luo_seek(fd, offset, whence);
}

/* The address of buffer[start], or NULL when the buffer is not direct or too short. */
static char *range(JNIEnv *env, jobject buffer, jint start, jint length) {
    char *base = (*env)->GetDirectBufferAddress(env, buffer);
    if (base == NULL || start < 0 || length < 0 ||
        (jlong)start + length > (*env)->GetDirectBufferCapacity(env, buffer)) {
        return NULL;
    }
    return base + start;
}

static jlong read_(JNIEnv *env, jobject self, jint fd, jobject buffer, jint start, jint length,
                   jlong offset) {
    (void)self;
    char *to = range(env, buffer, start, length);
    return to == NULL ? -EFAULT : luo_read(fd, to, (size_t)length, offset);
}

static jlong write_(JNIEnv *env, jobject self, jint fd, jobject buffer, jint start, jint length,
                    jlong offset) {
    (void)self;
    const char *from = range(env, buffer, start, length);
    return from == NULL ? -EFAULT : luo_write(fd, from, (size_t)length, offset);
}

static jlong map(JNIEnv *env, jobject self, jint fd, jlong offset, jlong length, jboolean writable) {
    (void)env;
    (void)self;
    return luo_map(fd, offset, length, writable);
}

static jint unmap(JNIEnv *env, jobject self, jlong address, jlong length) {
    (void)env;
    (void)self;
    return luo_unmap(address, length);
}

static jint advise(JNIEnv *env, jobject self, jlong address, jlong length, jint advice) {
    (void)env;
    (void)self;
    return luo_advise(address, length, advice);
}

static jobject buffer_at(JNIEnv *env, jclass type, jlong address, jint length) {
    (void)type;
    return (*env)->NewDirectByteBuffer(env, (void *)(intptr_t)address, length);
}

/* Copies an address in; 0, or -EINVAL for an array that is too long. */
static int address_in(JNIEnv *env, jbyteArray array, uint8_t bytes[LUO_ADDRESS_MAX],
                      struct luo_address *address) {
    jsize length = (*env)->GetArrayLength(env, array);
    if (length > LUO_ADDRESS_MAX) {
        return -EINVAL;
    }
    (*env)->GetByteArrayRegion(env, array, 0, length, (jbyte *)bytes);
    *address = (struct luo_address){.bytes = bytes, .length = (size_t)length};
    return 0;
}

/* Copies a message in; 0, when message->bytes is to be freed, or -E2BIG, -ENOMEM. */
static int message_in(JNIEnv *env, jbyteArray array, jintArray fd_array, jint fds[LUO_FDS_MAX],
                      struct luo_message *message) {
    jsize length = (*env)->GetArrayLength(env, array);
    jsize fd_count = (*env)->GetArrayLength(env, fd_array);
    if (fd_count > LUO_FDS_MAX) {
        return -E2BIG;
    }
    jbyte *bytes = malloc((size_t)length + 1);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    (*env)->GetByteArrayRegion(env, array, 0, length, bytes);
    (*env)->GetIntArrayRegion(env, fd_array, 0, fd_count, fds);
    *message = (struct luo_message){
        .bytes = bytes, .length = (size_t)length, .fds = fds, .fd_count = (size_t)fd_count};
    return 0;
}

static jint send_to(JNIEnv *env, jobject self, jbyteArray to, jbyteArray bytes, jintArray fd_array,
                    jlong timeout) {
    (void)self;
    uint8_t path[LUO_ADDRESS_MAX];
    jint fds[LUO_FDS_MAX];
    struct luo_address address;
    struct luo_message message;
    int rc = address_in(env, to, path, &address);
    if (rc == 0) {
        rc = message_in(env, bytes, fd_array, fds, &message);
    }
    if (rc < 0) {
        return rc;
    }
    rc = luo_send_to(address, message, timeout);
    free((void *)message.bytes);
    return rc;
}

static jint bind_(JNIEnv *env, jobject self, jbyteArray at) {
    (void)self;
    uint8_t path[LUO_ADDRESS_MAX];
    struct luo_address address;
    int rc = address_in(env, at, path, &address);
    return rc < 0 ? rc : luo_bind(address);
}

static jint listen_(JNIEnv *env, jobject self, jbyteArray at, jint backlog) {
    (void)self;
    uint8_t path[LUO_ADDRESS_MAX];
    struct luo_address address;
    int rc = address_in(env, at, path, &address);
    return rc < 0 ? rc : luo_listen(address, backlog);
}

static jint connect_(JNIEnv *env, jobject self, jbyteArray to, jlong timeout) {
    (void)self;
    uint8_t path[LUO_ADDRESS_MAX];
    struct luo_address address;
    int rc = address_in(env, to, path, &address);
    return rc < 0 ? rc : luo_connect(address, timeout);
}

static jint accept_(JNIEnv *env, jobject self, jint listener) {
    (void)env;
    (void)self;
    return luo_accept(listener);
}

static jint send_(JNIEnv *env, jobject self, jint socket, jbyteArray bytes, jintArray fd_array) {
    (void)self;
    jint fds[LUO_FDS_MAX];
    struct luo_message message;
    int rc = message_in(env, bytes, fd_array, fds, &message);
    if (rc < 0) {
        return rc;
    }
    rc = luo_send(socket, message);
    free((void *)message.bytes);
    return rc;
}

static jint receive(JNIEnv *env, jobject self, jint socket, jbyteArray buffer, jintArray fd_array) {
    (void)self;
    jsize length = (*env)->GetArrayLength(env, buffer);
    jsize room = (*env)->GetArrayLength(env, fd_array);
    if (room > LUO_FDS_MAX) {
        return -E2BIG;
    }
    jbyte *bytes = malloc((size_t)length + 1);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    jint fds[LUO_FDS_MAX];
    memset(fds, -1, sizeof fds);
    size_t fd_count = (size_t)room;
    jint received = (jint)luo_receive(socket, bytes, (size_t)length, fds, &fd_count);
    if (received > 0) {
        (*env)->SetByteArrayRegion(env, buffer, 0, received, bytes);
    }
    (*env)->SetIntArrayRegion(env, fd_array, 0, room, fds);
    free(bytes);
    return received;
}

static jint peer(JNIEnv *env, jobject self, jint socket, jintArray pid_uid_gid) {
    (void)self;
    jint numbers[3];
    if ((*env)->GetArrayLength(env, pid_uid_gid) != 3) {
        return -EINVAL;
    }
    int rc = luo_peer(socket, numbers);
    if (rc == 0) {
        (*env)->SetIntArrayRegion(env, pid_uid_gid, 0, 3, numbers);
    }
    return rc;
}

static jint set_timeout(JNIEnv *env, jobject self, jint socket, jlong timeout) {
    (void)env;
    (void)self;
    return luo_set_timeout(socket, timeout);
}

static jint shutdown_(JNIEnv *env, jobject self, jint socket) {
    (void)env;
    (void)self;
    return luo_shutdown(socket);
}

static const JNINativeMethod methods[] = {
    {"bridgeVersion", "()I", (void *)bridge_version},
    {"openDevice", "()I", (void *)open_device},
    {"createSession", "(I[B)I", (void *)create_session},
    {"retrieveSession", "(I[B)I", (void *)retrieve_session},
    {"preserve", "(IIJ)I", (void *)preserve},
    {"retrieve", "(IJ)I", (void *)retrieve},
    {"finish", "(I)I", (void *)finish},
    {"sessionName", "(I[B)I", (void *)session_name},
    {"ioctl", "(II[B)I", (void *)do_ioctl},
    {"memfdCreate", "([BI)I", (void *)memfd_create_},
    {"openFile", "([BZ)I", (void *)open_file},
    {"lockFile", "(I)I", (void *)lock_file},
    {"unlock", "(I)I", (void *)unlock},
    {"status", "(I[J)I", (void *)status},
    {"userId", "()I", (void *)user_id},
    {"bootTime", "()J", (void *)boot_time},
    {"revoke", "(JJ)I", (void *)revoke},
    {"guardTable", "()J", (void *)guard_table},
    {"guardUse", "(J)I", (void *)guard_use},
    {"guardMapping", "(JJ)I", (void *)guard},
    {"unguardMapping", "(J)I", (void *)unguard},
    {"close", "(I)I", (void *)close_},
    {"duplicate", "(I)I", (void *)duplicate},
    {"lock", "(I)I", (void *)lock},
    {"descriptorFlags", "(I)I", (void *)descriptor_flags},
    {"setDescriptorFlags", "(II)I", (void *)set_descriptor_flags},
    {"statusFlags", "(I)I", (void *)status_flags},
    {"seals", "(I)I", (void *)seals},
    {"addSeals", "(II)I", (void *)add_seals},
    {"size", "(I)J", (void *)size},
    {"allocated", "(I)J", (void *)allocated},
    {"truncate", "(IJ)I", (void *)truncate_},
    {"allocate", "(IIJJ)I", (void *)allocate},
    {"seek", "(IJI)J", (void *)seek},
    {"read", "(ILjava/nio/ByteBuffer;IIJ)J", (void *)read_},
    {"write", "(ILjava/nio/ByteBuffer;IIJ)J", (void *)write_},
    {"map", "(IJJZ)J", (void *)map},
    {"unmap", "(JJ)I", (void *)unmap},
    {"advise", "(JJI)I", (void *)advise},
    {"sendTo", "([B[B[IJ)I", (void *)send_to},
    {"bind", "([B)I", (void *)bind_},
    {"listen", "([BI)I", (void *)listen_},
    {"connect", "([BJ)I", (void *)connect_},
    {"accept", "(I)I", (void *)accept_},
    {"send", "(I[B[I)I", (void *)send_},
    {"receive", "(I[B[I)I", (void *)receive},
    {"peer", "(I[I)I", (void *)peer},
    {"setTimeout", "(IJ)I", (void *)set_timeout},
    {"shutdown", "(I)I", (void *)shutdown_},
    {"bufferAt", "(JI)Ljava/nio/ByteBuffer;", (void *)buffer_at},
};

/* The system property's value with '/' for '.'; 0, or -1 where there is none. */
static int property(JNIEnv *env, char value[CLASS_NAME_MAX]) {
    jclass system = (*env)->FindClass(env, "java/lang/System");
    jmethodID get = system == NULL ? NULL
                                   : (*env)->GetStaticMethodID(env, system, "getProperty",
                                                               "(Ljava/lang/String;)"
                                                               "Ljava/lang/String;");
    jstring name = get == NULL ? NULL : (*env)->NewStringUTF(env, CLASS_PROPERTY);
    jstring text = name == NULL ? NULL : (*env)->CallStaticObjectMethod(env, system, get, name);
    if ((*env)->ExceptionCheck(env) || text == NULL) {
        return -1;
    }
    jsize bytes = (*env)->GetStringUTFLength(env, text);
    if (bytes >= CLASS_NAME_MAX) {
        return -1;
    }
    (*env)->GetStringUTFRegion(env, text, 0, (*env)->GetStringLength(env, text), value);
    value[bytes] = 0;
    for (char *c = value; *c != 0; c++) {
        if (*c == '.') {
            *c = '/';
        }
    }
    return 0;
}

/*
 * The class that the Java side names while it loads the library, as seen by the class loader that
 * loads it: a relocated copy of luo4j has another package. NULL, with no exception pending, where
 * none is named.
 */
static jclass named_class(JNIEnv *env) {
    char name[CLASS_NAME_MAX];
    jclass type = property(env, name) == 0 ? (*env)->FindClass(env, name) : NULL;
    if (type == NULL) {
        (*env)->ExceptionClear(env);
    }
    return type;
}

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved) {
    (void)reserved;
    JNIEnv *env;
    if ((*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_1_8) != JNI_OK) {
        return JNI_ERR;
    }
    jclass type = named_class(env);
    if (type == NULL) {
        type = (*env)->FindClass(env, BRIDGE_CLASS);
    }
    if (type == NULL ||
        (*env)->RegisterNatives(env, type, methods, sizeof methods / sizeof *methods) != JNI_OK) {
        return JNI_ERR; /* with the exception that says what is missing pending */
    }
    return JNI_VERSION_1_8;
}
