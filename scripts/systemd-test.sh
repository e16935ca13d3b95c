#!/usr/bin/env bash
# Tests a JVM service in systemd's hands, on a LUO kernel in QEMU: restart, crash, soft reboot, kexec.
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
Three hardened services run as a user of their own: a JVM keeps a memfd in the
file descriptor store; two keep a memfd and the LUO session that it is preserved
in, made by root or by themselves. They are restarted, killed, stopped and
started; then come a soft reboot and three times "systemctl kexec". After each
they verify the contents of their memory. Prints each result as it comes and at
the end "N passed, N failed, N skipped"; ends with 0 only if nothing failed,
nothing was skipped and every stage was completed.

  --cost               measure instead what systemd's shutdown takes to preserve
                       1 GiB: the memfd, its session or both in the store
  --suite SUITE        Debian suite of the guest (default: stable, or sid while
                       stable has no systemd 261)
  --kernel-image FILE  kernel to use (default: the one that
                       "build-kernel.sh --for systemd" makes)
  --accel NAME         QEMU accelerator: tcg (default) or kvm
  --memory MIB         memory of the guest (default: fits the plan)
  --timeout SECONDS    limit for each stage, from one boot to the next
                       (default: 600)
  --append WORDS       further words for the guest's kernel command line, as in
                       "loglevel=7 systemd.log_level=debug"
  --keep DIR           keep the console log and the guest's files in DIR; without
                       it the log of a run that failed stays in the cache folder
  --list               print the stages and what they run, and boot nothing
  --help               print this

The first run builds a kernel and makes a root image (400 MB) in the cache
folder. Needs a JDK; as root on Debian it installs what else it misses (QEMU,
mmdebstrap, a C compiler), else it names it. Environment: JAVA_HOME (the JDK),
LUO4J_CACHE (cache folder, default ~/.cache/luo4j).
END
}

plan=test suites=(stable sid) kernel='' memory='' limit=600 append='' keep='' list=''
GUEST_ACCEL=tcg
while [ $# -gt 0 ]; do
	case $1 in
	--cost) plan=cost ;;
	--suite) option_value "$1" $#; suites=("$2"); shift ;;
	--kernel-image) option_value "$1" $#; kernel=$2; shift ;;
	--accel) option_value "$1" $#; GUEST_ACCEL=$2; shift ;;
	--memory) option_value "$1" $#; memory=$2; shift ;;
	--timeout) option_value "$1" $#; limit=$2; shift ;;
	--append) option_value "$1" $#; append=$2; shift ;;
	--keep) option_value "$1" $#; keep=$2; shift ;;
	--list) list=yes ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done
set_arch "$(uname -m)"
[[ $limit =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout '$limit' is no number of seconds"
[[ $memory =~ ^([1-9][0-9]*)?$ ]] || usage_error "--memory '$memory' is no number of MiB"

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

# service_files DEST: the services under test, for the disk's folder DEST.
service_files() {
	local from=$here/guest/systemd/standin name
	mkdir -p "$1/standin/classes"
	cp "$from"/*.service "$from"/*.conf "$from"/*.rules "$1/standin/"
	for name in launch session; do
		"$ARCH_CC" -std=gnu11 -O2 -static -Wall -Wextra -Werror -o "$1/standin/$name" "$from/$name.c" ||
			die "$name.c does not compile"
	done
	"$(java_home)/bin/javac" --release 17 -Xlint:all -Werror -d "$1/standin/classes" "$from/StandIn.java" ||
		die "StandIn.java does not compile"
}

# plan_disk WORK KERNEL: makes WORK/disk.img, the guest's /luo4j.
plan_disk() {
	local root=$1/disk
	mkdir -p "$root"
	install -m 755 "$here/guest/systemd/plan" "$root/plan"
	cp "$2" "$root/kernel-next"
	service_files "$root"
	PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -F -O ^has_journal -m 0 -d "$root" "$1/disk.img" \
		"$(($(du -sk --apparent-size "$root" | cut -f 1) + 16384))k" >/dev/null ||
		die "mkfs.ext4 could not make the guest's disk in $1; is there space?"
	rm -rf "$root"
}

# shutdown_cost: prints how long each of systemd's shutdowns was at preserving:
# from its last message before that to its message that all is preserved.
shutdown_cost() {
	awk '
		/\[luo4j\] COST / { what = $NF; sub(/\r/, "", what) }
		/systemd-shutdown\[1\]: / { at = $0; sub(/\] systemd-shutdown.*/, "", at); sub(/.*\[ */, "", at) }
		/systemd-shutdown\[1\]: Syncing/ { from = at }
		/systemd-shutdown\[1\]: Failed to preserve LUO fd .*memory/ { refused = ", the memfd refused" }
		/systemd-shutdown\[1\]: Preserved fd stores/ {
			printf "%s in the store: %.0f ms%s\n", what, (at - from) * 1000, refused
			refused = ""
		}' "$log"
}

need_tools "$ARCH_QEMU=$ARCH_QEMU_PACKAGE" setpriv=util-linux /sbin/mkfs.ext4=e2fsprogs \
	"$ARCH_CC_TOOL" "$ARCH_LIBC_TOOL"
if [ -n "$kernel" ]; then
	kernel=$("$here/build-kernel.sh" --arch "$ARCH" --image "$kernel" | tail -n 1)
else
	kernel=$("$here/build-kernel.sh" --arch "$ARCH" --for systemd | tail -n 1)
fi
root=$(root_image "$(root_suite "${suites[@]}")")
plan_disk "$work" "$kernel"

# cost: systemd tells in information messages how far its shutdown is
case $plan in
test) memory=${memory:-2048} loglevel=4 stages=5 ;;
cost) memory=${memory:-4096} loglevel=7 stages=4 ;;
esac
started=$SECONDS
start_results "$work/console.log"
say "booting ${root##*/} on kernel $(kernel_release "$kernel") ($memory MiB)"
# snapshot: what the guest writes to its root ends with it
run_guest "$work" "$memory" "$limit" "$log" result \
	-drive "file=$root,if=none,id=root,format=raw,snapshot=on" -device virtio-blk-pci,drive=root \
	-drive "file=$work/disk.img,if=none,id=disk,format=raw,readonly=on" -device virtio-blk-pci,drive=disk \
	-kernel "$kernel" \
	-append "console=$ARCH_CONSOLE kho=on liveupdate=on panic=-1 loglevel=$loglevel root=/dev/vda rw systemd.show_status=no luo4j.plan=$plan${append:+ $append}"
check_stages "$plan" $stages
[ "$plan" != cost ] || shutdown_cost
say "the guest took $(duration $((SECONDS - started)))"

printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
[ $failed -eq 0 ] && [ $skipped -eq 0 ] || exit 1
finished=yes
