# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Counts and shows what a test guest reports. Sourced, not run. Needs
# common.sh. $log is the guest's console log.

passed=0 failed=0 skipped=0
done_stages='' stage_results=0 told=0 log='' shown=''
# Not empty: a stage without a result is a failure
want_results=yes

# result LINE: counts and shows one line of the guest.
result() {
	case $1 in
	'PASS '*) passed=$((passed + 1)) stage_results=$((stage_results + 1)) ;;
	'FAIL '*) failed=$((failed + 1)) stage_results=$((stage_results + 1)) ;;
	'SKIP '*) skipped=$((skipped + 1)) stage_results=$((stage_results + 1)) ;;
	'STAGE '*) stage_results=0 told=$failed ;;
	'EXITED '*)
		# a program that told of a failed test ends like this as well
		if [ "$failed" -eq "$told" ]; then
			fail "${1#EXITED }"
			show_console
		fi
		told=$failed
		return
		;;
	'STAGE-DONE '*)
		done_stages="$done_stages ${1#STAGE-DONE }"
		[ -n "$want_results" ] || return 0
		[ "$stage_results" -gt 0 ] || fail "${1#STAGE-DONE }: no test ran in this stage"
		;;
	esac
	printf '%s\n' "$1"
	[[ $1 != 'FAIL harness '* ]] || show_console
}

# show_console: the end of the guest's console, once per boot.
show_console() {
	[ -z "$shown" ] || return 0
	shown=yes
	printf '  the last lines of its console:\n'
	tail -n 40 "$log" | sed 's/^/  | /'
}

# fail TEST: REASON...: a failure of the run itself.
fail() {
	printf 'FAIL harness %s\n' "$*"
	failed=$((failed + 1))
}

# start_results LOG: before a boot, whose console goes to LOG.
start_results() {
	log=$1 shown='' done_stages=''
}

# check_stages NAME STAGES: after the boot of a plan, checks that each of its
# stages was completed and that the guest ended by itself (see BOOT_END).
check_stages() {
	local n
	for n in $(seq "$2"); do
		[[ "$done_stages " != *" $1-$n "* ]] || continue
		fail "stage $1-$n: ${BOOT_END:-the guest stopped before the end of this stage}"
		show_console
		BOOT_END=
		break
	done
	[ -z "$BOOT_END" ] || { fail "plan $1: $BOOT_END" && show_console; }
}
