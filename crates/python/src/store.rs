//! A folder of `.cbtlog` files, which answers the call as a host does.

use std::path::PathBuf;

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::{self, Uuid};
use pyo3::prelude::*;
use pyo3::types::{PyMapping, PyString};

use crate::bitmap::Bitmap;
use crate::errors::Failure;
use crate::extents::Extents;
use crate::scan;
use crate::signals::interruptible;

/// The `.cbtlog` files of a storage repository, which answer `VDI.list_changed_blocks` without a host.
///
/// `Store(folder)` takes every `<uuid>.cbtlog` of a folder. `Store({uuid: path, …})` takes files, or block devices, under
/// any name; a UUID that is named twice, in two ways of writing it, is refused. UUIDs are `uuid.UUID` or `str`. Nothing is opened before it is asked for, and nothing is ever written.
///
/// Raises a subclass of `Error` if the folder cannot be listed, or has a log that is named in a way that would be missed;
/// `TypeError` for an argument of another type.
#[pyclass(frozen, module = "changed_blocks")]
pub(crate) struct Store(cbtlog::Store);

#[pymethods]
impl Store {
    #[new]
    fn new(logs: &Bound<'_, PyAny>) -> Result<Self, Failure> {
        let Ok(named) = logs.cast::<PyMapping>() else {
            let folder: PathBuf = logs.extract()?;
            return Ok(Self(logs.py().detach(|| cbtlog::Store::open(folder))?));
        };
        let mut store = cbtlog::Store::default();
        for item in named.items()? {
            let (uuid, path): (Bound<'_, PyAny>, PathBuf) = item.extract()?;
            let disk = uuid_of(&uuid)?;
            if let Some(other) = store.path(disk) {
                let message = format!("{disk} is named twice: its log is {} or {}", other.display(), path.display());
                return Err(Failure::usage_with_hint(message, "name each disk once"));
            }
            store.insert(disk, path);
        }
        Ok(Self(store))
    }

    /// The disks that have a log, in ascending order.
    fn uuids(&self) -> Vec<Uuid> {
        self.0.uuids().collect()
    }

    /// Which blocks changed between two disks. `vdi_from` is the older one, `vdi_to` the newer.
    ///
    /// `allow_inconsistent` answers also from logs that were not closed: **changes may be missing**, and a warning names each
    /// of these logs. With `parallel=False`, one thread reads all logs.
    ///
    /// A log that a deletion left is part of the answer, and a warning names it: the answer may then have too much. Every
    /// warning is a `ChainWarning` as well, which Python shows on standard error unless told otherwise; its `kind` says
    /// which it is.
    ///
    /// Other threads of Python run meanwhile. Ctrl-C ends the call at once; the reading goes on to its end unseen.
    ///
    /// Raises a subclass of `Error` if there is no answer; its `api_code` is the code with which a pool would refuse the same
    /// call, as `SR_BACKEND_FAILURE_460`.
    #[pyo3(signature = (vdi_from, vdi_to, *, allow_inconsistent=false, parallel=true))]
    fn list_changed_blocks(
        &self,
        py: Python<'_>,
        vdi_from: &Bound<'_, PyAny>,
        vdi_to: &Bound<'_, PyAny>,
        allow_inconsistent: bool,
        parallel: bool,
    ) -> Result<ChangedBlocks, Failure> {
        let (from, to, store) = (uuid_of(vdi_from)?, uuid_of(vdi_to)?, self.0.clone());
        let answer = interruptible(py, parallel, move || match allow_inconsistent {
            true => store.list_changed_blocks_allow_inconsistent(from, to),
            false => store.list_changed_blocks(from, to),
        })??;
        for warning in &answer.warnings {
            scan::warn(py, &warning.to_string(), warning.kind(), Some(warning.uuid()))?;
        }
        let warnings = answer.warnings.iter().map(ToString::to_string).collect();
        let bitmap = Py::new(py, Bitmap(answer.bitmap))?;
        Ok(ChangedBlocks { bitmap, virtual_size: answer.virtual_size, chain: answer.chain, warnings })
    }

    fn __repr__(&self) -> String {
        format!("<Store: {} logs>", self.0.uuids().len())
    }
}

/// A UUID, or the text of one.
fn uuid_of(argument: &Bound<'_, PyAny>) -> Result<Uuid, Failure> {
    let Ok(text) = argument.cast::<PyString>() else { return Ok(argument.extract()?) };
    let text = text.to_cow()?;
    Uuid::parse_str(&text).map_err(|error| Failure::usage(format!("{text:?} is no UUID: {error}")))
}

/// The answer of a store.
#[pyclass(frozen, module = "changed_blocks")]
pub(crate) struct ChangedBlocks {
    /// Which blocks of 64 KiB changed: one for each that the newer disk has.
    #[pyo3(get)]
    bitmap: Py<Bitmap>,
    virtual_size: VirtualSize,
    /// The disks whose logs the answer is made of, in order; the newer one is the last.
    #[pyo3(get)]
    chain: Vec<Uuid>,
    /// The oddities of their logs, in words. Each was a `ChainWarning`, whose `kind` says whether changes may be missing.
    #[pyo3(get)]
    warnings: Vec<String>,
}

#[pymethods]
impl ChangedBlocks {
    /// The size of the newer disk in bytes.
    #[getter]
    fn virtual_size(&self) -> u64 {
        self.virtual_size.bytes()
    }

    /// The byte ranges that changed.
    fn extents(&self, py: Python<'_>) -> Result<Extents, Failure> {
        self.bitmap.get().extents(py)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let bitmap = self.bitmap.get();
        let (logs, warnings) = (self.chain.len(), self.warnings.len());
        format!("<ChangedBlocks: {} blocks over {logs} logs, {warnings} warnings>", bitmap.count(py))
    }
}
