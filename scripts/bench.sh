#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures WarmCache beside its peers and writes tables and charts.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"

usage() {
	cat <<'END'
usage: bench.sh [options]

Builds java/bench, measures the stores side by side and writes results.md,
charts as SVG, the single measurements as TSV and logs to a folder. Without
--quick: throughput in rounds (hours, see --rounds) and memory.

  --quick            throughput and memory with short iterations, one JVM for
                     all operations of a peer and a value size: about 5 minutes;
                     too short a warmup to quote ratios from
  --peers LIST       only these, by comma (default: all; a wrong name lists them)
  --operations LIST  of get,put,mixed,read (default: all)
  --rounds N         rounds of throughput, peers in turn (default: 3)
  --restart          also restart: 1 GiB in files, a new JVM opens them
  --restart-entries LIST  numbers of 1 KiB entries for it (default: 1048576)
  --restart-ending NAME   how the first JVM ends: close (default) or halt
  --repetitions N    of each restart (default: 3; with --quick 1)
  --hit-ratio DIR    also hit ratios of the traces in DIR: an integer key a
                     line, files *.txt or *.txt.gz; the name "synthetic" makes
                     traces up
  --loaders          also slow loaders: 200 threads, 300 ms, beside Caffeine's
  --no-throughput    leave out throughput
  --no-memory        leave out memory
  --files DIR        where stores keep their files (default: /dev/shm)
  --output DIR       where to write (default: java/bench/target/results-TIME)
  --no-build         use the jars that are there; do not run Maven
  --help             print this

Each peer runs with the JVM flags that it needs and no others; they are printed.
A peer that fails is listed with its reason. Heaps are 4 GiB; with restart, keep
8 GiB free. Needs a JDK (Chronicle Map: with its compiler) and Maven.
Environment: JAVA_HOME (the JDK).
END
}

command="scripts/bench.sh $*"
quick='' restart='' traces='' loaders='' throughput=yes memory=yes build=yes
peers='' operations='' rounds=3 entries=1048576 ending=close repetitions=''
files='' output=''
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=yes ;;
	--peers) option_value "$1" $#; peers=$2; shift ;;
	--operations) option_value "$1" $#; operations=$2; shift ;;
	--rounds) option_value "$1" $#; rounds=$2; shift ;;
	--restart) restart=yes ;;
	--restart-entries) option_value "$1" $#; restart=yes entries=$2; shift ;;
	--restart-ending) option_value "$1" $#; restart=yes ending=$2; shift ;;
	--repetitions) option_value "$1" $#; repetitions=$2; shift ;;
	--hit-ratio) option_value "$1" $#; traces=$2; shift ;;
	--loaders) loaders=yes ;;
	--no-throughput) throughput= ;;
	--no-memory) memory= ;;
	--files) option_value "$1" $#; files=$2; shift ;;
	--output) option_value "$1" $#; output=$2; shift ;;
	--no-build) build= ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done
repetitions=${repetitions:-${quick:+1}}
repetitions=${repetitions:-3}
for number in "$rounds" "$repetitions"; do
	[[ $number =~ ^[1-9][0-9]*$ ]] || usage_error "'$number' is no number of runs"
done
[[ $entries =~ ^[1-9][0-9]*(,[1-9][0-9]*)*$ ]] || usage_error "--restart-entries: '$entries' is no list of numbers"
case $ending in close | halt) ;; *) usage_error "--restart-ending is close or halt" ;; esac
[ -z "$traces" ] || [ "$traces" = synthetic ] || [ -d "$traces" ] || die "--hit-ratio: no folder $traces"
[ -z "$files" ] || [ -d "$files" ] || die "--files: no folder $files"

if [ -n "${JAVA_HOME:-}" ]; then
	java=$JAVA_HOME/bin/java
	[ -x "$java" ] || die "JAVA_HOME: no $java; name a JDK"
else
	need_tools java=openjdk-17-jdk-headless
	java=java
fi
jar=$LUO4J_ROOT/java/bench/target/benchmarks.jar
if [ -n "$build" ]; then
	need_tools mvn=maven
	say "building"
	(cd "$LUO4J_ROOT" && mvn -B -q -DskipTests -Dmaven.javadoc.skip -Dspotless.check.skip \
		package -pl java/bench -am) >&2 ||
		die "the build failed; its messages are above"
fi
[ -f "$jar" ] || die "no $jar; run this without --no-build"

output=${output:-$LUO4J_ROOT/java/bench/target/results-$(date +%Y%m%d-%H%M%S)}
mkdir -p -- "$output"
output=$(cd -- "$output" && pwd)
[ -z "$(ls -A "$output")" ] || die "--output: $output is not empty; name a new folder"
commit=unknown
if have git && git -C "$LUO4J_ROOT" rev-parse -q --verify HEAD >/dev/null 2>&1; then
	commit=$(git -C "$LUO4J_ROOT" rev-parse --short=12 HEAD)
	[ -z "$(git -C "$LUO4J_ROOT" status --porcelain)" ] || commit="$commit with changes"
fi

if [ -z "$files" ]; then
	files=/dev/shm
	[ -w "$files" ] || files=${TMPDIR:-/tmp}
fi
stores=$(mktemp -d "$files/luo4j-bench-XXXXXX")
trap 'rm -rf -- "$stores"' EXIT
trap 'exit 130' INT TERM

# measure CLASS OPTION...
measure() {
	local class=$1
	shift
	"$java" "-Dluo4j.bench.directory=$stores" -cp "$jar" "org.luo4j.bench.$class" \
		--output "$output" "$@" >&2
}

started=$SECONDS
only=()
[ -z "$peers" ] || only=(--peers "$peers")
if [ -n "$throughput" ]; then
	options=("${only[@]}")
	[ -z "$operations" ] || options+=(--operations "$operations")
	if [ -n "$quick" ]; then
		options+=(--quick true --time-ms 200)
	else
		options+=(--rounds "$rounds")
	fi
	measure Throughput "${options[@]}"
fi
# a quick run of throughput has measured it already
if [ -n "$memory" ] && [ "${quick}${throughput}" != yesyes ]; then
	measure MemoryFootprint "${only[@]}"
fi
if [ -n "$restart" ]; then
	for count in ${entries//,/ }; do
		measure RestartBenchmark "${only[@]}" --entries "$count" --ending "$ending" --repetitions "$repetitions"
	done
fi
[ -z "$traces" ] || measure HitRatio --traces "$traces"
[ -z "$loaders" ] || measure LoaderBenchmark --repetitions "$repetitions"

# the report names the JVM that measured, so that the same one writes it
"$java" -cp "$jar" org.luo4j.bench.Report --output "$output" --commit "$commit" --command "$command"
say "took $(duration $((SECONDS - started)))"
