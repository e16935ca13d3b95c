# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # work, repository, version, declared, jdk_17 are release-check.sh's
# The steps of release-check.sh. Sourced, not run. Needs common.sh. Each check_
# function prints what is wrong, and how to put it right, and nothing where all is well.

RELEASE_JARS=(luo4j luo4j-cache luo4j-cli)
RELEASE_ARTIFACTS=(luo4j-bom "${RELEASE_JARS[@]}")
RELEASE_MODULES=java/bom,java/core,java/cache,java/cli
# What each jar is published with; those that other modules' tests use have one more.
RELEASE_FILES=(.pom .jar -sources.jar -javadoc.jar -cyclonedx.json -cyclonedx.xml)

passed=0 failed=0

# check NAME COMMAND...: runs it; what it prints is what is wrong.
check() {
	local name=$1 said status=0
	shift
	said=$("$@" 2>&1) || status=$?
	[ $status -eq 0 ] || said=${said:-"$1 ended with status $status"}
	if [ -z "$said" ]; then
		passed=$((passed + 1))
		printf 'PASS release %s\n' "$name"
	else
		failed=$((failed + 1))
		printf 'FAIL release %s\n' "$name"
		printf '%s\n' "$said" | head -n 40 | sed 's/^/  | /'
	fi
}

# need_newest_jdk: sets newest to the newest JDK from 24 on, which it installs where Debian has one.
need_newest_jdk() {
	local major
	newest=$(find_jdk 24 999)
	[ -z "$newest" ] || return 0
	major=$(apt-cache pkgnames openjdk- 2>/dev/null | sed -n 's/^openjdk-\([0-9]*\)-jdk-headless$/\1/p' | sort -n | tail -n 1) || true
	if [ "${major:-0}" -ge 24 ]; then
		need_tools "/usr/lib/jvm/java-$major-openjdk-$(dpkg --print-architecture)/bin/javac=openjdk-$major-jdk-headless"
		newest=$(find_jdk 24 999)
	else
		say 'no JDK from 24 on in JAVA_HOME or /usr/lib/jvm, and no package of one here: its runs are left out'
	fi
}

# pom_value POM PATH: prints the text at the path, whose steps are plain names.
pom_value() {
	local path
	path=$(printf '%s' "$2" | sed 's#/\([^/]*\)#/*[local-name()="\1"]#g')
	xmllint --xpath "string($path)" "$1"
}

# copy_tree DEST: copies what is, or would be, committed.
copy_tree() {
	local file
	mkdir -p "$1"
	git -C "$LUO4J_ROOT" ls-files -z --cached --others --exclude-standard |
		while IFS= read -r -d '' file; do
			[ ! -e "$LUO4J_ROOT/$file" ] || printf '%s\0' "$file"
		done | tar -C "$LUO4J_ROOT" --null -T - -cf - | tar -C "$1" --no-same-permissions -xf -
	[ "$declared" = "$version" ] ||
		find "$1" -name pom.xml -exec sed -i "s#<version>$declared</version>#<version>$version</version>#" {} +
}

# build NAME TREE REPOSITORY TZ LANGUAGE OPTION...: builds TREE and deploys it into REPOSITORY.
build() {
	local name=$1 tree=$2 to=$3 zone=$4 language=$5 log=$work/$1.log
	shift 5
	say "building ($name)"
	mkdir -p "$to"
	if ! (
		cd "$tree"
		export JAVA_HOME=$jdk_17 TZ=$zone MAVEN_OPTS="-Duser.language=$language -Duser.timezone=$zone"
		scripts/build-natives.sh
		mvn -B -q -Prelease -DskipTests -Dspotless.check.skip -Dmaven.install.skip -pl "$RELEASE_MODULES" "$@" \
			-DaltDeploymentRepository="release::file://$to" deploy \
			dependency:list -DincludeScope=runtime -DoutputAbsoluteArtifactFilename=true -DoutputFile=target/runtime.txt
	) >"$log" 2>&1; then
		grep -E 'ERROR\] .|error: ' "$log" | head -n 20 >&2 || tail -n 20 "$log" >&2
		die "the $name build failed; see above, and with --keep DIR all of it in DIR/$name.log"
	fi
}

# published ARTIFACT: the names of its files, without checksums.
published() {
	local suffix
	if [ "$1" = luo4j-bom ]; then
		printf '%s-%s.pom\n' "$1" "$version"
		return
	fi
	for suffix in "${RELEASE_FILES[@]}"; do
		printf '%s-%s%s\n' "$1" "$version" "$suffix"
	done
	[ "$1" = luo4j-cli ] || printf '%s-%s-tests.jar\n' "$1" "$version"
}

