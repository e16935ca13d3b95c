#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests libluo4j.so of each platform: built, checked, loaded and called.
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
usage: native-test.sh [PLATFORM...]

Builds the JNI library for the platforms named, or for all:

  ${NATIVE_PLATFORMS[*]}

and, of each, checks it as build-natives.sh does, builds it once more in another
folder and compares the bytes, and calls its natives: by a C program in a root
folder that has that program, the library, and the platform's C library and
dynamic loader, and nothing else. Another machine's runs under QEMU. Then sees
that libraries which are not as they must be are refused. Prints each result and
at the end "N passed, N failed, N skipped"; ends with 0 only if nothing failed
or was skipped.

  --help   print this

Needs a JDK, and root or unprivileged user namespaces for the root folder. As
root on Debian it installs what else it misses (see build-natives.sh, and
qemu-user-static); else it names it. Environment: as for build-natives.sh.
END
}

platforms=()
while [ $# -gt 0 ]; do
	case $1 in
	--help) usage; exit ;;
	-*) usage_error "unknown option '$1'" ;;
	*) native_platform "$1"; platforms+=("$1") ;;
	esac
	shift
done
[ ${#platforms[@]} -gt 0 ] || platforms=("${NATIVE_PLATFORMS[@]}")

work=$(mktemp -d "${TMPDIR:-/tmp}/luo4j-natives.XXXXXX")
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

# result PASS|FAIL|SKIP TEST [REASON]
result() {
	printf '%s %s\n' "$1" "$2${3:+: ${3//$'\n'/; }}"
	case $1 in
	PASS) passed=$((passed + 1)) ;;
	FAIL) failed=$((failed + 1)) ;;
	SKIP) skipped=$((skipped + 1)) ;;
	esac
}

# in_root FOLDER COMMAND...: runs a command with FOLDER as its root folder.
in_root() {
	local root=$1
	shift
	if [ "$(id -u)" -eq 0 ]; then
		PATH=$PATH:/usr/sbin:/sbin chroot "$root" "$@"
	else
		unshare --map-root-user --root "$root" "$@"
	fi
}

# loader PLATFORM: the path of its dynamic loader.
loader() {
	case $1 in
	*-musl) printf '/lib/ld-musl-%s.so.1\n' "$(native_machine "$1")" ;;
	linux-x86_64) printf '/lib64/ld-linux-x86-64.so.2\n' ;;
	linux-aarch64) printf '/lib/ld-linux-aarch64.so.1\n' ;;
	esac
}

# make_root PLATFORM FOLDER: the root folder that the library is loaded in. Sets
# runner to what the program is run by there.
make_root() {
	local platform=$1 root=$2 machine sysroot qemu
	machine=$(native_machine "$platform")
	runner=()
	mkdir -p "$root/lib" "$root/lib64"
	if [[ $platform = *-musl ]]; then
		cp "$(native_musl "$machine")/lib/$machine-linux-musl/libc.so" "$root$(loader "$platform")"
	else
		sysroot=
		[ "$machine" = "$(uname -m)" ] || sysroot=/usr/$machine-linux-gnu
		cp -L "$sysroot$(loader "$platform")" "$root$(loader "$platform")"
		cp "$("$(native_compiler "$machine")" -print-file-name=libc.so.6)" "$root/lib/libc.so.6"
	fi
	cp "$work/$platform/load_test" "$work/$platform/libluo4j.so" "$root/"
	if [ "$machine" != "$(uname -m)" ]; then
		qemu=$(command -v "qemu-$machine-static")
		cp "$qemu" "$root/qemu"
		runner=(/qemu)
	fi
}

# load PLATFORM: calls the library's natives.
load() {
	local platform=$1 root=$work/$1/root line status=0 results=0
	make_root "$platform" "$root"
	in_root "$root" ${runner[@]+"${runner[@]}"} /load_test /libluo4j.so >"$work/$platform/load" 2>&1 || status=$?
	while IFS= read -r line; do
		case $line in
		'PASS '*) result PASS "$platform ${line#PASS }" ;;
		'FAIL '*) result FAIL "$platform ${line#FAIL }" ;;
		*) printf '  | %s\n' "$line"; continue ;;
		esac
		results=$((results + 1))
	done <"$work/$platform/load"
	if [ $results -eq 0 ] || { [ $status -ne 0 ] && ! grep -q '^FAIL ' "$work/$platform/load"; }; then
		result FAIL "$platform load_test" "it ended with $status; see above"
	fi
}

# refused NAME PLATFORM WORDS FILE: the check must refuse FILE with these words.
refused() {
	local report
	if report=$(native_check "$4" "$2"); then
		result FAIL "check refuses $1" "it passed: $report"
	elif [[ $report != *"$3"* ]]; then
		result FAIL "check refuses $1" "not with '$3', but: $report"
	else
		result PASS "check refuses $1"
	fi
}

# bad NAME WORDS OPTION...: the check must refuse a library of this machine's
# that is otherwise as it must be but linked with these options.
bad() {
	local name=$1 words=$2 file=$work/bad.so
	shift 2
	gcc -shared -fPIC -fvisibility=hidden -fstack-protector-all -Wl,-z,relro,-z,now -o "$file" "$work/good.c" "$@"
	refused "$name" "linux-$(uname -m)" "$words" "$file"
}

