#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds a small Linux kernel with the Live Update Orchestrator for the tests.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"
# shellcheck source=scripts/lib/arch.sh
. "$here/lib/arch.sh"
# shellcheck source=scripts/lib/apt.sh
. "$here/lib/apt.sh"

usage() {
	cat <<'END'
usage: build-kernel.sh [options]

Builds a kernel image with LUO from Debian's linux-source package and prints
its path as the last line on stdout. An image that is already in the cache is
used again; a build that was stopped goes on where it was.

  --arch ARCH       x86_64 or aarch64 (default: x86_64)
  --suite SUITE     Debian suite to take linux-source from
                    (default: trixie-backports, then sid)
  --version X.Y     kernel version (default: the newest in the first suite
                    that has one)
  --small           leave out what only services need (kernel-services.config)
  --source DIR      build the kernel source tree DIR instead; DIR is not changed
  --image FILE      build nothing: check that FILE is a usable kernel image
  --cache DIR       cache folder (default: $LUO4J_CACHE, $XDG_CACHE_HOME/luo4j
                    or ~/.cache/luo4j)
  --list            print "X.Y PACKAGE-VERSION SUITE" for each version to be
                    had, newest first, and build nothing
  --print-path      print where the image is, or will be, and build nothing
  --help            print this

Needs 2.5 GB of free space while it builds. As root on Debian it installs the
build packages it misses; else it names them. Environment: LUO4J_DEBIAN_MIRROR
(URI of a Debian mirror; default: the one in the machine's apt sources).
END
}

arch=x86_64 suites=(trixie-backports sid) version='' small='' source='' image='' action=build
while [ $# -gt 0 ]; do
	case $1 in
	--arch) option_value "$1" $#; arch=$2; shift ;;
	--suite) option_value "$1" $#; suites=("$2"); shift ;;
	--version) option_value "$1" $#; version=$2; shift ;;
	--small) small=yes ;;
	--source) option_value "$1" $#; source=$2; shift ;;
	--image) option_value "$1" $#; image=$2; shift ;;
	--cache) option_value "$1" $#; mkdir -p "$2"; LUO4J_CACHE_DIR=$(cd -- "$2" && pwd); shift ;;
	--list) action=list ;;
	--print-path) action=path ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done
set_arch "$arch"
[ -z "$source" ] || [ -z "$image" ] || usage_error "--source and --image exclude each other"