# file_of ARTIFACT SUFFIX: the path of that file in the repository.
file_of() {
	printf '%s/org/luo4j/%s/%s/%s-%s%s\n' "$repository" "$1" "$version" "$1" "$version" "$2"
}

# Central wants no checksums of signatures.
check_layout() {
	local artifact file end
	diff <(
		for artifact in "${RELEASE_ARTIFACTS[@]}"; do
			for end in '' .md5 .sha1; do
				printf '%s/maven-metadata.xml%s\n' "$artifact" "$end"
				while IFS= read -r file; do
					printf '%s/%s/%s%s\n' "$artifact" "$version" "$file" "$end"
				done < <(published "$artifact")
			done
			published "$artifact" | sed "s#.*#$artifact/$version/&.asc#"
		done | LC_ALL=C sort
	) <(cd "$repository/org/luo4j" && find . -type f | sed 's#^\./##' | LC_ALL=C sort) |
		sed -n 's/^</missing in the release:/p; s/^>/not to be in the release:/p'
}

check_checksums() {
	local file kind sum
	while IFS= read -r file; do
		for kind in md5 sha1; do
			sum=$("${kind}sum" <"$file")
			[ "${sum%% *}" = "$(cat "$file.$kind")" ] || printf '%s.%s is not the checksum of its file\n' "${file##*/}" $kind
		done
	done < <(find "$repository" -type f ! -name '*.md5' ! -name '*.sha1' ! -name '*.asc')
}

check_signatures() {
	local file
	while IFS= read -r file; do
		gpg --batch --quiet --verify "$file" "${file%.asc}" 2>"$work/gpg.log" ||
			printf '%s does not sign its file: %s\n' "${file##*/}" "$(tail -n 1 "$work/gpg.log")"
	done < <(find "$repository" -name '*.asc')
}

# sums REPOSITORY: the files that both builds make, with their hashes. The time of
# the deployment is in maven-metadata.xml, which Central makes anew, and in signatures.
sums() {
	(cd "$1" && find . -type f ! -name 'maven-metadata.xml*' ! -name '*.asc*' -exec sha256sum {} + | LC_ALL=C sort -k 2)
}

check_alike() {
	local file one=$work/alike/1 two=$work/alike/2
	while IFS= read -r file; do
		printf '%s differs between two builds of one source\n' "${file#./org/luo4j/}"
		case $file in
		*.jar)
			rm -rf "$work/alike"
			mkdir -p "$one" "$two"
			if [ ! -f "$1/$file" ] || [ ! -f "$2/$file" ]; then continue; fi
			unzip -q "$1/$file" -d "$one"
			unzip -q "$2/$file" -d "$two"
			diff -rq "$one" "$two" | sed "s#$work/alike/##g; s/^/  /"
			diff <(unzip -Z "$1/$file" | tail -n +3) <(unzip -Z "$2/$file" | tail -n +3) | head -n 5 || true
			;;
		*.json | *.xml | *.pom) diff "$1/$file" "$2/$file" | head -n 5 || true ;;
		esac
	done < <(diff <(sums "$1") <(sums "$2") | sed -n 's/^[<>] *[0-9a-f]*  //p' | grep -vE '\.(md5|sha1)$' | LC_ALL=C sort -u)
}

