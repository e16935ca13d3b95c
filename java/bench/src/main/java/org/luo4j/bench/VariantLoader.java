/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.io.IOException;
import java.io.InputStream;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Defines the luo4j classes of one variant, from its jars, and the loops over them, from this
 * program. Shares only the JDK and {@link CompareLoop} with the other variants.
 */
final class VariantLoader extends URLClassLoader {

  private static final String LOOPS = VariantLoader.class.getPackageName() + ".";

  VariantLoader(List<Path> jars) {
    super(urls(jars), ClassLoader.getPlatformClassLoader());
  }

  private static URL[] urls(List<Path> jars) {
    return jars.stream().map(VariantLoader::url).toArray(URL[]::new);
  }

  private static URL url(Path jar) {
    if (!Files.exists(jar)) {
      throw new IllegalArgumentException("no file " + jar + "; name the variant's jars by ':'");
    }
    try {
      return jar.toUri().toURL();
    } catch (MalformedURLException e) {
      throw new IllegalArgumentException(e);
    }
  }

  /** Returns a new loop over this variant's WarmCache. */
  CompareLoop loop() throws ReflectiveOperationException {
    return (CompareLoop) loadClass(LOOPS + "WarmCacheLoop").getConstructor().newInstance();
  }

  @Override
  protected Class<?> findClass(String name) throws ClassNotFoundException {
    if (!name.startsWith(LOOPS)) {
      return super.findClass(name);
    }
    String shared = CompareLoop.class.getName();
    if (name.equals(shared) || name.startsWith(shared + "$")) {
      return Class.forName(name);
    }
    try (InputStream in =
        VariantLoader.class.getResourceAsStream("/" + name.replace('.', '/') + ".class")) {
      if (in == null) {
        throw new ClassNotFoundException(name);
      }
      byte[] bytes = in.readAllBytes();
      return defineClass(name, bytes, 0, bytes.length);
    } catch (IOException e) {
      throw new ClassNotFoundException(name, e);
    }
  }
}
