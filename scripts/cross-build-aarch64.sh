#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds libluo4j.so for linux-aarch64 on another machine, and checks what came out.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"

usage() {
	cat <<'END'
usage: cross-build-aarch64.sh [--output DIR]

Cross-compiles the JNI library for linux-aarch64 and prints its path. It lands
where the Maven build takes it into the jar (which cross-compiles it too, from
then on, as the compiler is there).

  --output DIR   build in DIR (default: java/core/target/native/linux-aarch64)
  --help         print this

Needs cmake, make, a JDK and Debian's gcc-aarch64-linux-gnu; as root on Debian
it installs what is missing, else it names it. Environment: JAVA_HOME.
END
}

output=$LUO4J_ROOT/java/core/target/native/linux-aarch64
while [ $# -gt 0 ]; do
	case $1 in
	--output) option_value "$1" $#; output=$2; shift ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done

need_tools cmake=cmake make=make readelf=binutils aarch64-linux-gnu-gcc=gcc-aarch64-linux-gnu \
	/usr/aarch64-linux-gnu/lib/crti.o=libc6-dev-arm64-cross

java_home=${JAVA_HOME:-}
if [ -z "$java_home" ]; then
	have javac || die "no JDK, whose jni.h is needed. Install one, or set JAVA_HOME"
	java_home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
fi

cmake -S "$LUO4J_ROOT" -B "$output" -DLUO4J_JAVA_HOME="$java_home" \
	-DCMAKE_TOOLCHAIN_FILE="$LUO4J_ROOT/native/aarch64-linux-gnu.cmake" >&2
cmake --build "$output" >&2

library=$output/libluo4j.so
readelf -h "$library" | grep -q 'Machine: *AArch64' || die "$library is not for AArch64: $(file "$library")"
readelf -h "$library" | grep -q 'Type: *DYN' || die "$library is no shared library"
exports=$(readelf --dyn-syms -W "$library" | awk '$4 == "FUNC" && $7 != "UND" { print $8 }')
[ "$exports" = JNI_OnLoad ] || die "$library exports '$exports' instead of JNI_OnLoad alone"
say "linux-aarch64: ELF for AArch64, exporting JNI_OnLoad"
printf '%s\n' "$library"
