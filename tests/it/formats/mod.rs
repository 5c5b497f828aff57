//! The formats of lists, one module a format.

#[cfg(feature = "formats")]
mod arrays;
mod foreign;
#[cfg(feature = "formats")]
mod lists;
#[cfg(feature = "formats")]
mod maps;
mod qcow2;
