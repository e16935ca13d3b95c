# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Makes the root image of a guest that boots Debian's systemd on a kernel of
# ours. Sourced, not run. Needs common.sh, arch.sh and apt.sh.

# The first systemd that carries file descriptor stores over a kexec
ROOT_SYSTEMD=261
ROOT_PACKAGES=(systemd systemd-sysv udev dbus kexec-tools default-jre-headless)

# root_suite SUITE...: prints the first of the suites whose systemd is new enough.
root_suite() {
	local suite version
	for suite in "$@"; do
		apt_suite "$suite" "$ARCH_DEB"
		version=$(apt-cache "${APT_OPTS[@]}" madison systemd | awk 'NR == 1 { print $3 }')
		if [ -n "$version" ] && dpkg --compare-versions "$version" ge "$ROOT_SYSTEMD"; then
			printf '%s\n' "$suite"
			return
		fi
		say "Debian $suite has systemd ${version:-none}; $ROOT_SYSTEMD or later is needed"
	done
	die "no Debian suite with systemd $ROOT_SYSTEMD or later. Name one with --suite"
}

# root_image SUITE: makes the image, or finds it in the cache, and prints its
# path. Its /luo4j is where the run's own disk is mounted, and at boot it runs
# /luo4j/plan (see scripts/guest/systemd).
root_image() {
	local suite=$1 key image work log
	local unit=$LUO4J_ROOT/scripts/guest/systemd/luo4j-plan.service
	# how the image is made is part of its key
	key=$(cat "$unit" "${BASH_SOURCE[0]}" | sha256sum | cut -c 1-12)
	image=$LUO4J_CACHE_DIR/root/debian-$suite-$ARCH-$key.img
	if [ ! -f "$image" ]; then
		need_tools mmdebstrap=mmdebstrap tar=tar /sbin/mkfs.ext4=e2fsprogs
		[ "$(id -u)" -eq 0 ] || need_tools fakeroot=fakeroot newuidmap=uidmap
		mkdir -p "${image%/*}"
		exec 8>"${image%/*}/lock"
		flock 8
	fi
	if [ ! -f "$image" ]; then
		apt_suite "$suite" "$ARCH_DEB"
		# of runs that were killed: the lock is ours
		rm -rf "${image%/*}"/.new.*
		say "making a root image from Debian $suite (about 400 MB)"
		work=$(mktemp -d "${image%/*}/.new.XXXXXX")
		log=$work/log
		if ! mmdebstrap --variant=minbase --architectures="$ARCH_DEB" \
			--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Retries "3"' \
			--include="$(IFS=, && printf '%s' "${ROOT_PACKAGES[*]}")" \
			"$suite" "$work/root.tar" "$LUO4J_CACHE_DIR/apt/$suite-$ARCH_DEB/suite.sources" >"$log" 2>&1 ||
			! root_filesystem "$work" "$unit" >>"$log" 2>&1; then
			grep -E '^(E:|dpkg: error|mkfs|tar:)' "$log" | tail -n 10 >&2 || tail -n 10 "$log" >&2
			rm -rf "$work"
			die "could not make the root image; see above"
		fi
		mv "$work/root.img" "$image"
		rm -rf "$work"
	fi
	printf '%s\n' "$image"
}

# root_filesystem WORK UNIT: makes WORK/root.img from WORK/root.tar.
root_filesystem() {
	local -a as_root=()
	[ "$(id -u)" -eq 0 ] || as_root=(fakeroot)
	# shellcheck disable=SC2016 # the inner shell expands it
	PATH=$PATH:/usr/sbin:/sbin ${as_root[@]+"${as_root[@]}"} bash -euc '
		mkdir "$1/root"
		tar -C "$1/root" --numeric-owner --xattrs --xattrs-include="*" -xpf "$1/root.tar"
		rm "$1/root.tar"
		cd "$1/root"
		mkdir -p luo4j etc/systemd/system/multi-user.target.wants var/log/journal
		cp "$2" etc/systemd/system/
		ln -s ../luo4j-plan.service etc/systemd/system/multi-user.target.wants/
		printf "/dev/vda / ext4 rw 0 1\n/dev/vdb /luo4j ext4 ro 0 0\n" >etc/fstab
		printf "luo4j\n" >etc/hostname
		# an image without an id would go through the first boot each time
		tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
		# the console belongs to the plan; the clock and the network do not matter
		for unit in getty.target serial-getty@.service systemd-timesyncd.service apt-daily.timer \
			apt-daily-upgrade.timer; do
			ln -sf /dev/null "etc/systemd/system/$unit"
		done
		rm -rf usr/share/doc/* usr/share/man/* usr/share/locale/* var/cache/apt/* var/lib/apt/lists/* \
			etc/apt/sources.list etc/apt/sources.list.d/* etc/apt/apt.conf.d/99mmdebstrap
		kib=$(du -sk . | cut -f 1)
		mkfs.ext4 -q -F -m 0 -d . "$1/root.img" "$((kib + kib / 8 + 262144))k"
	' root_filesystem "$1" "$2"
}
