//! A picture as shapes at their places, in pixels: it is drawn as PNG and as SVG from these alone, so that both agree.
//!
//! ```text
//! title, sizes
//! panels, at most so many in a row: name, figures, axes, cells
//! legend
//! ```

use super::image::{Grid, Image};
use super::legend;
use super::palette::Color;
use super::series::{Panel, Series, size};
use crate::args::MapLayout;

pub(crate) struct Picture {
    pub(super) title: String,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) shapes: Vec<Shape>,
}

pub(super) enum Shape {
    Rectangle {
        x: u32,
        y: u32,
        width: u32,
        height: u32,
        color: Color,
    },
    /// `y` is the line on which letters stand.
    Text {
        x: u32,
        y: u32,
        font: Font,
        text: String,
    },
    /// Each cell is a square of `scale` pixels.
    Cells {
        x: u32,
        y: u32,
        scale: u32,
        image: Image,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Font {
    Title,
    Bold,
    Plain,
}

impl Font {
    /// The width of each character.
    pub(super) const fn char_width(self) -> u32 {
        match self {
            Self::Title => 9,
            Self::Bold | Self::Plain => 7,
        }
    }

    pub(super) fn width(self, text: &str) -> u32 {
        u32::try_from(text.chars().count()).unwrap_or(u32::MAX).saturating_mul(self.char_width())
    }
}

const MARGIN: u32 = 24;
/// From one line of text to the next.
pub(super) const LINE: u32 = 18;
/// Between panels, and before the legend.
const GAP: u32 = 24;
const TICK: u32 = 5;
/// The labels at the left side of rows.
const AXIS_WIDTH: u32 = 76;

/// The side of the only panel, and of one among several.
const LARGE_SIDE: u32 = 768;
const SMALL_SIDE: u32 = 384;
/// The base-two logarithm of their cells.
const LARGE_ORDER: u32 = 8;
const SMALL_ORDER: u32 = 7;
const PANELS_IN_A_ROW: u32 = 4;

/// The places of panels.
struct Arrangement {
    grid: Grid,
    scale: u32,
    /// The most characters of a caption, so that it ends before the next panel begins.
    caption_chars: usize,
    panel_width: u32,
    panel_height: u32,
    axis_width: u32,
    /// How many parts of a row have labels.
    column_ticks: u32,
}

impl Picture {
    pub(crate) fn new(mut series: Series, layout: MapLayout) -> Self {
        let count = u32::try_from(series.panels.len()).expect("not so many");
        let arrangement = Arrangement::new(&mut series, layout);
        let (columns, rows) = (count.min(PANELS_IN_A_ROW), count.div_ceil(PANELS_IN_A_ROW));
        let panels_width = columns * (arrangement.panel_width + GAP) - GAP;
        let width = panels_width.max(legend::WIDTH) + 2 * MARGIN;
        let title = series.title.clone().unwrap_or_else(|| "Changed blocks".to_owned());
        let mut picture = Self { title, width, height: 0, shapes: Vec::new() };

        let title_chars = ((width - 2 * MARGIN) / Font::Title.char_width()) as usize;
        let mut y = MARGIN + 14;
        picture.text(MARGIN, y, Font::Title, &shorten(&picture.title, title_chars));
        y += LINE;
        picture.text(MARGIN, y, Font::Plain, &series.sizes());
        y += GAP + LINE / 2;
        for (number, panel) in (0..).zip(&series.panels) {
            let (column, row) = (number % PANELS_IN_A_ROW, number / PANELS_IN_A_ROW);
            let (x, y) = (column * (arrangement.panel_width + GAP), row * (arrangement.panel_height + GAP) + y);
            picture.panel(MARGIN + x, y, &series, panel, &arrangement);
        }
        y += rows * (arrangement.panel_height + GAP);
        picture.height = legend::draw(&mut picture, (MARGIN, y), &series, arrangement.grid) + MARGIN;
        picture
    }

    pub(super) fn text(&mut self, x: u32, y: u32, font: Font, text: &str) {
        self.shapes.push(Shape::Text { x, y, font, text: text.to_owned() });
    }

    pub(super) fn rectangle(&mut self, x: u32, y: u32, width: u32, height: u32, color: Color) {
        self.shapes.push(Shape::Rectangle { x, y, width, height, color });
    }

    /// A panel with its caption; `y` is the line on which the name stands.
    fn panel(&mut self, x: u32, y: u32, series: &Series, panel: &Panel, arrangement: &Arrangement) {
        self.text(x, y, Font::Bold, &shorten_start(&panel.name, arrangement.caption_chars));
        self.text(x, y + LINE, Font::Plain, &panel.figures());
        let (x, y) = (x + arrangement.axis_width, y + arrangement.caption_height());
        let (grid, scale) = (arrangement.grid, arrangement.scale);
        let image = grid.image(series, panel);
        let (width, height) = (image.width * scale, image.height * scale);
        match grid.layout {
            MapLayout::Hilbert => self.quarter_ticks(x, y, width),
            MapLayout::Rows => self.axes(x, y, height, series, arrangement),
        }
        self.shapes.push(Shape::Cells { x, y, scale, image });
    }

    /// Ticks at all sides, where the squares of the legend's key meet.
    fn quarter_ticks(&mut self, x: u32, y: u32, side: u32) {
        for along in (0..=4).map(|quarter| quarter * (side - 1) / 4) {
            for across in [0, side + TICK] {
                self.rectangle(x + along, y + across - TICK, 1, TICK, Color::Line);
                self.rectangle(x + across - TICK, y + along, TICK, 1, Color::Line);
            }
        }
    }

    /// Offsets: at the left side where rows begin, and above what is to be added in a row.
    fn axes(&mut self, x: u32, y: u32, height: u32, series: &Series, arrangement: &Arrangement) {
        let (scale, side) = (arrangement.scale, arrangement.grid.side());
        let cells = |count: u32| size(u64::from(count) << series.cell_log2());
        for column in (0..side).step_by((side / arrangement.column_ticks) as usize) {
            self.rectangle(x + column * scale, y - TICK, 1, TICK, Color::Line);
            self.text(x + column * scale, y - TICK - 5, Font::Plain, &format!("+{}", cells(column)));
        }
        for row in (0..height / scale).step_by((side / 8).max(1) as usize) {
            let label = size(u64::from(row * side) << series.cell_log2());
            self.rectangle(x - TICK, y + row * scale, TICK, 1, Color::Line);
            let right = x - TICK - 4;
            self.text(right - Font::Plain.width(&label), y + row * scale + 4, Font::Plain, &label);
        }
    }
}

impl Arrangement {
    fn new(series: &mut Series, layout: MapLayout) -> Self {
        let is_only = series.panels.len() == 1;
        let (side, order) = if is_only { (LARGE_SIDE, LARGE_ORDER) } else { (SMALL_SIDE, SMALL_ORDER) };
        let grid = Grid { layout, order: series.fit(order) };
        let axis_width = if layout == MapLayout::Rows { AXIS_WIDTH } else { TICK };
        let scale = side / grid.side();
        let panel_width = axis_width + side + TICK;
        let mut arrangement = Self {
            grid,
            scale,
            caption_chars: (panel_width / Font::Bold.char_width()) as usize,
            panel_width,
            panel_height: 0,
            axis_width,
            column_ticks: if is_only { 4 } else { 2 }.min(grid.side()),
        };
        arrangement.panel_height = arrangement.caption_height() + grid.height(series.cell_count()) * scale;
        arrangement
    }

    /// From the line on which the name stands to the first row of cells.
    const fn caption_height(&self) -> u32 {
        match self.grid.layout {
            MapLayout::Hilbert => LINE + 16,
            MapLayout::Rows => 2 * LINE + 16,
        }
    }
}

/// The start of a text of which the end is left out if it is too long.
fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(3)).chain("...".chars()).collect()
}

