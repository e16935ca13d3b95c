/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.util.AbstractCollection;
import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Arrays;
import java.util.Collection;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Set;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.ConcurrentMap;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A cache as a map. Holds nothing; any thread. Values are compared by their bytes, except in {@code
 * equals} and {@code hashCode}, which are those of the keys and values.
 *
 * @param <K> the keys
 * @param <V> the values
 */
final class CacheMap<K, V> extends AbstractMap<K, V> implements ConcurrentMap<K, V> {

  private final WarmCache<K, V> cache;

  CacheMap(WarmCache<K, V> cache) {
    this.cache = cache;
  }

  /** A key of any type; the codec throws a ClassCastException, as maps may, for a wrong one. */
  @SuppressWarnings("unchecked")
  private K key(Object key) {
    return (K) Objects.requireNonNull(key, "key");
  }

  @SuppressWarnings("unchecked")
  private V value(Object value) {
    return (V) Objects.requireNonNull(value, "value");
  }

  @Override
  public int size() {
    return (int) Math.min(cache.size(), Integer.MAX_VALUE);
  }

  @Override
  public boolean isEmpty() {
    return cache.size() == 0;
  }

  @Override
  public boolean containsKey(Object key) {
    return get(key) != null;
  }

  @Override
  public boolean containsValue(Object value) {
    byte[] wanted = cache.encode(value(value));
    for (Map.Entry<K, V> entry : entrySet()) {
      if (Arrays.equals(wanted, cache.valueBytes(entry.getValue()))) {
        return true;
      }
    }
    return false;
  }

  @Override
  public @Nullable V get(Object key) {
    return cache.find(key(key));
  }

  @Override
  public V getOrDefault(Object key, V otherwise) {
    V value = get(key);
    return value == null ? otherwise : value;
  }

  @Override
  public @Nullable V put(K key, V value) {
    byte[] bytes = cache.encode(key(key), value);
    return cache.change(key, present -> bytes);
  }

  @Override
  public @Nullable V putIfAbsent(K key, V value) {
    return cache.putIfAbsent(key(key), value);
  }

  @Override
  public @Nullable V remove(Object key) {
    return cache.change(key(key), present -> null);
  }

  @Override
  public boolean remove(Object key, Object value) {
    K wanted = key(key);
    return value != null && cache.remove(wanted, value(value));
  }

  @Override
  public @Nullable V replace(K key, V value) {
    return cache.replace(key(key), value);
  }

  @Override
  public boolean replace(K key, V oldValue, V newValue) {
    return cache.replace(key(key), oldValue, newValue);
  }

  @Override
  public @Nullable V computeIfAbsent(K key, Function<? super K, ? extends @Nullable V> function) {
    return cache.get(key(key), Objects.requireNonNull(function, "function"));
  }

  @Override
  public @Nullable V computeIfPresent(
      K key, BiFunction<? super K, ? super V, ? extends @Nullable V> function) {
    Objects.requireNonNull(function, "function");
    return update(key, present -> present == null ? null : function.apply(key, present));
  }

  @Override
  public @Nullable V compute(
      K key, BiFunction<? super K, ? super @Nullable V, ? extends @Nullable V> function) {
    Objects.requireNonNull(function, "function");
    return update(key, present -> function.apply(key, present));
  }

  @Override
  public @Nullable V merge(
      K key, V value, BiFunction<? super V, ? super V, ? extends @Nullable V> function) {
    Objects.requireNonNull(value, "value");
    Objects.requireNonNull(function, "function");
    return update(key, present -> present == null ? value : function.apply(present, value));
  }

  @Override
  public void replaceAll(BiFunction<? super K, ? super V, ? extends V> function) {
    Objects.requireNonNull(function, "function");
    forEach(
        (key, value) ->
            computeIfPresent(
                key,
                (same, present) -> Objects.requireNonNull(function.apply(same, present), "value")));
  }

