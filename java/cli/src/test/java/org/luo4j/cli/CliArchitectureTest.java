/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Which package may use which: the commands all of them, the host none. */
@AnalyzeClasses(packages = "org.luo4j.cli", importOptions = ImportOption.DoNotIncludeTests.class)
class CliArchitectureTest {

  @ArchTest
  static final ArchRule OF_THE_LIBRARY_ONLY_ITS_API =
      noClasses()
          .should()
          .dependOnClassesThat(
              resideInAPackage("org.luo4j..")
                  .and(not(resideInAnyPackage("org.luo4j", "org.luo4j.cache", "org.luo4j.cli.."))));

  @ArchTest
  static final ArchRule PICOCLI_IN_COMMANDS_ONLY =
      noClasses()
          .that()
          .resideOutsideOfPackage("org.luo4j.cli")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("picocli..");

  @ArchTest
  static final ArchRule THE_HOST_IS_A_LEAF =
      noClasses()
          .that()
          .resideInAPackage("org.luo4j.cli.host")
          .should()
          .dependOnClassesThat(
              not(resideInAnyPackage("java..", "org.jspecify..", "org.luo4j.cli.host")));

  @ArchTest
  static final ArchRule NO_PART_USES_ANOTHER =
      noClasses()
          .that()
          .resideInAnyPackage(
              "org.luo4j.cli.doctor", "org.luo4j.cli.dump", "org.luo4j.cli.selftest")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.luo4j.cli");

  @ArchTest
  static final ArchRule A_DUMP_NEEDS_NO_HOST =
      noClasses()
          .that()
          .resideInAPackage("org.luo4j.cli.dump")
          .should()
          .dependOnClassesThat(
              not(
                  resideInAnyPackage(
                      "java..", "org.jspecify..", "org.luo4j.cache", "org.luo4j.cli.dump")));

  @ArchTest
  static final ArchRule NO_UNSAFE =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("sun..", "jdk.internal..", "java.lang.reflect..");
}
