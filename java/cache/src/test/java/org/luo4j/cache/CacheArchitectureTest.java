/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.io.ObjectInput;
import java.io.ObjectOutput;
import java.io.Serializable;

/** What the cache may use: the JDK's and the core's public API. */
@AnalyzeClasses(packages = "org.luo4j.cache", importOptions = ImportOption.DoNotIncludeTests.class)
class CacheArchitectureTest {

  @ArchTest
  static final ArchRule OF_THE_CORE_ONLY_ITS_API =
      noClasses()
          .should()
          .dependOnClassesThat(
              resideInAPackage("org.luo4j..")
                  .and(not(resideInAnyPackage("org.luo4j", "org.luo4j.cache"))));

  /** Nullness is said by annotations, which no JVM loads. */
  @ArchTest
  static final ArchRule NO_LIBRARIES =
      noClasses()
          .should()
          .dependOnClassesThat(
              not(resideInAnyPackage("org.luo4j..", "java..", "org.jspecify.annotations")));

  /** Reflection neither, by which it could be reached. */
  @ArchTest
  static final ArchRule NO_UNSAFE =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("sun..", "jdk.internal..", "java.lang.reflect..");

  /** Enums and throwables are serializable whether one wants it or not. */
  @ArchTest
  static final ArchRule NOTHING_SERIALIZABLE =
      noClasses()
          .that()
          .areNotEnums()
          .and()
          .areNotAssignableTo(Throwable.class)
          .should()
          .beAssignableTo(Serializable.class);

  @ArchTest
  static final ArchRule NO_SERIALIZATION =
      noClasses()
          .should()
          .dependOnClassesThat(
              assignableTo(ObjectInput.class).or(assignableTo(ObjectOutput.class)));
}
