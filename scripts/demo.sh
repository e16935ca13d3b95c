#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job: a cache that one JVM fills is found warm by another under a new kernel.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"

usage() {
	cat <<'END'
usage: demo.sh [--kernel [options of kernel-test.sh]]

JVM 1 fills a WarmCache with every class file of its JDK. Then the kernel is
replaced. JVM 2 opens the cache by the same call, finds it warm, and compares
each entry with the class files of its own JDK. Both say who answered, the
emulator or the kernel, and why; the last lines compare the time until the
cache was warm with the time to fill it.

  --kernel       replace a real kernel, by kexec, in a virtual machine; without
                 it the emulator plays that
  --help         print this

Needs a JDK from 17 on and Maven; with --kernel also what kernel-test.sh needs.
Environment: JAVA_HOME (the JDK).
END
}

kernel=''
rest=()
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=yes ;;
	--help) usage; exit ;;
	*) rest+=("$1") ;;
	esac
	shift
done
if [ -n "$kernel" ]; then
	exec "$here/kernel-test.sh" --demo ${rest[@]+"${rest[@]}"}
fi
[ ${#rest[@]} -eq 0 ] || usage_error "unknown option '${rest[0]}'"

have mvn || die "no Maven (mvn), which builds luo4j. Install it"
java_home=${JAVA_HOME:-}
if [ -z "$java_home" ]; then
	have javac || die "no JDK. Install one from version 17 on, or set JAVA_HOME"
	java_home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
fi

say "building luo4j"
(cd "$LUO4J_ROOT" && mvn -B -q -pl java/cache -am -DskipTests -Dmaven.javadoc.skip package) >&2 ||
	die "Maven could not build luo4j; see above"

state=$(mktemp -d "${TMPDIR:-/tmp}/luo4j-demo.XXXXXX")
trap 'rm -rf "$state"' EXIT
flags=() options=()
! "$java_home/bin/java" --enable-native-access=ALL-UNNAMED -version >/dev/null 2>&1 ||
	flags=(--enable-native-access=ALL-UNNAMED)
[ ! -t 1 ] || options=(--terminal)
demo() {
	"$java_home/bin/java" ${flags[@]+"${flags[@]}"} "-Dluo4j.emulator.dir=$state/emulator" \
		-cp "$LUO4J_ROOT/java/cache/target/guest/*" org.luo4j.cache.demo.Demo "$@" ${options[@]+"${options[@]}"}
}
demo fill --ready "$state/ready"
demo check