  /**
   * Makes a value of the one that is there, again when another thread was quicker. Compares the
   * bytes that were there, not those of the value that the function was given, which it may have
   * changed, and which need not encode to the same bytes again.
   */
  private @Nullable V update(K key, UnaryOperator<@Nullable V> function) {
    while (true) {
      byte[] @Nullable [] seen = new byte[1] @Nullable [];
      V present =
          cache.change(
              key(key),
              bytes -> {
                seen[0] = bytes == null ? null : bytes.clone();
                return bytes;
              });
      V value = compute(key, present, function);
      if (value == null && seen[0] == null) {
        return null;
      }
      byte[] fresh = value == null ? null : cache.encode(key, value);
      boolean[] done = new boolean[1];
      cache.changeBytes(
          key,
          bytes -> {
            done[0] = Arrays.equals(bytes, seen[0]);
            return done[0] ? fresh : bytes;
          });
      if (done[0]) {
        return value;
      }
    }
  }

  /** Calls a function, which must not change its own key: it would be called again for ever. */
  private @Nullable V compute(K key, @Nullable V present, UnaryOperator<@Nullable V> function) {
    Computations.Computation computation = cache.beginComputation(key);
    try {
      return function.apply(present);
    } finally {
      cache.endComputation(computation);
    }
  }

  @Override
  public void clear() {
    cache.invalidateAll();
  }

  @Override
  public Set<Map.Entry<K, V>> entrySet() {
    return new Entries();
  }

  @Override
  public Set<K> keySet() {
    return new Keys();
  }

  @Override
  public Collection<V> values() {
    return new Values();
  }

  /** {@link #size} counts expired entries and such that cannot be decoded; iteration does not. */
  private static <T> Spliterator<T> ofUnknownSize(Iterator<T> iterator, int characteristics) {
    return Spliterators.spliteratorUnknownSize(
        iterator, characteristics | Spliterator.CONCURRENT | Spliterator.NONNULL);
  }

  /** Removes what a predicate accepts, each as it was met: a value that was put since stays. */
  private boolean removeWhere(Predicate<? super Map.Entry<K, V>> filter) {
    boolean removed = false;
    for (long slot = cache.nextSlot(0); slot >= 0; slot = cache.nextSlot(slot + 8)) {
      removed |= cache.removeAt(slot, filter);
    }
    return removed;
  }

  private final class Entries extends AbstractSet<Map.Entry<K, V>> {

    @Override
    public boolean removeIf(Predicate<? super Map.Entry<K, V>> filter) {
      return removeWhere(Objects.requireNonNull(filter, "filter"));
    }

    @Override
    public boolean removeAll(Collection<?> others) {
      boolean removed = false;
      for (Object other : Objects.requireNonNull(others, "others")) {
        removed |= remove(other);
      }
      return removed;
    }

    @Override
    public boolean retainAll(Collection<?> others) {
      Objects.requireNonNull(others, "others");
      return removeIf(entry -> !others.contains(entry));
    }

    @Override
    public int size() {
      return CacheMap.this.size();
    }

    @Override
    public Iterator<Map.Entry<K, V>> iterator() {
      return new EntryIterator();
    }

    @Override
    public Spliterator<Map.Entry<K, V>> spliterator() {
      return ofUnknownSize(iterator(), Spliterator.DISTINCT);
    }

    @Override
    public boolean contains(Object other) {
      if (!(other instanceof Map.Entry<?, ?> entry)
          || entry.getKey() == null
          || entry.getValue() == null) {
        return false;
      }
      V present = get(entry.getKey());
      return present != null
          && Arrays.equals(cache.encode(present), cache.valueBytes(value(entry.getValue())));
    }

    @Override
    public boolean remove(Object other) {
      return other instanceof Map.Entry<?, ?> entry
          && entry.getKey() != null
          && CacheMap.this.remove(entry.getKey(), entry.getValue());
    }

    @Override
    public void clear() {
      CacheMap.this.clear();
    }
  }

  private final class Keys extends AbstractSet<K> {

    @Override
    public int size() {
      return CacheMap.this.size();
    }

    @Override
    public Iterator<K> iterator() {
      return new Each<>(Map.Entry::getKey);
    }

