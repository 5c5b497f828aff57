//! One picture of the figures: bars, as an SVG that needs nothing else.

use std::fmt::Write as _;

use crate::peers::runs::ASSEMBLED;
use crate::report::title;
use crate::results::{Group, Results, Row};

/// A panel a size, two beside each other.
const PANEL_WIDTH: f64 = 470.0;
const LABELS: f64 = 112.0;
/// Room for the figure after the longest bar.
const FIGURES: f64 = 40.0;
const BAR: f64 = 9.0;
const GAP: f64 = 10.0;
const HEAD: f64 = 30.0;
const TITLE: f64 = 64.0;

/// The bars of each input, from above: name, colour, and where it stands.
type Pick = for<'a> fn(&Group<'a>) -> Option<&'a Row>;
const BARS: [(&str, &str, Pick); 3] = [
    ("changed-blocks: text to extents", "#1b6ca8", |group| group.ours()),
    ("best assembled from peers: text to runs", "#d9822b", |group| group.best(ASSEMBLED)),
    ("base64-turbo: decoding alone", "#b9bfc6", |group| group.turbo()),
];
/// With a rim, since the mark of reading alone may stand behind it.
const FIGURE: &str = " font-size=\"8.5\" stroke=\"#ffffff\" stroke-width=\"2\" paint-order=\"stroke\"";
/// How far beyond the longest bar a panel goes to show what reading alone does.
const MOST_ABOVE: f64 = 1.8;
const CEILING: &str = "#b3261e";

pub(crate) fn svg(results: &Results) -> String {
    let sizes = results.sizes();
    let heights: Vec<f64> = sizes.iter().map(|size| panel_height(results.groups(size).len())).collect();
    let rows: Vec<f64> = heights.chunks(2).map(|pair| pair.iter().copied().fold(0.0, f64::max)).collect();
    let (width, height) = (2.0 * PANEL_WIDTH + 20.0, TITLE + rows.iter().sum::<f64>() + 10.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#1f2328\" role=\"img\">\n\
         <title>Throughput in GB/s of base64 text, one thread</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    legend(&mut svg);
    for (i, size) in sizes.iter().enumerate() {
        let x = 10.0 + PANEL_WIDTH * (i % 2) as f64;
        let y = TITLE + rows[..i / 2].iter().sum::<f64>();
        panel(&mut svg, x, y, size, &results.groups(size));
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel_height(inputs: usize) -> f64 {
    HEAD + inputs as f64 * (BARS.len() as f64 * BAR + GAP) + 10.0
}

fn legend(svg: &mut String) {
    text(svg, 10.0, 22.0, "start", " font-size=\"15\" font-weight=\"bold\"", "GB/s of base64 text, one thread");
    let mut x = 10.0;
    for (name, colour, _) in BARS {
        rect(svg, x, 36.0, 12.0, 10.0, colour);
        text(svg, x + 17.0, 45.0, "start", "", name);
        // About the width of the words; nothing here can measure them.
        x += 40.0 + 6.0 * name.len() as f64;
    }
    rect(svg, x, 34.0, 2.5, 14.0, CEILING);
    text(svg, x + 8.0, 45.0, "start", "", "reading alone");
}

fn panel(svg: &mut String, x: f64, y: f64, size: &str, groups: &[Group<'_>]) {
    text(svg, x, y + 16.0, "start", " font-size=\"13\" font-weight=\"bold\"", &title(size));
    let (mut longest, mut ceiling) = (0.0f64, 0.0f64);
    for group in groups {
        let bars = BARS.iter().filter_map(|(_, _, pick)| pick(group));
        longest = bars.map(|row| row.median).fold(longest, f64::max);
        ceiling = group.reading().map_or(ceiling, |row| row.median.max(ceiling));
    }
    if longest <= 0.0 {
        return;
    }
    // In the L1 cache the ceiling is so high that bars of that scale would be stumps.
    let most = ceiling.clamp(longest, longest * MOST_ABOVE);
    let left = x + LABELS;
    let scale = (PANEL_WIDTH - LABELS - FIGURES - 10.0) / most;
    let mut top = y + HEAD;
    for group in groups {
        text(svg, left - 6.0, top + BAR * 2.0, "end", "", group.input);
        if let Some(reading) = group.reading() {
            let height = BAR * BARS.len() as f64 + 2.0;
            if reading.median <= most {
                rect(svg, left + reading.median * scale, top - 1.5, 2.5, height, CEILING);
            } else {
                let style = format!(" font-size=\"9\" fill=\"{CEILING}\"");
                let words = format!("{:.0} ▸", reading.median);
                text(svg, left + most * scale + FIGURES, top + BAR * 2.0, "end", &style, &words);
            }
        }
        for (i, (_, colour, pick)) in BARS.into_iter().enumerate() {
            let Some(row) = pick(group) else { continue };
            let bar_top = top + BAR * i as f64;
            let length = row.median * scale;
            rect(svg, left, bar_top, length.max(0.5), BAR - 1.0, colour);
            let figure = if row.median < 1.0 { format!("{:.2}", row.median) } else { format!("{:.1}", row.median) };
            text(svg, left + length + 4.0, bar_top + BAR - 2.0, "start", FIGURE, &figure);
        }
        top += BARS.len() as f64 * BAR + GAP;
    }
}

fn rect(svg: &mut String, x: f64, y: f64, width: f64, height: f64, colour: &str) {
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, style: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{style}>{words}</text>");
}
