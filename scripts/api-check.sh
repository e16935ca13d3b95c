#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares the public API with an earlier one, by japicmp.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"

usage() {
	cat <<'END'
usage: api-check.sh [--base REV]

Builds the jars of luo4j and luo4j-cache, and those of another revision, and
compares what they export, by the rules that the build has for a release
(-Djapicmp.baseline=VERSION). Internal packages do not count.

  --base REV   a commit, branch or tag (default: the newest tag v*, or for want
               of one HEAD)
  --help       print this

Prints one line: no changes, changes that no caller notices, or how many break
callers, in binary or source form. Those are listed before it, and it ends with
1. Reports are in java/*/target/japicmp. Needs a JDK, Maven and git.
Environment: JAVA_HOME (the JDK).
END
}

base=''
while [ $# -gt 0 ]; do
	case $1 in
	--base) option_value "$1" $#; base=$2; shift ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done

need_tools mvn=maven javac=openjdk-17-jdk-headless git=git
cd "$LUO4J_ROOT"
[ -n "$base" ] || base=$(git tag --list 'v*' --sort=-version:refname | head -n 1)
base=${base:-HEAD}
commit=$(git rev-parse --verify --quiet --short "$base^{commit}") ||
	die "no revision '$base' here: git tag and git log list them"

work=$(mktemp -d "${TMPDIR:-/tmp}/luo4j-api.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/base" "$work/jars"
git archive "$commit" | tar -x -C "$work/base"
say "building $base ($commit)"
(cd "$work/base" && mvn -B -q -Dmaven.antrun.skip -pl java/core,java/cache -am compile) >&2 ||
	die "the build of $base failed; its messages are above"
jar=${JAVA_HOME:+$JAVA_HOME/bin/}jar
"$jar" --create --file "$work/jars/luo4j.jar" -C "$work/base/java/core/target/classes" .
"$jar" --create --file "$work/jars/luo4j-cache.jar" -C "$work/base/java/cache/target/classes" .

say "building the working tree, and comparing"
reports=(java/core/target/japicmp/api.diff java/cache/target/japicmp/api.diff)
rm -f "${reports[@]}"
# --fail-never: after changes in core that break callers the cache is compared too.
mvn -B -q --fail-never -DskipTests -Dmaven.javadoc.skip -Djapicmp.directory="$work/jars" \
	-pl java/core,java/cache -am package \
	com.github.siom79.japicmp:japicmp-maven-plugin:cmp@api >"$work/log" 2>&1 || true
for report in "${reports[@]}"; do
	[ -f "$report" ] || {
		cat "$work/log" >&2
		die "no comparison $report; the build's messages are above"
	}
done

# japicmp begins a line with +++, --- or *** for a change, and goes on with ! where callers break when
# they run, with * where they break when they are compiled. A type's line is not indented.
lines() { grep -Eh "^$1(\+\+\+|---|\*\*\*)$2" "${reports[@]}" || true; }
changed=$(lines '' '' | wc -l)
broken=0 status=0
if grep -q 'at least one incompatibility' "$work/log"; then
	lines '[[:space:]]*' '[!*]' >&2
	broken=$(lines '' '[!*]' | wc -l)
	status=1
fi
if [ "$changed" -eq 0 ]; then
	result='no changes'
else
	result="types changed: $changed, so that callers break: $broken"
fi
printf 'API against %s (%s): %s\n' "$base" "$commit" "$result"
exit $status
