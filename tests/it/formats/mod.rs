//! The formats of lists, one module a format or a group.

#[cfg(feature = "formats")]
mod arrays;
mod bmap;
#[cfg(feature = "formats")]
mod foreign;
mod lines;
#[cfg(feature = "formats")]
mod lists;
#[cfg(feature = "formats")]
mod maps;
#[cfg(feature = "formats")]
mod pages;
mod qcow2;
mod qemu;
