#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests the luo command on a real kernel with LUO: doctor, where one thing at a time is wrong.
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
usage: doctor-test.sh [options]

Boots a virtual machine with a LUO kernel and runs "luo doctor" in it, first as
the machine is, then with one thing at a time wrong: the user, the memory, the
huge folios, a device that is held, units. Three more boots are without
liveupdate=on, with kho=off, and with little memory and the kernel's own default
for kho. Each case must change exactly its own lines against the good machine's,
and give the exit code that follows from them. "luo selftest", "luo sessions"
and a cache's way through a dump are run too. Prints each result as it comes and
at the end "N passed, N failed, N skipped"; ends with 0 only if nothing failed,
nothing was skipped and every case was run.

  --kernel-image FILE  kernel to use (default: the one build-kernel.sh makes)
  --arch ARCH          x86_64 (default) or aarch64
  --accel NAME         QEMU accelerator: tcg (default) or kvm
  --timeout SECONDS    limit for each boot (default: 900)
  --no-build           use the luo.jar that is there; do not run Maven
  --jar FILE           luo.jar (default: java/cli/target/luo.jar in the checkout)
  --keep DIR           keep the serial logs and the guest's files in DIR
  --list               print the cases and what each must change, and boot nothing
  --help               print this

Needs a JDK with jlink and Maven. As root on Debian it installs what else it
misses (QEMU, busybox, cpio, a C compiler); else it names it. Environment:
JAVA_HOME (the JDK), LUO4J_CACHE (cache folder, default ~/.cache/luo4j).
END
}

arch=x86_64 kernel='' limit=900 build=yes jar=$LUO4J_ROOT/java/cli/target/luo.jar keep='' list=''
# shellcheck disable=SC2034 # of guest.sh
GUEST_ACCEL=tcg
while [ $# -gt 0 ]; do
	case $1 in
	--kernel-image) option_value "$1" $#; kernel=$2; shift ;;
	--arch) option_value "$1" $#; arch=$2; shift ;;
	--accel) option_value "$1" $#; GUEST_ACCEL=$2; shift ;;
	--timeout) option_value "$1" $#; limit=$2; shift ;;
	--no-build) build= ;;
	--jar) option_value "$1" $#; jar=$2; shift ;;
	--keep) option_value "$1" $#; keep=$2; shift ;;
	--list) list=yes ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done
