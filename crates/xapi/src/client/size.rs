//! The size of a disk, and how far the one that a pool reports can be trusted.

use changed_blocks::{BlockSize, Encoding, Scanner, VirtualSize};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::Answer;
use super::error::Error;
use super::refusal::Refusal;
use super::rpc;
use super::session::{Client, VdiRef};

/// The size of the disk that a bitmap is of, as far as it is known.
///
/// A pool knows the sizes of disks that hold data. After `VDI.data_destroy` a snapshot has only its log left, and once
/// the storage was scanned, the pool reports the size of that log's file, or 0. Such a size is never looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskSize {
    /// The size of the disk.
    Exact(VirtualSize),
    /// The size of the disk that it is a snapshot of. Its own is that or less: disks only grow.
    AtMost(VirtualSize),
    /// Nobody has told it.
    Unknown,
}

impl DiskSize {
    /// The size that someone gives, if it does not contradict what is known.
    ///
    /// # Errors
    ///
    /// [`Error::VirtualSizeMismatch`] if it is another than the exact one, or over the upper bound.
    pub fn given(self, given: VirtualSize) -> Result<VirtualSize, Error> {
        let mismatch = |found: VirtualSize, at_most| {
            Err(Error::VirtualSizeMismatch { given: given.bytes(), found: found.bytes(), at_most })
        };
        match self {
            Self::Exact(size) if given != size => mismatch(size, false),
            Self::AtMost(bound) if given > bound => mismatch(bound, true),
            _ => Ok(given),
        }
    }

    /// A scanner for the bitmap of such a disk.
    ///
    /// The scanner is not told of an upper bound: it would find a block size by it, although the disk may be smaller. It
    /// would also clip the last block, and a disk that went back to an older snapshot may be smaller than a newer
    /// snapshot by less than a block.
    pub(super) fn scanner(self, answer: &Answer, block_size: BlockSize) -> Result<Scanner, Error> {
        let scanner = Scanner::new(Encoding::Base64).block_size(block_size);
        match self {
            Self::Exact(size) => Ok(scanner.virtual_size(size)),
            Self::AtMost(bound) => {
                let (found, needed) = (answer.bitmap_bytes(), bound.bitmap_bytes(block_size));
                if found > needed && !bound.fits_bitmap_bytes(found, block_size) {
                    return Err(Error::BitmapTooLong { found, needed, at_most: bound.bytes() });
                }
                Ok(scanner)
            }
            Self::Unknown => Ok(scanner),
        }
    }
}

/// The part of a disk's record that is about its size.
struct Claim {
    /// Nothing for a disk without data: the size in its record is that of something else, and is not looked at.
    size: Option<Result<VirtualSize, Error>>,
    snapshot_of: Option<VdiRef>,
}

impl Client {
    /// The size of a disk, asked for together with the type of the disk, which says whether its size is to be trusted.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call), and for a disk that holds data and has no size.
    pub async fn disk_size(&mut self, vdi: &VdiRef) -> Result<DiskSize, Error> {
        let claim = self.claim(vdi).await?;
        if let Some(size) = claim.size {
            return size.map(DiskSize::Exact);
        }
        let Some(original) = claim.snapshot_of else { return Ok(DiskSize::Unknown) };
        match self.claim(&original).await {
            Ok(Claim { size: Some(Ok(bound)), .. }) => Ok(DiskSize::AtMost(bound)),
            Ok(_) => Ok(DiskSize::Unknown),
            Err(error) if error.refusal() == Some(Refusal::Missing) => Ok(DiskSize::Unknown),
            Err(error) => Err(error),
        }
    }

    async fn claim(&mut self, vdi: &VdiRef) -> Result<Claim, Error> {
        #[derive(Deserialize)]
        struct Record<'a> {
            #[serde(rename = "type")]
            kind: String,
            #[serde(borrow, default)]
            virtual_size: Option<&'a RawValue>,
            #[serde(default)]
            snapshot_of: String,
        }
        let reply = self.invoke_until_back("VDI.get_record", &[vdi.as_str().into()]).await?;
        let record: Record<'_> = reply.read("the record of a disk")?;
        let size = || {
            let bytes = record.virtual_size.and_then(|size| rpc::whole_number(size.get()));
            let bytes =
                bytes.ok_or_else(|| reply.wrong("the size in the record is no whole number from 0 to 2^64 - 1"))?;
            VirtualSize::new(bytes).map_err(|error| reply.wrong(&error.to_string()))
        };
        Ok(Claim {
            size: matches!(record.kind.as_str(), "user" | "system").then(size),
            snapshot_of: Some(record.snapshot_of)
                .filter(|reference| !matches!(reference.as_str(), "" | "OpaqueRef:NULL"))
                .map(VdiRef),
        })
    }
}