check_pom() {
	local pom path found
	pom=$(file_of "$1" .pom)
	for path in name description url inceptionYear licenses/license/name licenses/license/url developers/developer/name \
		scm/url scm/connection scm/developerConnection; do
		[ -n "$(pom_value "$pom" "/project/$path")" ] || printf 'no %s, which Central asks for: set it in pom.xml\n' "$path"
	done
	for path in parent repositories pluginRepositories distributionManagement build profiles properties; do
		[ "$(xmllint --xpath "count(/*/*[local-name()='$path'])" "$pom")" = 0 ] ||
			printf 'has %s, which is of no use to others: see flatten-maven-plugin in the POM of the module\n' "$path"
	done
	[ "$(pom_value "$pom" /project/version)" = "$version" ] || printf 'version is not %s\n' "$version"
	# shellcheck disable=SC2016 # the text itself
	! sed 's/\${project\.version}//' "$pom" | grep -nF -e '-SNAPSHOT' -e '${' || printf 'of what is above a release has nothing\n'
	# compile scope: the modules name them, and javac wants the modules that a module requires
	found=$(dependencies_of "$pom")
	diff <(wanted_dependencies "$1") <(printf '%s' "${found:+$found$'\n'}") |
		sed -n 's/^</not among the dependencies:/p; s/^>/not to be among the dependencies:/p'
}

# dependencies_of POM: a line "GROUP:ARTIFACT:VERSION SCOPE" for each, sorted.
dependencies_of() {
	local i count dependency='//*[local-name()="dependency"]' step
	count=$(xmllint --xpath "count($dependency)" "$1")
	for i in $(seq "$count"); do
		step="($dependency)[$i]/*[local-name()="
		printf '%s:%s:%s %s\n' "$(xmllint --xpath "string($step'groupId'])" "$1")" \
			"$(xmllint --xpath "string($step'artifactId'])" "$1")" "$(xmllint --xpath "string($step'version'])" "$1")" \
			"$(xmllint --xpath "string($step'scope'])" "$1")"
	done | sed "s/ $/ compile/; s/\\\${project\.version}/$version/" | LC_ALL=C sort
}

# wanted_dependencies ARTIFACT: those that the tree's POM has not for tests, in the versions that Maven found.
wanted_dependencies() {
	local artifact name module
	case $1 in
	luo4j-cli) ;;
	luo4j-bom)
		for artifact in "${RELEASE_JARS[@]}"; do
			printf 'org.luo4j:%s:%s compile\n' "$artifact" "$version"
		done | LC_ALL=C sort
		;;
	*)
		module=$(module_of "$1")
		while IFS= read -r name; do
			printf '%s:%s compile\n' "$name" "$(sed -n "s/^ *$name:jar:\([^:]*\):.*/\1/p" \
				"$work/first/luo4j/java/$module/target/runtime.txt")"
		done < <(dependencies_of "$LUO4J_ROOT/java/$module/pom.xml" | sed -n 's/:[^:]* compile$//p')
		;;
	esac
}

# module_of ARTIFACT: its folder in java.
module_of() {
	case $1 in
	luo4j) printf 'core\n' ;;
	*) printf '%s\n' "${1#luo4j-}" ;;
	esac
}

# has_entry JAR REGEX: true if the jar has an entry whose whole name matches.
has_entry() {
	unzip -Z1 "$1" | grep -x -- "$2" >/dev/null
}

# manifest JAR: its manifest, with long lines put together.
manifest() {
	unzip -p "$1" META-INF/MANIFEST.MF | tr -d '\r' | sed -e ':a' -e '$!N' -e 's/\n //' -e 'ta' -e 'P' -e 'D'
}

check_jars() {
	local artifact=$1 file jar lines line module
	while IFS= read -r file; do
		[[ $file == *.jar ]] || continue
		jar=$(file_of "$artifact" "${file#"$artifact-$version"}")
		lines=$(unzip -Z1 "$jar")
		for line in META-INF/LICENSE META-INF/NOTICE; do
			grep -qx "$line" <<<"$lines" || printf '%s has no %s: see maven-resources-plugin in pom.xml\n' "$file" "$line"
		done
		while IFS= read -r line; do
			case $line in
			Manifest-Version:* | Specification-*:* | Implementation-*:* | Automatic-Module-Name:* | Main-Class:* | '') ;;
			Enable-Native-Access:* | Multi-Release:*) ;;
			*) printf '%s: the manifest names what made the jar: %s\n' "$file" "$line" ;;
			esac
		done < <(manifest "$jar")
	done < <(published "$artifact")
	jar=$(file_of "$artifact" .jar)
	grep -qx "Implementation-Version: $version" <<<"$(manifest "$jar")" ||
		printf 'the manifest has no Implementation-Version: %s\n' "$version"
	has_entry "$(file_of "$artifact" -sources.jar)" '.*\.java' || printf 'no sources in the sources jar\n'
	has_entry "$(file_of "$artifact" -javadoc.jar)" 'index\.html' || printf 'no index.html in the Javadoc jar\n'
	case $artifact in
	luo4j) module=org.luo4j ;;
	luo4j-cache) module=org.luo4j.cache ;;
	luo4j-cli) module=org.luo4j.cli ;;
	esac
	[ "$artifact" = luo4j-cli ] || has_entry "$jar" 'module-info\.class' || printf 'no module-info.class\n'
	line=$(module_name "$jar")
	[ "$line" = $module ] || printf "the module is '%s' and not %s\n" "$line" $module
	check_resources "$artifact" "$jar"
}

