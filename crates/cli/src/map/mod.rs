//! Pictures of where disks changed.
//!
//! ```text
//! ranges → cells: changed bytes of equal parts of the disk
//!        → image: a colour for each cell, along the curve or in rows
//!        → picture: shapes at their places → PNG or SVG
//!        → characters: half blocks or ASCII, for a terminal
//! ```
//!
//! A cell in which one byte has changed never has the colour, or the character, of a cell without a change. Cells that lie
//! beyond the end of the disk are left out.

mod canvas;
mod cells;
mod image;
mod legend;
mod palette;
mod picture;
mod series;
mod svg;
mod terminal;

pub(crate) use cells::Cells;
pub(crate) use picture::Picture;
pub(crate) use series::{Panel, Series};
pub(crate) use terminal::{ColorDepth, characters};
