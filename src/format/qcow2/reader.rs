//! The bits of a bitmap of an image, as a stream.
//!
//! Invariant: the table of the bitmap was checked before the first bit is given. So after that, reading fails only where
//! the file itself cannot be read.

use std::fmt;
use std::io::{self, Read, Seek};

use super::MAX_BITMAP_BYTES;
use super::directory::{self, DirectoryEntry};
use super::header::Header;
use super::image::{Image, be64, damaged};
use crate::error::{ListFault, Place};
use crate::format::ReadOptions;
use crate::format::entry::fault;
use crate::{BlockSize, Result, VirtualSize};

/// Images have whole sectors.
const SECTOR_BYTES: u64 = 512;
/// How many entries of the table are read at a time.
const TABLE_PIECE: usize = 512;
/// Bits of an entry of the table: the offset of a cluster, and, where there is no cluster, the value of all its bits.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
const ALL_ONES: u64 = 1;

/// A dirty bitmap of a qcow2 image: its bits, in a raw bitmap that has the first block in the least significant bit.
///
/// Memory is bounded, whatever the length of the bitmap.
pub struct DirtyBitmap<R> {
    image: Image<R>,
    name: String,
    virtual_size: VirtualSize,
    block_size: BlockSize,
    cluster_bytes: u64,
    table: Table,
    /// The bits that the last byte may have: those of blocks of the disk.
    last_byte_mask: u8,
    /// The length of the bitmap in bytes, and how many of them were read.
    len: u64,
    at: u64,
}

impl<R: Read + Seek> DirtyBitmap<R> {
    /// The bitmap of which [`context`](ReadOptions::context) is the name, or the only one of the image.
    ///
    /// Where [`virtual_size`](ReadOptions::virtual_size) is given, the image has to have it, rounded up to a multiple of 512
    /// bytes as QEMU does.
    ///
    /// # Errors
    ///
    /// [`Error::List`](crate::Error::List) if there is no such bitmap, or it is stale, in use, damaged or another disk's, and
    /// [`Error::Read`](crate::Error::Read).
    pub fn open(image: R, options: &ReadOptions) -> Result<Self> {
        let mut image = Image::open(image)?;
        let header = Header::read(&mut image)?;
        let found = header.virtual_size;
        let virtual_size = match options.virtual_size.map(VirtualSize::bytes) {
            Some(expected) if expected.checked_next_multiple_of(SECTOR_BYTES) == Some(found) => expected,
            Some(expected) if expected != found => {
                let place = Place::Image { offset: super::field::VIRTUAL_SIZE as u64 };
                return Err(fault(place, ListFault::OtherSize { found, expected }));
            }
            _ => found,
        };
        let virtual_size = VirtualSize::new(virtual_size)?;
        let entry = directory::find(&mut image, &header, options.context.as_deref())?;
        let len = virtual_size.bitmap_bytes(entry.block_size);
        let last_byte_mask = 0xff >> (7 - (virtual_size.blocks(entry.block_size) - 1) % 8);
        let table = Table::open(&mut image, &entry, &header, len, last_byte_mask)?;
        let DirectoryEntry { name, block_size, .. } = entry;
        let cluster_bytes = header.cluster_bytes;
        Ok(Self { image, name, virtual_size, block_size, cluster_bytes, table, last_byte_mask, len, at: 0 })
    }

    /// The name of the bitmap.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The size of the disk.
    #[must_use]
    pub fn virtual_size(&self) -> VirtualSize {
        self.virtual_size
    }

    /// The block size of the bitmap.
    #[must_use]
    pub fn block_size(&self) -> BlockSize {
        self.block_size
    }
}

