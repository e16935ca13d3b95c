/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.internal.jni;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.luo4j.internal.bridge.ElfFile;
import org.luo4j.internal.bridge.Machine;

/**
 * Finds and loads libluo4j.so, once a class loader.
 *
 * <p>Where {@value #PATH_PROPERTY} is set, that file and no other is loaded. Otherwise the jar's
 * library for this platform is written to a new folder of mode 0700 under {@value #TMP_PROPERTY}
 * (default {@code java.io.tmpdir}), loaded and deleted at once: nothing stays behind, and two class
 * loaders in one JVM each load a file of their own.
 *
 * <p>A copy of luo4j whose package was renamed (shaded) works as the original does, beside it too.
 */
final class NativeLibrary {

  static final String PATH_PROPERTY = "luo4j.library.path";
  static final String TMP_PROPERTY = "luo4j.tmpdir";

  /** The class whose methods JNI_OnLoad binds; set while the library is loaded. */
  private static final String CLASS_PROPERTY = "luo4j.jni.class";

  /** A string literal is one object for all class loaders, which share the property. */
  private static final Object LOADING = "luo4j: loading the JNI library in this JVM";

  /** Where libraries are in a jar whose classes only were relocated. No relocator sees it so. */
  private static final String ORIGINAL_FOLDER = String.join("/", "", "org", "luo4j", "native");

  private static final String FILE_NAME = "libluo4j.so";

  /** Those that a published jar carries libraries for. */
  private static final List<String> PLATFORMS =
      List.of("linux-x86_64", "linux-aarch64", "linux-x86_64-musl", "linux-aarch64-musl");

  private static boolean loaded;

  private NativeLibrary() {}

  /** Loads the library unless it is loaded. A failed attempt may be repeated. */
  static synchronized void load() throws IOException {
    if (loaded) {
      return;
    }
    String reason = Machine.whyNoNativeBridge();
    if (reason != null) {
      throw new IOException("no JNI library: " + reason);
    }
    String path = System.getProperty(PATH_PROPERTY);
    if (path != null) {
      loadFile(configured(path));
    } else {
      loadFromJar();
    }
    loaded = true;
  }

  /** The file that the property names, itself or in the folder that it names. */
  private static Path configured(String path) throws IOException {
    Path file = Path.of(path).toAbsolutePath();
    if (Files.isDirectory(file)) {
      file = file.resolve(FILE_NAME);
    }
    if (!Files.isRegularFile(file)) {
      throw new IOException(
          "-D"
              + PATH_PROPERTY
              + "="
              + path
              + ": there is no file "
              + file
              + "; correct or unset it");
    }
    return file;
  }

  private static void loadFromJar() throws IOException {
    String resource = resource(folder(), Machine.platform());
    try (InputStream in = open(Machine.platform())) {
      if (in == null) {
        throw new IOException(
            "this build of luo4j carries no JNI library for "
                + Machine.platform()
                + " ("
                + resource
                + "), but for "
                + carried()
                + ": build it with cmake and set -D"
                + PATH_PROPERTY
                + ", or use JNA");
      }
      Path parent =
          Path.of(System.getProperty(TMP_PROPERTY, System.getProperty("java.io.tmpdir")))
              .toAbsolutePath();
      Path folder = privateFolder(parent);
      try {
        Path file = folder.resolve(FILE_NAME);
        try {
          Files.copy(in, file);
        } catch (IOException e) {
          throw cannotWrite(parent, e);
        }
        loadFile(file);
      } finally {
        Files.deleteIfExists(folder.resolve(FILE_NAME));
        Files.deleteIfExists(folder);
      }
    }
  }

  /** The resource, null where there is none. */
  private static @Nullable InputStream open(String platform) {
    InputStream in = NativeLibrary.class.getResourceAsStream(resource(folder(), platform));
    return in != null
        ? in
        : NativeLibrary.class.getResourceAsStream(resource(ORIGINAL_FOLDER, platform));
  }

  /** Where libraries are, beside this class's package: it may have been relocated. */
  private static String folder() {
    String name = NativeLibrary.class.getPackageName();
    String root = name.substring(0, Math.max(0, name.length() - ".internal.jni".length()));
    return "/" + root.replace('.', '/') + "/native";
  }

  private static String resource(String folder, String platform) {
    return folder + "/" + platform + "/" + FILE_NAME;
  }

  private static String carried() {
    String carried =
        PLATFORMS.stream().filter(NativeLibrary::isCarried).collect(Collectors.joining(", "));
    return carried.isEmpty() ? "none" : carried;
  }

  private static boolean isCarried(String platform) {
    return NativeLibrary.class.getResource(resource(folder(), platform)) != null
        || NativeLibrary.class.getResource(resource(ORIGINAL_FOLDER, platform)) != null;
  }

  private static Path privateFolder(Path parent) throws IOException {
    FileAttribute<?>[] mode =
        FileSystems.getDefault().supportedFileAttributeViews().contains("posix")
            ? new FileAttribute<?>[] {
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
            }
            : new FileAttribute<?>[0];
    try {
      return Files.createTempDirectory(parent, "luo4j-", mode);
    } catch (IOException e) {
      throw cannotWrite(parent, e);
    }
  }

  private static IOException cannotWrite(Path parent, IOException e) {
    return new IOException(
        "cannot write the JNI library under "
            + parent
            + " ("
            + e
            + "): set -D"
            + TMP_PROPERTY
            + " to a folder that exists, is writable and has room, or -D"
            + PATH_PROPERTY
            + " to the library itself",
        e);
  }

  private static void loadFile(Path file) throws IOException {
    ElfFile.check(file, Machine.platform());
    try {
      load(file);
    } catch (UnsatisfiedLinkError e) {
      // The JVM and the dynamic loader each put the file before what they say.
      String message = String.valueOf(e.getMessage()).replace(file + ": ", "");
      throw new IOException(file + " could not be loaded: " + message + hint(message), e);
    } catch (IllegalCallerException e) {
      throw new IOException(Machine.NATIVE_ACCESS_DENIED, e);
    }
  }

  /** Tells the library's JNI_OnLoad the name that the bridge has, which a relocation changes. */
  private static void load(Path file) {
    synchronized (LOADING) {
      System.setProperty(CLASS_PROPERTY, JniBridge.class.getName());
      try {
        System.load(file.toString());
      } finally {
        System.clearProperty(CLASS_PROPERTY);
      }
    }
  }

  private static String hint(String message) {
    if (message.contains("failed to map segment")) {
      return "; is that folder mounted noexec? Set -D"
          + TMP_PROPERTY
          + " to a folder that is not, or -D"
          + PATH_PROPERTY
          + " to the library itself";
    }
    if (message.contains("already loaded in another classloader")) {
      return "; a file can be loaded by one class loader only: unset -D"
          + PATH_PROPERTY
          + ", or load luo4j in a class loader that both share";
    }
    if (message.contains("libc.so:") && !Machine.isMusl()) {
      return "; it was built for musl, and this JVM runs on glibc: use the library for "
          + Machine.platform();
    }
    if (message.contains("symbol not found") && Machine.isMusl()) {
      return "; was it built for glibc? This JVM runs on musl: use the library for "
          + Machine.platform();
    }
    return "";
  }
}
