//! Reading at places of an image.

use std::io::{self, Read, Seek, SeekFrom};

use crate::error::{ListFault, Place};
use crate::format::entry::fault;
use crate::{Error, Result};

const DAMAGED: &str = "the image is damaged, or is no qcow2 image: take a full backup";

/// An image, or what claims to be one.
pub(super) struct Image<R> {
    file: R,
    len: u64,
}

impl<R: Read + Seek> Image<R> {
    pub(super) fn open(mut file: R) -> Result<Self> {
        let len = file.seek(SeekFrom::End(0)).map_err(|source| Error::Read { offset: 0, source })?;
        Ok(Self { file, len })
    }

    /// Reads bytes that the image has to have.
    pub(super) fn read(&mut self, offset: u64, to: &mut [u8]) -> Result<()> {
        self.check_inside(offset, to.len() as u64)?;
        self.read_inside(offset, to).map_err(|source| Error::Read { offset, source })
    }

    /// Reads bytes that were checked to be there.
    pub(super) fn read_inside(&mut self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.read_exact(to)
    }

    pub(super) fn bytes<const N: usize>(&mut self, offset: u64) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Refuses a place that the file does not have.
    pub(super) fn check_inside(&self, offset: u64, len: u64) -> Result<()> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => Ok(()),
            _ => Err(fault(Place::Image { offset: offset.min(self.len) }, ListFault::CutShort)),
        }
    }
}

/// A number of four bytes at an index.
pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(number)
}

/// A number of eight bytes at an index.
pub(super) fn be64(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(number)
}

/// The error of an image that is not as the format says. The reason is a predicate: "has no …".
pub(super) fn damaged(offset: u64, reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    unsuitable(offset, reason, DAMAGED)
}

/// The error of an image whose bitmap cannot be used.
pub(super) fn unsuitable(offset: u64, reason: impl Into<std::borrow::Cow<'static, str>>, hint: &'static str) -> Error {
    fault(Place::Image { offset }, ListFault::Unsuitable { reason: reason.into(), hint })
}
