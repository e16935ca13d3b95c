# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sets java, and cache_test_classes, a class path with java/cache and the
# programs among its tests; builds it unless $build is empty. Sourced after
# common.sh.

if [ -n "${JAVA_HOME:-}" ]; then
	java=$JAVA_HOME/bin/java
	[ -x "$java" ] || die "JAVA_HOME: no $java; name a JDK"
else
	need_tools java=openjdk-17-jdk-headless
	java=java
fi
if [ -n "${build:-}" ]; then
	need_tools mvn=maven
	say "building"
	(cd "$LUO4J_ROOT" && mvn -B -q -Dspotless.check.skip test-compile -pl java/cache -am) >&2 ||
		die "the build failed; its messages are above"
fi
cache_test_classes=
for folder in core/target/classes core/target/test-classes cache/target/classes cache/target/test-classes; do
	[ -d "$LUO4J_ROOT/java/$folder" ] || die "no java/$folder; run this without --no-build"
	cache_test_classes=$cache_test_classes${cache_test_classes:+:}$LUO4J_ROOT/java/$folder
done
