#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a release in a folder, checks it by Maven Central's rules, and uses it from outside.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"
# shellcheck source=scripts/lib/release.sh
. "$here/lib/release.sh"

usage() {
	cat <<'END'
usage: release-check.sh [options]

Builds the release of this checkout twice, in two folders, in another time
zone and language each: the version without -SNAPSHOT, without tests.
Deploys each into a repository of its own, a folder, and checks

  the files     those that Central asks for and no others, their checksums,
                their signatures (by a key made for this run), both builds
                alike byte by byte
  the POMs      what Central asks for, dependencies, no parent
  the jars      licence, manifest, module, native libraries, metadata
  the bills     of materials: each dependency with version and hash
  the headers   of all sources; that the build fails without one
  the README    names the version and the artifacts that there are

Then builds scripts/release/outside with an empty local repository, into which
luo4j comes from that folder alone, and runs it on JDK 17 and on the newest JDK
from 24 on: on the class path and on the module path, over JNI and over JNA,
without flags and with the strictest. Runs luo4j-cli too. Where there is no such
JDK, nor a Debian package of one, it says so and leaves its runs out.

Prints each result as it comes and at the end "N passed, N failed, N skipped";
ends with 0 only if nothing failed.

  --keep DIR   keep the repository, the logs and the outside project in DIR
  --one-jdk    leave out the runs on the newest JDK
  --help       print this

Needs JDK 17 and Maven. As root on Debian it installs what it misses; else it
names it. Environment: JAVA_HOME (a JDK to look at before those in
/usr/lib/jvm).
END
}

keep='' one_jdk=''
while [ $# -gt 0 ]; do
	case $1 in
	--keep) option_value "$1" $#; keep=$2; shift ;;
	--one-jdk) one_jdk=yes ;;
	--help) usage; exit ;;
	*) usage_error "unknown option '$1'" ;;
	esac
	shift
done

need_tools mvn=maven javac=openjdk-17-jdk-headless git=git gcc=gcc cmake=cmake make=make unzip=unzip \
	xmllint=libxml2-utils jq=jq gpg=gnupg
jdk_17=$(find_jdk 17 17)
newest=
[ -n "$one_jdk" ] || need_newest_jdk
[ -n "$jdk_17" ] ||
	die "no JDK 17, which releases are built with, in JAVA_HOME or /usr/lib/jvm. Install openjdk-17-jdk-headless"
declared=$(pom_value "$LUO4J_ROOT/pom.xml" /project/version)
version=${declared%-SNAPSHOT}

# Maven's archives have the modes of the files that go in.
umask 022
work=$(mktemp -d "${TMPDIR:-/tmp}/luo4j-release.XXXXXX")
export GNUPGHOME=$work/gnupg
cleanup() {
	gpgconf --kill all 2>/dev/null || true
	if [ -n "$keep" ]; then
		mkdir -p "$keep"
		cp -a "$work/first/repository" "$work"/*.log "$work/outside" "$keep/" 2>/dev/null || true
		say "the repository, the logs and the outside project are in $keep"
	fi
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

repository=$work/first/repository
started=$SECONDS

mkdir -m 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key 'luo4j release check' ed25519 sign never 2>"$work/gpg.log" ||
	die "gpg could not make a key: $(tail -n 1 "$work/gpg.log"). Is gpg-agent (package gnupg) there?"

copy_tree "$work/first/luo4j"
copy_tree "$work/second/another/folder"
build first "$work/first/luo4j" "$repository" UTC en -Dgpg.skip=false
build second "$work/second/another/folder" "$work/second/repository" Asia/Kolkata tr -Dgpg.skip=true
say "both builds took $(duration $((SECONDS - started)))"

check 'files are those that Central asks for' check_layout
check 'checksums' check_checksums
check 'signatures' check_signatures
check 'two builds are alike' check_alike "$repository" "$work/second/repository"
for artifact in "${RELEASE_ARTIFACTS[@]}"; do
	check "POM of $artifact" check_pom "$artifact"
done
for artifact in "${RELEASE_JARS[@]}"; do
	check "jars of $artifact" check_jars "$artifact"
	check "bill of materials of $artifact" check_bill "$artifact"
done
check 'native libraries' check_natives
check 'licence header in each source' check_headers
check 'a missing header fails the build' check_headers_missed "$work/second/another/folder"
check 'README' check_readme

check 'outside project builds, from the folder alone' build_outside
if [ -d "$work/outside/target/lib" ]; then
	run_outside_on "$jdk_17"
	if [ -n "$newest" ]; then
		run_outside_on "$newest"
		run_outside_strictly "$newest"
	fi
fi
for jdk in "$jdk_17" ${newest:+"$newest"}; do
	check "luo4j-cli on JDK $(jdk_version "$jdk")" check_cli "$jdk"
done

say "the whole took $(duration $((SECONDS - started)))"
# shellcheck disable=SC2154 # release.sh's
printf '%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
