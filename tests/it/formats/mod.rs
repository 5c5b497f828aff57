//! The formats of lists, one module a format.

mod qcow2;
