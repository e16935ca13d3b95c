/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestInstanceFactoryContext;
import org.junit.jupiter.api.extension.TestInstancePreConstructCallback;
import org.luo4j.testing.Traces.Kind;

/**
 * Fails each test, and each test class, that leaves something behind: descriptors, mappings, locks,
 * threads, child processes or files that were not there before it. The message names what was left.
 *
 * <p>JUnit finds it as a service, in every module whose tests have this module's on their class
 * path; {@code junit-platform.properties} tells it to look. A test is judged after all of its
 * callbacks and after its temporary folders were deleted.
 *
 * <p>What ends on its own, such as the pipes of a child that was killed, is given {@value
 * #PATIENCE_PROPERTY} milliseconds (5000 by default) to do so. No garbage collection is asked for
 * then: what {@code close} promises to free must be free. Mappings are judged after a class only,
 * when its instances can be collected, and after collections: a region is unmapped when no buffer
 * of it is reachable.
 *
 * <p>Without /proc it does nothing, and says so once.
 */
public final class LeakWatch implements ExecutionCondition, TestInstancePreConstructCallback {

  static final String PATIENCE_PROPERTY = "luo4j.test.leak.patience";

  private static final int PATIENCE_MILLIS = 5_000;
  private static final int COLLECTIONS = 20;
  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(LeakWatch.class);
  private static final ConditionEvaluationResult ENABLED =
      ConditionEvaluationResult.enabled("watched for leaks");
  private static final AtomicBoolean SAID = new AtomicBoolean();

  /** JUnit makes it, once for each run. */
  public LeakWatch() {
    Traces.openWhatStays();
  }

  /** Begins to watch before the class's own extensions, which are called from here on. */
  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    begin(context);
    return ENABLED;
  }

  /** Begins to watch a test whose instance is made before its conditions are looked at. */
  @Override
  public void preConstructTestInstance(
      TestInstanceFactoryContext factory, ExtensionContext context) {
    begin(context);
  }

  @Override
  public ExtensionContextScope getTestInstantiationExtensionContextScope(
      ExtensionContext rootContext) {
    return ExtensionContextScope.TEST_METHOD;
  }

  private static void begin(ExtensionContext context) {
    if (context.getTestClass().isEmpty()) {
      return;
    }
    if (!Traces.canBeSeen()) {
      say("without /proc no test is watched for leaks");
      return;
    }
    if (Traces.isTemporaryFolderShared()) {
      say("others can write to java.io.tmpdir: files that tests leave there are not looked for");
    }
    // The key is this context's own: its parents, whose stores are looked at too, have others.
    ExtensionContext.Store store = context.getStore(NAMESPACE);
    if (store.get(context.getUniqueId()) == null) {
      store.put(context.getUniqueId(), new Watch(context));
    }
  }

  private static void say(String what) {
    if (SAID.compareAndSet(false, true)) {
      System.err.println("luo4j: " + what);
    }
  }

  /**
   * Watches from when it is made until JUnit closes it, as the first made in its store the last.
   */
  static final class Watch implements AutoCloseable {

    private final String what;
    private final boolean isClass;
    private final long patience;
    private final Watch outer;
    private final Traces before = Traces.now();

    private Watch(ExtensionContext context) {
      this.isClass = context.getTestMethod().isEmpty();
      this.what =
          context.getRequiredTestClass().getName()
              + context.getTestMethod().map(method -> "." + method.getName()).orElse("");
      this.patience =
          context
              .getConfigurationParameter(PATIENCE_PROPERTY, Long::valueOf)
              .orElse((long) PATIENCE_MILLIS);
      Watch found = null;
      for (Optional<ExtensionContext> each = context.getParent();
          found == null && each.isPresent();
          each = each.get().getParent()) {
        found = each.get().getStore(NAMESPACE).get(each.get().getUniqueId(), Watch.class);
      }
      this.outer = found;
    }

    @Override
    public void close() {
      List<String> left = new ArrayList<>();
      Set<Kind> kinds = EnumSet.allOf(Kind.class);
      kinds.remove(Kind.MAPPING);
      long end = System.nanoTime() + patience * 1_000_000;
      for (Kind kind : kinds) {
        // Judged by what was seen: the JVM itself opens files for a moment, as those of its cgroup.
        Map<String, String> since = before.since(kind);
        while (!since.isEmpty() && System.nanoTime() - end < 0) {
          LockSupport.parkNanos(5_000_000);
          since = before.since(kind);
        }
        judge(kind, since, left);
      }
      if (isClass) {
        for (int i = 0; i < COLLECTIONS && !before.since(Kind.MAPPING).isEmpty(); i++) {
          System.gc();
          LockSupport.parkNanos(10_000_000L * i);
        }
        judge(Kind.MAPPING, before.since(Kind.MAPPING), left);
      }
      if (!left.isEmpty()) {
        throw new AssertionError(what + " left behind:\n  " + String.join("\n  ", left));
      }
    }

    /** Takes down what was left; what encloses this is not blamed for it once more. */
    private void judge(Kind kind, Map<String, String> since, List<String> left) {
      left.addAll(since.values());
      for (Watch each = outer; each != null; each = each.outer) {
        each.before.add(kind, since);
      }
    }
  }
}