native_tools "${platforms[@]}"
for platform in "${platforms[@]}"; do
	machine=$(native_machine "$platform")
	[ "$machine" = "$(uname -m)" ] || need_tools "qemu-$machine-static=qemu-user-static"
done

# The bytes must not depend on where the sources are.
sources=$work/elsewhere
mkdir "$sources"
cp -R "$LUO4J_ROOT/CMakeLists.txt" "$LUO4J_ROOT/native" "$sources/"
for platform in "${platforms[@]}"; do
	native_build "$LUO4J_ROOT" "$work/$platform" "$platform"
	library=$work/$platform/libluo4j.so
	if about=$(native_check "$library" "$platform"); then
		result PASS "$platform check" "$about"
	else
		result FAIL "$platform check" "$about"
	fi
	native_build "$sources" "$sources/build/$platform" "$platform"
	if cmp -s "$library" "$sources/build/$platform/libluo4j.so"; then
		result PASS "$platform reproducible" "sha256 $(sha256sum "$library" | cut -c 1-16)"
	else
		result FAIL "$platform reproducible" "another folder gives other bytes. Look for a path in it: strings libluo4j.so"
	fi
	load "$platform"
done

printf '%s\n' '#define EXPORTED __attribute__((visibility("default")))' '#include <unistd.h>' \
	'EXPORTED int JNI_OnLoad(void) { return (int)lseek(0, 0, 0); }' >"$work/good.c"
gcc -shared -fPIC -fvisibility=hidden -fstack-protector-all -Wl,-z,relro,-z,now -o "$work/good.so" "$work/good.c"
if about=$(native_check "$work/good.so" "linux-$(uname -m)"); then
	result PASS "check takes a library that is as it must be"
else
	result FAIL "check takes a library that is as it must be" "$about"
fi
bad 'lazy binding' 'bound lazily' -Wl,-z,lazy
bad 'no RELRO' 'no RELRO segment' -Wl,-z,norelro
bad 'an executable stack' "its stack is 'RWE'" -Wl,-z,execstack
bad 'a library path' 'a library path of its own' -Wl,-rpath,/opt/lib
bad 'another library' 'libm.so.6' -Wl,--no-as-needed -lm
printf '%s\n' 'int extra(void) { return 1; }' >"$work/extra.c"
bad 'another export' "it exports 'JNI_OnLoad extra'" "$work/extra.c" -fvisibility=default
printf '%s\n' '#include <pthread.h>' 'pthread_t t; int joined(void) { return pthread_join(t, 0); }' >"$work/new.c"
if gcc -shared -fPIC -o "$work/new.so" "$work/new.c" && readelf -VW "$work/new.so" | grep -q 'GLIBC_2\.3[4-9]'; then
	bad 'a symbol of a newer glibc' "$GLIBC_FLOOR is the limit, for pthread_join@GLIBC_2.34" "$work/new.c"
else
	result SKIP 'check refuses a symbol of a newer glibc' "this machine's glibc is older than 2.34"
fi
printf 'no library\n' >"$work/text.so"
refused 'a text' linux-x86_64 'is no ELF file' "$work/text.so"
if [ ${#platforms[@]} -eq ${#NATIVE_PLATFORMS[@]} ]; then
	refused 'another machine' linux-aarch64 "it is for the machine 'Advanced Micro Devices X86-64'" "$work/linux-x86_64/libluo4j.so"
	refused "glibc's for musl" linux-x86_64-musl 'needs versions of symbols, GLIBC_2.2.5' "$work/linux-x86_64/libluo4j.so"
	refused "musl's for glibc" linux-aarch64 "it needs no version of glibc's symbols" "$work/linux-aarch64-musl/libluo4j.so"
fi
# checked_jar TEST STATUS WORDS: the check of $work/jar, packed, must end with
# STATUS (0 or 1) and print these words.
checked_jar() {
	local report status=0
	"$(native_jdk)/bin/jar" --create --file "$work/luo4j.jar" -C "$work/jar" org
	report=$(native_check_jar "$work/luo4j.jar") || status=1
	if [ $status -ne "$2" ] || [[ $report != *"$3"* ]]; then
		result FAIL "$1" "status $status, not $2, or not with '$3': $report"
	else
		result PASS "$1"
	fi
}

if [ ${#platforms[@]} -eq ${#NATIVE_PLATFORMS[@]} ]; then
	need_tools unzip=unzip
	for platform in "${platforms[@]}"; do
		mkdir -p "$work/jar/org/luo4j/native/$platform"
		cp "$work/$platform/libluo4j.so" "$work/jar/org/luo4j/native/$platform/"
	done
	checked_jar 'jar with the four' 0 'linux-aarch64-musl: aarch64, needs libc.so'
	printf 'x' >"$work/jar/org/luo4j/native/notes"
	checked_jar 'check refuses a jar with another file' 1 'native/notes'
	rm "$work/jar/org/luo4j/native/notes"
	cp "$work/good.so" "$work/jar/org/luo4j/native/linux-aarch64-musl/libluo4j.so"
	checked_jar "check refuses a jar with glibc's for musl" 1 "linux-aarch64-musl: it needs the libraries"
	rm "$work/jar/org/luo4j/native/linux-aarch64-musl/libluo4j.so"
	checked_jar 'check refuses a jar without one of the four' 1 'has not just the libraries for'
fi
printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
[ $failed -eq 0 ] && [ $skipped -eq 0 ]
