//! Logs written down by hand, and what a store answers of them.

use std::fs;
use std::path::PathBuf;

use changed_blocks::cbtlog::{ChainError, ChangedBlocks, Store, Uuid};

pub(crate) const BLOCK: u64 = 65_536;

/// The fields of a log, written down by the description of the format alone.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) parent: Option<Uuid>,
    pub(crate) child: Option<Uuid>,
    pub(crate) consistent: i32,
    pub(crate) size: u64,
    pub(crate) changed: Vec<u64>,
}

impl Content {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.parent.unwrap_or(Uuid::nil()).into_bytes());
        bytes.extend(self.child.unwrap_or(Uuid::nil()).into_bytes());
        bytes.extend(self.consistent.to_le_bytes());
        bytes.extend([0xcd; 4]);
        bytes.extend(self.size.to_le_bytes());
        let mut bitmap = vec![0u8; self.size.div_ceil(BLOCK).div_ceil(8) as usize];
        for block in &self.changed {
            bitmap[(block / 8) as usize] |= 1 << (block % 8);
        }
        bytes.extend(bitmap);
        bytes
    }
}

/// A folder of logs.
pub(crate) struct Folder(pub(crate) tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("room"))
    }

    pub(crate) fn path(&self, number: u8) -> PathBuf {
        self.0.path().join(format!("{}.cbtlog", id(number)))
    }

    pub(crate) fn write(&self, number: u8, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(number), bytes).expect("room");
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(self.0.path()).expect("a folder")
    }
}

/// The UUID of a test's disk.
pub(crate) fn id(number: u8) -> Uuid {
    Uuid::from_bytes([number; 16])
}

/// A chain of disks numbered from 1: their sizes in blocks, and what changed.
pub(crate) fn chain(disks: &[(u64, &[u64])]) -> Vec<Content> {
    let count = disks.len() as u8;
    let content = |(number, &(blocks, changed)): (u8, &(u64, &[u64]))| Content {
        parent: (number > 1).then(|| id(number - 1)),
        child: (number < count).then(|| id(number + 1)),
        consistent: 1,
        size: blocks * BLOCK,
        changed: changed.to_vec(),
    };
    (1..).zip(disks).map(content).collect()
}

pub(crate) fn folder_of(contents: &[Content]) -> Folder {
    let folder = Folder::new();
    for (number, content) in (1..).zip(contents) {
        folder.write(number, content.bytes());
    }
    folder
}

pub(crate) fn changed(answer: &ChangedBlocks) -> Vec<u64> {
    answer.bitmap.extents().iter().flat_map(|extent| extent.start_block..extent.end_block).collect()
}

pub(crate) fn ask(folder: &Folder, from: u8, to: u8) -> Result<ChangedBlocks, ChainError> {
    folder.store().list_changed_blocks(id(from), id(to))
}
