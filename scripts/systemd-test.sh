#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests a JVM service's cache in systemd's hands, on a LUO kernel in QEMU: restart, crash, soft reboot, kexec.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"
# shellcheck source=scripts/lib/arch.sh
. "$here/lib/arch.sh"
# shellcheck source=scripts/lib/apt.sh
. "$here/lib/apt.sh"
# shellcheck source=scripts/lib/guest.sh
. "$here/lib/guest.sh"
# shellcheck source=scripts/lib/root-image.sh
. "$here/lib/root-image.sh"
# shellcheck source=scripts/lib/results.sh
. "$here/lib/results.sh"

usage() {
	cat <<'END'
usage: systemd-test.sh [options]

Boots Debian with systemd 261 or later on a LUO kernel in a virtual machine.
Services with a WarmCache run there by the unit files of
java/cache/examples/systemd, hardened and as a user of their own: one that keeps
the cache's memory and its LUO session in the unit's file descriptor store, and
one without access to LUO's device, that keeps the memory alone. They are
restarted and killed; then come a soft reboot, "systemctl kexec", and another one
whose shutdown finds the device held. After each they verify every entry, as does
a process that systemd does not know after the README's own "kexec --exec". The
unit is installed by the README's commands, too. A third one loses its store, as
"luo doctor" then says, has a full one, meets a second process and an old one that
does not end. Prints each result as it comes; a table of the times to the first
value, from main() on, and of what systemd's shutdown takes to preserve 1 GiB; and
at the end "N passed, N failed, N skipped". Ends with 0 only if nothing failed,
nothing was skipped, every stage was completed, and a session made the shutdown
100 times cheaper or more.

The shutdown's cost is the time between its messages about two fds that cannot be
preserved, which were stored before and after the memory: what is done in between
is to preserve the memory. Both ways are measured in one shutdown, with memory of
1 GiB each, filled by a program in C in place of the JVM.

  --suite SUITE        Debian suite of the guest (default: stable, or sid while
                       stable has no systemd 261)
  --kernel-image FILE  kernel to use (default: the one build-kernel.sh makes)
  --accel NAME         QEMU accelerator: tcg (default) or kvm
  --memory MIB         memory of the guest (default: 6144)
  --timeout SECONDS    limit for each stage, from one boot to the next
                       (default: 1800)
  --append WORDS       further words for the guest's kernel command line, as in
                       "loglevel=7 systemd.log_level=debug"
  --no-build           use the jars that are there; do not run Maven
  --guest-lib DIR      jars for the guest's class path (default:
                       java/cache/target/guest in the checkout)
  --keep DIR           keep the console log and the guest's files in DIR; without
                       it the log of a run that failed stays in the cache folder
  --list               print the stages and what they run, and boot nothing
  --help               print this

The first run builds a kernel and makes a root image (400 MB) in the cache
folder. Needs a JDK and Maven; as root on Debian it installs what else it misses (QEMU,
mmdebstrap, a C compiler), else it names it. Environment: JAVA_HOME (the JDK),
LUO4J_CACHE (cache folder, default ~/.cache/luo4j).
END
}

suites=(stable sid) kernel='' memory=6144 limit=1800 append='' keep='' list='' build=yes
jars=$LUO4J_ROOT/java/cache/target/guest luo=$LUO4J_ROOT/java/cli/target/luo.jar
GUEST_ACCEL=tcg
while [ $# -gt 0 ]; do
	case $1 in
	--suite) option_value "$1" $#; suites=("$2"); shift ;;
	--kernel-image) option_value "$1" $#; kernel=$2; shift ;;
	--accel) option_value "$1" $#; GUEST_ACCEL=$2; shift ;;
	--memory) option_value "$1" $#; memory=$2; shift ;;
	--timeout) option_value "$1" $#; limit=$2; shift ;;
	--append) option_value "$1" $#; append=$2; shift ;;
	--no-build) build= ;;
	--guest-lib) option_value "$1" $#; jars=$2; shift ;;
	--keep) option_value "$1" $#; keep=$2; shift ;;
	--list) list=yes ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done
