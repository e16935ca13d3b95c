# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# Everything that differs between the architectures of the test kernel and its
# virtual machine. Sourced, not run. Needs common.sh.

# set_arch ARCH: sets the ARCH_* variables for x86_64 or aarch64.
set_arch() {
	ARCH=$1
	ARCH_CROSS=
	[ "$ARCH" = "$(uname -m)" ] || ARCH_CROSS=$ARCH-linux-gnu-
	ARCH_CC=${ARCH_CROSS}gcc
	ARCH_QEMU_USER=qemu-$ARCH-static        # runs one program of it
	case $ARCH in
	x86_64)
		ARCH_DEB=amd64
		ARCH_KERNEL=x86_64              # ARCH= of the kernel's make
		ARCH_KERNEL_TARGET=bzImage
		ARCH_KERNEL_IMAGE=arch/x86/boot/bzImage
		ARCH_KERNEL_OBJECTS=1400        # object files of the larger build, roughly
		ARCH_CROSS_PACKAGE=gcc-x86-64-linux-gnu
		ARCH_QEMU=qemu-system-x86_64
		ARCH_QEMU_PACKAGE=qemu-system-x86
		ARCH_QEMU_ARGS=(-machine q35)
		# emulated, the string instructions of the first two go byte by byte: zeroing memory takes 3 times
		# as long; and the third's page tables of five levels take longer to walk than those of four
		ARCH_QEMU_CPU=max,erms=off,fsrm=off,la57=off
		ARCH_CONSOLE=ttyS0
		;;
	aarch64)
		ARCH_DEB=arm64
		ARCH_KERNEL=arm64
		ARCH_KERNEL_TARGET=Image
		ARCH_KERNEL_IMAGE=arch/arm64/boot/Image
		ARCH_KERNEL_OBJECTS=1100
		ARCH_CROSS_PACKAGE=gcc-aarch64-linux-gnu
		ARCH_QEMU=qemu-system-aarch64
		ARCH_QEMU_PACKAGE=qemu-system-arm
		ARCH_QEMU_ARGS=(-machine virt)
		# the kernel signs its return addresses, for which the architecture's own cipher is slow to emulate
		ARCH_QEMU_CPU=max,pauth-impdef=on
		ARCH_CONSOLE=ttyAMA0
		;;
	*) usage_error "architecture '$ARCH' is not one of: x86_64 aarch64" ;;
	esac
	# what need_tools is to look for: a C compiler, and a C library for static programs
	if [ -n "$ARCH_CROSS" ]; then
		ARCH_CC_TOOL=$ARCH_CC=$ARCH_CROSS_PACKAGE
		ARCH_LIBC_TOOL=/usr/$ARCH-linux-gnu/lib/libc.a=libc6-dev-$ARCH_DEB-cross
	else
		ARCH_CC_TOOL=gcc=gcc
		ARCH_LIBC_TOOL=/usr/include/stdio.h=libc6-dev
	fi
}

# kernel_release FILE: prints the release (as in uname -r) of the kernel image
# FILE of the architecture set; fails with a reason on stderr when FILE is no
# such image.
kernel_release() {
	local file=$1 magic offset release
	[ -f "$file" ] || { say "no file $file"; return 1; }
	case $ARCH in
	x86_64)
		magic=$(dd if="$file" bs=1 skip=514 count=4 status=none | tr -d '\0')
		[ "$magic" = HdrS ] || { say "$file is no x86 bzImage"; return 1; }
		offset=$(od -An -tu2 -j 526 -N 2 --endian=little "$file" | tr -d ' ')
		release=$(dd if="$file" bs=1 skip=$((offset + 512)) count=128 status=none | tr '\0' '\n' | head -n 1)
		release=${release%% *}
		;;
	aarch64)
		magic=$(dd if="$file" bs=1 skip=56 count=4 status=none | tr -d '\0')
		[ "$magic" = ARMd ] || { say "$file is no arm64 Image"; return 1; }
		release=$(grep -a -o -m 1 'Linux version [0-9][^ ]*' "$file" | head -n 1)
		release=${release##* }
		;;
	esac
	[ -n "$release" ] || { say "$file names no kernel release"; return 1; }
	printf '%s\n' "$release"
}

# luo_capable RELEASE: true for releases that have the Live Update Orchestrator.
luo_capable() {
	[ "$(printf '%s\n6.19\n' "$1" | sort -V | head -n 1)" = 6.19 ]
}
