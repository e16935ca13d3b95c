#!/usr/bin/env bash
# The main job: bytes that one JVM preserves are found by another under a new kernel.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"

usage() {
	cat <<'END'
usage: demo.sh [--input FILE] [--kernel] [options of kernel-test.sh]

JVM 1 copies FILE into a preserved memfd and records its SHA-256. Then the
kernel is replaced. JVM 2 retrieves the memfd and compares. Both say who
answered, the emulator or the kernel, and why; the last lines compare the time
to retrieve with the time to reload the file from disk.

  --input FILE   what to carry (default: the JDK's own lib/modules)
  --kernel       replace a real kernel, by kexec, in a virtual machine; without
                 it the emulator plays that
  --help         print this

Needs a JDK from 17 on and Maven; with --kernel also what kernel-test.sh needs.
Environment: JAVA_HOME (the JDK).
END
}

input='' kernel=''
rest=()
while [ $# -gt 0 ]; do
	case $1 in
	--input) option_value "$1" $#; input=$2; shift ;;
	--kernel) kernel=yes ;;
	--help) usage; exit ;;
	*) rest+=("$1") ;;
	esac
	shift
done
[ -n "$kernel" ] || [ ${#rest[@]} -eq 0 ] || usage_error "unknown option '${rest[0]}'"

have mvn || die "no Maven (mvn), which builds luo4j. Install it"
java_home=${JAVA_HOME:-}
if [ -z "$java_home" ]; then
	have javac || die "no JDK. Install one from version 17 on, or set JAVA_HOME"
	java_home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
fi
input=${input:-$java_home/lib/modules}
[ -f "$input" ] || die "--input: there is no file $input"
input=$(readlink -f "$input")

if [ -n "$kernel" ]; then
	exec "$here/kernel-test.sh" --demo "$input" ${rest[@]+"${rest[@]}"}
fi

say "building luo4j"
(cd "$LUO4J_ROOT" && mvn -B -q -pl java/cache -am -DskipTests -Dmaven.javadoc.skip package) >&2 ||
	die "Maven could not build luo4j; see above"

state=$(mktemp -d "${TMPDIR:-/tmp}/luo4j-demo.XXXXXX")
trap 'rm -rf "$state"' EXIT
flags=()
! "$java_home/bin/java" --enable-native-access=ALL-UNNAMED -version >/dev/null 2>&1 ||
	flags=(--enable-native-access=ALL-UNNAMED)
demo() {
	"$java_home/bin/java" ${flags[@]+"${flags[@]}"} "-Dluo4j.emulator.dir=$state/emulator" \
		-cp "$LUO4J_ROOT/java/cache/target/guest/*" org.luo4j.demo.Demo "$@"
}
demo preserve --input "$input" --ready "$state/ready"
demo retrieve --input "$input"
