#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Asks ARM's formal memory model whether it allows what the cache's rules of publication forbid.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"

usage() {
	cat <<'END'
usage: litmus.sh [--herd FILE]

Runs java/jcstress/litmus: each file has one rule of publication as the few
AArch64 instructions that a JVM makes of it, and an outcome that must be
impossible ("~exists"). In the files weakened-* one instruction is missing or
weaker, and the same outcome must be possible ("exists"): the rule needs it.
herd7 tries every execution that the architecture's model allows, which no run
on a processor can, and no emulator: QEMU on x86_64 has x86_64's stronger order.

  --herd FILE   the program herd7 (default: the one on the PATH)
  --help        print this

Prints a line for each file and at the end "N passed, N failed, N skipped".
Needs herd7 of herdtools7, which Debian has no package of: opam install
herdtools7.
END
}

herd=herd7
while [ $# -gt 0 ]; do
	case $1 in
	--herd) option_value "$1" $#; herd=$2; shift ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done
have "$herd" || die "no $herd. Install herdtools7 (opam install herdtools7), or name herd7 with --herd"

passed=0 failed=0
for file in "$LUO4J_ROOT"/java/jcstress/litmus/*.litmus; do
	output=$("$herd" "$file" 2>&1) || true
	name=${file##*/} name=${name%.litmus}
	# Ok: the condition, which says whether the outcome must be possible, holds
	if grep -qx Ok <<<"$output"; then
		printf 'PASS %s: %s\n' "$name" "$(sed -n 's/^Observation [^ ]* \([A-Z][a-z]*\) .*/\1/p' <<<"$output")"
		passed=$((passed + 1))
	else
		printf 'FAIL %s\n%s\n' "$name" "$output"
		failed=$((failed + 1))
	fi
done
printf '%d passed, %d failed, 0 skipped\n' $passed $failed
[ $failed -eq 0 ] && [ $passed -gt 0 ]
