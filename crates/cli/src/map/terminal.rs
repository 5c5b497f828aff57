//! A map as characters: half blocks, of which each shows two cells, in the colours that a terminal has; or plain ASCII, of
//! which each character stands for two cells.
//!
//! ```text
//! title, sizes
//! panels, as many side by side as there are columns for: name, figures, lines of cells
//! legend
//! ```

use std::fmt::Write;

use super::image::{Grid, Image};
use super::palette::{Color, LOWEST_EXPONENT, TOP_LEVEL};
use super::picture::shorten_start;
use super::series::{Series, size};
use crate::args::MapLayout;

/// How many colours there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColorDepth {
    /// None, and no characters but ASCII.
    Ascii,
    Colors256,
    TrueColor,
}

impl ColorDepth {
    /// The colours of a terminal by the variables that it sets. It has to show half blocks as well, which takes UTF-8.
    pub(crate) fn of_terminal(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(value).unwrap_or_default().to_lowercase();
        let is_utf8 = locale.contains("utf-8") || locale.contains("utf8") || cfg!(not(unix));
        let terminal = value("TERM").unwrap_or_default();
        if value("NO_COLOR").is_some() || !is_utf8 || terminal == "dumb" {
            return Self::Ascii;
        }
        match value("COLORTERM").as_deref() {
            Some("truecolor" | "24bit") => Self::TrueColor,
            _ if terminal.contains("direct") => Self::TrueColor,
            _ if terminal.contains("256color") => Self::Colors256,
            _ => Self::Ascii,
        }
    }
}

/// The base-two logarithm of the side of the only panel, and of one among several, in cells.
const LARGE_ORDER: u32 = 6;
const SMALL_ORDER: u32 = 5;
/// The width of labels before rows.
const LABEL_WIDTH: usize = 9;
const GAP: usize = 2;

/// ASCII characters from few changes to many, and the highest level of each.
const ASCII: [char; 8] = [':', '-', '=', '+', '*', '%', '#', '@'];
const ASCII_UNCHANGED: char = '.';

/// The map in so many columns.
pub(crate) fn characters(mut series: Series, layout: MapLayout, depth: ColorDepth, columns: usize) -> String {
    let most = if series.panels.len() == 1 { LARGE_ORDER } else { SMALL_ORDER };
    let label_width = if layout == MapLayout::Rows { LABEL_WIDTH + 1 } else { 0 };
    // A side of 16 cells is the least that shows anything.
    let order = (4..=most).rev().find(|order| label_width + (1 << order) <= columns).unwrap_or(4);
    let grid = Grid { layout, order: series.fit(order) };
    let panel_width = label_width + grid.side() as usize;
    let beside = (columns + GAP) / (panel_width.max(MIN_CAPTION) + GAP);

    let mut text = String::new();
    if let Some(title) = &series.title {
        let _ = writeln!(text, "{title}");
    }
    let _ = writeln!(text, "{}", series.sizes());
    for panels in series.panels.chunks(beside.max(1)) {
        let blocks: Vec<Vec<String>> = panels
            .iter()
            .map(|panel| {
                let width = if panels.len() == 1 { columns } else { panel_width.max(MIN_CAPTION) };
                let name = shorten_start(&panel.name, width);
                let image = grid.image(&series, panel);
                let captions = [String::new(), pad(&name, width), pad(&panel.figures(), width)];
                captions.into_iter().chain(lines(&image, &series, layout, depth, panel_width, width)).collect()
            })
            .collect();
        for line in 0..blocks.iter().map(Vec::len).max().unwrap_or(0) {
            let parts: Vec<&str> = blocks.iter().map(|block| block[line].as_str()).collect();
            let _ = writeln!(text, "{}", parts.join(&" ".repeat(GAP)).trim_end());
        }
    }
    text.push('\n');
    legend(&mut text, depth);
    if layout == MapLayout::Hilbert && grid.order > 0 {
        text.push_str(&quarters(&series, grid));
    }
    if depth == ColorDepth::Ascii {
        text = text.chars().map(|char| if char.is_ascii() { char } else { '?' }).collect();
    }
    text
}