impl<R: Read + Seek> Read for DirtyBitmap<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let in_cluster = self.at % self.cluster_bytes;
        let left = (self.len - self.at).min(self.cluster_bytes - in_cluster);
        let count = usize::try_from(left).map_or(to.len(), |left| left.min(to.len()));
        let to = &mut to[..count];
        if to.is_empty() {
            return Ok(0);
        }
        let entry = self.table.entry(&mut self.image, self.at / self.cluster_bytes)?;
        match entry & OFFSET {
            0 => to.fill(if entry & ALL_ONES == 0 { 0 } else { 0xff }),
            cluster => self.image.read_inside(cluster + in_cluster, to)?,
        }
        self.at += count as u64;
        if self.at == self.len && entry == ALL_ONES {
            to[count - 1] = self.last_byte_mask;
        }
        Ok(count)
    }
}

impl<R> fmt::Debug for DirtyBitmap<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirtyBitmap").field("name", &self.name).field("at", &self.at).finish_non_exhaustive()
    }
}

/// The table of a bitmap: an entry for each cluster of bits.
struct Table {
    offset: u64,
    entries: u64,
    /// Entries that were read, and the index of the first.
    piece: Vec<u8>,
    first: u64,
}

impl Table {
    /// Checks all of the table.
    fn open(
        image: &mut Image<impl Read + Seek>,
        entry: &DirectoryEntry,
        header: &Header,
        len: u64,
        last_byte_mask: u8,
    ) -> Result<Self> {
        let cluster_bytes = header.cluster_bytes;
        let (offset, entries) = (entry.table_offset, entry.table_entries);
        if entries != len.div_ceil(cluster_bytes) || entries * cluster_bytes > MAX_BITMAP_BYTES {
            let name = &entry.name;
            let reason =
                format!("says that the bitmap {name} has {entries} clusters of {cluster_bytes} bytes, for {len} bytes");
            return Err(damaged(entry.offset, reason));
        }
        if offset == 0 || !offset.is_multiple_of(cluster_bytes) {
            return Err(damaged(entry.offset, format!("says that the table of bitmap {} is at {offset}", entry.name)));
        }
        image.check_inside(offset, entries * 8)?;
        let mut table = Self { offset, entries, piece: Vec::new(), first: 0 };
        for index in 0..entries {
            let place = offset + index * 8;
            let found = table.entry(image, index).map_err(|source| crate::Error::Read { offset: place, source })?;
            let cluster = found & OFFSET;
            let is_good = match cluster {
                0 => found <= ALL_ONES,
                _ => found == cluster && cluster.is_multiple_of(cluster_bytes),
            };
            if !is_good {
                return Err(damaged(place, format!("is no place for a cluster of bits ({found:#x})")));
            }
            if cluster != 0 {
                image.check_inside(cluster, cluster_bytes)?;
            }
            if cluster != 0 && index == entries - 1 {
                check_end(image, cluster + (len - 1) % cluster_bytes, cluster + cluster_bytes, last_byte_mask)?;
            }
        }
        Ok(table)
    }

    fn entry(&mut self, image: &mut Image<impl Read + Seek>, index: u64) -> io::Result<u64> {
        let cached = index.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(at) = cached.filter(|index| index * 8 < self.piece.len()) {
            return Ok(be64(&self.piece, at * 8));
        }
        let count = usize::try_from(self.entries - index).map_or(TABLE_PIECE, |left| left.min(TABLE_PIECE));
        self.piece.resize(count * 8, 0);
        image.read_inside(self.offset + index * 8, &mut self.piece)?;
        self.first = index;
        Ok(be64(&self.piece, 0))
    }
}

/// Refuses bits after the end of the disk, from the last byte of the bitmap to the end of its cluster.
fn check_end(image: &mut Image<impl Read + Seek>, start: u64, end: u64, last_byte_mask: u8) -> Result<()> {
    let mut piece = [0; 4096];
    let mut at = start;
    let mut allowed = last_byte_mask;
    while at < end {
        let count = usize::try_from(end - at).map_or(piece.len(), |left| left.min(piece.len()));
        image.read(at, &mut piece[..count])?;
        piece[0] &= !allowed;
        allowed = 0;
        if let Some(index) = piece[..count].iter().position(|&byte| byte != 0) {
            return Err(damaged(at + index as u64, "has bits for blocks that the disk does not have"));
        }
        at += count as u64;
    }
    Ok(())
}
