/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Struct;
import com.google.protobuf.Timestamp;
import com.google.protobuf.Value;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Codecs as users write them, over what they have: each finds its objects after a restart. */
class CodecExamplesTest {

  record Line(String article, int count) {}

  record Order(long number, List<Line> lines, Map<String, String> notes) {}

  private static Order order(long number) {
    Map<String, String> notes = new HashMap<>();
    notes.put("colour", "\u00e9cru " + number);
    return new Order(
        number, new ArrayList<>(List.of(new Line("tea", (int) number), new Line("", -1))), notes);
  }

  @TempDir Path folder;

  private <K, V> WarmCache<K, V> open(Codec<K> keys, Codec<V> values) throws IOException {
    return WarmCache.builder(keys, values).capacity(1 << 20).file(folder.resolve("cache")).open();
  }

  private <K, V> void survivesARestart(Codec<K> keys, Codec<V> values, Map<K, V> objects)
      throws IOException {
    try (WarmCache<K, V> cache = open(keys, values)) {
      objects.forEach(cache::put);
    }
    try (WarmCache<K, V> cache = open(keys, values)) {
      assertEquals(Start.Kind.WARM_AFTER_RESTART, cache.start().kind());
      objects.forEach((key, value) -> assertEquals(value, cache.getIfPresent(key)));
      assertEquals(objects, cache.asMap());
    }
  }

  private static Map<Long, Order> orders() {
    Map<Long, Order> orders = new HashMap<>();
    for (long number = 0; number < 100; number++) {
      orders.put(number, order(number));
    }
    return orders;
  }

  /** An ObjectMapper is for any thread once it is set up. */
  private static Codec<Order> jackson() {
    ObjectMapper mapper = new ObjectMapper();
    return Codec.of(
        "order-json",
        order -> {
          try {
            return mapper.writeValueAsBytes(order);
          } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
          }
        },
        bytes -> {
          try {
            return mapper.readValue(bytes, Order.class);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  @Test
  void jacksonValues() throws IOException {
    survivesARestart(Codec.LONG, jackson(), orders());
  }

  /** Messages are immutable, and parsers for any thread. */
  private static Codec<Struct> protobuf() {
    return Codec.of(
        "google.protobuf.Struct",
        Struct::toByteArray,
        bytes -> {
          try {
            return Struct.parseFrom(bytes);
          } catch (InvalidProtocolBufferException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  /** As a key a message must have one form: no maps in it, and no unknown fields. */
  private static Codec<Timestamp> protobufKey() {
    return Codec.of(
        "google.protobuf.Timestamp",
        Timestamp::toByteArray,
        bytes -> {
          try {
            return Timestamp.parseFrom(bytes);
          } catch (InvalidProtocolBufferException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  @Test
  void protobufKeysAndValues() throws IOException {
    Map<Timestamp, Struct> objects = new HashMap<>();
    for (int i = 0; i < 100; i++) {
      objects.put(
          Timestamp.newBuilder().setSeconds(i / 2).setNanos(i % 2).build(),
          Struct.newBuilder()
              .putFields("number", Value.newBuilder().setNumberValue(i).build())
              .putFields("text", Value.newBuilder().setStringValue("\u00e9-" + i).build())
              .build());
    }
    survivesARestart(protobufKey(), protobuf(), objects);
  }

  /**
   * A Kryo is for one thread: here each has its own. Classes are registered by number, which must
   * stay the same for as long as the name of the codec.
   */
  private static Codec<Order> kryo() {
    ThreadLocal<Kryo> kryos =
        ThreadLocal.withInitial(
            () -> {
              Kryo kryo = new Kryo();
              kryo.register(Order.class, 10);
              kryo.register(Line.class, 11);
              kryo.register(ArrayList.class, 12);
              kryo.register(HashMap.class, 13);
              return kryo;
            });
    return Codec.of(
        "order-kryo",
        order -> {
          Output output = new Output(256, -1);
          kryos.get().writeObject(output, order);
          return output.toBytes();
        },
        bytes -> kryos.get().readObject(new Input(bytes), Order.class));
  }

  @Test
  void kryoValues() throws IOException {
    survivesARestart(Codec.LONG, kryo(), orders());
  }

  @Test
  void kryoValuesOfManyThreads() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try (WarmCache<Long, Order> cache = open(Codec.LONG, kryo())) {
      List<Future<?>> results = new ArrayList<>();
      for (int thread = 0; thread < 4; thread++) {
        int first = thread;
        results.add(
            threads.submit(
                () -> {
                  for (long number = 0; number < 500; number++) {
                    cache.put((number + first) % 100, order((number + first) % 100));
                    Order found = cache.getIfPresent(number % 100);
                    if (found != null) {
                      assertEquals(order(number % 100), found);
                    }
                  }
                }));
      }
      for (Future<?> result : results) {
        result.get();
      }
      assertEquals(100, cache.size());
    } finally {
      threads.shutdownNow();
    }
  }
}
