#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests luo4j on a real kernel with LUO, through real kexec reboots, in QEMU.
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
# shellcheck source=scripts/lib/results.sh
. "$here/lib/results.sh"

usage() {
	cat <<'END'
usage: kernel-test.sh [options]

Boots a virtual machine with a LUO kernel, runs luo4j's contract suite in it,
preserves memfds and full caches from JVMs, jumps into the next kernel with
kexec, verifies and preserves them again, and jumps once more. A second run goes
from an older kernel to the newer one. Prints each result as it comes and at the
end "N passed, N failed, N skipped"; ends with 0 only if nothing failed, nothing
was skipped and every stage was completed.

  --bench                     measure the update window instead of testing
  --demo                      run the demo of demo.sh instead (these two print
                              no such line unless they fail)
  --no-upgrade                leave out the run from an older to a newer kernel
  --kernel-image FILE         kernel to use (default: the one build-kernel.sh makes)
  --small                     build the kernel without what only services need,
                              which takes less time; other suites need that
  --second-kernel-image FILE  older kernel for the upgrade run (default: built
                              from the next older version to be had)
  --arch ARCH                 x86_64 (default) or aarch64
  --accel NAME                QEMU accelerator: tcg (default) or kvm
  --memory MIB                memory of the guest (default: fits the plan)
  --timeout SECONDS           limit for each stage, from one boot to the next
                              (default: 600)
  --prepare                   make the kernels and the guest's JRE, which later runs
                              find in the cache folder, and boot nothing
  --no-build                  use the jars that are there; do not run Maven
  --guest-lib DIR             jars for the guest's class path (default:
                              java/cache/target/guest in the checkout)
  --keep DIR                  keep the serial logs and the guest's files in DIR
  --list                      print the stages and what they run, and boot nothing
  --help                      print this

Needs a JDK with jlink and Maven. As root on Debian it installs what else it
misses (QEMU, busybox, cpio, a C compiler); else it names it. Environment:
JAVA_HOME (the JDK), LUO4J_CACHE (cache folder, default ~/.cache/luo4j).
END
}

arch=x86_64 plan=test upgrade=yes kernel='' old_kernel='' limit=600 memory=''
build=yes jars=$LUO4J_ROOT/java/cache/target/guest keep='' list='' prepare=''
GUEST_ACCEL=tcg
while [ $# -gt 0 ]; do
	case $1 in
	--bench) plan=bench ;;
	--demo) plan=demo ;;
	--no-upgrade) upgrade= ;;
	--kernel-image) option_value "$1" $#; kernel=$2; shift ;;
	--small) GUEST_SMALL=yes ;;
	--second-kernel-image) option_value "$1" $#; old_kernel=$2; shift ;;
	--arch) option_value "$1" $#; arch=$2; shift ;;
	--accel) option_value "$1" $#; GUEST_ACCEL=$2; shift ;;
	--memory) option_value "$1" $#; memory=$2; shift ;;
	--timeout) option_value "$1" $#; limit=$2; shift ;;
	--prepare) prepare=yes ;;
	--no-build) build= ;;
	--guest-lib) option_value "$1" $#; jars=$2; shift ;;
	--keep) option_value "$1" $#; keep=$2; shift ;;
	--list) list=yes ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done
set_arch "$arch"
[[ $limit =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout '$limit' is no number of seconds"
[[ $memory =~ ^([1-9][0-9]*)?$ ]] || usage_error "--memory '$memory' is no number of MiB"

if [ -n "$list" ]; then
	# the plans are the functions plan_NAME of the guest's init
	sed -n '/^plan_.*() {$/,/^}$/p' "$here/guest/init" | sed -e 's/^\(plan_\)\(.*\)() {$/plan \2/' \
		-e '/^}$/d' -e '/esac$/d' -e '/case /d' -e '/;;$/d' -e 's/^\t\([0-9]\))$/  stage \1/' -e 's/^\t\t/    /'
	exit
fi

guest_work guest

# the bench and the demo print no results
[ "$plan" = test ] || want_results=

# run_plan NAME STAGES KERNEL NEXT MEMORY [LABEL]: boots the plan and checks
# that each of its stages was completed.
run_plan() {
	local name=$1 stages=$2 first=$3 next=$4 memory=$5 label=${6:-} started=$SECONDS
	start_results "$work/$name.log"
	guest_disk "$work" "$jars" "$next"
	say "booting kernel $(kernel_release "$first") ($name plan, $memory MiB)"
	boot_guest "$work" "$first" "$memory" "$limit" "$log" \
		"luo4j.plan=$name luo4j.stage=1${label:+ luo4j.label=$label}" result
	check_stages "$name" "$stages"
	say "$name plan took $(duration $((SECONDS - started)))"
}

# older_kernel: sets old_kernel, unless it was given, to the newest kernel older than
# the one under test, or to nothing where none is to be had.
older_kernel() {
	local version
	[ -z "$old_kernel" ] || return 0
	version=$("$here/build-kernel.sh" --list | awk '{ print $1 }' | sort -Vru |
		awk -v own="$(printf '%s' "$release" | cut -d . -f 1,2 | cut -d - -f 1)" \
			'BEGIN { split(own, o, ".") } { split($1, v, ".") } v[1] < o[1] || v[1] == o[1] && v[2] < o[2] { print; exit }')
	if [ -n "$version" ]; then
		old_kernel=$("$here/build-kernel.sh" --arch "$ARCH" --small --version "$version" | tail -n 1)
	else
		say "no upgrade run: no LUO kernel older than $release is to be had; give one with --second-kernel-image"
	fi
}

guest_tools
kernel=$(guest_kernel "$kernel")
release=$(kernel_release "$kernel")

[ "$plan" = test ] || upgrade=
[ -n "$upgrade" ] || old_kernel=
if [ -n "$prepare" ]; then
	guest_jre >/dev/null
	[ -z "$upgrade" ] || older_kernel
	exit
fi
[ -z "$old_kernel" ] || "$here/build-kernel.sh" --arch "$ARCH" --image "$old_kernel" >/dev/null
guest_jars

guest_initramfs "$work"
case $plan in
test)
	run_plan test 3 "$kernel" "$kernel" "${memory:-3072}"
	# only now: CI builds it in the meantime
	[ -z "$upgrade" ] || older_kernel
	if [ -n "$old_kernel" ]; then
		run_plan upgrade 2 "$old_kernel" "$kernel" "${memory:-3072}" "upgrade-$(kernel_release "$old_kernel")-to-$release"
	fi
	;;
bench)
	run_plan bench 2 "$kernel" "$kernel" "${memory:-6144}"
	;;
demo)
	GUEST_MODULES=all
	run_plan demo 2 "$kernel" "$kernel" "${memory:-2560}"
	;;
esac

status=0
[ $failed -eq 0 ] && [ $skipped -eq 0 ] || status=1
# the bench and the demo end with their own lines unless something broke
if [ "$plan" = test ] || [ $status -ne 0 ]; then
	printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
fi
exit $status
