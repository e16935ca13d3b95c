/* SPDX-License-Identifier: Apache-2.0 */
/* A test that fails says where and what, and ends the program with 1. */
#ifndef LUO_CHECK_H
#define LUO_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                   \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);      \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)

#define CHECK_EQUAL(expected, actual)                                                      \
    do {                                                                                   \
        int64_t want = (int64_t)(expected);                                                \
        int64_t have = (int64_t)(actual);                                                  \
        if (want != have) {                                                                \
            fprintf(stderr, "%s:%d: %s is %lld, expected %s = %lld\n", __FILE__, __LINE__, \
                    #actual, (long long)have, #expected, (long long)want);                 \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)

#endif
