/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cache;

import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentMap;

/**
 * A cache as a map. Holds nothing; any thread.
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
      if (Arrays.equals(wanted, cache.encode(entry.getValue()))) {
        return true;
      }
    }
    return false;
  }

  @Override
  public V get(Object key) {
    return cache.getIfPresent(key(key));
  }

  @Override
  public V getOrDefault(Object key, V otherwise) {
    V value = get(key);
    return value == null ? otherwise : value;
  }

  @Override
  public V put(K key, V value) {
    byte[] bytes = cache.encode(key(key), value);
    return cache.change(key, present -> bytes);
  }

  @Override
  public V putIfAbsent(K key, V value) {
    byte[] bytes = cache.encode(key(key), value);
    return cache.change(key, present -> present == null ? bytes : present);
  }

  @Override
  public V remove(Object key) {
    return cache.change(key(key), present -> null);
  }

  @Override
  public boolean remove(Object key, Object value) {
    Objects.requireNonNull(key, "key");
    if (value == null) {
      return false;
    }
    byte[] wanted = cache.encode(value(value));
    boolean[] done = new boolean[1];
    cache.change(
        key(key),
        present -> {
          done[0] = present != null && Arrays.equals(present, wanted);
          return done[0] ? null : present;
        });
    return done[0];
  }

  @Override
  public V replace(K key, V value) {
    byte[] bytes = cache.encode(key(key), value);
    return cache.change(key, present -> present == null ? null : bytes);
  }

  @Override
  public boolean replace(K key, V oldValue, V newValue) {
    byte[] wanted = cache.encode(value(oldValue));
    byte[] bytes = cache.encode(key(key), newValue);
    boolean[] done = new boolean[1];
    cache.change(
        key,
        present -> {
          done[0] = present != null && Arrays.equals(present, wanted);
          return done[0] ? bytes : present;
        });
    return done[0];
  }

  @Override
  public void clear() {
    cache.invalidateAll();
  }

  @Override
  public Set<Map.Entry<K, V>> entrySet() {
    return new Entries();
  }

  private final class Entries extends AbstractSet<Map.Entry<K, V>> {

    @Override
    public int size() {
      return CacheMap.this.size();
    }

    @Override
    public Iterator<Map.Entry<K, V>> iterator() {
      return new EntryIterator();
    }

    @Override
    public boolean contains(Object other) {
      return other instanceof Map.Entry<?, ?> entry
          && entry.getKey() != null
          && entry.getValue() != null
          && Objects.equals(get(entry.getKey()), entry.getValue());
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

  /** Goes over the index; what is moved in it meanwhile may be met twice or not at all. */
  private final class EntryIterator implements Iterator<Map.Entry<K, V>> {

    private long slot;
    private Map.Entry<K, V> next;
    private K last;

    EntryIterator() {
      advance();
    }

    private void advance() {
      next = null;
      while (next == null && (slot = cache.nextSlot(slot)) >= 0) {
        next = cache.entryAt(slot);
        slot += 8;
      }
    }

    @Override
    public boolean hasNext() {
      return next != null;
    }

    @Override
    public Map.Entry<K, V> next() {
      if (next == null) {
        throw new NoSuchElementException();
      }
      Map.Entry<K, V> entry = new WriteThrough(next);
      last = next.getKey();
      advance();
      return entry;
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
  private final class WriteThrough extends SimpleEntry<K, V> {

    private static final long serialVersionUID = 1L;

    WriteThrough(Map.Entry<K, V> entry) {
      super(entry);
    }

    @Override
    public V setValue(V value) {
      CacheMap.this.put(getKey(), value);
      return super.setValue(value);
    }
  }
}
