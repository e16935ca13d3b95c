/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.equivalentTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.AccessTarget;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaType;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.lang.reflect.AccessibleObject;
import java.nio.channels.AsynchronousChannel;
import java.nio.channels.InterruptibleChannel;
import java.nio.file.Files;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.luo4j.LiveUpdate;
import org.luo4j.internal.bridge.Uninterrupted;
import org.luo4j.internal.emulator.Emulator;

/**
 * The arrows between packages: org.luo4j, internal.select, {jni, jna, emulator}, internal.bridge;
 * internal.memory beside them.
 */
@AnalyzeClasses(packages = "org.luo4j", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {

  private static final String API = "org.luo4j";
  private static final String ALL = "org.luo4j..";
  private static final String INTERNAL = "org.luo4j.internal..";
  private static final String SELECT = "org.luo4j.internal.select..";
  private static final String JNI = "org.luo4j.internal.jni..";
  private static final String JNA = "org.luo4j.internal.jna..";
  private static final String EMULATOR = "org.luo4j.internal.emulator..";
  private static final String BRIDGE = "org.luo4j.internal.bridge..";
  private static final String MEMORY = "org.luo4j.internal.memory..";

  @ArchTest static final ArchRule MEMORY_IS_A_LEAF = dependOnlyOn(MEMORY, MEMORY);

  @ArchTest static final ArchRule BRIDGE_IS_A_LEAF = dependOnlyOn(BRIDGE, BRIDGE);

  @ArchTest static final ArchRule JNI_KNOWS_THE_BRIDGE = dependOnlyOn(JNI, JNI, BRIDGE);

  @ArchTest static final ArchRule JNA_KNOWS_THE_BRIDGE = dependOnlyOn(JNA, JNA, BRIDGE);

  @ArchTest
  static final ArchRule EMULATOR_KNOWS_THE_BRIDGE = dependOnlyOn(EMULATOR, EMULATOR, BRIDGE);

  @ArchTest
  static final ArchRule SELECT_KNOWS_ALL_IMPLEMENTATIONS =
      dependOnlyOn(SELECT, SELECT, JNI, JNA, EMULATOR, BRIDGE);

  @ArchTest
  static final ArchRule THE_API_KNOWS_NO_NATIVE_BRIDGE =
      dependOnlyOn(API, API, SELECT, EMULATOR, BRIDGE, MEMORY);

  /** LiveUpdate, for emulateKexec. */
  @ArchTest
  static final ArchRule OF_THE_EMULATOR_THE_API_KNOWS_ONE_CLASS =
      noClasses()
          .that()
          .resideInAPackage(API)
          .should()
          .dependOnClassesThat(resideInAPackage(EMULATOR).and(not(equivalentTo(Emulator.class))));

  @ArchTest
  static final ArchRule IN_THE_API_ONE_CLASS_KNOWS_THE_EMULATOR =
      noClasses()
          .that(resideInAPackage(API).and(not(belongToAnyOf(LiveUpdate.class))))
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(EMULATOR, SELECT);

  @ArchTest
  static final ArchRule ONLY_THE_JNA_BRIDGE_IMPORTS_JNA =
      noClasses()
          .that()
          .resideOutsideOfPackage(JNA)
          .should()
          .dependOnClassesThat()
          .resideInAPackage("com.sun.jna..");

  @ArchTest
  static final ArchRule NO_UNSAFE =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("sun.misc..", "jdk.internal..", "sun.nio..");

  @ArchTest
  static final ArchRule NO_REFLECTION_PAST_ACCESS_CHECKS =
      noClasses()
          .should()
          .callMethodWhere(
              target(owner(assignableTo(AccessibleObject.class)))
                  .and(target(nameMatching("setAccessible|trySetAccessible"))));

  /**
   * An interrupt ends such a call, so that it belongs into a class which takes care of that. A
   * lambda that throws InterruptedException can be given to that class only.
   */
  @ArchTest
  static final ArchRule ONLY_ONE_CLASS_WAITS =
      noClasses()
          .that(not(belongToAnyOf(Uninterrupted.class)))
          .should()
          .callCodeUnitWhere(
              new DescribedPredicate<>("an interrupt ends it") {
                @Override
                public boolean test(JavaCall<?> call) {
                  return !call.isDeclaredInLambda() && isEndedByAnInterrupt(call.getTarget());
                }
              });

  /**
   * FileLocks opens, locks and closes, which an interrupt does not reach. ChannelFile does the rest
   * of its work in a thread of its own.
   */
  @ArchTest
  static final ArchRule ONLY_ONE_CLASS_USES_CHANNELS =
      noClasses()
          .that(not(belongToAnyOf(Uninterrupted.class)))
          .should()
          .callMethodWhere(
              new DescribedPredicate<>("an interrupt closes the channel") {
                @Override
                public boolean test(JavaMethodCall call) {
                  JavaClass owner = call.getTargetOwner();
                  boolean isChannel =
                      owner.isAssignableTo(InterruptibleChannel.class)
                          || owner.isAssignableTo(AsynchronousChannel.class);
                  boolean isHidden =
                      owner.isEquivalentTo(Files.class)
                          && List.of("lines", "newByteChannel").contains(call.getName());
                  return (isChannel
                          && !isOfTheLocks(call)
                          && !isOfTheCaller(call)
                          && !isOfTheOwnedFile(call))
                      || isHidden;
                }
              });

  private static boolean isEndedByAnInterrupt(AccessTarget.CodeUnitCallTarget target) {
    return target.getOwner().isEquivalentTo(LockSupport.class)
            && target.getName().startsWith("park")
        || target.getThrowsClause().containsType(InterruptedException.class);
  }

  private static boolean isOfTheLocks(JavaMethodCall call) {
    String owner = call.getOriginOwner().getName();
    return owner.equals("org.luo4j.ChannelFile")
        || owner.startsWith(EMULATOR.replace("..", ".FileLocks"))
            && List.of("open", "tryLock", "close").contains(call.getName());
  }

  /** ChannelFile keeps its channel open, and uses it in threads that nobody else knows. */
  private static boolean isOfTheOwnedFile(JavaMethodCall call) {
    return call.getOriginOwner().getName().equals(API + ".ChannelFile");
  }

  /** MemoryRegion.ofFile, which says so. */
  private static boolean isOfTheCaller(JavaMethodCall call) {
    return call.getOrigin().getFullName().contains("MemoryRegion.ofFile(");
  }

  @ArchTest
  static final ArchRule NOTHING_INTERNAL_IN_WHAT_IS_EXPORTED =
      classes()
          .that()
          .resideInAPackage(API)
          .and()
          .arePublic()
          .should(
              new ArchCondition<>("expose nothing internal") {
                @Override
                public void check(JavaClass type, ConditionEvents events) {
                  exposed(type)
                      .flatMap(exposed -> exposed.getAllInvolvedRawTypes().stream())
                      .filter(exposed -> exposed.getPackageName().startsWith(API + ".internal"))
                      .map(exposed -> type.getName() + " exposes " + exposed.getName())
                      .forEach(how -> events.add(SimpleConditionEvent.violated(type, how)));
                }
              });

  private static ArchRule dependOnlyOn(String from, String... to) {
    return noClasses()
        .that()
        .resideInAPackage(from)
        .should()
        .dependOnClassesThat(resideInAPackage(ALL).and(not(resideInAnyPackage(to))));
  }

  /** The types that a user of a class meets: its ancestors, and those of its members. */
  private static Stream<JavaType> exposed(JavaClass type) {
    Stream<JavaType> ancestors =
        Stream.concat(type.getSuperclass().stream(), type.getInterfaces().stream());
    Stream<JavaType> fields =
        type.getFields().stream().filter(ArchitectureTest::isExported).map(JavaField::getType);
    Stream<JavaType> codeUnits =
        type.getCodeUnits().stream()
            .filter(ArchitectureTest::isExported)
            .flatMap(
                unit ->
                    Stream.of(
                            Stream.of(unit.getReturnType()),
                            unit.getParameterTypes().stream(),
                            unit.getExceptionTypes().stream(),
                            unit.getTypeParameters().stream())
                        .flatMap(types -> types));
    return Stream.of(ancestors, fields, codeUnits).flatMap(types -> types);
  }

  private static boolean isExported(JavaMember member) {
    return member.getModifiers().contains(JavaModifier.PUBLIC)
        || member.getModifiers().contains(JavaModifier.PROTECTED);
  }
}
