#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests luo4j's agent and services with a WarmCache on a real kernel with LUO, through real kexecs.
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
usage: agent-test.sh [options]

Boots a virtual machine with a LUO kernel and no systemd. "luo agent" runs there
as root, and three services as users that it allows, over JNI and JNA, each with a
WarmCache of 32 MiB that the agent keeps; it also keeps a LUO session. "luo agent
update" is told to start a kernel that is none, and one that is gone when a service
that does not get ready has used up the deadline: both must leave everything as it
was. A service is killed, and warm again. Then comes a good kernel: the agent of
the new one has everything, and the services verify every entry. A fourth one of
another user finds nothing of theirs, and a fifth, whose user is not allowed, gets
no answer. The agent is killed and started again, a service restarted, and the
kernel replaced once more. Prints each result as it comes and at the end "N passed,
N failed, N skipped"; ends with 0 only if nothing failed, nothing was skipped and
every stage was completed.

  --kernel-image FILE  kernel to use (default: the one build-kernel.sh makes)
  --arch ARCH          x86_64 (default) or aarch64
  --accel NAME         QEMU accelerator: tcg (default) or kvm
  --memory MIB         memory of the guest (default: 2560)
  --timeout SECONDS    limit for each stage, from one boot to the next
                       (default: 1200)
  --no-build           use the jars that are there; do not run Maven
  --guest-lib DIR      jars for the guest's class path (default:
                       java/cache/target/guest in the checkout)
  --keep DIR           keep the serial log and the guest's files in DIR
  --help               print this

Needs a JDK with jlink and Maven. As root on Debian it installs what else it
misses (QEMU, busybox, cpio, a C compiler); else it names it. kexec-tools, where
it is not installed, is downloaded and not installed. Environment: JAVA_HOME (the
JDK), LUO4J_CACHE (cache folder, default ~/.cache/luo4j).
END
}

arch=x86_64 kernel='' limit=1200 memory=2560 build=yes keep=''
jars=$LUO4J_ROOT/java/cache/target/guest luo=$LUO4J_ROOT/java/cli/target/luo.jar
# shellcheck disable=SC2034 # of guest.sh
GUEST_ACCEL=tcg GUEST_KEXEC=yes
while [ $# -gt 0 ]; do
	case $1 in
	--kernel-image) option_value "$1" $#; kernel=$2; shift ;;
	--arch) option_value "$1" $#; arch=$2; shift ;;
	--accel) option_value "$1" $#; GUEST_ACCEL=$2; shift ;;
	--memory) option_value "$1" $#; memory=$2; shift ;;
	--timeout) option_value "$1" $#; limit=$2; shift ;;
	--no-build) build= ;;
	--guest-lib) option_value "$1" $#; jars=$2; shift ;;
	--keep) option_value "$1" $#; keep=$2; shift ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done
set_arch "$arch"
[[ $limit =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout '$limit' is no number of seconds"
[[ $memory =~ ^[1-9][0-9]*$ ]] || usage_error "--memory '$memory' is no number of MiB"

guest_work agent

guest_tools
kernel=$(guest_kernel "$kernel")
release=$(kernel_release "$kernel")

guest_jars
[ -f "$luo" ] || die "no $luo. Build luo4j first (leave out --no-build)"

# shellcheck disable=SC2034 # of guest.sh
GUEST_FILES=("$luo" "$here/guest/agent-plan" "$work/readme-agent")
readme_commands 'An agent' >"$work/readme-agent"

guest_initramfs "$work"
guest_disk "$work" "$jars" "$kernel"
# shellcheck disable=SC2154 # log, passed, failed and skipped are results.sh's
{
	start_results "$work/agent.log"
	say "booting kernel $release (agent plan, $memory MiB)"
	boot_guest "$work" "$kernel" "$memory" "$limit" "$log" "luo4j.plan=agent luo4j.stage=1" result
	check_stages agent 3
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ] && [ "$skipped" -eq 0 ]
}
