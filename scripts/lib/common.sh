# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Helpers shared by the scripts in this folder's parent. Sourced, not run.
# Everything for people goes to stderr; stdout is left to results.

LUO4J_CACHE_DIR=${LUO4J_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/luo4j}
LUO4J_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die MESSAGE...: the message names the cause and the fix.
die() {
	say "error: $*"
	exit 1
}

# usage_error MESSAGE...: for a command line that makes no sense.
usage_error() {
	say "error: $*; see ${0##*/} --help"
	exit 2
}

# option_value OPTION COUNT: fails unless OPTION is followed by a value.
option_value() {
	[ "$2" -ge 2 ] || usage_error "$1 needs a value"
}

# have PROBE: true if the command PROBE, or the file PROBE when it starts with
# a slash, is there.
have() {
	case $1 in
	/*) [ -e "$1" ] ;;
	*) command -v -- "$1" >/dev/null 2>&1 ;;
	esac
}

# need_tools PROBE=PACKAGE...: makes sure that each PROBE (see have) is there.
# Missing ones are installed from Debian packages when run as root on a machine
# with apt; anywhere else the script ends and says what to install.
need_tools() {
	local pair probe log
	local -a missing_probes=() missing=()
	for pair in "$@"; do
		have "${pair%%=*}" && continue
		missing_probes+=("${pair%%=*}")
		missing+=("${pair#*=}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	have apt-get ||
		die "missing: ${missing_probes[*]}. Install what your distribution calls: ${missing[*]} (Debian names)"
	[ "$(id -u)" -eq 0 ] ||
		die "missing: ${missing_probes[*]}. Run: sudo apt-get install --no-install-recommends ${missing[*]}"
	say "installing packages: ${missing[*]}"
	log=$(mktemp)
	mkdir -p "$LUO4J_CACHE_DIR"
	# apt does not wait for another apt
	if ! {
		flock 7 &&
			apt-get -q -o Acquire::Check-Valid-Until=false update &&
			DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Check-Valid-Until=false \
				install --no-install-recommends "${missing[@]}"
	} >"$log" 2>&1 7>"$LUO4J_CACHE_DIR/apt-get.lock"; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		die "apt-get could not install: ${missing[*]}. Remove the cause above, then run this again"
	fi
	rm -f "$log"
	for probe in "${missing_probes[@]}"; do
		have "$probe" || die "$probe is still missing after installing: ${missing[*]}"
	done
}

# jdk_home: prints $JAVA_HOME, or the home of javac; nothing where there is neither.
jdk_home() {
	local home=${JAVA_HOME:-}
	[ -n "$home" ] || ! have javac || home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
	printf '%s\n' "$home"
}

# jdk_version HOME: its major version, or nothing.
jdk_version() {
	[ ! -f "$1/release" ] || sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release"
}

# find_jdk FROM TO: prints the home of the newest JDK whose major version is in the range, or nothing.
find_jdk() {
	local home found='' best=0 major
	for home in "${JAVA_HOME:-}" /usr/lib/jvm/*; do
		[ -x "$home/bin/javac" ] || continue
		major=$(jdk_version "$home")
		if [ "${major:-0}" -ge "$1" ] && [ "$major" -le "$2" ] && [ "$major" -gt "$best" ]; then
			best=$major found=$home
		fi
	done
	printf '%s\n' "$found"
}

# duration SECONDS: "3 min 5 s"
duration() {
	if [ "$1" -ge 60 ]; then
		printf '%d min %d s' $(($1 / 60)) $(($1 % 60))
	else
		printf '%d s' "$1"
	fi
}

# readme_commands SECTION: prints the commands of that section of the README, a line
# each: those of its sh blocks, and what follows "$ " in the others.
readme_commands() {
	awk -v section="$1" '
		/^```/ { block = block == "" ? substr($0, 4) " " : ""; next }
		block == "" && /^#+ / { name = $0; sub(/^#+ /, "", name); next }
		name == section && block == "sh " { print; found = 1 }
		name == section && block != "" && sub(/^\$ /, "") { print; found = 1 }
		END { exit !found }' "$LUO4J_ROOT/README.md" || die "README.md has no commands in a section '$1'"
}
