# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Makes and boots the test guest: a JRE, the class path and the next kernel on
# a read-only disk, and an initramfs that holds only busybox, init and
# luo_kexec. A guest of this machine's architecture gets this machine's JDK, C
# library and busybox; one of another gets Debian's packages. Sourced, not run.
# Needs common.sh, arch.sh and apt.sh.

# Modules of the guest's JRE: what luo4j, JNA and the JUnit platform use; or
# "all" that the JDK has
GUEST_MODULES=java.base,java.logging,java.management,java.xml,java.compiler,jdk.management,jdk.unsupported

# Not empty: the guest has kexec-tools' kexec
GUEST_KEXEC=

# Not empty: a kernel that is built for the guest lacks what only services need
GUEST_SMALL=

# Further files of the guest's disk
GUEST_FILES=()

# What the guest's kernel is told of LUO
GUEST_LUO='kho=on liveupdate=on'

# java_home: prints the home of the JDK in use: $JAVA_HOME or that of javac.
java_home() {
	local home
	home=$(jdk_home)
	[ -x "$home/bin/jlink" ] || die "no JDK with jlink${home:+ in $home}. Install one (Debian: openjdk-17-jdk-headless) or point JAVA_HOME at it"
	printf '%s\n' "$home"
}

# java_feature: prints the feature version of that JDK, as in "17".
java_feature() {
	"$(java_home)/bin/java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p'
}

# guest_native: true if the guest has this machine's architecture.
guest_native() {
	[ "$ARCH" = "$(uname -m)" ]
}

# guest_suite: prints this machine's Debian suite; another system's guest has an older one's packages.
guest_suite() {
	local suite
	# shellcheck disable=SC1091
	suite=$(. /etc/os-release 2>/dev/null && [ "${ID:-}" = debian ] && printf '%s' "${VERSION_CODENAME:-}") || true
	printf '%s\n' "${suite:-bookworm}"
}

# into_cache NEW FOLDER: makes NEW the FOLDER of the cache, unless another run has made the same one meanwhile.
into_cache() {
	mv -T "$1" "$2" 2>/dev/null || [ -d "$2" ] || die "cannot move $1 to $2; is there space, and is the folder this user's?"
	rm -rf "$1"
}

# guest_packages: for a guest of another architecture, unpacks Debian's JDK, C
# library and busybox for it, or finds them in the cache, and prints their folder.
guest_packages() {
	local suite feature dest list name file
	suite=$(guest_suite)
	feature=$(java_feature)
	apt_suite "$suite" "$ARCH_DEB"
	local -a names=(busybox-static libc6 libgcc-s1 libstdc++6 zlib1g "openjdk-$feature-jdk-headless" "openjdk-$feature-jre-headless")
	for name in "${names[@]}"; do
		[ -n "$(apt-cache "${APT_OPTS[@]}" madison "$name")" ] ||
			die "Debian $suite has no $name for $ARCH_DEB. Point JAVA_HOME at a JDK of a version that it has"
	done
	list=$(apt-cache "${APT_OPTS[@]}" madison "${names[@]}" | awk '!seen[$1]++ { print $1 "=" $3 }')
	dest=$LUO4J_CACHE_DIR/guest/$ARCH-$(printf '%s' "$list" | sha256sum | cut -c 1-12)
	if [ ! -d "$dest" ]; then
		rm -rf "$dest.new.$$"
		mkdir -p "$dest.new.$$/deb"
		for name in $list; do
			say "downloading $name for $ARCH_DEB"
			file=$(apt_fetch "$dest.new.$$/deb" "$name")
			dpkg -x "$file" "$dest.new.$$"
		done
		rm -rf "$dest.new.$$/deb"
		into_cache "$dest.new.$$" "$dest"
	fi
	printf '%s\n' "$dest"
}