    @Override
    public Spliterator<K> spliterator() {
      return ofUnknownSize(iterator(), Spliterator.DISTINCT);
    }

    @Override
    public boolean contains(Object other) {
      return containsKey(other);
    }

    @Override
    public boolean remove(Object other) {
      return cache.remove(key(other));
    }

    @Override
    public void clear() {
      CacheMap.this.clear();
    }
  }

  private final class Values extends AbstractCollection<V> {

    @Override
    public boolean removeIf(Predicate<? super V> filter) {
      Objects.requireNonNull(filter, "filter");
      return removeWhere(entry -> filter.test(entry.getValue()));
    }

    @Override
    public boolean removeAll(Collection<?> others) {
      Objects.requireNonNull(others, "others");
      return removeIf(others::contains);
    }

    @Override
    public boolean retainAll(Collection<?> others) {
      Objects.requireNonNull(others, "others");
      return removeIf(value -> !others.contains(value));
    }

    @Override
    public int size() {
      return CacheMap.this.size();
    }

    @Override
    public Iterator<V> iterator() {
      return new Each<>(Map.Entry::getValue);
    }

    @Override
    public Spliterator<V> spliterator() {
      return ofUnknownSize(iterator(), 0);
    }

    @Override
    public boolean contains(Object other) {
      return containsValue(other);
    }

    /** Removes one key that has the value, by its bytes. */
    @Override
    public boolean remove(Object other) {
      V wanted = value(other);
      for (K key : keySet()) {
        if (cache.remove(key, wanted)) {
          return true;
        }
      }
      return false;
    }

    @Override
    public void clear() {
      CacheMap.this.clear();
    }
  }

  /** The keys or the values that an {@link EntryIterator} meets. */
  private final class Each<T> implements Iterator<T> {

    private final EntryIterator entries = new EntryIterator();
    private final Function<Map.Entry<K, V>, T> part;

    Each(Function<Map.Entry<K, V>, T> part) {
      this.part = part;
    }

    @Override
    public boolean hasNext() {
      return entries.hasNext();
    }

    @Override
    public T next() {
      return part.apply(entries.next());
    }

    @Override
    public void remove() {
      entries.remove();
    }
  }

  /** Goes over the index; what is moved in it meanwhile may be met twice or not at all. */
  private final class EntryIterator implements Iterator<Map.Entry<K, V>> {

    private long slot;
    private Map.@Nullable Entry<K, V> next;
    private @Nullable K last;

    /** Where a codec throws, the iteration can go on behind its entry. */
    @Override
    public boolean hasNext() {
      while (next == null && slot >= 0 && (slot = cache.nextSlot(slot)) >= 0) {
        slot += 8;
        next = cache.entryAt(slot - 8);
      }
      return next != null;
    }

    @Override
    public Map.Entry<K, V> next() {
      Map.Entry<K, V> found = hasNext() ? next : null;
      if (found == null) {
        throw new NoSuchElementException();
      }
      next = null;
      last = found.getKey();
      return new WriteThrough(found);
    }

    @Override
    public void remove() {
      if (last == null) {
        throw new IllegalStateException("next was not called, or its entry is removed already");
      }
      CacheMap.this.remove(last);
      last = null;
    }
  }

  /** An entry as it was when it was met; setting its value puts it. */
  private final class WriteThrough implements Map.Entry<K, V> {

    private Map.Entry<K, V> entry;

    WriteThrough(Map.Entry<K, V> entry) {
      this.entry = entry;
    }

    @Override
    public K getKey() {
      return entry.getKey();
    }

    @Override
    public V getValue() {
      return entry.getValue();
    }

    @Override
    public V setValue(V value) {
      V before = entry.getValue();
      CacheMap.this.put(getKey(), value);
      entry = Map.entry(getKey(), value);
      return before;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return entry.equals(other);
    }

    @Override
    public int hashCode() {
      return entry.hashCode();
    }

    @Override
    public String toString() {
      return entry.toString();
    }
  }
}
