#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds libluo4j.so for each platform of the jar, and checks what came out.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"
# shellcheck source=scripts/lib/apt.sh
. "$here/lib/apt.sh"
# shellcheck source=scripts/lib/natives.sh
. "$here/lib/natives.sh"

usage() {
	cat <<END
usage: build-natives.sh [--output DIR] [PLATFORM...]
       build-natives.sh --check JAR

Builds the JNI library for the platforms named, or for all:

  ${NATIVE_PLATFORMS[*]}

and checks each: its machine, that it exports JNI_OnLoad alone, that it needs
the C library and nothing else, no glibc newer than $GLIBC_FLOOR and no symbol that
musl $MUSL_SUITE lacks, and how it is hardened. Prints their paths. A Maven build
packs what is in the default folder, and rebuilds it when its sources change.

  --output DIR   build in DIR/PLATFORM (default: java/core/target/native)
  --check JAR    build nothing; check that JAR has the libraries of all
                 platforms and no other, and each of them as above
  --help         print this

Needs a JDK. As root on Debian it installs what else it misses (gcc, cmake,
make, gcc-aarch64-linux-gnu, unzip); else it names it. Debian's musl is
unpacked into the cache folder. Environment: JAVA_HOME (the JDK), LUO4J_CACHE
(cache folder, default ~/.cache/luo4j), LUO4J_MUSL (a folder with Debian's musl
and musl-dev unpacked, instead of the cache's).
END
}

output=$LUO4J_ROOT/java/core/target/native jar='' platforms=()
while [ $# -gt 0 ]; do
	case $1 in
	--output) option_value "$1" $#; output=$2; shift ;;
	--check) option_value "$1" $#; jar=$2; shift ;;
	--help) usage; exit ;;
	-*) usage_error "unknown option '$1'" ;;
	*) native_platform "$1"; platforms+=("$1") ;;
	esac
	shift
done

if [ -n "$jar" ]; then
	[ ${#platforms[@]} -eq 0 ] || usage_error "--check JAR looks at all platforms, and takes none"
	[ -f "$jar" ] || die "no file $jar to check. Build it first: mvn package"
	need_tools readelf=binutils unzip=unzip
	native_check_jar "$jar" || die "$jar is not one for all platforms; see above"
	exit
fi

[ ${#platforms[@]} -gt 0 ] || platforms=("${NATIVE_PLATFORMS[@]}")
native_tools "${platforms[@]}"
mkdir -p "$output"
output=$(cd -- "$output" && pwd)
for platform in "${platforms[@]}"; do
	native_build "$LUO4J_ROOT" "$output/$platform" "$platform"
	library=$output/$platform/libluo4j.so
	if ! about=$(native_check "$library" "$platform"); then
		printf '%s\n' "$about" >&2
		rm -f "$library"
		die "$platform: the library that was built is not as it must be; see above"
	fi
	say "$platform: $about"
	printf '%s\n' "$library"
done