# guest_jre: makes the guest's JRE, or finds it in the cache, and prints its folder.
guest_jre() {
	local home key dest source wanted=$GUEST_MODULES
	local -a modules=() emulated=()
	home=$(java_home)
	source=$("$home/bin/java" -version 2>&1 | sed -n 2p)
	if ! guest_native; then
		source=$(guest_packages)
		emulated=("$ARCH_QEMU_USER" -L "$source")
		modules=(--module-path "$source/usr/lib/jvm/java-$(java_feature)-openjdk-$ARCH_DEB/jmods")
		[ -f "${modules[1]}/java.base.jmod" ] || die "no ${modules[1]}/java.base.jmod. Delete $source and run this again"
	fi
	# jlink of a JDK without jmods links neither itself nor what needs it
	[ "$wanted" != all ] || wanted=$("$home/bin/java" --list-modules | sed 's/@.*//' |
		grep -vx -e jdk.jlink -e jdk.jpackage | paste -s -d ,)
	key=$(printf '%s %s %s' "$ARCH" "$wanted" "$source" | sha256sum | cut -c 1-12)
	dest=$LUO4J_CACHE_DIR/jre/$ARCH-$key
	if [ ! -d "$dest" ]; then
		say "linking a JRE from $source"
		mkdir -p "$LUO4J_CACHE_DIR/jre"
		rm -rf "$dest.new.$$"
		"$home/bin/jlink" ${modules[@]+"${modules[@]}"} --add-modules "$wanted" \
			--strip-java-debug-attributes --no-man-pages --no-header-files --output "$dest.new.$$" >&2 ||
			die "jlink failed; is $home a whole JDK (Debian: openjdk-17-jdk-headless)?"
		# the archive of parsed classes halves the JVM's start-up time
		${emulated[@]+"${emulated[@]}"} "$dest.new.$$/bin/java" -XX:TieredStopAtLevel=1 -Xshare:dump >/dev/null 2>&1 ||
			say "java -Xshare:dump failed: JVMs start more slowly in the guest"
		into_cache "$dest.new.$$" "$dest"
	fi
	printf '%s\n' "$dest"
}

# guest_libraries JRE DEST: copies the C library and what else the JRE and JNA
# load under DEST, each at the path where the guest's loader looks for it.
guest_libraries() {
	local jre=$1 dest=$2 libc name
	local -a files
	if ! guest_native; then
		libc=$(guest_packages)
		mkdir -p "$dest/usr/lib"
		cp -a "$libc/lib" "$dest/lib"
		cp -a "$libc/usr/lib/$ARCH-linux-gnu" "$dest/usr/lib/"
		return
	fi
	mapfile -t files < <({
		ldd "$jre/bin/java"
		find "$jre/lib" -name '*.so' -exec ldd {} +
	} 2>/dev/null | grep -o '/[^ ]*' | grep -v ':$' | grep -v "^$jre/" | sort -u)
	libc=$(printf '%s\n' "${files[@]}" | grep -m 1 '/libc\.so') || true
	[ -n "$libc" ] || die "ldd finds no glibc under $jre: the guest needs a JDK linked to glibc"
	# JNA's library is linked against glibc's older, split form
	for name in libdl.so.2 libm.so.6 libpthread.so.0 librt.so.1; do
		[ ! -e "${libc%/*}/$name" ] || files+=("${libc%/*}/$name")
	done
	mapfile -t files < <(printf '%s\n' "${files[@]}" | sort -u)
	cp -L --parents "${files[@]}" "$dest/"
}