cache=$LUO4J_CACHE_DIR/kernel
configs=("$here/guest/kernel-common.config" "$here/guest/kernel-$ARCH.config")
[ -n "$small" ] || configs+=("$here/guest/kernel-services.config")
make_pid=
trap '[ -z "$make_pid" ] || kill "$make_pid" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# list_versions SUITE...: prints "X.Y PACKAGE-VERSION SUITE" for each linux-source
# of the suites, newest X.Y first; of each suite only the newest package of X.Y.
list_versions() {
	local suite
	local -a names
	for suite in "$@"; do
		apt_suite "$suite" amd64
		mapfile -t names < <(apt-cache "${APT_OPTS[@]}" pkgnames linux-source- | grep -E '^linux-source-[0-9]+\.[0-9]+$')
		[ ${#names[@]} -gt 0 ] || continue
		apt-cache "${APT_OPTS[@]}" madison "${names[@]}" |
			awk -v suite="$suite" '{ sub(/^linux-source-/, "", $1); print $1, $3, suite }'
	done | sort -k1,1Vr -k3,3r -k2,2Vr | awk '!seen[$1 " " $3]++'
}

# wanted_options: the config fragments' lines that set or unset an option.
wanted_options() {
	grep -hE '^(CONFIG_[A-Z0-9_]+=|# CONFIG_[A-Z0-9_]+ is not set$)' "${configs[@]}"
}

# check_config FILE: fails naming the wanted options that FILE does not have.
check_config() {
	local line name ungranted=''
	while IFS= read -r line; do
		case $line in
		'# '*)
			name=${line#\# } name=${name%% *}
			! grep -q "^$name=" "$1" || ungranted="$ungranted $name(off)"
			;;
		*) grep -qxF "$line" "$1" || ungranted="$ungranted $line" ;;
		esac
	done < <(wanted_options)
	[ -z "$ungranted" ] ||
		die "this kernel's Kconfig does not grant:$ungranted. Adapt scripts/guest/kernel-*.config or take another kernel"
}

# compile SOURCE BUILD: makes the image in the folder BUILD from SOURCE.
compile() {
	local src=$1 build=$2 log=$2/luo4j-make.log start now shown=0 count every=60
	local -a make=(make -C "$src" O="$build" ARCH="$ARCH_KERNEL" CROSS_COMPILE="$ARCH_CROSS"
		KBUILD_BUILD_USER=luo4j KBUILD_BUILD_HOST=luo4j)
	mkdir -p "$build"
	if ! {
		"${make[@]}" tinyconfig &&
			(cd "$build" && "$src/scripts/kconfig/merge_config.sh" -m -O "$build" "$build/.config" "${configs[@]}") &&
			"${make[@]}" olddefconfig
	} >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		die "cannot configure the kernel in $src (a tree that was built in place must be cleaned with 'make mrproper' first)"
	fi
	check_config "$build/.config"

	start=$SECONDS
	[ ! -t 2 ] || every=1
	"${make[@]}" -j2 "$ARCH_KERNEL_TARGET" >"$log" 2>&1 &
	make_pid=$!
	while kill -0 "$make_pid" 2>/dev/null; do
		sleep 1
		now=$((SECONDS - start))
		[ $((now - shown)) -ge $every ] || continue
		shown=$now
		# make removes folders of its own while find reads
		count=$(find "$build" -name '*.o' 2>/dev/null | wc -l) || true
		if [ -t 2 ]; then
			printf '\r%s: compiled %d of about %d objects, %s ' "${0##*/}" "$count" "$ARCH_KERNEL_OBJECTS" "$(duration $now)" >&2
		else
			say "compiled $count of about $ARCH_KERNEL_OBJECTS objects, $(duration $now)"
		fi
	done
	[ ! -t 2 ] || printf '\n' >&2
	if ! wait "$make_pid"; then
		make_pid=
		grep -E -A 8 'error|Error' "$log" | head -n 40 >&2 || tail -n 20 "$log" >&2
		die "the kernel did not compile; the whole log is $log"
	fi
	make_pid=
	say "compiled in $(duration $((SECONDS - start)))"
}

# build SOURCE BUILD RESULT: compiles and puts the image in place.
build() {
	say "building $ARCH kernel from ${1##*/}"
	compile "$1" "$2"
	kernel_release "$2/$ARCH_KERNEL_IMAGE" >/dev/null || die "the build made no usable image in $2"
	cp "$2/$ARCH_KERNEL_IMAGE" "$3.new"
	mv "$3.new" "$3"
}

if [ -n "$image" ]; then
	release=$(kernel_release "$image") || die "--image: give a kernel image for $ARCH (a $ARCH_KERNEL_TARGET)"
	luo_capable "$release" || die "--image: kernel $release is older than 6.19 and has no LUO"
	say "kernel $release"
	realpath -- "$image"
	exit
fi

if [ "$action" = list ]; then
	list_versions "${suites[@]}" | while read -r v package suite; do
		! luo_capable "$v" || printf '%s %s %s\n' "$v" "$package" "$suite"
	done
	exit
fi

hash=$(printf '%s\n' "$ARCH" "$(wanted_options | sort)" | sha256sum | cut -c 1-12)

if [ -n "$source" ]; then
	[ -f "$source/Kbuild" ] || die "--source: $source is no kernel source tree"
	[ -d "$source/kernel/liveupdate" ] || die "--source: the kernel in $source has no kernel/liveupdate; LUO came with Linux 6.19"
	source=$(cd -- "$source" && pwd -P)
	key=source-$(printf '%s' "$source" | sha256sum | cut -c 1-12)-$ARCH-$hash
else
	found=
	for suite in "${suites[@]}"; do
		found=$(list_versions "$suite" | awk -v want="$version" 'want == "" || $1 == want' | head -n 1)
		[ -z "$found" ] || break
	done
	[ -n "$found" ] || die "no linux-source${version:+-$version} in Debian ${suites[*]}. Choose one that --list shows"
	read -r version package suite <<<"$found"
	luo_capable "$version" || die "linux-source-$version in Debian $suite is older than 6.19 and has no LUO. Choose one that --list shows"
	key=linux-$package-$ARCH-$hash
fi
result=$cache/$key.img

if [ "$action" = path ]; then
	printf '%s\n' "$result"
	exit
fi
# An image from a package never changes; a source tree may have
if [ -z "$source" ] && [ -f "$result" ]; then
	printf '%s\n' "$result"
	exit
fi

mkdir -p "$cache"
exec 9>"$cache/lock"
if ! flock -n 9; then
	say "another build is running; waiting for it"
	flock 9
fi
if [ -z "$source" ] && [ -f "$result" ]; then
	printf '%s\n' "$result"
	exit
fi

need_tools "$ARCH_CC_TOOL" gcc=gcc make=make flex=flex bison=bison bc=bc cpio=cpio xz=xz-utils perl=perl \
	/usr/include/libelf.h=libelf-dev /usr/include/openssl/opensslv.h=libssl-dev /usr/include/stdio.h=libc6-dev

if [ -n "$source" ]; then
	# The build tree stays: the next run compiles only what changed in DIR
	build "$source" "$cache/$key" "$result"
else
	tree=$cache/linux-source-$package
	if [ ! -d "$tree" ]; then
		deb=$(find "$cache" -maxdepth 1 -name "linux-source-${version}_${package/:/%3a}_all.deb")
		if [ -z "$deb" ]; then
			apt_suite "$suite" amd64
			say "downloading linux-source-$version $package"
			deb=$(apt_fetch "$cache" "linux-source-$version=$package")
		fi
		say "unpacking linux-source-$version $package"
		rm -rf "$tree.new"
		mkdir "$tree.new"
		dpkg -x "$deb" "$tree.new/deb" || die "cannot unpack $deb. Delete it and run this again"
		tar -C "$tree.new" --strip-components=1 -xf "$tree.new/deb/usr/src/linux-source-$version.tar.xz"
		rm -rf "$tree.new/deb"
		mv "$tree.new" "$tree"
	fi
	build "$tree" "$cache/$key" "$result"
	rm -rf "${cache:?}/$key" "$tree"
fi
say "kernel $(kernel_release "$result")"
printf '%s\n' "$result"
