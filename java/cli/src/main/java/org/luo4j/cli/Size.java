/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.cli;

import java.util.OptionalLong;
import org.luo4j.cli.host.Sizes;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** A size on the command line. */
final class Size implements ITypeConverter<Long> {

  @Override
  public Long convert(String text) {
    OptionalLong bytes = Sizes.parse(text);
    if (bytes.isEmpty()) {
      throw new TypeConversionException("'" + text + "' must be a size such as 512m, 8g or 1.5GiB");
    }
    return bytes.getAsLong();
  }
}