/// The end of a text of which the start is left out if it is too long: of a path, the end says more.
pub(super) fn shorten_start(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    "...".chars().chain(text.chars().skip(count - most.saturating_sub(3))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Left, top, right and bottom of a shape.
    fn bounds(shape: &Shape) -> [u32; 4] {
        match shape {
            Shape::Rectangle { x, y, width, height, .. } => [*x, *y, x + width, y + height],
            Shape::Text { x, y, font, text } => [*x, y - 11, x + font.width(text), y + 3],
            Shape::Cells { x, y, scale, image } => [*x, *y, x + image.width * scale, y + image.height * scale],
        }
    }

    fn overlap(a: [u32; 4], b: [u32; 4]) -> bool {
        a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
    }

    #[test]
    fn nothing_overlaps_and_all_is_inside() {
        for layout in [MapLayout::Hilbert, MapLayout::Rows] {
            for disk_size in [1, 100_000, 90 << 20, (1 << 44) - 512, u64::MAX] {
                for count in [1, 2, 5] {
                    let picture = Picture::new(Series::example(disk_size, count), layout);
                    let all: Vec<_> = picture.shapes.iter().map(|shape| (shape, bounds(shape))).collect();
                    for (number, &(shape, place)) in all.iter().enumerate() {
                        assert!(place[2] <= picture.width && place[3] <= picture.height, "{place:?} of {count}");
                        if matches!(shape, Shape::Text { .. }) {
                            let other = all
                                .iter()
                                .enumerate()
                                .find(|&(other, &(_, there))| other != number && overlap(place, there));
                            let Shape::Text { text, .. } = shape else { unreachable!() };
                            assert!(
                                other.is_none(),
                                "{layout:?} {disk_size} {count}: {text} at {place:?}: {:?}",
                                other.map(|(_, &(_, place))| place)
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn long_texts_are_shortened_where_they_say_least() {
        assert_eq!(shorten("abcdefgh", 8), "abcdefgh");
        assert_eq!(shorten("abcdefgh", 7), "abcd...");
        assert_eq!(shorten_start("abcdefgh", 7), "...efgh");
        assert_eq!(shorten_start("abcdefgh", 2), "...");
    }
}
