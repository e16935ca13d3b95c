# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The platforms of libluo4j.so: how it is built for each, and what must hold of
# it. Sourced, not run. Needs common.sh and apt.sh.

NATIVE_PLATFORMS=(linux-x86_64 linux-aarch64 linux-x86_64-musl linux-aarch64-musl)

# The oldest glibc that must load the library: that of RHEL 8, Debian 10 and
# Ubuntu 18.10
GLIBC_FLOOR=2.28

# The Debian suite whose musl is built against: 1.2.3, as in Alpine 3.16. A
# library that needs nothing newer is loaded by what came since.
MUSL_SUITE=bookworm

# native_machine PLATFORM: "x86_64" or "aarch64".
native_machine() {
	local machine=${1#linux-}
	printf '%s\n' "${machine%-musl}"
}

# native_compiler MACHINE: the C compiler for it.
native_compiler() {
	if [ "$1" = "$(uname -m)" ]; then
		printf 'gcc\n'
	else
		printf '%s-linux-gnu-gcc\n' "$1"
	fi
}

# native_platform NAME: fails unless it is one of the platforms.
native_platform() {
	local platform
	for platform in "${NATIVE_PLATFORMS[@]}"; do
		[ "$1" != "$platform" ] || return 0
	done
	usage_error "platform '$1' is not one of: ${NATIVE_PLATFORMS[*]}"
}

# native_tools PLATFORM...: what the platforms are built with. For musl see native_musl.
native_tools() {
	local platform machine
	local -a tools=(cmake=cmake make=make readelf=binutils)
	for platform in "$@"; do
		machine=$(native_machine "$platform")
		if [ "$machine" = "$(uname -m)" ]; then
			tools+=(gcc=gcc /usr/include/stdio.h=libc6-dev)
			continue
		fi
		tools+=("$(native_compiler "$machine")=gcc-${machine/_/-}-linux-gnu")
		[ "$platform" != "linux-$machine" ] ||
			tools+=("/usr/$machine-linux-gnu/lib/crti.o=libc6-dev-$(deb_arch "$machine")-cross")
	done
	need_tools "${tools[@]}"
}

deb_arch() {
	case $1 in
	x86_64) printf 'amd64\n' ;;
	aarch64) printf 'arm64\n' ;;
	esac
}

# native_musl MACHINE: prints a folder with Debian's musl and musl-dev of that
# machine, unpacked: $LUO4J_MUSL, or the cache's.
native_musl() {
	local machine=$1 dir package file arch
	dir=${LUO4J_MUSL:-$LUO4J_CACHE_DIR/musl/$MUSL_SUITE-$machine}
	if [ -z "${LUO4J_MUSL:-}" ] && [ ! -d "$dir" ]; then
		need_tools dpkg-deb=dpkg flock=util-linux
		arch=$(deb_arch "$machine")
		mkdir -p "${dir%/*}"
		exec 7>"$dir.lock"
		flock 7
		if [ ! -d "$dir" ]; then
			apt_suite "$MUSL_SUITE" "$arch"
			rm -rf "$dir.new"
			mkdir "$dir.new"
			for package in musl musl-dev; do
				file=$(apt_fetch "$dir.debs" "$package:$arch")
				dpkg-deb -x "$file" "$dir.new" || die "cannot unpack $file. Is there space in ${dir%/*}?"
			done
			rm -rf "$dir.debs"
			mv "$dir.new" "$dir"
		fi
		exec 7>&-
	fi
	for file in "lib/$machine-linux-musl/libc.so" "usr/include/$machine-linux-musl/stdlib.h"; do
		[ -f "$dir/$file" ] || die "$dir has no $file, so no musl for $machine." \
			"Remove that folder, or set LUO4J_MUSL to one with Debian's musl and musl-dev unpacked"
	done
	printf '%s\n' "$dir"
}

# native_jdk: prints the folder of a JDK that has jni.h.
native_jdk() {
	local home
	home=$(jdk_home)
	[ -n "$home" ] || die "no JDK, whose jni.h is needed. Install one, or set JAVA_HOME"
	[ -f "$home/include/jni.h" ] || die "$home has no include/jni.h. Set JAVA_HOME to a JDK, not a JRE"
	printf '%s\n' "$home"
}

