//! The header of an image, as far as it leads to the bitmaps.

use std::io::{Read, Seek};

use super::image::{Image, be32, be64, damaged, unsuitable};
use super::{BITMAPS_EXTENSION, BITMAPS_EXTENSION_BYTES, BITMAPS_VALID, HEADER_BYTES, MAGIC, MAX_BITMAPS, field};
use crate::Result;

const FULL_BACKUP: &str = "take a full backup, and a new bitmap with it";

/// Incompatible features that change nothing about the bitmaps: an external data file, the kind of compression, and
/// extended entries of the second level.
const HARMLESS_FEATURES: u64 = 0b11100;
/// Incompatible features of an image that was not closed, or that is known to be damaged.
const UNCLEAN: u64 = 0b11;
/// The autoclear feature that says that the external data file can be used without the image.
const RAW_DATA_FILE: u64 = 0b10;

/// The way to the directory of bitmaps.
pub(super) struct Header {
    pub(super) cluster_bytes: u64,
    pub(super) virtual_size: u64,
    pub(super) bitmaps: u32,
    pub(super) directory_offset: u64,
    pub(super) directory_bytes: u64,
}

impl Header {
    pub(super) fn read(image: &mut Image<impl Read + Seek>) -> Result<Self> {
        let bytes: [u8; HEADER_BYTES] = image.bytes(0)?;
        if bytes[..4] != MAGIC {
            return Err(damaged(0, "is no qcow2 image"));
        }
        let version = be32(&bytes, field::VERSION);
        if version != 3 {
            let reason = format!("is of version {version}, and only images of version 3 have bitmaps");
            return Err(damaged(field::VERSION as u64, reason));
        }
        let cluster_bits = be32(&bytes, field::CLUSTER_BITS);
        if !(9..=21).contains(&cluster_bits) {
            return Err(damaged(field::CLUSTER_BITS as u64, format!("says that clusters have 2^{cluster_bits} bytes")));
        }
        check_features(be64(&bytes, field::INCOMPATIBLE))?;
        let cluster_bytes = 1 << cluster_bits;
        let extension = find_bitmaps(image, u64::from(be32(&bytes, field::HEADER_BYTES)), cluster_bytes)?;
        let autoclear = be64(&bytes, field::AUTOCLEAR);
        if autoclear & BITMAPS_VALID == 0 {
            let reason = "says that its bitmaps are stale: a program that does not know them wrote to the image";
            return Err(unsuitable(field::AUTOCLEAR as u64, reason, FULL_BACKUP));
        }
        if autoclear & RAW_DATA_FILE != 0 {
            let reason =
                "says that its data file may be written to without it: changes may be missing from its bitmaps";
            return Err(unsuitable(field::AUTOCLEAR as u64, reason, FULL_BACKUP));
        }
        let header = Self {
            cluster_bytes,
            virtual_size: be64(&bytes, field::VIRTUAL_SIZE),
            bitmaps: be32(&extension, 0),
            directory_bytes: be64(&extension, 8),
            directory_offset: be64(&extension, 16),
        };
        header.check(image, be32(&extension, 4))?;
        Ok(header)
    }

    fn check(&self, image: &Image<impl Read + Seek>, reserved: u32) -> Result<()> {
        let offset = self.directory_offset;
        if self.virtual_size == 0 || i64::try_from(self.virtual_size).is_err() {
            let reason = format!("says that the disk has {} bytes", self.virtual_size);
            return Err(damaged(field::VIRTUAL_SIZE as u64, reason));
        }
        image.check_inside(offset, self.directory_bytes)?;
        if reserved != 0 || self.bitmaps == 0 || self.bitmaps > MAX_BITMAPS {
            return Err(damaged(offset, format!("is the place of {} bitmaps (reserved: {reserved})", self.bitmaps)));
        }
        if offset == 0 || !offset.is_multiple_of(self.cluster_bytes) {
            return Err(damaged(offset, "is no place for a directory of bitmaps"));
        }
        Ok(())
    }
}

/// Refuses features that may change what the bitmaps mean.
fn check_features(incompatible: u64) -> Result<()> {
    let offset = field::INCOMPATIBLE as u64;
    if incompatible & UNCLEAN != 0 {
        let reason = "says that the image was not closed, or is damaged";
        return Err(unsuitable(offset, reason, "if it is in use, close it first; else take a full backup"));
    }
    if incompatible & !HARMLESS_FEATURES != 0 {
        return Err(unsuitable(offset, format!("needs features that are not known ({incompatible:#x})"), FULL_BACKUP));
    }
    Ok(())
}

/// The extension of the header that leads to the bitmaps.
///
/// ```text
/// at the end of the header, in the first cluster, again and again: type, length; end if the type is 0; that many bytes,
/// filled up to a multiple of eight
/// ```
fn find_bitmaps(
    image: &mut Image<impl Read + Seek>,
    header_bytes: u64,
    cluster_bytes: u64,
) -> Result<[u8; BITMAPS_EXTENSION_BYTES]> {
    let mut at = header_bytes;
    if !header_bytes.is_multiple_of(8) || header_bytes < HEADER_BYTES as u64 || header_bytes > cluster_bytes {
        return Err(damaged(field::HEADER_BYTES as u64, format!("says that the header has {header_bytes} bytes")));
    }
    let mut found = None;
    while at + 8 <= cluster_bytes {
        let start: [u8; 8] = image.bytes(at)?;
        let (kind, len) = (be32(&start, 0), u64::from(be32(&start, 4)));
        if kind == 0 {
            let no_bitmaps = || unsuitable(at, "has no bitmaps", "add a bitmap, and take a full backup with it");
            return found.ok_or_else(no_bitmaps);
        }
        let next = at + 8 + len.next_multiple_of(8);
        if next > cluster_bytes {
            return Err(damaged(at, "is a header extension that does not end with the cluster"));
        }
        if kind == BITMAPS_EXTENSION {
            if len != BITMAPS_EXTENSION_BYTES as u64 || found.is_some() {
                return Err(damaged(at, "is no single header extension for bitmaps, of 24 bytes"));
            }
            found = Some(image.bytes(at + 8)?);
        }
        at = next;
    }
    image.check_inside(at, 0)?;
    Err(damaged(at, "is no end of the header extensions"))
}