/// Captions are not cut shorter than this: "16.00 TiB changed, 100.00 %".
const MIN_CAPTION: usize = 28;

fn pad(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

/// Two rows of cells a line, all lines as wide as the caption.
fn lines(
    image: &Image,
    series: &Series,
    layout: MapLayout,
    depth: ColorDepth,
    panel_width: usize,
    width: usize,
) -> Vec<String> {
    let rows: Vec<&[Color]> = image.rows().collect();
    let pairs = (0_u64..).zip(rows.chunks(2));
    pairs
        .map(|(number, pair)| {
            let mut line = String::new();
            if layout == MapLayout::Rows {
                let offset = (2 * number * u64::from(image.width)) << series.cell_log2();
                let _ = write!(line, "{:>LABEL_WIDTH$} ", size(offset));
            }
            let mut pen = Pen { depth, foreground: None, background: None };
            for (column, &upper) in pair[0].iter().enumerate() {
                let lower = pair.get(1).map_or(Color::Page, |row| row[column]);
                pen.cells(upper, lower, &mut line);
            }
            pen.lift(&mut line);
            line + &" ".repeat(width.saturating_sub(panel_width))
        })
        .collect()
}

/// Writes characters in colours, with as few changes of these as are needed.
struct Pen {
    depth: ColorDepth,
    foreground: Option<Color>,
    background: Option<Color>,
}

impl Pen {
    /// One character for two cells, one above the other.
    fn cells(&mut self, upper: Color, lower: Color, line: &mut String) {
        if self.depth == ColorDepth::Ascii {
            // The one with more changes: Page is the lowest of all colours, and Unchanged the lowest of cells.
            line.push(ascii(upper.max(lower)));
            return;
        }
        let (foreground, background, char) = match (upper, lower) {
            (Color::Page, Color::Page) => (None, None, ' '),
            (upper, Color::Page) => (Some(upper), None, '▀'),
            (Color::Page, lower) => (Some(lower), None, '▄'),
            (upper, lower) => (Some(upper), Some(lower), '▀'),
        };
        if let Some(color) = foreground.filter(|_| foreground != self.foreground) {
            let _ = write!(line, "\u{1b}[38;{}m", self.code(color));
            self.foreground = foreground;
        }
        if background != self.background {
            let code = background.map_or_else(|| "49".to_owned(), |color| format!("48;{}", self.code(color)));
            let _ = write!(line, "\u{1b}[{code}m");
            self.background = background;
        }
        line.push(char);
    }

    /// Back to the colours of the terminal.
    fn lift(&mut self, line: &mut String) {
        if self.foreground.take().is_some() || self.background.take().is_some() {
            line.push_str("\u{1b}[0m");
        }
    }

    fn code(&self, color: Color) -> String {
        let [red, green, blue] = color.rgb();
        match self.depth {
            ColorDepth::TrueColor => format!("2;{red};{green};{blue}"),
            _ => format!("5;{}", nearest_of_256([red, green, blue])),
        }
    }
}

const fn ascii(color: Color) -> char {
    match color {
        Color::Page | Color::Text | Color::Line => ' ',
        Color::Unchanged => ASCII_UNCHANGED,
        Color::Changed(level) => {
            // Half a power of ten each.
            let step = (TOP_LEVEL as usize).div_ceil(ASCII.len());
            let number = (level as usize).saturating_sub(1) / step;
            ASCII[number]
        }
    }
}

/// The nearest of the colours 16 to 255, which are the same in all terminals: a cube of 6 × 6 × 6, and greys.
fn nearest_of_256(rgb: [u8; 3]) -> u8 {
    const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let color = |number: u8| match number {
        232.. => [8 + 10 * (number - 232); 3],
        _ => {
            let place = usize::from(number - 16);
            [CUBE[place / 36], CUBE[place / 6 % 6], CUBE[place % 6]]
        }
    };
    let distance =
        |number: &u8| -> u32 { color(*number).iter().zip(rgb).map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum() };
    (16..=255).min_by_key(distance).expect("there are colours")
}

/// The characters, or the scale of colours, and the shares that they stand for.
fn legend(text: &mut String, depth: ColorDepth) {
    if depth == ColorDepth::Ascii {
        let _ = write!(text, "Changed share of a cell, up to:\n{ASCII_UNCHANGED} none");
        for (char, share) in ASCII.iter().zip(["0.03", "0.1", "0.3", "1", "3", "10", "32", "100"]) {
            let _ = write!(text, "  {char} {share} %");
        }
        text.push('\n');
        return;
    }
    let mut pen = Pen { depth, foreground: None, background: None };
    pen.cells(Color::Unchanged, Color::Unchanged, text);
    pen.lift(text);
    let decades = LOWEST_EXPONENT.unsigned_abs();
    let _ = write!(text, " unchanged   changed <0.01 % ");
    for step in 0..=8 * decades {
        let level = u32::from(TOP_LEVEL) * step / (8 * decades);
        let color = Color::Changed(u8::try_from(level).unwrap_or(TOP_LEVEL));
        pen.cells(color, color, text);
    }
    pen.lift(text);
    text.push_str(" 100 %\n");
}

/// Where the quarters of a square begin, as far as they lie on the disk.
fn quarters(series: &Series, grid: Grid) -> String {
    let quarter_log2 = series.cell_log2() + 2 * (grid.order - 1);
    let offsets = (0..4_u64).map(|quarter| quarter << quarter_log2).filter(|&offset| offset < series.disk_size);
    let places = offsets.zip(["upper left", "down", "right", "up"]);
    let (offsets, places): (Vec<String>, Vec<&str>) = places.map(|(offset, place)| (size(offset), place)).unzip();
    format!("Quarters begin at {}: {}\n", offsets.join(", "), places.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(variables: &[(&str, &str)]) -> ColorDepth {
        ColorDepth::of_terminal(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn terminals_have_the_colours_that_they_say() {
        let (utf8, many) = (("LANG", "en_US.UTF-8"), ("TERM", "xterm-256color"));
        assert_eq!(terminal(&[utf8, many, ("COLORTERM", "truecolor")]), ColorDepth::TrueColor);
        assert_eq!(terminal(&[utf8, ("TERM", "xterm-direct")]), ColorDepth::TrueColor);
        assert_eq!(terminal(&[utf8, many]), ColorDepth::Colors256);
        assert_eq!(terminal(&[utf8, many, ("NO_COLOR", "")]), ColorDepth::Colors256, "empty is as if it were not set");
        assert_eq!(terminal(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8"), many]), ColorDepth::Colors256);
    }

    #[test]
    fn others_get_ascii() {
        let (utf8, many, truecolor) = (("LANG", "C.UTF-8"), ("TERM", "xterm-256color"), ("COLORTERM", "truecolor"));
        for variables in [
            &[utf8, many, truecolor, ("NO_COLOR", "1")][..],
            &[utf8, ("TERM", "vt100")],
            &[utf8, ("TERM", "dumb"), truecolor],
            &[("LC_ALL", "C"), utf8, many, truecolor],
            #[cfg(unix)]
            &[many, truecolor],
            &[],
        ] {
            assert_eq!(terminal(variables), ColorDepth::Ascii, "{variables:?}");
        }
    }

    #[test]
    fn nearest_colours_are_found() {
        assert_eq!(nearest_of_256([0, 0, 0]), 16);
        assert_eq!(nearest_of_256([255, 255, 255]), 231);
        assert_eq!(nearest_of_256([0x5f, 0x87, 0xaf]), 67);
        assert_eq!(nearest_of_256([128, 128, 128]), 244);
        let unchanged = nearest_of_256(Color::Unchanged.rgb());
        assert!((0..=TOP_LEVEL).all(|level| nearest_of_256(Color::Changed(level).rgb()) != unchanged));
    }

    #[test]
    fn changes_have_other_characters_than_what_is_unchanged() {
        assert_eq!(ascii(Color::Unchanged), '.');
        let all: Vec<char> = (0..=TOP_LEVEL).map(|level| ascii(Color::Changed(level))).collect();
        assert!(all.iter().all(|char| ASCII.contains(char)));
        assert_eq!((all[0], all[usize::from(TOP_LEVEL)]), (':', '@'));
        assert_eq!((ascii(Color::of_density(Some(0.1))), ascii(Color::of_density(Some(0.11)))), ('%', '#'));
        let mut pen = Pen { depth: ColorDepth::Ascii, foreground: None, background: None };
        let mut line = String::new();
        pen.cells(Color::Unchanged, Color::Changed(0), &mut line);
        pen.cells(Color::Changed(0), Color::Unchanged, &mut line);
        pen.cells(Color::Page, Color::Changed(0), &mut line);
        pen.cells(Color::Unchanged, Color::Page, &mut line);
        assert_eq!(line, ":::.");
    }

    #[test]
    fn ascii_has_no_escapes_and_fits_its_columns() {
        for (count, columns) in [(1, 80), (1, 40), (3, 80), (3, 20), (9, 200)] {
            for layout in [MapLayout::Hilbert, MapLayout::Rows] {
                let text = characters(Series::example(1 << 44, count), layout, ColorDepth::Ascii, columns);
                assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{text}");
                let cells = text.lines().filter(|line| line.contains("........"));
                assert!(cells.clone().count() >= 8, "{text}");
                // Two blocks of 16 TiB in each panel.
                let changed: usize = cells.clone().map(|line| line.matches(':').count()).sum();
                assert_eq!(changed, 2 * count, "{text}");
                assert!(cells.map(str::len).max() <= Some(columns.max(26)), "{columns}\n{text}");
            }
        }
    }

    #[test]
    fn quarters_of_the_curve_have_their_offsets() {
        let last_line = |disk_size: u64, layout| {
            let text = characters(Series::example(disk_size, 1), layout, ColorDepth::Ascii, 80);
            text.lines().last().expect("there are lines").to_owned()
        };
        let expected = "Quarters begin at 0, 4 TiB, 8 TiB, 12 TiB: upper left, down, right, up";
        assert_eq!(last_line(1 << 44, MapLayout::Hilbert), expected);
        assert_eq!(
            last_line(3 << 16, MapLayout::Hilbert),
            "Quarters begin at 0, 64 KiB, 128 KiB: upper left, down, right"
        );
        assert!(last_line(1 << 44, MapLayout::Rows).ends_with("100 %"));
        assert!(last_line(1, MapLayout::Hilbert).ends_with("100 %"));
        let grid = Grid { layout: MapLayout::Hilbert, order: 6 };
        assert_eq!([0, 1, 2, 3].map(|quarter| grid.place(quarter << 10)), [(0, 0), (0, 32), (32, 32), (63, 31)]);
    }

    #[test]
    fn half_blocks_show_two_rows() {
        let text = characters(Series::example(3 << 16, 1), MapLayout::Hilbert, ColorDepth::TrueColor, 80);
        let code = |color: Color| {
            let [red, green, blue] = color.rgb();
            format!("2;{red};{green};{blue}")
        };
        let [few, none] = [Color::Changed(0), Color::Unchanged].map(code);
        // A byte of a block of 64 KiB is 0.0015 %; the fourth cell is beyond the end of the disk.
        let line = format!("\u{1b}[38;{few}m\u{1b}[48;{none}m▀\u{1b}[49m▄\u{1b}[0m");
        assert_eq!(text.lines().nth(5), Some(&*line), "{text}");
        let text = characters(Series::example(1 << 44, 2), MapLayout::Rows, ColorDepth::Colors256, 80);
        assert!(text.contains("\u{1b}[38;5;") && !text.contains(";2;"), "{text}");
        assert!(text.lines().all(|line| !line.contains('\u{1b}') || line.contains("\u{1b}[0m")), "{text}");
    }
}
