//! A picture as SVG: cells of one colour are one path, and text is text.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::image::Image;
use super::palette::Color;
use super::picture::{Font, Picture, Shape};

impl Picture {
    pub(crate) fn svg(&self) -> String {
        let (width, height) = (self.width, self.height);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"monospace\" fill=\"{}\" shape-rendering=\"crispEdges\">\n<title>{}</title>\n",
            hex(Color::Text),
            escape(&self.title)
        );
        let page = Shape::Rectangle { x: 0, y: 0, width, height, color: Color::Page };
        std::iter::once(&page).chain(&self.shapes).for_each(|shape| draw(shape, &mut svg));
        svg + "</svg>\n"
    }
}

/// Writing to a String does not fail.
fn draw(shape: &Shape, svg: &mut String) {
    match *shape {
        Shape::Rectangle { x, y, width, height, color } => {
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"/>",
                hex(color)
            );
        }
        Shape::Text { x, y, font, ref text } => {
            let (points, weight) = match font {
                Font::Title => (15, " font-weight=\"bold\""),
                Font::Bold => (12, " font-weight=\"bold\""),
                Font::Plain => (12, ""),
            };
            // As wide as in other fonts, whatever the reader's is.
            let _ = writeln!(
                svg,
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{points}\"{weight} textLength=\"{}\" \
                 lengthAdjust=\"spacingAndGlyphs\">{}</text>",
                font.width(text),
                escape(text)
            );
        }
        Shape::Cells { x, y, scale, ref image } => {
            let _ = writeln!(svg, "<g transform=\"translate({x} {y}) scale({scale})\">");
            for (color, path) in paths(image) {
                let _ = writeln!(svg, "<path fill=\"{}\" d=\"{path}\"/>", hex(color));
            }
            svg.push_str("</g>\n");
        }
    }
}

/// For each colour, all runs of it in rows. What lies beyond the end of the disk is left out.
fn paths(image: &Image) -> BTreeMap<Color, String> {
    let mut paths: BTreeMap<Color, String> = BTreeMap::new();
    for (row, colors) in image.rows().enumerate() {
        let mut column = 0;
        for run in colors.chunk_by(|a, b| a == b) {
            let len = run.len();
            if run[0] != Color::Page {
                let path = paths.entry(run[0]).or_default();
                let _ = write!(path, "M{column} {row}h{len}v1h-{len}z");
            }
            column += len;
        }
    }
    paths
}

fn hex(color: Color) -> String {
    let [red, green, blue] = color.rgb();
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// A text in XML 1.0, which some characters cannot be in at all.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            char if char.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::MapLayout;
    use crate::map::Series;

    #[test]
    fn cells_are_those_of_the_image() {
        for layout in [MapLayout::Hilbert, MapLayout::Rows] {
            let picture = Picture::new(Series::example(3 << 40, 1), layout);
            let image = picture.shapes.iter().find_map(|shape| match shape {
                Shape::Cells { image, .. } => Some(image),
                _ => None,
            });
            let image = image.expect("there are cells");
            let mut drawn = vec![Color::Page; image.colors.len()];
            for (color, path) in paths(image) {
                for run in path.split_terminator('z') {
                    let numbers: Vec<usize> =
                        run.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
                    let [column, row, len, 1, back] = numbers[..] else { panic!("{run}") };
                    assert_eq!(len, back);
                    let start = row * image.width as usize + column;
                    drawn[start..start + len].fill(color);
                }
            }
            assert_eq!(drawn, image.colors);
        }
    }

    #[test]
    fn text_cannot_break_out() {
        assert_eq!(escape("<a & b>\u{1b}\u{ffff}é"), "&lt;a &amp; b&gt;\u{fffd}\u{fffd}é");
    }
}
