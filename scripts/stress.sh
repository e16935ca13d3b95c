#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Eight threads use a WarmCache in every way, against a model.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"

usage() {
	cat <<'END'
usage: stress.sh [options]

Eight threads put, replace, compare, remove, let expire and read (by copy and
in place) in one JVM, in series of caches of different sizes, half of which
evict. A lookup must give a whole value of its key, not older than what was
acknowledged before it began, and where nothing may be evicted not nothing.

  --large GIB    instead: fill a cache of so many GiB in one JVM, then verify and
                 compare every entry in a second one, overwrite some, and again
                 in a third; needs as much memory in /dev/shm
  --seconds N    how long (default: 600)
  --seed S       of what is random (default: a new one, which is printed)
  --no-build     use the classes that are there; do not run Maven
  --help         print this

The last line counts calls and violations. Ends with 1 after a violation. Needs
a JDK and Maven. Environment: JAVA_HOME (the JDK).
END
}

build=yes large='' options=()
while [ $# -gt 0 ]; do
	case $1 in
	--seconds | --seed)
		option_value "$1" $#
		[[ $2 =~ ^[0-9]+$ ]] || usage_error "$1: '$2' is no number from 0 on"
		options+=("$1" "$2")
		shift
		;;
	--large)
		option_value "$1" $#
		[[ $2 =~ ^[1-9][0-9]*$ ]] || usage_error "--large: '$2' is no number of GiB"
		large=$2
		shift
		;;
	--no-build) build= ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done

# shellcheck source=scripts/lib/cache-tests.sh
. "$here/lib/cache-tests.sh"
if [ -n "$large" ]; then
	exec "$java" -cp "$cache_test_classes" org.luo4j.cache.torture.Large "$large"
fi
exec "$java" -cp "$cache_test_classes" org.luo4j.cache.torture.Stress ${options[@]+"${options[@]}"}
