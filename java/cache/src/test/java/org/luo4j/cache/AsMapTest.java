/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.testing.ConcurrentMapTestSuiteBuilder;
import com.google.common.collect.testing.TestStringMapGenerator;
import com.google.common.collect.testing.features.CollectionFeature;
import com.google.common.collect.testing.features.CollectionSize;
import com.google.common.collect.testing.features.MapFeature;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import junit.framework.Test;
import junit.framework.TestCase;
import junit.framework.TestResult;
import junit.framework.TestSuite;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Guava's suite for concurrent maps on {@link WarmCache#asMap}, and what it does not look at. */
class AsMapTest {

  @TempDir static Path folder;

  private static int files;
  private static WarmCache<String, String> open;

  /** A new cache; the one before is closed, as the suite uses one map at a time. */
  private static WarmCache<String, String> newCache() {
    closeLast();
    try {
      open =
          WarmCache.builder(Codec.STRING, Codec.STRING)
              .capacity(64 << 10)
              .file(folder.resolve("cache-" + files++))
              .open();
      return open;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @AfterAll
  static void closeLast() {
    if (open != null) {
      open.close();
      open = null;
    }
  }

  /**
   * Left out, so that the suite tests the opposite: null keys and values, known order, fail-fast
   * iteration, serialization.
   */
  @TestFactory
  List<DynamicNode> guavasSuite() {
    TestSuite suite =
        ConcurrentMapTestSuiteBuilder.using(
                new TestStringMapGenerator() {
                  @Override
                  protected Map<String, String> create(Map.Entry<String, String>[] entries) {
                    Map<String, String> map = newCache().asMap();
                    for (Map.Entry<String, String> entry : entries) {
                      map.put(entry.getKey(), entry.getValue());
                    }
                    return map;
                  }
                })
            .named("WarmCache.asMap")
            .withFeatures(
                MapFeature.GENERAL_PURPOSE,
                CollectionFeature.SUPPORTS_ITERATOR_REMOVE,
                CollectionSize.ANY)
            .createTestSuite();
    List<DynamicNode> leaves = new ArrayList<>();
    collect(suite, leaves);
    assertTrue(leaves.size() > 900, "tests: " + leaves.size());
    return leaves;
  }

  private static void collect(Test test, List<DynamicNode> leaves) {
    if (test instanceof TestSuite suite) {
      Collections.list(suite.tests()).forEach(each -> collect(each, leaves));
    } else {
      leaves.add(DynamicTest.dynamicTest(((TestCase) test).getName(), () -> run(test)));
    }
  }

  private static void run(Test test) {
    TestResult result = new TestResult();
    test.run(result);
    Collections.list(result.failures()).forEach(AsMapTest::rethrow);
    Collections.list(result.errors()).forEach(AsMapTest::rethrow);
  }

  private static void rethrow(junit.framework.TestFailure failure) {
    throw new AssertionError(failure.toString(), failure.thrownException());
  }

  @org.junit.jupiter.api.Test
  void anEntryIsRemovedOnlyWithItsValue() {
    Map<String, String> map = newCache().asMap();
    map.put("key", "value");
    assertFalse(map.entrySet().remove(Map.entry("key", "other")));
    assertEquals("value", map.get("key"));
    assertTrue(map.entrySet().remove(Map.entry("key", "value")));
    assertTrue(map.isEmpty());
  }

  @org.junit.jupiter.api.Test
  void valuesAreHeldByValue() throws IOException {
    try (WarmCache<String, byte[]> cache =
        WarmCache.builder(Codec.STRING, Codec.BYTES)
            .capacity(64 << 10)
            .file(folder.resolve("bytes"))
            .open()) {
      byte[] value = {1};
      cache.put("key", value);
      value[0] = 2;
      assertEquals(1, cache.getIfPresent("key")[0]);
      cache.getIfPresent("key")[0] = 3;
      assertEquals(1, cache.asMap().get("key")[0]);
    }
  }
}
