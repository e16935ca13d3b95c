#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares the speed of WarmCache with that of an earlier revision, in one JVM.
set -euo pipefail
shopt -s inherit_errexit
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"

usage() {
	cat <<'END'
usage: compare.sh [options]

Measures this checkout's WarmCache beside that of an earlier revision: gets, puts
over existing entries, and nine gets to one put; 16-byte keys drawn by Zipf 0.99.
Both variants run in one JVM, each in a class loader of its own, in short slices
that alternate. Separate JVMs differ by 30 % and more on a busy machine. Each
round loads and fills both anew. Prints the medians of the rounds' ratios
(present / base) with least and most, and the geometric mean of each operation.

  --base REV         a commit, branch or tag (default: the newest tag v*)
  --present REV      a revision in place of this checkout; the same one as --base
                     shows how far equal variants differ
  --rounds N         rounds (default: 9)
  --seconds S        measured time of each variant in each round and row (default: 1)
  --operations LIST  of get,put,mixed (default: all)
  --value-sizes LIST bytes (default: 100,1024)
  --threads LIST     numbers of threads (default: 1,2)
  --entries N        entries in the cache (default: 1000000)
  --in-cache         short for --entries 1000 --value-sizes 100: what fits in the
                     processor's caches
  --clock NAME       wall (default), or cpu: the time that the threads ran, for a
                     machine with other work; waiting for locks does not count
  --min RATIO        exit with 1 where a geometric mean is below (default: none)
  --files DIR        where the caches' files are (default: /dev/shm)
  --no-build         use the jars of this checkout that are there; do not run Maven
  --help             print this

The jars of other revisions are built once and kept in the cache folder,
~/.cache/luo4j/compare. Needs a JDK, Maven and git.
Environment: JAVA_HOME (the JDK), LUO4J_CACHE (the cache folder).
END
}

base='' present='' rounds=9 seconds=1 operations=get,put,mixed sizes=100,1024 threads=1,2
entries=1000000 min=0 clock=wall files=/dev/shm build=yes
while [ $# -gt 0 ]; do
	case $1 in
	--base) option_value "$1" $#; base=$2; shift ;;
	--present) option_value "$1" $#; present=$2; shift ;;
	--rounds) option_value "$1" $#; rounds=$2; shift ;;
	--seconds) option_value "$1" $#; seconds=$2; shift ;;
	--operations) option_value "$1" $#; operations=$2; shift ;;
	--value-sizes) option_value "$1" $#; sizes=$2; shift ;;
	--threads) option_value "$1" $#; threads=$2; shift ;;
	--entries) option_value "$1" $#; entries=$2; shift ;;
	--in-cache) entries=1000 sizes=100 ;;
	--clock) option_value "$1" $#; clock=$2; shift ;;
	--min) option_value "$1" $#; min=$2; shift ;;
	--files) option_value "$1" $#; files=$2; shift ;;
	--no-build) build= ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done
