#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Kills JVMs that use a WarmCache, or damages its file, and checks what is found then.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"

usage() {
	cat <<'END'
usage: torture.sh [options]

Round after round a JVM attaches to the cache that the one before it left,
checks every entry against a journal that outlives them, and changes the cache
with four threads until it is killed by SIGKILL: 0 to 300 ms after it began to
work, at times while it attaches, checks, clears or closes the cache. In some
series of rounds live bytes stay below nine tenths of the capacity: nothing
that was acknowledged may be missing then. In others the cache evicts.

With --damage, files that such JVMs left are damaged (bits, ranges, words,
length; the header's checksum put right at times), opened, read and changed: no
crash, no hang, no undocumented exception, no value but the last one.

  --rounds N         kills (default: 1000, about 10 minutes), with --damage
                     damaged files (default: 10000)
  --seconds-limit N  end after so many seconds even if rounds are left
  --damage           damage files
  --seed S           of what is random (default: a new one, which is printed);
                     when a kill hits is not the seed's to say
  --capacity BYTES   of every cache (default: 64 KiB to 4 MiB, at random)
  --keep-going       go on after a violation, with a new cache
  --no-build         use the classes that are there; do not run Maven
  --help             print this

The last line counts rounds, entries checked and violations. Ends with 1 after
a violation, and says what was seen and where the files are kept. Files lie in
/dev/shm, or where that is missing in java.io.tmpdir. Needs a JDK and Maven.
Environment: JAVA_HOME (the JDK).
END
}

build=yes options=()
while [ $# -gt 0 ]; do
	case $1 in
	--rounds | --seconds-limit | --capacity)
		option_value "$1" $#
		[[ $2 =~ ^[1-9][0-9]*$ ]] || usage_error "$1: '$2' is no number from 1 on"
		options+=("$1" "$2")
		shift
		;;
	--seed)
		option_value "$1" $#
		[[ $2 =~ ^[0-9]+$ ]] || usage_error "--seed: '$2' is no number from 0 on"
		options+=("$1" "$2")
		shift
		;;
	--damage | --keep-going) options+=("$1") ;;
	--no-build) build= ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done

# shellcheck source=scripts/lib/cache-tests.sh
. "$here/lib/cache-tests.sh"
exec "$java" -cp "$cache_test_classes" org.luo4j.cache.torture.Torture ${options[@]+"${options[@]}"}