set_arch "$(uname -m)"
[[ $limit =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout '$limit' is no number of seconds"
[[ $memory =~ ^[1-9][0-9]*$ ]] || usage_error "--memory '$memory' is no number of MiB"

if [ -n "$list" ]; then
	# the plans are the functions plan_NAME of the guest's plan
	sed -n '/^plan_.*() {$/,/^}$/p' "$here/guest/systemd/plan" | sed -e 's/^\(plan_\)\(.*\)() {$/plan \2/' \
		-e '/^}$/d' -e '/esac$/d' -e '/case /d' -e '/;;$/d' -e 's/^\t\([0-9]\))$/  stage \1/' -e 's/^\t\t*/    /'
	exit
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/luo4j-systemd.XXXXXX")
finished=
cleanup() {
	stop_qemu
	rm -f "$work/serial"
	if [ -n "$keep" ]; then
		mkdir -p "$keep"
		cp -a "$work/." "$keep/" && say "logs and files are in $keep"
	elif [ -z "$finished" ] && [ -s "$log" ]; then
		cp "$log" "$LUO4J_CACHE_DIR/systemd-test.log" && say "the console's log is $LUO4J_CACHE_DIR/systemd-test.log"
	fi
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# plan_disk WORK KERNEL: makes WORK/disk.img, the guest's /luo4j.
plan_disk() {
	local root=$1/disk from=$here/guest/systemd/standin
	mkdir -p "$root/standin" "$root/lib"
	install -m 755 "$here/guest/systemd/plan" "$root/plan"
	cp "$2" "$root/kernel-next"
	cp "$jars"/*.jar "$root/lib/"
	cp "$luo" "$root/luo.jar"
	mkdir -p "$root/java/cache/examples"
	cp -r "$LUO4J_ROOT/java/cache/examples/systemd" "$root/java/cache/examples/"
	printf '' | cpio -o -H newc --quiet >"$root/initrd-empty"
	readme_commands systemd >"$root/readme-systemd"
	readme_commands 'The process itself' >"$root/readme-process"
	cp "$from"/*.service "$from"/*.rules "$root/standin/"
	"$ARCH_CC" -std=gnu11 -O2 -static -Wall -Wextra -Werror -o "$root/standin/session" "$from/session.c" ||
		die "session.c does not compile"
	PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -F -O ^has_journal -m 0 -d "$root" "$1/disk.img" \
		"$(($(du -sk --apparent-size "$root" | cut -f 1) + 16384))k" >/dev/null ||
		die "mkfs.ext4 could not make the guest's disk in $1; is there space?"
	rm -rf "$root"
}

# shutdown_cost WHAT: prints how many microseconds systemd's shutdown took from the
# fd WHAT.before to WHAT.after, whichever came first; nothing if it did not say.
shutdown_cost() {
	awk -v before="(name '$1.before')" -v after="(name '$1.after')" '
		/systemd-shutdown\[1\]: Failed to preserve LUO fd / {
			at = $0
			sub(/\] systemd-shutdown.*/, "", at)
			sub(/.*\[ */, "", at)
			if (index($0, before)) { from = at; seen++ }
			if (index($0, after)) { to = at; seen++ }
		}
		END { if (seen == 2) printf "%d\n", (to > from ? to - from : from - to) * 1000000 + 0.5 }' "$log"
}

# millis MICROSECONDS
millis() {
	printf '%d.%03d ms' $(($1 / 1000)) $(($1 % 1000))
}

# check_cost: compares the two ways' costs and adds them to the table.
check_cost() {
	local plain session
	plain=$(shutdown_cost memory) session=$(shutdown_cost both)
	if [ -z "$plain" ] || [ -z "$session" ]; then
		fail "shutdown-cost: systemd's shutdown did not say when it came to the memory of 1 GiB"
		return
	fi
	rows+=("kexec, 1 GiB|LUO session|-|-|$(millis "$session")" "kexec, 1 GiB|plain memfd|-|-|$(millis "$plain")")
	if [ "$plain" -ge $((session * 100)) ]; then
		result "PASS systemd shutdown-cost: $(millis "$session") with a session, $(millis "$plain") without, $((plain / (session > 0 ? session : 1))) times as much"
	else
		result "FAIL systemd shutdown-cost: $(millis "$session") with a session, $(millis "$plain") without: less than 100 times as much"
	fi
}

rows=()
# guest_line LINE: takes one line of the guest: of the table, or as result.
guest_line() {
	case $1 in
	'ROW '*) rows+=("${1#ROW }|-") ;;
	*) result "$1" ;;
	esac
}

print_table() {
	local event way warm entries cost row
	printf '\n%-22s %-12s %14s %17s %14s\n' event way 'time to warm' 'entries verified' 'shutdown cost'
	for row in "${rows[@]}"; do
		IFS='|' read -r event way warm entries cost <<<"$row"
		printf '%-22s %-12s %14s %17s %14s\n' "$event" "$way" "$warm" "$entries" "$cost"
	done
	printf '\n'
}

need_tools "$ARCH_QEMU=$ARCH_QEMU_PACKAGE" cpio=cpio setpriv=util-linux /sbin/mkfs.ext4=e2fsprogs \
	"$ARCH_CC_TOOL" "$ARCH_LIBC_TOOL"
kernel=$(guest_kernel "$kernel")
guest_jars
[ -f "$luo" ] || die "no $luo. Build luo4j first (leave out --no-build)"
root=$(root_image "$(root_suite "${suites[@]}")")
plan_disk "$work" "$kernel"

started=$SECONDS
start_results "$work/console.log"
say "booting ${root##*/} on kernel $(kernel_release "$kernel") ($memory MiB)"
# snapshot: what the guest writes to its root ends with it
run_guest "$work" "$memory" "$limit" "$log" guest_line \
	-drive "file=$root,if=none,id=root,format=raw,snapshot=on" -device virtio-blk-pci,drive=root \
	-drive "file=$work/disk.img,if=none,id=disk,format=raw,readonly=on" -device virtio-blk-pci,drive=disk \
	-kernel "$kernel" \
	-append "console=$ARCH_CONSOLE kho=on liveupdate=on panic=-1 loglevel=4 root=/dev/vda rw systemd.show_status=no luo4j.plan=test${append:+ $append}"
check_stages test 5
check_cost
print_table
say "the guest took $(duration $((SECONDS - started)))"

printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
[ $failed -eq 0 ] && [ $skipped -eq 0 ] || exit 1
finished=yes