for pair in "--rounds $rounds" "--entries $entries"; do
	[[ ${pair#* } =~ ^[1-9][0-9]{0,8}$ ]] || usage_error "${pair% *}: '${pair#* }' is no number from 1 to 999999999"
done
for pair in "--value-sizes $sizes" "--threads $threads"; do
	[[ ${pair#* } =~ ^[1-9][0-9]{0,6}(,[1-9][0-9]{0,6})*$ ]] || usage_error "${pair% *}: '${pair#* }' is no list of numbers"
done
for pair in "--seconds $seconds" "--min $min"; do
	[[ ${pair#* } =~ ^[0-9]+(\.[0-9]+)?$ ]] || usage_error "${pair% *}: '${pair#* }' is no decimal number"
done
[[ $operations =~ ^(get|put|mixed)(,(get|put|mixed))*$ ]] || usage_error "--operations: '$operations' is no list of get, put, mixed"
case $clock in wall | cpu) ;; *) usage_error "--clock is wall or cpu" ;; esac
largest=0
for size in ${sizes//,/ }; do
	[ "$size" -ge 8 ] || usage_error "--value-sizes: $size is below 8, which the index of an entry takes"
	[ "$size" -le "$largest" ] || largest=$size
done
[ -w "$files" ] || die "--files: no folder $files that can be written"

need_tools mvn=maven javac=openjdk-17-jdk-headless git=git
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
cd "$LUO4J_ROOT"
[ -n "$base" ] || base=$(git tag --list 'v*' --sort=-version:refname | head -n 1)
[ -n "$base" ] || usage_error "there is no tag v* to compare with; give --base REV"

# Two caches, each with its index and the room to spare that its capacity has.
needed=$((2 * entries * (largest + 64) / 1024 * 14 / 10))
available=$(df --output=avail -k -- "$files" | tail -n 1)
[ "$needed" -le "$available" ] ||
	die "$files has $((available / 1024)) MiB available, $((needed / 1024)) MiB are needed; give --files DIR or fewer --entries"

work='' pid=''
cleanup() {
	if [ -n "$pid" ]; then
		kill "$pid" 2>/dev/null || true
		wait "$pid" || true
	fi
	[ -z "$work" ] || rm -rf -- "$work"
	[ -z "${stores:-}" ] || rm -rf -- "$stores"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

skip=(-DskipTests -Dmaven.javadoc.skip -Dspotless.check.skip)

# the_jars ROOT: prints the jars of core and cache that were built there, separated by ':'.
the_jars() {
	local module jar jars=()
	for module in core cache; do
		for jar in "$1/java/$module/target"/luo4j*.jar; do
			case $jar in
			*-tests.jar | *-sources.jar | *-javadoc.jar) continue ;;
			esac
			jars+=("$jar")
		done
	done
	[ ${#jars[@]} -eq 2 ] && [ -f "${jars[0]}" ] && [ -f "${jars[1]}" ] ||
		die "not one jar each of core and cache in $1/java/*/target: build them (without --no-build), after mvn clean"
	printf '%s:%s\n' "${jars[@]}"
}

# revision REV: prints the jars of a revision, which are built where the cache folder has none.
revision() {
	local commit folder jars
	commit=$(git rev-parse --verify --quiet "$1^{commit}") ||
		die "no revision '$1' here: git tag and git log list them"
	folder=$LUO4J_CACHE_DIR/compare/$commit
	mkdir -p "$LUO4J_CACHE_DIR/compare"
	(
		flock 8
		if [ ! -d "$folder" ]; then
			say "building $1 ($commit)"
			source=$folder.source
			rm -rf -- "$source" "$folder.new"
			mkdir -p "$source" "$folder.new"
			git archive "$commit" | tar -x -C "$source"
			(cd "$source" && mvn -B -q "${skip[@]}" package -pl java/cache -am) >&2 ||
				die "the build of $1 failed; its messages are above, its sources in $source"
			jars=$(the_jars "$source")
			cp -- "${jars%%:*}" "$folder.new/luo4j.jar"
			cp -- "${jars##*:}" "$folder.new/luo4j-cache.jar"
			mv -- "$folder.new" "$folder"
			rm -rf -- "$source"
		fi
	) 8>"$LUO4J_CACHE_DIR/compare/lock"
	printf '%s\n' "$folder/luo4j.jar:$folder/luo4j-cache.jar"
}

base_jars=$(revision "$base")
if [ -n "$build" ]; then
	say "building this checkout"
	mvn -B -q "${skip[@]}" package -pl java/bench -am >&2 ||
		die "the build failed; its messages are above"
fi
[ -f java/bench/target/benchmarks.jar ] || die "no java/bench/target/benchmarks.jar; run this without --no-build"
work=$(mktemp -d "${TMPDIR:-/tmp}/luo4j-compare.XXXXXX")
cp -r java/bench/target/benchmarks.jar java/bench/target/lib "$work" # a build meanwhile changes nothing
if [ -n "$present" ]; then
	present_jars=$(revision "$present")
else
	present_jars=$(the_jars "$LUO4J_ROOT")
	cp -- "${present_jars%%:*}" "$work/luo4j.jar"
	cp -- "${present_jars##*:}" "$work/luo4j-cache.jar"
	present_jars=$work/luo4j.jar:$work/luo4j-cache.jar
fi

stores=$(mktemp -d "$files/luo4j-compare-XXXXXX")
say "comparing ${present:-this checkout} with $base"
# In the background, so that a signal ends this script, and the JVM, at once.
# -Xbatch: a loop waits for its compilation, so that warming up is enough on a busy machine.
"$java" -Xms2g -Xmx2g -XX:+AlwaysPreTouch -XX:+UseG1GC -Xbatch "-Dluo4j.bench.directory=$stores" \
	-cp "$work/benchmarks.jar" org.luo4j.bench.Compare \
	--base "$base_jars" --present "$present_jars" --rounds "$rounds" --seconds "$seconds" \
	--operations "$operations" --value-sizes "$sizes" --threads "$threads" --entries "$entries" \
	--clock "$clock" --min "$min" &
pid=$!
status=0
wait "$pid" || status=$?
pid=''
exit $status
