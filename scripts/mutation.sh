#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Changes luo4j's classes in small ways, and counts the changes that no test notices, with PIT.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"

usage() {
	cat <<'END'
usage: mutation.sh [options]

PIT makes mutants of the classes, each with one change in its bytecode: a condition
negated, a call left out, another value returned. A mutant is killed when a test
fails with it. One that survives shows where the tests are blind, unless it does
what the original does; scripts/mutation/accepted.txt lists those, with the reason.

  --module NAME     core or cache (default: both): sessions, memfds, holders, agent
                    and emulator; the engine and the opening of caches
  --classes LIST    only these classes, as in Session,Systemd*: names without their
                    package, * for any letters (default: all of the module)
  --tests LIST      judged by these test classes only, written the same way
                    (default: the module's, without those that start JVMs, fuzz or
                    run for minutes)
  --threads N       JVMs that run tests at a time (default: 2)
  --timeout MS      a mutant that takes so much longer than the original is killed
                    (default: 10000)
  --min PERCENT     end with 1 when fewer are killed or explained (default: 0)
  --survivors FILE  where to list the survivors (default: target/mutation/survivors.txt
                    of the module)
  --no-run          count the results of the last run once more; do not run PIT
  --help            print this

Prints for each class how many mutants were killed, of how many, and how many of
the others are explained; then the sum. Entries of accepted.txt that fit no survivor
of the classes that were run are named: remove them. All of a module takes an hour
or more; a class takes minutes. Needs a JDK and Maven. Environment: JAVA_HOME (the
JDK).
END
}

modules=(core cache) classes='' tests='' threads=2 timeout=10000 min=0 survivors='' run=yes
while [ $# -gt 0 ]; do
	case $1 in
	--module)
		option_value "$1" $#
		case $2 in
		core | cache) modules=("$2") ;;
		*) usage_error "--module is core or cache" ;;
		esac
		shift
		;;
	--classes | --tests)
		option_value "$1" $#
		[[ $2 =~ ^[A-Za-z0-9*]+(,[A-Za-z0-9*]+)*$ ]] ||
			usage_error "$1: '$2' is no list of class names as in Session,Systemd*"
		if [ "$1" = --classes ]; then classes=$2; else tests=$2; fi
		shift
		;;
	--threads | --timeout)
		option_value "$1" $#
		[[ $2 =~ ^[1-9][0-9]*$ ]] || usage_error "$1: '$2' is no number from 1 on"
		if [ "$1" = --threads ]; then threads=$2; else timeout=$2; fi
		shift
		;;
	--min)
		option_value "$1" $#
		[[ $2 =~ ^[0-9]+$ ]] && [ "$2" -le 100 ] || usage_error "--min: '$2' is no number from 0 to 100"
		min=$2
		shift
		;;
	--survivors) option_value "$1" $#; survivors=$2; shift ;;
	--no-run) run= ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done
[ -z "$survivors" ] || [ ${#modules[@]} -eq 1 ] || usage_error "--survivors needs --module"
need_tools mvn=maven javac=openjdk-17-jdk-headless

# mutated MODULE: the classes that are mutated, as regular expressions, a line each. PIT takes a + in
# them for the character.
mutated() {
	case $1 in
	core)
		printf '%s\n' 'org\.luo4j\.(LiveUpdate|Sessions?|MemFd|MemFdOptions|Handover|Kept|Systemd|Owners|OwnerLock)' \
			'org\.luo4j\.(Keeper|AgentKeeper|ProcessKeeper|SystemdKeeper)' \
			'org\.luo4j\.(Agent|AgentClient|AgentHoldings|AgentLock|AgentManifest|AgentMessage)' \
			'org\.luo4j\.(OwnedFile|NativeFile|ChannelFile|Room|BootClock|MemoryRegion)' \
			'org\.luo4j\.internal\.emulator\.\w*'
		;;
	cache)
		printf '%s\n' \
			'org\.luo4j\.cache\.(WarmCache|Opening|OpenUndo|FileMemory|KeptMemory|Memory|CacheFormat|CodecNames|CacheHeader)' \
			'org\.luo4j\.cache\.(CacheShape|Computations|WriteLock)' \
			'org\.luo4j\.cache\.(Reader|Writer|Overwrites|Ring|Index|Entry|Pins|Holes|Ghosts|Verified|CacheClock|Loads)'
		;;
	esac
}

# judges MODULE: the test classes, as regular expressions, a line each. Left out are those that
# start JVMs, fuzz, or run for long, and those of the build.
judges() {
	case $1 in
	core)
		printf '%s\n' 'org\.luo4j\.(?!KilledInACall|AgentFuzz|NotifyFuzz|PublicApi|Readme|Changelog)\w*Test' \
			'org\.luo4j\.contract\.(?!Socket)\w*Test' \
			'org\.luo4j\.internal\.emulator\.(?!Crash)\w*Test' \
			'org\.luo4j\.internal\.select\.ForcingTest'
		;;
	cache)
		printf '%s\n' \
			'org\.luo4j\.cache\.(?!Linearizability|PublicApi|Page|CacheArchitecture|CodecExamples|FailureDrill|Large|Huge|FaultAtEachAccess|ErrorInAChange)\w*Test'
		;;
	esac
}

# regular LIST PACKAGES: the names of LIST as regular expressions.
regular() {
	printf '%s\n' "$1" | tr ',' '\n' | sed "s/\*/\\\\w*/g; s/^/$2/"
}

# globs NESTED: the regular expressions of stdin as PIT takes them, with NESTED after each.
globs() {
	sed "s/^/~/; s/\$/$1/" | paste -sd, -
}

status=0
for module in "${modules[@]}"; do
	if [ "$module" = core ]; then
		packages='org\\.luo4j\\.((internal\\.[a-z]*|contract)\\.)?'
	else
		packages='org\\.luo4j\\.cache\\.'
	fi
	target=$LUO4J_ROOT/java/$module/target
	report=$target/mutation/mutations.xml
	list=${survivors:-$target/mutation/survivors.txt}
	if [ -n "$run" ]; then
		what=$([ -z "$classes" ] && mutated "$module" || regular "$classes" "$packages")
		by=$([ -z "$tests" ] && judges "$module" || regular "$tests" "$packages")
		log=$(mktemp "${TMPDIR:-/tmp}/luo4j-mutation-XXXXXX")
		say "mutating java/$module; Maven's output in $log"
		rm -f "$report"
		began=$SECONDS
		(cd "$LUO4J_ROOT" && mvn -B -Pmutation -pl "java/$module" -am -Dspotless.check.skip test-compile \
			org.pitest:pitest-maven:mutationCoverage -DtargetClasses="$(globs '(\\$.*)?' <<<"$what")" \
			-DtargetTests="$(globs '' <<<"$by")" -Dthreads="$threads" -DtimeoutConstant="$timeout") \
			>"$log" 2>&1 || { tail -n 30 "$log" >&2; die "PIT did not end well; see $log"; }
		! grep -q 'No test classes identified' "$log" || die "PIT found no test classes; see $log"
		rm -f "$log"
		say "java/$module took $(duration $((SECONDS - began)))"
	fi
	[ -s "$report" ] || die "no $report: no class was mutated. Name classes that java/$module has"
	mkdir -p "$(dirname -- "$list")"
	awk -v root="$LUO4J_ROOT/java/$module/src/main/java/" -v accepted="$here/mutation/accepted.txt" \
		-v list="$list" -v min="$min" -f "$here/lib/mutation.awk" "$report" || status=1
	say "survivors: $list"
done
exit $status
