#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Has JVMs use a WarmCache through kills, stops, closes, damage and want of room, and checks what is found.
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

Other modes, one at a time:

  --damage       files that such JVMs left are damaged (bits, ranges, words,
                 length; the header's checksum put right at times), opened, read
                 and changed: no crash, no hang, no undocumented exception, no
                 value but the last one
  --close        four threads use the cache while it is closed and opened again.
                 With --processes 2 one JVM closes it under load, and another one,
                 which waits for that, opens it and goes on, in turns
  --stopped      a JVM stops (SIGSTOP) while it opens, changes, clears or closes
                 the cache, and another one tries to open it: it is told whose the
                 cache is. Then the first goes on or is killed
  --full         on a tmpfs of 12 MiB which others fill and empty: an open
                 succeeds or says that there is no room, and what is open needs no
                 more. Needs root or user namespaces, for a mount of its own
  --limit        in a cgroup of 256 MiB: caches that fit and that do not are
                 opened, filled, closed and deleted. Needs root, for the cgroup
  --truncate     the file is cut short, deleted or replaced while four threads use
                 the cache: a call finds what it must, or throws
                 MemoryLostException; the next open gives a cache that works
  --clock        the wall clock is set to any time, before, while and after a JVM
                 uses the cache: entries live as long as they were put for. Needs
                 a C compiler; the machine's clock stays
  --soak         a service's lives: it serves with eight threads, is closed or
                 killed, and comes back, at times with another capacity, while
                 others fill its tmpfs (where one can be mounted)

  --rounds N         how many (default: 1000, at most 10 minutes; of --damage
                     10000 files; of --soak no limit)
  --minutes M        end after so many minutes (default of --soak: 60)
  --seconds-limit N  end after so many seconds even if rounds are left
  --seed S           of what is random (default: a new one, which is printed);
                     when a kill hits is not the seed's to say
  --capacity BYTES   of every cache (default: 64 KiB to 4 MiB, at random); for
                     kills and --damage
  --keep-going       go on after a violation, with a new cache
  --no-build         use the classes that are there; do not run Maven
  --help             print this

The last line counts rounds, entries checked and violations: wrong, lost and torn
values, crashes, hangs and others. Ends with 1 after a violation, and says what was
seen and where the files are kept; with 2 where the mode cannot be run, and says
what it takes. Files lie in /dev/shm, or where that is missing in java.io.tmpdir.
Needs a JDK and Maven.
Environment: JAVA_HOME (the JDK).
END
}

build=yes mode='' processes=1 options=()
while [ $# -gt 0 ]; do
	case $1 in
	--rounds | --seconds-limit | --capacity | --minutes)
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
	--processes)
		option_value "$1" $#
		[[ $2 =~ ^[12]$ ]] || usage_error "$1: '$2' is not 1 or 2"
		options+=("$1" "$2") processes=$2
		shift
		;;
	--damage | --close | --stopped | --full | --limit | --truncate | --clock | --soak)
		[ -z "$mode" ] || usage_error "$1 and $mode are two modes"
		options+=("$1") mode=$1
		;;
	--keep-going) options+=("$1") ;;
	--no-build) build= ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done

[ "$processes" = 1 ] || [ "$mode" = --close ] || usage_error "--processes is for --close"
[ "$mode" != --clock ] || need_tools cc=gcc
# shellcheck source=scripts/lib/cache-tests.sh
. "$here/lib/cache-tests.sh"
exec "$java" -cp "$cache_test_classes" org.luo4j.cache.torture.Torture ${options[@]+"${options[@]}"}
