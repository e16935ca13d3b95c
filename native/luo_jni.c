/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The natives of org.luo4j.internal.jni.JniBridge: unpack, call luo_sys, return. No state, no thrown
 * exception of its own. A name array is copied to the stack; bulk data travels in direct buffers,
 * whose ranges the Java side has checked.
 */
#include <errno.h>
#include <jni.h>
#include <string.h>

#include "luo_sys.h"

#define BRIDGE_CLASS "org/luo4j/internal/jni/JniBridge"
#define ARGUMENT_MAX 4096
#define NAME_MAX_BYTES 256

/* Changes whenever a native method does, so that an old library is refused by a newer jar. */
#define BRIDGE_VERSION 1

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
    {"close", "(I)I", (void *)close_},
    {"duplicate", "(I)I", (void *)duplicate},
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
    {"bufferAt", "(JI)Ljava/nio/ByteBuffer;", (void *)buffer_at},
};

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved) {
    (void)reserved;
    JNIEnv *env;
    if ((*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_1_8) != JNI_OK) {
        return JNI_ERR;
    }
    jclass type = (*env)->FindClass(env, BRIDGE_CLASS);
    if (type == NULL ||
        (*env)->RegisterNatives(env, type, methods, sizeof methods / sizeof *methods) != JNI_OK) {
        return JNI_ERR; /* with the exception that says what is missing pending */
    }
    return JNI_VERSION_1_8;
}
