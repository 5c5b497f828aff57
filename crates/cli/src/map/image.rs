//! The colours of the cells of a panel at their places: along a Hilbert curve, or in rows.

use super::palette::Color;
use super::series::{Panel, Series};
use crate::args::MapLayout;

/// Colours row by row.
pub(super) struct Image {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) colors: Vec<Color>,
}

/// The order of cells in a square of which the side is two to the power of `order` cells.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    pub(super) layout: MapLayout,
    pub(super) order: u32,
}

impl Grid {
    pub(super) const fn side(self) -> u32 {
        1 << self.order
    }

    /// The number of rows that so many cells take. A square is always whole.
    pub(super) fn height(self, cells: u64) -> u32 {
        match self.layout {
            MapLayout::Hilbert => self.side(),
            MapLayout::Rows => u32::try_from(cells.div_ceil(self.side().into())).unwrap_or(u32::MAX),
        }
    }

    /// The column and the row of a cell. The curve begins in the upper left corner and ends in the upper right one.
    pub(super) fn place(self, cell: u32) -> (u32, u32) {
        match self.layout {
            MapLayout::Hilbert => {
                let order = u8::try_from(self.order).expect("no larger than MAX_ORDER");
                fast_hilbert::h2xy::<u32>(cell.into(), order)
            }
            MapLayout::Rows => (cell % self.side(), cell / self.side()),
        }
    }

    /// The picture of a panel.
    pub(super) fn image(self, series: &Series, panel: &Panel) -> Image {
        let (width, height) = (self.side(), self.height(series.cell_count()));
        let mut colors = vec![Color::Page; width as usize * height as usize];
        for cell in 0..width * height {
            let (column, row) = self.place(cell);
            let density = panel.cells.density(cell.into(), panel.disk_end);
            colors[row as usize * width as usize + column as usize] = Color::of_density(density);
        }
        Image { width, height, colors }
    }
}

impl Image {
    /// Its rows, from the top.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[Color]> {
        self.colors.chunks(self.width as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_on_the_curve_are_neighbours_in_the_square() {
        for order in 0..=8 {
            let grid = Grid { layout: MapLayout::Hilbert, order };
            let places: Vec<_> = (0..grid.side() * grid.side()).map(|cell| grid.place(cell)).collect();
            assert_eq!((places[0], places[places.len() - 1]), ((0, 0), (grid.side() - 1, 0)), "order {order}");
            assert!(places.iter().all(|&(x, y)| x < grid.side() && y < grid.side()));
            for pair in places.windows(2) {
                assert_eq!(pair[0].0.abs_diff(pair[1].0) + pair[0].1.abs_diff(pair[1].1), 1);
            }
            let mut distinct = places.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), places.len());
        }
    }

    #[test]
    fn rows_are_read_like_text() {
        let grid = Grid { layout: MapLayout::Rows, order: 2 };
        assert_eq!([0, 3, 4, 15].map(|cell| grid.place(cell)), [(0, 0), (3, 0), (0, 1), (3, 3)]);
        assert_eq!([1, 4, 5, 16].map(|cells| grid.height(cells)), [1, 1, 2, 4]);
    }
}