# guest_kexec_packages: unpacks Debian's kexec-tools, and the libraries that it
# needs besides the C library, or finds them in the cache, and prints their folder.
guest_kexec_packages() {
	local suite dest name file
	local -a names=(kexec-tools)
	suite=$(guest_suite)
	apt_suite "$suite" "$ARCH_DEB"
	dest=$LUO4J_CACHE_DIR/guest/kexec-$suite-$ARCH_DEB
	if [ ! -d "$dest" ]; then
		rm -rf "$dest.new.$$"
		mkdir -p "$dest.new.$$/deb"
		while [ ${#names[@]} -gt 0 ]; do
			name=${names[0]}
			names=("${names[@]:1}")
			[ ! -e "$dest.new.$$/deb/$name" ] || continue
			say "downloading $name for $ARCH_DEB"
			file=$(apt_fetch "$dest.new.$$/deb/$name" "$name")
			dpkg -x "$file" "$dest.new.$$"
			mapfile -t -O ${#names[@]} names < <(apt-cache "${APT_OPTS[@]}" depends --important "$name" |
				sed -n 's/^ *Depends: \(lib[^ ]*\)$/\1/p' | grep -vxE 'libc6|libgcc-s1')
		done
		rm -rf "$dest.new.$$/deb"
		into_cache "$dest.new.$$" "$dest"
	fi
	printf '%s\n' "$dest"
}

# guest_kexec DEST: copies kexec-tools' kexec to DEST/bin, and what it loads under
# DEST. It is this machine's, or for want of one that of Debian's package, which
# is not installed.
guest_kexec() {
	local dest=$1 kexec='' packages
	local -a files
	mkdir -p "$dest/bin"
	! guest_native || kexec=$(PATH=$PATH:/usr/sbin:/sbin command -v kexec) || true
	if [ -n "$kexec" ]; then
		mapfile -t files < <(ldd "$kexec" | grep -o '/[^ ]*' | grep -v ':$' | sort -u)
		cp -L --parents "${files[@]}" "$dest/"
	else
		packages=$(guest_kexec_packages)
		kexec=$(find "$packages" -path '*sbin/kexec' -type f)
		[ -n "$kexec" ] || die "Debian's kexec-tools in $packages has no kexec. Delete that folder and run this again"
		mkdir -p "$dest/usr/lib/$ARCH-linux-gnu"
		find "$packages" -name '*.so.*' -exec cp -a {} "$dest/usr/lib/$ARCH-linux-gnu/" \;
	fi
	cp "$kexec" "$dest/bin/kexec"
}

# guest_busybox: prints the path of a static busybox for the guest.
guest_busybox() {
	local busybox=/bin/busybox
	if ! guest_native; then
		busybox=$(guest_packages)/bin/busybox
	elif ldd "$busybox" >/dev/null 2>&1; then
		die "$busybox is not a static program. Install busybox-static"
	fi
	printf '%s\n' "$busybox"
}

# guest_initramfs WORK: makes WORK/initrd.
guest_initramfs() {
	local work=$1 root=$1/initramfs dir
	mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/luo4j/disk"
	cp "$(guest_busybox)" "$root/bin/busybox"
	cp "$LUO4J_ROOT/scripts/guest/init" "$root/init"
	"$ARCH_CC" -std=gnu11 -O2 -static -Wall -Wextra -Werror \
		-o "$root/bin/luo_kexec" "$LUO4J_ROOT/native/guest/luo_kexec.c" || die "luo_kexec.c does not compile"
	ln -s disk/classpath "$root/luo4j/lib"
	for dir in lib lib64 usr; do
		ln -s "luo4j/disk/$dir" "$root/$dir"
	done
	(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0 | gzip -1) >"$work/initrd"
}

# guest_disk WORK JARS NEXT_KERNEL: makes WORK/disk.img.
guest_disk() {
	local work=$1 jars=$2 next=$3 root=$1/disk jre size
	rm -rf "$root"
	mkdir -p "$root/classpath"
	jre=$(guest_jre)
	cp -a "$jre" "$root/jre"
	guest_libraries "$jre" "$root"
	[ -z "$GUEST_KEXEC" ] || guest_kexec "$root"
	cp "$jars"/*.jar "$root/classpath/"
	cp "$next" "$root/kernel-next"
	cp "$work/initrd" "$root/initrd"
	[ ${#GUEST_FILES[@]} -eq 0 ] || cp -a "${GUEST_FILES[@]}" "$root/"
	size=$(du -sk --apparent-size "$root" | cut -f 1)
	PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -F -O ^has_journal -m 0 -d "$root" "$work/disk.img" \
		"$((size + size / 8 + 16384))k" >/dev/null || die "mkfs.ext4 could not make the guest's disk in $work; is there space?"
	rm -rf "$root"
}

QEMU_PID=
# stop_qemu: ends the QEMU that run_guest started, if it still runs.
stop_qemu() {
	[ -n "$QEMU_PID" ] || return 0
	kill -KILL "$QEMU_PID" 2>/dev/null || true
	wait "$QEMU_PID" 2>/dev/null || true
	QEMU_PID=
}

# boot_guest WORK KERNEL MEMORY LIMIT LOG CMDLINE HANDLER: boots the guest with
# WORK/initrd and WORK/disk.img; the rest as for run_guest.
boot_guest() {
	run_guest "$1" "$3" "$4" "$5" "$7" \
		-drive "file=$1/disk.img,if=none,id=disk,format=raw,readonly=on" -device virtio-blk-pci,drive=disk \
		-kernel "$2" -initrd "$1/initrd" \
		-append "console=$ARCH_CONSOLE $GUEST_LUO panic=-1 quiet loglevel=1 $6"
}

# run_guest WORK MEMORY LIMIT LOG HANDLER QEMU-OPTION...: runs a guest and
# calls HANDLER with each "[luo4j] " line, as it comes, without that prefix.
# The serial console goes to LOG. A stage (see init) that takes more than LIMIT
# seconds ends the guest. Sets BOOT_END to "" (the guest ended by itself) or to
# what went wrong.
run_guest() {
	local work=$1 memory=$2 limit=$3 log=$4 handler=$5
	local line='' part status deadline=$((SECONDS + $3)) serial
	local fifo=$work/serial
	shift 5
	BOOT_END=
	rm -f "$fifo"
	mkfifo "$fifo"
	: >"$log"
	# setpriv: QEMU dies with this script, however that ends
	setpriv --pdeathsig KILL "$ARCH_QEMU" "${ARCH_QEMU_ARGS[@]}" \
		-accel "$GUEST_ACCEL" -cpu "$ARCH_QEMU_CPU" -smp 2 -m "$memory" \
		-nodefaults -no-user-config -display none -no-reboot -serial stdio "$@" \
		</dev/null >"$fifo" 2>"$work/qemu.err" &
	QEMU_PID=$!
	exec {serial}<"$fifo"
	while :; do
		status=0
		IFS= read -r -t 1 part <&"$serial" || status=$?
		line+=$part
		if [ $status -gt 128 ]; then
			# nothing more within a second: the line may be unfinished
			[ $SECONDS -lt $deadline ] || { BOOT_END="no end within $limit s"; break; }
			continue
		fi
		line=${line%$'\r'}
		[ -z "$line" ] || printf '%s\n' "$line" >>"$log"
		case $line in
		*'[luo4j] '*)
			line=${line#*'[luo4j] '}
			[[ $line != 'STAGE '* ]] || deadline=$((SECONDS + limit))
			"$handler" "$line"
			;;
		esac
		line=
		[ $status -eq 0 ] || break
		[ $SECONDS -lt $deadline ] || { BOOT_END="no end within $limit s"; break; }
	done
	exec {serial}<&-
	if [ -n "$BOOT_END" ]; then
		stop_qemu
		return
	fi
	status=0
	wait "$QEMU_PID" || status=$?
	QEMU_PID=
	if grep -q 'Kernel panic' "$log"; then
		BOOT_END="the kernel panicked"
	elif [ $status -ne 0 ]; then
		BOOT_END="QEMU ended with status $status: $(tr '\n' ' ' <"$work/qemu.err")"
	fi
}

# guest_work NAME: makes the folder $work, and sees to its end and to QEMU's.
# With $keep what is in the folder then is kept there.
guest_work() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/luo4j-$1.XXXXXX")
	trap guest_work_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

guest_work_end() {
	stop_qemu
	if [ -n "$keep" ]; then
		mkdir -p "$keep"
		rm -f "$work/serial"
		cp -a "$work/." "$keep/" && say "logs and files are in $keep"
	fi
	rm -rf "$work"
}

# guest_tools: what a guest is made and booted with.
guest_tools() {
	need_tools "$ARCH_QEMU=$ARCH_QEMU_PACKAGE" cpio=cpio gzip=gzip setpriv=util-linux \
		/sbin/mkfs.ext4=e2fsprogs "$ARCH_CC_TOOL" "$ARCH_LIBC_TOOL"
	if guest_native; then
		need_tools /bin/busybox=busybox-static
	else
		need_tools "$ARCH_QEMU_USER=qemu-user-static"
	fi
}

# guest_kernel [FILE]: prints the kernel image to boot, FILE or the one that
# build-kernel.sh makes.
guest_kernel() {
	"$LUO4J_ROOT/scripts/build-kernel.sh" --arch "$ARCH" ${GUEST_SMALL:+--small} ${1:+--image "$1"} | tail -n 1
}

# guest_jars: builds luo4j, unless $build is empty, and checks that $jars has jars.
guest_jars() {
	if [ -n "$build" ]; then
		have mvn || die "no Maven (mvn) to build luo4j with. Install it, or use --no-build with jars that are there"
		say "building luo4j"
		(cd "$LUO4J_ROOT" && mvn -B -q -DskipTests package) >&2 || die "Maven could not build luo4j; see above"
	fi
	compgen -G "$jars/*.jar" >/dev/null || die "no jars in $jars. Build luo4j first (leave out --no-build), or name their folder with --guest-lib"
}
