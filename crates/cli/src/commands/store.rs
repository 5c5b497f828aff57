//! `cbt store`: logs made and changed as the storage manager does it.

use std::fs;

use changed_blocks::ByteRange;
use changed_blocks::cbtlog::WritableStore;

use crate::args::{Change, LogArgs, StoreArgs};
use crate::failure::Failure;

pub(crate) fn store(args: &StoreArgs) -> Result<(), Failure> {
    let (Change::Create { log, .. }
    | Change::Mark { log, .. }
    | Change::Snapshot { log, .. }
    | Change::Delete { log }
    | Change::Set { log, .. }) = &args.change;
    let LogArgs { store, uuid } = log;
    if matches!(args.change, Change::Mark { length: 0, .. }) {
        let message = "--length 0 would mark nothing as written".to_owned();
        return Err(Failure::Usage { message, hint: "give the number of bytes that were written" });
    }
    let failed = |error| Failure::Open { input: store.display().to_string(), error };
    // Where tracking begins, there may be no folder yet. In all other cases a missing one is a mistyped one.
    if matches!(args.change, Change::Create { .. }) {
        fs::create_dir_all(store).map_err(failed)?;
    }
    let writable = WritableStore::open(store).map_err(failed)?;
    match &args.change {
        Change::Create { virtual_size, .. } => writable.create(*uuid, *virtual_size),
        Change::Mark { offset, length, .. } => {
            writable.mark(*uuid, ByteRange { offset_bytes: *offset, len_bytes: *length })
        }
        Change::Snapshot { snapshot, .. } => writable.snapshot(*uuid, *snapshot),
        Change::Delete { .. } => writable.delete(*uuid),
        Change::Set { parent, child, consistent, virtual_size, .. } => writable.set(*uuid, |header| {
            header.parent = parent.map_or(header.parent, |link| link.0);
            header.child = child.map_or(header.child, |link| link.0);
            header.consistent = consistent.unwrap_or(header.consistent);
            header.virtual_size = virtual_size.unwrap_or(header.virtual_size);
        }),
    }
    .map_err(Failure::Chain)
}
