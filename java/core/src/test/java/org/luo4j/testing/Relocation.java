/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.testing;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Renames the package org.luo4j in a folder of classes, as shading does. */
public final class Relocation {

  private static final String FROM = "org/luo4j";

  private Relocation() {}

  /**
   * Copies a folder. Classes and strings in them get the new package.
   *
   * @param to the package's new name, with slashes
   * @param resources whether what is no class moves to the new package too
   */
  public static void copy(Path from, Path into, String to, boolean resources) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(from)) {
      files = all.filter(Files::isRegularFile).toList();
    }
    for (Path file : files) {
      String name = from.relativize(file).toString();
      boolean isClass = name.endsWith(".class");
      Path target = into.resolve(isClass || resources ? renamed(name, to) : name);
      Files.createDirectories(target.getParent());
      byte[] bytes = Files.readAllBytes(file);
      Files.write(target, isClass ? relocated(bytes, to) : bytes);
    }
  }

  private static String renamed(String text, String to) {
    return text.replace(FROM, to).replace(FROM.replace('/', '.'), to.replace('/', '.'));
  }

  /** A class file (JVMS 4) with the new name in each string of its constant pool. */
  private static byte[] relocated(byte[] file, String to) throws IOException {
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(file));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.writeLong(in.readLong());
    int count = in.readUnsignedShort();
    out.writeShort(count);
    for (int i = 1; i < count; i++) {
      int tag = in.readUnsignedByte();
      out.writeByte(tag);
      switch (tag) {
        case 1 -> out.writeUTF(renamed(in.readUTF(), to));
        case 5, 6 -> {
          out.writeLong(in.readLong());
          i++; // a long or a double takes two places
        }
        case 7, 8, 16, 19, 20 -> out.writeShort(in.readUnsignedShort());
        case 15 -> out.write(in.readNBytes(3));
        default -> out.writeInt(in.readInt());
      }
    }
    in.transferTo(out);
    return bytes.toByteArray();
  }
}
