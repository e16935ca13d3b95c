/*
 * Copyright 2026 The luo4j Authors
 *
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at
 *
 *     https://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */
package org.luo4j.internal.bridge;

/**
 * The errno numbers that luo4j names, as Linux has them on every machine it runs on
 * (asm-generic/errno-base.h and asm-generic/errno.h).
 */
public final class Errno {
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int EINTR = 4;
  public static final int EIO = 5;
  public static final int E2BIG = 7;
  public static final int EBADF = 9;
  public static final int EAGAIN = 11;
  public static final int ENOMEM = 12;
  public static final int EACCES = 13;
  public static final int EFAULT = 14;
  public static final int EBUSY = 16;
  public static final int EEXIST = 17;
  public static final int ENODEV = 19;
  public static final int EINVAL = 22;
  public static final int ENFILE = 23;
  public static final int EMFILE = 24;
  public static final int ENOTTY = 25;
  public static final int EFBIG = 27;
  public static final int ENOSPC = 28;
  public static final int ESPIPE = 29;
  public static final int ENOSYS = 38;
  public static final int EOVERFLOW = 75;
  public static final int EOPNOTSUPP = 95;

  private static final String[][] TEXT = {
    {"1", "EPERM", "operation not permitted"},
    {"2", "ENOENT", "no such file or entry"},
    {"4", "EINTR", "interrupted system call"},
    {"5", "EIO", "input/output error"},
    {"7", "E2BIG", "argument too big"},
    {"9", "EBADF", "bad file descriptor"},
    {"11", "EAGAIN", "resource temporarily unavailable"},
    {"12", "ENOMEM", "cannot allocate memory"},
    {"13", "EACCES", "permission denied"},
    {"14", "EFAULT", "bad address"},
    {"16", "EBUSY", "device or resource busy"},
    {"17", "EEXIST", "already exists"},
    {"19", "ENODEV", "no such device"},
    {"22", "EINVAL", "invalid argument"},
    {"23", "ENFILE", "too many open files in the system"},
    {"24", "EMFILE", "too many open files in the process"},
    {"25", "ENOTTY", "inappropriate ioctl for this fd"},
    {"27", "EFBIG", "file too large"},
    {"28", "ENOSPC", "no space left"},
    {"29", "ESPIPE", "illegal seek"},
    {"38", "ENOSYS", "system call not implemented"},
    {"75", "EOVERFLOW", "value too large"},
    {"95", "EOPNOTSUPP", "operation not supported"},
  };

  private Errno() {}

  /** The symbolic name, "EBUSY", or "errno 999" for a number that has none here. */
  public static String name(int errno) {
    String[] row = row(errno);
    return row == null ? "errno " + errno : row[1];
  }

  /** Name and meaning: "EBUSY (device or resource busy)". */
  public static String describe(int errno) {
    String[] row = row(errno);
    return row == null ? "errno " + errno : row[1] + " (" + row[2] + ")";
  }

  private static String[] row(int errno) {
    String number = Integer.toString(errno);
    for (String[] row : TEXT) {
      if (row[0].equals(number)) {
        return row;
      }
    }
    return null;
  }
}
