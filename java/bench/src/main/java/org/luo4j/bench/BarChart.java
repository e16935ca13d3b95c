/* SPDX-License-Identifier: Apache-2.0 */
package org.luo4j.bench;

import java.util.List;
import java.util.Locale;

/** Bar charts as SVG: panels in a grid, each with bars of its own scale. */
final class BarChart {

  /**
   * A bar.
   *
   * @param text what is written behind it
   */
  record Bar(String label, double value, String text, Peer.Kind kind) {}

  /** A chart with a title. */
  record Panel(String title, List<Bar> bars) {}

  private static final int WIDTH = 430;
  private static final int LABELS = 125;
  private static final int BARS = 200;
  private static final int LINE = 18;
  private static final int HEAD = 58;

  private BarChart() {}

  static String svg(String title, String subtitle, List<Panel> panels, int columns) {
    int lines = panels.stream().mapToInt(panel -> panel.bars().size()).max().orElse(0);
    int height = (lines + 2) * LINE + 12;
    int rows = (panels.size() + columns - 1) / columns;
    StringBuilder svg = new StringBuilder();
    svg.append(
        String.format(
            Locale.ROOT,
            """
            <svg xmlns="http://www.w3.org/2000/svg" width="%1$d" height="%2$d" \
            viewBox="0 0 %1$d %2$d" font-family="sans-serif" font-size="12">
            <rect width="100%%" height="100%%" fill="#ffffff"/>
            <text x="12" y="24" font-size="17" font-weight="bold" fill="#222222">%3$s</text>
            <text x="12" y="43" fill="#666666">%4$s</text>
            """,
            Math.max(columns * WIDTH, Math.max(title.length() * 10, subtitle.length() * 7)) + 24,
            HEAD + rows * height,
            escaped(title),
            escaped(subtitle)));
    for (int i = 0; i < panels.size(); i++) {
      panel(svg, panels.get(i), 12 + i % columns * WIDTH, HEAD + i / columns * height);
    }
    return svg.append("</svg>\n").toString();
  }

  private static void panel(StringBuilder svg, Panel panel, int x, int y) {
    text(svg, x, y + LINE - 4, "start", "bold", panel.title());
    double most = panel.bars().stream().mapToDouble(Bar::value).max().orElse(0);
    for (int i = 0; i < panel.bars().size(); i++) {
      Bar bar = panel.bars().get(i);
      int top = y + (i + 1) * LINE;
      int width = most <= 0 ? 0 : (int) Math.round(Math.max(0, bar.value()) / most * BARS);
      text(svg, x + LABELS - 6, top + LINE - 5, "end", weight(bar), bar.label());
      svg.append(
          String.format(
              Locale.ROOT,
              "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"2\" fill=\"%s\"/>%n",
              x + LABELS,
              top + 2,
              Math.max(1, width),
              LINE - 4,
              colour(bar.kind())));
      text(
          svg,
          x + LABELS + Math.max(1, width) + 5,
          top + LINE - 5,
          "start",
          weight(bar),
          bar.text());
    }
  }

  private static String weight(Bar bar) {
    return bar.kind() == Peer.Kind.OURS ? "bold" : "normal";
  }

  private static String colour(Peer.Kind kind) {
    return switch (kind) {
      case OURS -> "#d9480f";
      case OFF_HEAP -> "#3b7dbd";
      case HEAP -> "#a9b2ba";
    };
  }

  private static void text(
      StringBuilder svg, int x, int y, String anchor, String weight, String text) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" font-weight=\"%s\" fill=\"#222222\">%s</text>%n",
            x,
            y,
            anchor,
            weight,
            escaped(text)));
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
