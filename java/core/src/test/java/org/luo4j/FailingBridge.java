/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.luo4j.internal.bridge.Bridge;

/** A bridge of which one call, by its number, or each fails or has something happen before it. */
final class FailingBridge {

  /** What happens at a call. */
  @FunctionalInterface
  interface Event {
    /** The call's result; null for that of the bridge itself. */
    Long result() throws Exception;
  }

  private final Bridge real;
  private final List<String> calls = new CopyOnWriteArrayList<>();
  private String name = "";
  private int number;
  private boolean always;
  private Event event = () -> null;

  FailingBridge(Bridge real) {
    this.real = real;
  }

  /** Has the call of a name fail, the first being 1. */
  FailingBridge fail(String call, int nth, int errno) {
    return at(call, nth, () -> -(long) errno);
  }

  /** Has each call of a name fail. */
  FailingBridge failAlways(String call, int errno) {
    at(call, 0, () -> -(long) errno);
    always = true;
    return this;
  }

  FailingBridge at(String call, int nth, Event what) {
    name = call;
    number = nth;
    always = false;
    event = what;
    return this;
  }

  /** The names of the calls that were made. */
  List<String> calls() {
    return List.copyOf(calls);
  }

  Bridge bridge() {
    return (Bridge)
        Proxy.newProxyInstance(
            Bridge.class.getClassLoader(),
            new Class<?>[] {Bridge.class},
            (proxy, method, arguments) -> {
              calls.add(method.getName());
              Long result = null;
              if (method.getName().equals(name) && (always || --number == 0)) {
                result = event.result();
              }
              if (result != null) {
                return method.getReturnType() == int.class
                    ? (Object) result.intValue()
                    : (Object) result;
              }
              try {
                return method.invoke(real, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
