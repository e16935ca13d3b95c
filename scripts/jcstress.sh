#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Looks for outcomes that the cache's rules of publication forbid, with jcstress.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"

usage() {
	cat <<'END'
usage: jcstress.sh [options]

Runs the cases of java/jcstress: two threads use the parts of a WarmCache that
take no lock, or one looks on what the other stores, again and again, compiled in
different ways; each outcome must be one that the rules of publication allow. The
rules, and which case is for which, are in the package's documentation:
java/jcstress/src/main/java/org/luo4j/cache/package-info.java.

  --test REGEX   only these, as in PinCases (default: all)
  --mode MODE    sanity, quick, default, tough or stress (default: quick, about
                 10 minutes; sanity, about 2: the JVM's own choice of compilers
                 only)
  --output DIR   keep jcstress's report and results in DIR
  --no-build     use the jar that is there; do not run Maven
  --help         print this

Prints "N passed, N failed, N skipped" at the end, of cases times ways to compile
them. Ends with 1 after a forbidden outcome. Needs a JDK and Maven. Environment:
JAVA_HOME (the JDK).
END
}

build=yes mode=quick test='' output=''
while [ $# -gt 0 ]; do
	case $1 in
	--test) option_value "$1" $#; test=$2; shift ;;
	--mode) option_value "$1" $#; mode=$2; shift ;;
	--output) option_value "$1" $#; output=$2; shift ;;
	--no-build) build= ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done

need_tools mvn=maven javac=openjdk-17-jdk-headless
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
if [ -n "$build" ]; then
	say "building"
	(cd "$LUO4J_ROOT" && mvn -B -q -DskipTests -Dmaven.javadoc.skip -pl java/jcstress -am package) >&2 ||
		die "the build failed; its messages are above"
fi
jar=$LUO4J_ROOT/java/jcstress/target/jcstress.jar
[ -f "$jar" ] || die "no $jar; run this without --no-build"

work=$(mktemp -d "${TMPDIR:-/tmp}/luo4j-jcstress.XXXXXX")
trap 'rm -rf "$work"' EXIT
status=0
# strides: so that fewer states live at a time than Cell has memory for
options=(-m "$mode" -strideSize 32 -strideCount 16)
# Both actors are compiled alike: in the other combinations each is slower than the other in turn,
# and the compilers that reorder are the same.
options+=(-sc false)
case $mode in
sanity) options+=(-iters 2 -time 250 -jvmArgs -XX:+UseSerialGC) ;; # an argument of any kind rules out jcstress's own sets
quick) options+=(-iters 3) ;;
esac
(cd "$work" && "$java" -jar "$jar" "${options[@]}" ${test:+-t "$test"}) | tee "$work/log" || status=$?
if [ -n "$output" ]; then
	mkdir -p "$output"
	cp -r "$work"/. "$output"
fi
passed='' failed='' soft='' hard=''
read -r passed failed soft hard < <(sed -n \
	's/.*(Results: [0-9]* planned; \([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) soft errs, \([0-9]*\) hard errs)$/\1 \2 \3 \4/p' \
	"$work/log" | tail -n 1) || say 'error: jcstress gave no results; see above'
passed=${passed:-0}
failed=$((${failed:-1} + ${soft:-0} + ${hard:-0}))
[ $status -eq 0 ] || [ $failed -gt 0 ] || failed=1
printf '%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