# native_build SOURCE FOLDER PLATFORM: builds FOLDER/libluo4j.so, and load_test
# beside it, from the checkout SOURCE; nothing is left of an earlier configuration.
# What the tools say goes to stderr if they fail.
native_build() {
	local source=$1 dir=$2 platform=$3 machine log musl
	local -a options=()
	machine=$(native_machine "$platform")
	if [ "$platform" != "linux-$(uname -m)" ]; then
		options=("-DCMAKE_TOOLCHAIN_FILE=$source/native/cross.cmake" "-DLUO4J_PLATFORM=$platform")
	fi
	if [[ $platform = *-musl ]]; then
		musl=$(native_musl "$machine")
		options+=("-DLUO4J_MUSL=$musl")
	fi
	rm -rf "$dir/CMakeCache.txt" "$dir/CMakeFiles"
	mkdir -p "$dir"
	log=$dir/build.log
	if ! { cmake -S "$source" -B "$dir" -DLUO4J_JAVA_HOME="$(native_jdk)" "${options[@]}" &&
		cmake --build "$dir"; } >"$log" 2>&1; then
		tail -n 30 "$log" >&2
		die "$platform was not built; see above, or $log"
	fi
}

# native_check FILE PLATFORM: whether the library is what that platform needs.
# Prints what is wrong, a line each; with nothing wrong one line on what it needs.
native_check() {
	local file=$1 platform=$2 machine header dynamic segments symbols
	local wanted needed value versions newest=
	machine=$(native_machine "$platform")
	local -a wrong=()
	local -x LC_ALL=C
	if ! { header=$(readelf -hW "$file" 2>&1) && dynamic=$(readelf -dW "$file" 2>&1) &&
		segments=$(readelf -lW "$file" 2>&1) && symbols=$(readelf --dyn-syms -W "$file" 2>&1); }; then
		printf '%s is no ELF file: build it again\n' "$file"
		return 1
	fi

	case $machine in
	x86_64) wanted='Advanced Micro Devices X86-64' ;;
	aarch64) wanted=AArch64 ;;
	esac
	value=$(sed -n 's/^ *Machine: *//p' <<<"$header")
	[ "$value" = "$wanted" ] || wrong+=("it is for the machine '$value', not '$wanted': build it with $machine's compiler")
	value=$(sed -n 's/^ *Type: *\([A-Z]*\).*/\1/p' <<<"$header")
	[ "$value" = DYN ] || wrong+=("its type is '$value', not DYN: link it with -shared")

	value=$(awk '$5 != "LOCAL" && $7 != "UND" && $1 ~ /^[0-9]+:$/ { print $8 }' <<<"$symbols" | sort | paste -sd ' ')
	[ "$value" = JNI_OnLoad ] || wrong+=("it exports '$value', not JNI_OnLoad alone: compile it with -fvisibility=hidden")

	needed=$(sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p' <<<"$dynamic" | sort | paste -sd ' ')
	case $platform in
	*-musl) wanted=libc.so ;;
	# the stack protector's guard is the dynamic loader's there
	linux-aarch64) wanted='ld-linux-aarch64.so.1 libc.so.6' ;;
	*) wanted=libc.so.6 ;;
	esac
	[ "$needed" = "$wanted" ] || wrong+=("it needs the libraries '$needed', not '$wanted': link it with nothing else")

	grep -q 'GNU_RELRO' <<<"$segments" || wrong+=("it has no RELRO segment: link it with -z relro")
	grep -Eq '\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*NOW' <<<"$dynamic" || wrong+=("it is bound lazily: link it with -z now")
	value=$(awk '$1 == "GNU_STACK" { print $7 ($8 ~ /^0x/ ? "" : $8) }' <<<"$segments")
	[ "$value" = RW ] || wrong+=("its stack is '${value:-not declared}', not RW: link it with -z noexecstack")
	! grep -Eq '\((RPATH|RUNPATH)\)' <<<"$dynamic" || wrong+=("it has a library path of its own: link it without -rpath")
	! grep -Eq '\(TEXTREL\)|TEXTREL' <<<"$dynamic" || wrong+=("it has relocations in its code: compile it with -fPIC")

	versions=$(sed -n 's/.*Name: \([A-Za-z0-9_.]*\) *Flags:.*/\1/p' <<<"$(readelf -VW "$file" 2>/dev/null)" | sort -uV)
	if [[ $platform = *-musl ]]; then
		[ -z "$versions" ] || wrong+=("it needs versions of symbols, $(paste -sd ' ' <<<"$versions"), which musl has none of: build it against musl")
		value=$(native_missing_in_musl "$symbols" "$machine") || return 1
		[ -z "$value" ] || wrong+=("musl of Debian $MUSL_SUITE lacks what it needs: $value. Call these by number")
		newest="musl of Debian $MUSL_SUITE"
	else
		value=$(grep -Ev '^GLIBC_[0-9.]+$' <<<"$versions" | paste -sd ' ') || true
		[ -z "$value" ] || wrong+=("it needs versions that are not glibc's: '$value'")
		newest=$(grep -E '^GLIBC_[0-9.]+$' <<<"$versions" | tail -n 1) || true
		newest=${newest#GLIBC_}
		if [ -z "$newest" ]; then
			wrong+=("it needs no version of glibc's symbols: build it against glibc")
		elif [ "$(printf '%s\n%s\n' "$newest" "$GLIBC_FLOOR" | sort -V | tail -n 1)" != "$GLIBC_FLOOR" ]; then
			value=$(sed -n "s/.* \([^ ]*@GLIBC_$newest\).*/\1/p" <<<"$symbols" | paste -sd ' ')
			wrong+=("it needs glibc $newest, $GLIBC_FLOOR is the limit, for $value. Call these by number")
		fi
		newest="glibc $newest"
	fi

	if [ ${#wrong[@]} -gt 0 ]; then
		printf '%s\n' "${wrong[@]}"
		return 1
	fi
	printf '%s, needs %s from %s\n' "$machine" "$needed" "$newest"
}

# native_missing_in_musl SYMBOLS MACHINE: of a library's symbols, as readelf
# prints them, those that musl of that machine does not define.
native_missing_in_musl() {
	local musl libc
	musl=$(native_musl "$2") || return 1
	libc=$musl/lib/$2-linux-musl/libc.so
	comm -23 \
		<(awk '$7 == "UND" && $5 != "WEAK" && NF >= 8 { sub(/@.*/, "", $8); print $8 }' <<<"$1" | sort -u) \
		<(readelf --dyn-syms -W "$libc" | awk '$7 != "UND" && NF >= 8 { print $8 }' | sort -u) | paste -sd ' '
}

# native_check_jar JAR: whether a jar has the four libraries, no other, and each
# passes native_check. Prints a line for each.
native_check_jar() {
	local jar=$1 dir platform found wanted report status=0
	dir=$(mktemp -d)
	found=$(unzip -Z1 "$jar" 'org/luo4j/native/*' 2>/dev/null | grep -v '/$' | LC_ALL=C sort) || true
	wanted=$(printf 'org/luo4j/native/%s/libluo4j.so\n' "${NATIVE_PLATFORMS[@]}" | LC_ALL=C sort)
	if [ "$found" != "$wanted" ]; then
		printf '%s has not just the libraries for %s, but: %s. Run build-natives.sh, then mvn package\n' \
			"$jar" "${NATIVE_PLATFORMS[*]}" "${found//$'\n'/ }"
		status=1
	fi
	for platform in "${NATIVE_PLATFORMS[@]}"; do
		unzip -q "$jar" "org/luo4j/native/$platform/libluo4j.so" -d "$dir" 2>/dev/null || continue
		report=$(native_check "$dir/org/luo4j/native/$platform/libluo4j.so" "$platform") || status=1
		printf '%s\n' "$platform: ${report//$'\n'/$'\n'$platform: }"
	done
	rm -rf "$dir"
	return $status
}
