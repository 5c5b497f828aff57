//! Arrow's C data interface: a list of byte ranges as an array of pairs of 64-bit numbers, in the memory in which it is.

use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_data::ffi::FFI_ArrowArray;
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, DataType, Field};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// The type of the array: offset and length are the two values of each item.
fn data_type() -> DataType {
    DataType::FixedSizeList(Field::new("item", DataType::UInt64, false).into(), 2)
}

/// The type in a capsule.
pub(crate) fn schema(py: Python<'_>) -> PyResult<Bound<'_, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(&data_type()).map_err(failed)?;
    PyCapsule::new_with_value(py, schema, c"arrow_schema")
}

/// The array in a capsule. It shares the memory, which lives as long as the array does.
pub(crate) fn array(py: Python<'_>, pairs: Buffer) -> PyResult<Bound<'_, PyCapsule>> {
    let numbers = pairs.len() / size_of::<u64>();
    let values = ArrayData::builder(DataType::UInt64).len(numbers).add_buffer(pairs).build().map_err(failed)?;
    let array = ArrayData::builder(data_type()).len(numbers / 2).add_child_data(values).build().map_err(failed)?;
    PyCapsule::new_with_value(py, FFI_ArrowArray::new(&array), c"arrow_array")
}

fn failed(error: ArrowError) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}