# module_name JAR: of its module-info, or the automatic one of its manifest.
module_name() {
	if has_entry "$1" 'module-info\.class'; then
		"$jdk_17/bin/jar" --describe-module --file "$1" | sed -n '1s/[@ ].*//p'
	else
		manifest "$1" | sed -n 's/^Automatic-Module-Name: //p'
	fi
}

# check_resources ARTIFACT JAR: the metadata for native images, where the tree has any, is in the jar.
check_resources() {
	local dir file
	dir=$LUO4J_ROOT/java/$(module_of "$1")/src/main/resources
	[ -d "$dir/META-INF/native-image" ] || return 0
	while IFS= read -r file; do
		unzip -p "$2" "$file" 2>/dev/null | cmp -s - "$dir/$file" || printf '%s is not in the jar as it is in the tree\n' "$file"
	done < <(cd "$dir" && find META-INF/native-image -type f)
}

# check_bill ARTIFACT: each dependency at run time is in the bill, with its version and the hash of its file.
check_bill() {
	local module json xml group artifact type rest file found version_of count=0
	module=$(module_of "$1")
	json=$(file_of "$1" -cyclonedx.json) xml=$(file_of "$1" -cyclonedx.xml)
	[ "$(jq -r '.metadata.timestamp // "none"' "$json")" = none ] || printf 'the bill has a time: no two of them are alike\n'
	[ "$(jq -r '.metadata.component.purl' "$json")" = "pkg:maven/org.luo4j/$1@$version?type=jar" ] ||
		printf 'the bill is not one of %s %s\n' "$1" "$version"
	while IFS=: read -r group artifact type rest; do
		# GROUP:ARTIFACT:TYPE[:CLASSIFIER]:VERSION:SCOPE:FILE
		file=/${rest#*:/}
		version_of=${rest%%:/*}
		version_of=${version_of%:*}
		version_of=${version_of##*:}
		count=$((count + 1))
		found=$(sha256sum "$file")
		found=${found%% *}
		jq -e --arg g "$group" --arg a "$artifact" --arg v "$version_of" --arg h "$found" \
			'any(.components[]; .group == $g and .name == $a and .version == $v
				and any(.hashes[]?; .alg == "SHA-256" and .content == $h))' "$json" >/dev/null ||
			printf '%s:%s:%s:%s is not in the bill with SHA-256 %s\n' "$group" "$artifact" "$type" "$version_of" "$found"
		grep -qF "$found" "$xml" || printf '%s:%s:%s is not in the bill in XML\n' "$group" "$artifact" "$version_of"
	done < <(sed -n 's/\x1b\[[0-9;]*m//g; s/^ *\([^ :]*:[^ ]*:\/[^ ]*\).*/\1/p' "$work/first/luo4j/java/$module/target/runtime.txt")
	[ $count -gt 0 ] || printf 'Maven lists no dependency of %s at run time\n' "$1"
}

check_natives() {
	local jar platform
	jar=$(file_of luo4j .jar)
	if [ -x "$LUO4J_ROOT/scripts/build-natives.sh" ]; then
		"$LUO4J_ROOT/scripts/build-natives.sh" --check "$jar" >"$work/natives.log" 2>&1 || cat "$work/natives.log"
		return
	fi
	for platform in linux-x86_64 linux-aarch64; do
		has_entry "$jar" "org/luo4j/native/$platform/libluo4j\.so" || printf 'no libluo4j.so of %s\n' $platform
	done
}

# The kinds of file that have no header: texts, drawings, JSON, what fuzzers start from, and Maven's
# options, which have no comments before Maven 3.9.
NO_HEADER='(^|/)(LICENSE|NOTICE|\.gitignore)$|^\.mvn/|\.(md|svg|json)$|TestInputs/'

check_headers() {
	local file
	while IFS= read -r -d '' file; do
		if [[ $file =~ $NO_HEADER ]] || [ ! -f "$LUO4J_ROOT/$file" ]; then continue; fi
		head -n 3 "$LUO4J_ROOT/$file" | grep -q 'SPDX-License-Identifier: Apache-2\.0' ||
			printf '%s has no "SPDX-License-Identifier: Apache-2.0" in its first 3 lines: mvn spotless:apply, or add its kind to pom.xml\n' "$file"
	done < <(git -C "$LUO4J_ROOT" ls-files -z --cached --others --exclude-standard)
}

# check_headers_missed TREE: takes the header of each kind of file away in TREE; the
# check must fail, and the fix put each file back as it was.
check_headers_missed() {
	local file
	local -a files=(scripts/luo .ci/run native/luo_abi.h CMakeLists.txt pom.xml scripts/guest/FillCache.java)
	for file in "${files[@]}"; do
		mkdir -p "$(dirname "$work/headers/$file")"
		cp "$1/$file" "$work/headers/$file.before"
		sed -i '1,3{/SPDX-License-Identifier/d}' "$1/$file"
	done
	if (cd "$1" && JAVA_HOME=$jdk_17 mvn -B -q -N spotless:check) >"$work/headers.log" 2>&1; then
		printf 'mvn spotless:check passes without the headers of: %s\n' "${files[*]}"
		return
	fi
	(cd "$1" && JAVA_HOME=$jdk_17 mvn -B -q -N spotless:apply) >"$work/headers.log" 2>&1 || cat "$work/headers.log"
	for file in "${files[@]}"; do
		cmp -s "$work/headers/$file.before" "$1/$file" ||
			printf 'without its header %s passes mvn spotless:check: see the formats in pom.xml\n' "$file"
	done
}

# check_readme: the coordinates in the section "Use it" are those of the tree.
check_readme() {
	local found line
	found=$(awk '/^## / { on = $0 == "## Use it" } on' "$LUO4J_ROOT/README.md")
	[ -n "$found" ] || { printf 'README.md has no section "Use it"\n' && return; }
	[[ $found == *'<artifactId>luo4j-bom</artifactId>'* ]] || printf 'the section "Use it" of README.md does not import luo4j-bom\n'
	while IFS= read -r line; do
		[ "$line" = "$declared" ] || printf 'the section "Use it" of README.md says version %s; pom.xml says %s\n' "$line" "$declared"
	done < <(sed -n 's#.*<version>\(.*\)</version>.*#\1#p' <<<"$found")
	while IFS= read -r line; do
		[[ " ${RELEASE_ARTIFACTS[*]} " == *" $line "* ]] || printf 'the section "Use it" of README.md names %s, which is not published\n' "$line"
	done < <(sed -n 's#.*<artifactId>\(.*\)</artifactId>.*#\1#p' <<<"$found")
}

# build_outside: builds scripts/release/outside, of which a class path has a build of its own.
build_outside() {
	local local_repository=$work/local artifact from
	cp -r "$LUO4J_ROOT/scripts/release/outside" "$work/outside"
	# what this machine has of others' is not loaded again
	(cd "$work/outside" && JAVA_HOME=$jdk_17 mvn -B -Dmaven.repo.local="$local_repository" -Dluo4j.version="$version" \
		-Dluo4j.repository="file://$repository" -Dthird.party.repository="file://${HOME}/.m2/repository" package) \
		>"$work/outside.log" 2>&1 || { grep -E '^\[(ERROR|WARNING)' "$work/outside.log" | head -n 20 && return; }
	for artifact in luo4j-bom:pom luo4j:pom luo4j:jar luo4j-cache:pom luo4j-cache:jar; do
		from=$local_repository/org/luo4j/${artifact%:*}/$version
		grep -qF "${artifact%:*}-$version.${artifact#*:}>release=" "$from/_remote.repositories" ||
			printf '%s is not from the release: a mirror in settings.xml must not be for files (mirrorOf external:*)\n' "$artifact"
	done
	mkdir "$work/outside/target/class-path"
	"$jdk_17/bin/javac" -Xlint:all -Werror --release 17 -cp "$work/outside/target/lib/*" -d "$work/outside/target/class-path" \
		"$work/outside/src/main/java/org/example/outside/Main.java"
}

# run_outside HOME class-path|module-path BRIDGE JNI|JNA|none FLAG...: runs it. BRIDGE is
# forced unless it is empty; the last word is the bridge that must answer. Prints what is wrong.
run_outside() {
	local home=$1 path=$2 bridge=$3 wanted=$4 out=$work/run.out err=$work/run.err status=0 line
	local target=$work/outside/target
	local -a start=(-cp "$target/class-path:$target/lib/*" org.example.outside.Main)
	local -a lines=('file 1: COLD' 'file 2: WARM_AFTER_RESTART, the value' 'session 1: COLD'
		'session 2: WARM_AFTER_KEXEC, the value' "native: $wanted")
	shift 4
	[ "$path" = class-path ] || start=(-p "$target/outside.jar:$target/lib" -m org.example.outside/org.example.outside.Main)
	[ "$path" = class-path ] || lines+=('module: module org.example.outside' 'luo4j: module org.luo4j')
	[ -z "$bridge" ] || set -- "-Dluo4j.bridge=$bridge" "$@"
	rm -rf "$work/tmp"
	mkdir "$work/tmp"
	# what the JVM itself says must not come into the middle of a line
	"$home/bin/java" -XX:+DisplayVMOutputToStderr -Djava.io.tmpdir="$work/tmp" "$@" "${start[@]}" >"$out" 2>"$err" || status=$?
	[ $status -eq 0 ] || { printf 'exit status %d and not 0; it said\n' $status && tail -n 20 "$err"; }
	for line in "${lines[@]}"; do
		grep -qx -- "$line" "$out" || printf 'no line "%s"\n' "$line"
	done
	[ "$path" = module-path ] || grep -q '^luo4j: unnamed module' "$out" || printf 'luo4j is not in the unnamed module\n'
	grep -q '^describe: [A-Z]* through ' "$out" || printf 'no line of describe()\n'
	if [ "$wanted" = none ]; then
		grep -q '^describe: EMULATOR through the emulator' "$out" || printf 'describe() does not say EMULATOR\n'
		grep -q '^WARNING: luo4j uses files without native code' "$err" || printf 'it does not say that files are used without native code\n'
		grep -q '^describe: .*native access' "$out" || printf 'describe() does not say that native access is denied\n'
	fi
	# luo4j's own lines, in which it says what it does without native code, are none of the JVM's
	grep -hE '^(WARNING|FATAL)' "$out" "$err" | grep -vE '^WARNING: luo4j (emulates LUO|uses files without native code)' |
		grep -vE "${RUN_MAY_WARN:-^\$}" | sed 's/^/the JVM says: /' || true
}

# What JVMs from 24 on warn of where no flag allows native access.
UNTOLD_ACCESS='estricted method|has been called by|^WARNING: Use --enable-native-access'

# run_outside_on HOME: without flags, and under -Xcheck:jni.
run_outside_on() {
	local path on
	on="on JDK $(jdk_version "$1")"
	RUN_MAY_WARN=
	[ "$(jdk_version "$1")" -lt 24 ] || RUN_MAY_WARN=$UNTOLD_ACCESS
	for path in class-path module-path; do
		check "$path, no flags, JNI $on" run_outside "$1" $path '' JNI
		check "$path, no flags, JNA $on" run_outside "$1" $path jna JNA
		check "$path, -Xcheck:jni $on" run_outside "$1" $path '' JNI -Xcheck:jni
	done
}

# run_outside_strictly HOME: native access only where it is allowed, and no memory access by Unsafe.
run_outside_strictly() {
	local path on bridge allowed
	local -a check_jni strict=(--illegal-native-access=deny --sun-misc-unsafe-memory-access=deny)
	on="on JDK $(jdk_version "$1")"
	RUN_MAY_WARN=
	for path in class-path module-path; do
		check "$path, native access denied: the emulator $on" run_outside "$1" $path '' none "${strict[@]}"
		for bridge in jni jna; do
			allowed=ALL-UNNAMED check_jni=(-Xcheck:jni)
			if [ $bridge = jna ]; then
				# JNA itself has calls that -Xcheck:jni warns of
				check_jni=()
			fi
			if [ $path = module-path ]; then
				allowed=org.luo4j
				[ $bridge = jni ] || allowed=com.sun.jna
			fi
			check "$path, native access for $allowed alone, ${bridge^^} $on" run_outside "$1" $path $bridge ${bridge^^} \
				"${strict[@]}" --enable-native-access=$allowed "${check_jni[@]}"
		done
	done
}

# check_cli HOME: the jar runs by itself.
check_cli() {
	local jar said status=0
	jar=$(file_of luo4j-cli .jar)
	said=$("$1/bin/java" -jar "$jar" --version 2>&1) || printf 'luo --version fails: %s\n' "$said"
	[ "${said%%$'\n'*}" = "luo $version" ] || printf 'luo --version says %s\n' "${said%%$'\n'*}"
	said=$("$1/bin/java" -Djava.io.tmpdir="$work" -jar "$jar" doctor 2>&1) || status=$?
	# 1: warnings, 2: problems, as most machines have no LUO
	[ $status -le 2 ] && [[ $said == *'bridge JNI'* ]] || printf 'luo doctor ends with %d:\n%s\n' $status "$said"
}
