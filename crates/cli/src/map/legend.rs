//! The legend of a picture: the scale of colours, and a key to the places on the curve.

use super::image::Grid;
use super::palette::{Color, LOWEST_EXPONENT, TOP_LEVEL};
use super::picture::{Font, LINE, Picture};
use super::series::{Series, size};
use crate::args::MapLayout;

/// The width of a level on the scale.
const LEVEL_WIDTH: u32 = 4;
const BAR_HEIGHT: u32 = 14;
/// The size of a square of the key.
const KEY_WIDTH: u32 = 68;
const KEY_HEIGHT: u32 = 20;
/// From the scale to the key.
const KEY_X: u32 = LEVEL_WIDTH * (TOP_LEVEL as u32 + 1) + 48;
/// The width of the whole legend.
pub(super) const WIDTH: u32 = KEY_X + 4 * KEY_WIDTH + 1;

/// Draws the legend below the panels. Returns where it ends.
pub(super) fn draw(picture: &mut Picture, (x, y): (u32, u32), series: &Series, grid: Grid) -> u32 {
    let end = scale(picture, x, y, series, grid);
    match grid.layout {
        MapLayout::Hilbert => end.max(key(picture, x + KEY_X, y, series, grid.order)),
        MapLayout::Rows => end,
    }
}

/// The scale of colours, with the share of changed bytes at each power of ten.
fn scale(picture: &mut Picture, x: u32, y: u32, series: &Series, grid: Grid) -> u32 {
    picture.text(x, y, Font::Bold, "Changed share of a cell");
    let y = y + LINE / 2;
    for level in 0..=TOP_LEVEL {
        let left = x + LEVEL_WIDTH * u32::from(level);
        picture.rectangle(left, y, LEVEL_WIDTH, BAR_HEIGHT, Color::Changed(level));
    }
    let decades = LOWEST_EXPONENT.unsigned_abs();
    for (decade, label) in (0..=decades).zip(["<0.01 %", "0.1 %", "1 %", "10 %", "100 %"]) {
        let tick = x + LEVEL_WIDTH * (u32::from(TOP_LEVEL) * decade / decades) + LEVEL_WIDTH / 2;
        picture.rectangle(tick, y + BAR_HEIGHT, 1, 4, Color::Line);
        // The first is too long to stand in the middle.
        let left = if decade == 0 { x } else { tick - Font::Plain.width(label) / 2 };
        picture.text(left, y + BAR_HEIGHT + 16, Font::Plain, label);
    }
    let y = y + BAR_HEIGHT + 16 + LINE + 4;
    picture.rectangle(x, y - 11, BAR_HEIGHT, BAR_HEIGHT, Color::Unchanged);
    picture.text(x + BAR_HEIGHT + 6, y, Font::Plain, "unchanged");
    if series.has_missing_cells(u64::from(grid.side()) * u64::from(grid.height(series.cell_count()))) {
        let x = x + BAR_HEIGHT + 6 + 12 * Font::Plain.char_width();
        frame(picture, x, y - 11, BAR_HEIGHT, BAR_HEIGHT);
        picture.text(x + BAR_HEIGHT + 6, y, Font::Plain, "beyond the disk's end");
    }
    y + 3
}

/// The squares of a coarse curve, each with the offset at which it begins; where the curve does not pass from one to the
/// next there is a wall.
fn key(picture: &mut Picture, x: u32, y: u32, series: &Series, order: u32) -> u32 {
    picture.text(x, y, Font::Bold, "Where the squares begin");
    let y = y + LINE / 2;
    let coarse = Grid { layout: MapLayout::Hilbert, order: order.min(2) };
    let square_log2 = series.cell_log2() + 2 * (order - coarse.order);
    let side = coarse.side();
    frame(picture, x, y, side * KEY_WIDTH + 1, side * KEY_HEIGHT + 1);
    let mut number = vec![0; (side * side) as usize];
    for square in 0..side * side {
        let (column, row) = coarse.place(square);
        number[(row * side + column) as usize] = square;
        let offset = u64::from(square) << square_log2;
        if offset < series.disk_size {
            let label = size(offset);
            let left = x + column * KEY_WIDTH + (KEY_WIDTH - Font::Plain.width(&label)) / 2;
            picture.text(left, y + row * KEY_HEIGHT + 14, Font::Plain, &label);
        }
    }
    let is_wall = |a: u32, b: u32| number[a as usize].abs_diff(number[b as usize]) != 1;
    for place in 0..side * side {
        let (column, row) = (place % side, place / side);
        let (left, top) = (x + column * KEY_WIDTH, y + row * KEY_HEIGHT);
        if column > 0 && is_wall(place - 1, place) {
            picture.rectangle(left, top, 1, KEY_HEIGHT + 1, Color::Line);
        }
        if row > 0 && is_wall(place - side, place) {
            picture.rectangle(left, top, KEY_WIDTH + 1, 1, Color::Line);
        }
    }
    y + side * KEY_HEIGHT + 1
}

/// The border of a rectangle.
fn frame(picture: &mut Picture, x: u32, y: u32, width: u32, height: u32) {
    for side in [y, y + height - 1] {
        picture.rectangle(x, side, width, 1, Color::Line);
    }
    for side in [x, x + width - 1] {
        picture.rectangle(side, y, 1, height, Color::Line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::picture::Shape;

    /// The texts of a picture, with the middle of each and the line on which it stands.
    fn texts(picture: &Picture) -> Vec<(&str, u32, u32)> {
        let text = |shape| match shape {
            &Shape::Text { x, y, font, ref text } => Some((text.as_str(), x + font.width(text) / 2, y)),
            _ => None,
        };
        picture.shapes.iter().filter_map(text).collect()
    }

    #[test]
    fn labels_of_the_scale_stand_below_their_colours() {
        let picture = Picture::new(Series::example(1 << 40, 1), MapLayout::Rows);
        for (label, share) in [("0.1 %", 0.001), ("1 %", 0.01), ("10 %", 0.1), ("100 %", 1.0)] {
            let &(_, middle, line) = texts(&picture).iter().find(|text| text.0 == label).expect("there");
            let above = picture.shapes.iter().find_map(|shape| match *shape {
                Shape::Rectangle { x, y, width, color: color @ Color::Changed(_), .. } => {
                    (y < line && (x..=x + width).contains(&middle)).then_some(color)
                }
                _ => None,
            });
            assert_eq!(above, Some(Color::of_density(Some(share))), "{label}");
        }
    }

    #[test]
    fn squares_of_the_key_are_where_their_first_cells_are() {
        for (count, order) in [(1, 8), (2, 7)] {
            let picture = Picture::new(Series::example(16 << 40, count), MapLayout::Hilbert);
            let found = texts(&picture);
            // The last one: a panel has that name.
            let &(_, left, top) = found.iter().rfind(|text| text.0 == "0").expect("the first square");
            let grid = Grid { layout: MapLayout::Hilbert, order };
            for square in 1..16 {
                let (column, row) = grid.place(square << (2 * (order - 2)));
                let (column, row) = (column >> (order - 2), row >> (order - 2));
                let label = format!("{square} TiB");
                let &(_, middle, line) = found.iter().rfind(|text| text.0 == label).expect("there");
                // The middles of texts may differ by a pixel.
                assert!(
                    middle.abs_diff(left + column * KEY_WIDTH) <= 1,
                    "{label}: {middle}, not {left} and {column} columns"
                );
                assert_eq!(line, top + row * KEY_HEIGHT, "{label}");
            }
        }
    }
}
