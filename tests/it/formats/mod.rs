//! The formats of lists, one module a format.

#[cfg(feature = "formats")]
mod arrays;
#[cfg(feature = "formats")]
mod lists;
mod qcow2;
