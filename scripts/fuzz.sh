#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Has a fuzzer make up what luo4j reads of others.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"

usage() {
	cat <<'END'
usage: fuzz.sh [options]

Runs Jazzer on each fuzz test in turn, each for its share of the time:

  edits   a WarmCache attaches to a real cache that was edited: what is found
          must be what was put last, or nothing
  raw     it attaches to bytes: nothing may break
  agent   the agent reads messages of clients, and the manifest that the
          previous kernel left: what is wrong is refused, and nothing else
  notify  what systemd sets in the environment, and the messages to it

A run of the first two that takes 60 s is a finding. The last line counts runs
and findings; ends with 1 after a finding, which ends its test. Inputs that were
found lie in java/cache or java/core as crash-*, what was learned in
.cifuzz-corpus there, from which the next run goes on.

  --seconds N    of fuzzing in all (default: 600)
  --target NAME  only that one
  --log FILE     where the fuzzer's own output goes (default: a temporary file)
  --help         print this

Needs a JDK and Maven. Environment: JAVA_HOME (the JDK).
END
}

seconds=600 targets=(edits raw agent notify) log=''
while [ $# -gt 0 ]; do
	case $1 in
	--seconds)
		option_value "$1" $#
		[[ $2 =~ ^[1-9][0-9]*$ ]] || usage_error "$1: '$2' is no number from 1 on"
		seconds=$2
		shift
		;;
	--target)
		option_value "$1" $#
		case $2 in
		edits | raw | agent | notify) targets=("$2") ;;
		*) usage_error "--target is edits, raw, agent or notify" ;;
		esac
		shift
		;;
	--log) option_value "$1" $#; log=$2; shift ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done
need_tools mvn=maven
log=${log:-$(mktemp "${TMPDIR:-/tmp}/luo4j-fuzz-XXXXXX")}
: >"$log"

# Jazzer fuzzes one test in a run
tests=()
for target in "${targets[@]}"; do
	case $target in
	edits | raw) tests+=("java/cache:AttachFuzzTest#$target") ;;
	agent) tests+=('java/core:AgentFuzzTest#message' 'java/core:AgentFuzzTest#manifest') ;;
	notify) tests+=('java/core:NotifyFuzzTest#environment' 'java/core:NotifyFuzzTest#message') ;;
	esac
done
share=$((seconds / ${#tests[@]}))
[ $share -gt 0 ] || usage_error "--seconds: $seconds are too few"
runs=0 found=0
for test in "${tests[@]}"; do
	module=${test%%:*} target=${test#*:}
	say "fuzzing $target for $(duration $share); output in $log"
	part=$(mktemp)
	status=0
	(cd "$LUO4J_ROOT" && JAZZER_FUZZ=1 JAZZER_MAX_DURATION=${share}s \
		mvn -B test-compile surefire:test@default-test -Dspotless.check.skip -pl "$module" -am \
		-Dtest="$target" -Dsurefire.failIfNoSpecifiedTests=false) >"$part" 2>&1 || status=$?
	cat "$part" >>"$log"
	# the last number that libFuzzer gave, in "#123 NEW ..." or "Done 123 runs in ..."
	part_runs=$(sed -nE 's/^#([0-9]+)[[:space:]].*/\1/p; s/.*Done ([0-9]+) runs in.*/\1/p' "$part" | tail -n 1)
	# Both tell of one finding: the first in a run that the fuzzer made, the second in any.
	part_found=0
	! grep -qE 'Test unit written to|HANG: no end' "$part" || part_found=1
	grep -E 'Test unit written to|HANG: no end|FuzzTestFindingException: ' "$part" | cut -c1-1000 >&2 || true
	rm -f "$part"
	part_runs=${part_runs:-0}
	[ $status -eq 0 ] || [ "$part_found" -gt 0 ] || die "Maven ended with $status without a finding; see $log"
	say "$target: $part_runs runs, $part_found findings"
	runs=$((runs + part_runs)) found=$((found + part_found))
done
printf 'fuzz: %d runs, %d findings\n' "$runs" "$found"
[ "$found" -eq 0 ]
