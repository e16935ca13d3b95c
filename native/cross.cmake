# SPDX-License-Identifier: Apache-2.0
# Another platform than that of this machine's C compiler, with Debian's compilers:
#   cmake -S . -B build -DCMAKE_TOOLCHAIN_FILE=native/cross.cmake -DLUO4J_PLATFORM=linux-aarch64
# For musl -DLUO4J_MUSL= names a folder that Debian's packages musl and musl-dev of that machine were
# unpacked into. They take the place of the compiler's own headers, start files and C library.
if(NOT LUO4J_PLATFORM MATCHES "^linux-(x86_64|aarch64)(-musl)?$")
  message(FATAL_ERROR "LUO4J_PLATFORM is '${LUO4J_PLATFORM}': set it to linux-x86_64, linux-aarch64, "
                      "linux-x86_64-musl or linux-aarch64-musl.")
endif()
set(machine ${CMAKE_MATCH_1})
set(libc "${CMAKE_MATCH_2}")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LUO4J_PLATFORM LUO4J_MUSL)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${machine})
if(machine STREQUAL CMAKE_HOST_SYSTEM_PROCESSOR)
  set(CMAKE_C_COMPILER gcc)
else()
  set(CMAKE_C_COMPILER ${machine}-linux-gnu-gcc)
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)

if(libc)
  set(triplet ${machine}-linux-musl)
  if(NOT EXISTS "${LUO4J_MUSL}/usr/include/${triplet}/stdlib.h")
    message(FATAL_ERROR "LUO4J_MUSL is '${LUO4J_MUSL}', which has no usr/include/${triplet}: unpack "
                        "Debian's musl and musl-dev into it, use scripts/build-natives.sh, or delete "
                        "${CMAKE_BINARY_DIR} to go on without this platform.")
  endif()
  # a build whose musl is gone says so, by the message above
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
               "${LUO4J_MUSL}/usr/include/${triplet}/stdlib.h")
  foreach(part include libgcc.a)
    execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=${part}
                    OUTPUT_VARIABLE of_compiler_${part} OUTPUT_STRIP_TRAILING_WHITESPACE)
  endforeach()
  set(start ${LUO4J_MUSL}/usr/lib/${triplet})
  set(CMAKE_C_FLAGS_INIT
      "-nostdinc -isystem ${LUO4J_MUSL}/usr/include/${triplet} -isystem ${of_compiler_include}")
  # libc.so is in lib, the archives and start files are in usr/lib.
  set(link "-nostdlib -L${LUO4J_MUSL}/lib/${triplet} -L${start}")
  set(CMAKE_SHARED_LINKER_FLAGS_INIT "${link}")
  set(CMAKE_EXE_LINKER_FLAGS_INIT
      "${link} -pie -Wl,-dynamic-linker,/lib/ld-musl-${machine}.so.1 ${start}/Scrt1.o ${start}/crti.o")
  set(CMAKE_C_STANDARD_LIBRARIES_INIT "-lc ${of_compiler_libgcc.a} ${start}/crtn.o")
endif()
