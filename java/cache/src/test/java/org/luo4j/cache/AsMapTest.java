/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Guava's suite for concurrent maps on {@link WarmCache#asMap}. */
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

  @AfterEach
  void close() {
    closeLast();
  }

  private static void closeLast() {
    if (open != null) {
      open.close();
      open = null;
    }
  }

  /**
   * Features that are not named, so that the suite tests the opposite where it can, and why:
   *
   * <ul>
   *   <li>MapFeature.ALLOWS_NULL_KEYS, ALLOWS_NULL_VALUES, ALLOWS_NULL_ENTRY_QUERIES,
   *       ALLOWS_NULL_KEY_QUERIES, ALLOWS_NULL_VALUE_QUERIES and ALLOWS_ANY_NULL_QUERIES,
   *       CollectionFeature.ALLOWS_NULL_VALUES and ALLOWS_NULL_QUERIES: null has no bytes.
   *   <li>MapFeature.RESTRICTS_KEYS and RESTRICTS_VALUES, CollectionFeature.RESTRICTS_ELEMENTS:
   *       every text of the suite is a key and a value.
   *   <li>MapFeature.FAILS_FAST_ON_CONCURRENT_MODIFICATION, and CollectionFeature's: iteration is
   *       weakly consistent, as of all concurrent maps.
   *   <li>MapFeature.REJECTS_DUPLICATES_AT_CREATION, and CollectionFeature's: the later put wins.
   *   <li>CollectionFeature.KNOWN_ORDER, SUBSET_VIEW and DESCENDING_VIEW: entries have no order.
   *   <li>CollectionFeature.SERIALIZABLE and SERIALIZABLE_INCLUDING_VIEWS: what persists is the
   *       cache's memory.
   *   <li>CollectionFeature.NON_STANDARD_TOSTRING: the text is that of AbstractMap.
   *   <li>CollectionFeature.SUPPORTS_ADD: views of maps add nothing. (SUPPORTS_REMOVE comes with
   *       GENERAL_PURPOSE.)
   * </ul>
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
}
