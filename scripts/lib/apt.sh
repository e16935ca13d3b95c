# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Reads Debian suites other than the machine's own, with a private apt state:
# the machine's sources, lists and package database are left as they are.
# Signatures are checked with Debian's archive keys. Sourced, not run. Needs
# common.sh.

# debian_mirror: prints the URI of the Debian mirror: $LUO4J_DEBIAN_MIRROR, or
# the first one in the machine's apt sources that serves its own release.
debian_mirror() {
	local codename uri
	if [ -n "${LUO4J_DEBIAN_MIRROR:-}" ]; then
		printf '%s\n' "$LUO4J_DEBIAN_MIRROR"
		return
	fi
	# shellcheck disable=SC1091
	codename=$(. /etc/os-release 2>/dev/null && [ "${ID:-}" = debian ] && printf '%s' "${VERSION_CODENAME:-}") || true
	[ -n "$codename" ] ||
		die "this is no Debian release, so its apt sources name no Debian mirror. Set LUO4J_DEBIAN_MIRROR to one's URI"
	uri=$(
		shopt -s nullglob
		for file in /etc/apt/sources.list.d/*.sources; do
			cat -- "$file"
			echo
		done | awk -v suite="$codename" '
			function emit(  i, n, s, hit) {
				n = split(suites, s); hit = 0
				for (i = 1; i <= n; i++) if (s[i] == suite) hit = 1
				if (hit && types ~ /(^| )deb( |$)/ && comps ~ /(^| )main( |$)/) { split(uris, u); print u[1] }
				uris = suites = types = comps = ""
			}
			/^[ \t]*$/ { emit(); next }
			/^#/ { next }
			tolower($1) == "uris:" { $1 = ""; uris = $0 }
			tolower($1) == "suites:" { $1 = ""; suites = $0 }
			tolower($1) == "types:" { $1 = ""; types = $0 }
			tolower($1) == "components:" { $1 = ""; comps = $0 }
			END { emit() }'
		for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
			[ ! -f "$file" ] || cat -- "$file"
		done | awk -v suite="$codename" '
			$1 == "deb" {
				sub(/^deb[ \t]+(\[[^]]*\][ \t]*)?/, "")
				if ($2 == suite && $0 ~ / main( |$)/) print $1
			}'
	)
	uri=${uri%%$'\n'*}
	[ -n "$uri" ] || die "no apt source serves $codename main. Set LUO4J_DEBIAN_MIRROR to a Debian mirror's URI"
	printf '%s\n' "$uri"
}

# apt_suite SUITE DEB_ARCH: sets APT_OPTS, the options that make apt-get and
# apt-cache see only SUITE for DEB_ARCH. Refreshes its lists when they are older
# than a day; when that fails older lists are used, and it says so.
apt_suite() {
	local suite=$1 arch=$2 dir mirror
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	have apt-get || die "no apt-get here, so Debian's packages are out of reach. Give the file or folder by option instead (see --help)"
	[ -f "$keyring" ] || die "no $keyring to check signatures with. Install the package debian-archive-keyring"
	dir=$LUO4J_CACHE_DIR/apt/$suite-$arch
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	[ -f "$dir/status" ] || : >"$dir/status"
	APT_OPTS=(
		-q
		-o "Dir::Etc::sourcelist=$dir/suite.sources"
		-o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::Lists=$dir/lists"
		-o "Dir::State::status=$dir/status"
		-o "Dir::Cache=$dir/cache"
		-o Dir::Cache::pkgcache=pkgcache.bin
		-o Dir::Cache::srcpkgcache=srcpkgcache.bin
		-o "APT::Architecture=$arch"
		-o "APT::Architectures=$arch"
		-o APT::Sandbox::User=root
		-o Acquire::Check-Valid-Until=false
		-o Acquire::Languages=none
		-o Acquire::Retries=3
	)
	mirror=$(debian_mirror)
	apt_lists "$suite" "$dir" "$mirror" "$keyring" 6>"$dir/lock"
}

# apt_lists SUITE FOLDER MIRROR KEYRING: the part of apt_suite that writes in the suite's
# FOLDER. Holds the lock on descriptor 6: apt does not wait for another apt.
apt_lists() {
	local suite=$1 dir=$2 log=$2/update.log
	flock 6
	printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
		"$3" "$suite" "$4" >"$dir/suite.sources.new"
	if ! cmp -s "$dir/suite.sources.new" "$dir/suite.sources"; then
		rm -f "$dir/updated"
		mv "$dir/suite.sources.new" "$dir/suite.sources"
	fi
	if [ -n "$(find "$dir/updated" -mmin -1440 2>/dev/null)" ]; then
		return
	fi
	say "reading the package lists of Debian $suite"
	# apt-get update ends with 0 when a list could not be fetched: look for its warnings
	if apt-get "${APT_OPTS[@]}" update >"$log" 2>&1 && ! grep -qE '^(W|E|Err)' "$log"; then
		touch "$dir/updated"
	elif [ -f "$dir/updated" ]; then
		say "could not refresh the package lists of Debian $suite ($(grep -E '^(E|W|Err)' "$log" | head -n 1)); using those of $(date -r "$dir/updated" '+%F %R')"
	else
		tail -n 5 "$log" >&2
		die "cannot read Debian $suite from the machine's mirror. Check the network, or set LUO4J_DEBIAN_MIRROR to a mirror that has this suite"
	fi
}

# apt_fetch FOLDER PACKAGE[=VERSION]: downloads a package of the suite set into
# FOLDER, whole or not at all, and prints the file's path.
apt_fetch() {
	local dest=$1 package=$2 tmp file
	mkdir -p "$dest"
	tmp=$(mktemp -d "$dest/.download.XXXXXX")
	if ! (cd "$tmp" && apt-get "${APT_OPTS[@]}" download "$package") >"$tmp/log" 2>&1; then
		tail -n 5 "$tmp/log" >&2
		rm -rf "$tmp"
		die "cannot download the Debian package $package. Check the network and the space in $dest"
	fi
	file=$(find "$tmp" -maxdepth 1 -name '*.deb')
	mv "$file" "$dest/"
	rm -rf "$tmp"
	printf '%s\n' "$dest/${file##*/}"
}