set_arch "$arch"
[[ $limit =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout '$limit' is no number of seconds"

# The good machine's lines
good='ok|kernel version
ok|CONFIG_KEXEC_FILE
ok|CONFIG_KEXEC_HANDOVER
ok|CONFIG_LIVEUPDATE
ok|CONFIG_LIVEUPDATE_MEMFD
ok|CONFIG_MEMFD_CREATE
ok|CONFIG_SHMEM
ok|CONFIG_TRANSPARENT_HUGEPAGE
ok|command line kho
ok|command line liveupdate
ok|kexec allowed
warning|kexec program
ok|/dev/liveupdate
ok|/dev/liveupdate access
ok|/dev/liveupdate answers
ok|/dev/liveupdate free
ok|huge folios
ok|KHO scratch
ok|memory
ok|/dev/shm
ok|locked memory
ok|cgroup memory
ok|vm.memfd_noexec
warning|systemd
ok|JDK
ok|luo4j.tmpdir
ok|jna.tmpdir
ok|bridge JNI
ok|bridge JNA'

# wants CASE CHANGE...: what a case changes: "STATE CHECK" of a line with
# another state, "new STATE CHECK" of one more, "gone CHECK" of one less.
declare -A wanted=() examined=()
cases=()
wants() {
	local name=$1
	shift
	cases+=("$name")
	wanted[$name]=$(printf '%s\n' "$@" | LC_ALL=C sort)
}
no_device=('problem /dev/liveupdate' 'gone /dev/liveupdate access' 'gone /dev/liveupdate answers'
	'gone /dev/liveupdate free')
unit=('new ok unit Type' 'new ok unit NotifyAccess')
wants good
wants user 'problem /dev/liveupdate access' 'gone /dev/liveupdate answers'
wants group
wants folios-never 'warning huge folios'
wants cache-too-large 'problem memory' 'warning /dev/shm'
wants cache-tight 'warning memory'
wants memory-taken 'problem memory'
wants cgroup-limit 'problem cgroup memory'
wants device-held 'warning /dev/liveupdate free'
wants unit "${unit[@]}" 'new ok unit FileDescriptorStoreMax' 'new ok unit FileDescriptorStorePreserve' \
	'new ok unit MemoryMax'
wants unit-no-store "${unit[@]}" 'new problem unit FileDescriptorStoreMax' \
	'new problem unit FileDescriptorStorePreserve'
wants kexec-disabled 'problem kexec allowed'
wants no-liveupdate 'problem command line liveupdate' "${no_device[@]}"
wants kho-off 'problem command line kho' 'gone KHO scratch' "${no_device[@]}"
wants little-memory 'warning memory'

if [ -n "$list" ]; then
	for name in "${cases[@]}"; do
		printf '%s\n' "$name"
		[ -z "${wanted[$name]}" ] || printf '%s\n' "${wanted[$name]}" | sed 's/^/  /'
	done
	exit
fi

guest_work doctor

# changes: how the lines on stdin, "STATE|CHECK|FOUND", differ from the good machine's
changes() {
	awk -F '|' '
		NR == FNR { good[$2] = $1; next }
		{ now[$2]++ }
		now[$2] > 1 { print "twice " $2 }
		!($2 in good) { print "new " $1 " " $2; next }
		good[$2] != $1 { print $1 " " $2 }
		END { for (check in good) if (!(check in now)) print "gone " check }' \
		<(printf '%s\n' "$good") - | LC_ALL=C sort
}

# states STATE: how many lines have it
states() {
	printf '%s\n' "${lines[@]}" | grep -c "^$1|" || true
}

# examine CASE STATUS SUMMARY: judges what doctor ended with after its lines.
lines=()
examine() {
	local name=$1 ended=$2 summary=$3 found exit=0 expected
	examined[$name]=yes
	if [ ${#lines[@]} -eq 0 ] || [ -z "${wanted[$name]+set}" ]; then
		result "FAIL doctor $name: ${#lines[@]} lines, exit status $ended"
		return
	fi
	found=$(printf '%s\n' "${lines[@]}" | changes)
	[ "$(states warning)" -eq 0 ] || exit=1
	[ "$(states problem)" -eq 0 ] || exit=2
	expected="\"ok\": $(states ok), \"warnings\": $(states warning), \"problems\": $(states problem), \"exit\": $exit"
	if [ "$found" != "${wanted[$name]}" ]; then
		result "FAIL doctor $name: changed [${found//$'\n'/, }], not [${wanted[$name]//$'\n'/, }]"
		printf '  | %s\n' "${lines[@]}"
	elif [ "$ended" != $exit ] || [ "$summary" != "$expected" ]; then
		result "FAIL doctor $name: exit status $ended, summary $summary; not $exit and $expected"
	else
		result "PASS doctor $name exit $exit${found:+: ${found//$'\n'/, }}"
	fi
}

# heard LINE: a line of the guest.
heard() {
	local -a end
	case $1 in
	'DOCTOR '*) lines+=("${1#DOCTOR }") ;;
	'DOCTOR-END '*)
		IFS='|' read -r -a end <<<"${1#DOCTOR-END }"
		examine "${end[0]}" "${end[1]}" "${end[2]:-}"
		lines=()
		;;
	*) result "$1" ;;
	esac
}

# boot STAGE MEMORY WORD...: boots the guest, whose kernel is told the words.
boot() {
	local stage=$1 memory=$2
	shift 2
	GUEST_LUO=$*
	start_results "$work/console-$stage.log"
	# each boot is judged by itself
	# shellcheck disable=SC2034,SC2046
	done_stages=$(printf ' doctor-%s' $(seq $((stage - 1))))
	say "booting kernel $release with ${*:-nothing}, $memory MiB"
	boot_guest "$work" "$kernel" "$memory" "$limit" "$log" "luo4j.plan=doctor luo4j.stage=$stage" heard
	check_stages doctor "$stage"
}

guest_tools
kernel=$(guest_kernel "$kernel")
release=$(kernel_release "$kernel")

if [ -n "$build" ]; then
	have mvn || die "no Maven (mvn) to build luo4j with. Install it, or use --no-build with a luo.jar that is there"
	say "building luo.jar"
	(cd "$LUO4J_ROOT" && mvn -B -q -pl java/cli -am -DskipTests -Dmaven.javadoc.skip package) >&2 ||
		die "Maven could not build luo4j; see above"
fi
[ -f "$jar" ] || die "no $jar. Build luo4j first (leave out --no-build), or name it with --jar"

started=$SECONDS
mkdir "$work/jars" "$work/files"
cp "$jar" "$work/jars/luo.jar"
"$(java_home)/bin/java" -cp "$jar" "$here/guest/FillCache.java" "$work/files/cache" 2>"$work/fill.err" ||
	die "FillCache.java could not make a cache: $(tail -n 3 "$work/fill.err")"
# shellcheck disable=SC2034 # of guest.sh
GUEST_FILES=("$here/guest/doctor-plan" "$work/files/cache")
guest_initramfs "$work"
guest_disk "$work" "$work/jars" "$kernel"

boot 1 2560 kho=on liveupdate=on
boot 2 2560 kho=on
boot 3 2560 kho=off liveupdate=on
boot 4 1024 liveupdate=yes
for name in "${cases[@]}"; do
	[ -n "${examined[$name]:-}" ] || fail "doctor's case $name was not run"
done
say "the guests took $(duration $((SECONDS - started)))"

# shellcheck disable=SC2154 # results.sh's
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
# shellcheck disable=SC2154
[ "$failed" -eq 0 ] && [ "$skipped" -eq 0 ]
