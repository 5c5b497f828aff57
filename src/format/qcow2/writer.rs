//! An image without data that holds one bitmap.
//!
//! Every cluster of it has a fixed place, and the bits come last, in one piece, so that it can be written to a pipe:
//!
//! ```text
//! header | table of refcount blocks | refcount block | L1 table, empty | directory | table | bits | zeros
//! ```

use super::{
    BITMAPS_EXTENSION, BITMAPS_EXTENSION_BYTES, BITMAPS_VALID, DIRECTORY_ENTRY_BYTES, DIRTY_TRACKING, HEADER_BYTES,
    MAGIC, MAX_BITMAP_BYTES, MAX_NAME_BYTES, field,
};
use crate::{BlockSize, Error, Result, VirtualSize};

const CLUSTER_BITS: u32 = 16;
const CLUSTER_BYTES: u64 = 1 << CLUSTER_BITS;
/// Bytes of the disk for each entry of the L1 table.
const L1_ENTRY_COVERS: u64 = CLUSTER_BYTES / 8 * CLUSTER_BYTES;
/// The size of the largest disk: QEMU's limit for the L1 table is 32 MiB.
const MAX_VIRTUAL_SIZE: u64 = (32 << 20) / 8 * L1_ENTRY_COVERS;

/// Places, in clusters.
const REFCOUNT_TABLE: u64 = 1;
const REFCOUNT_BLOCK: u64 = 2;
const L1_TABLE: u64 = 3;

/// A qcow2 image without data that holds one dirty bitmap. It is its [`head`](Self::head), then the raw bitmap that has the
/// first block in the least significant bit, and then [`padding_bytes`](Self::padding_bytes) zeros.
///
/// The bitmap is disabled: QEMU shows it and never changes it.
#[derive(Clone, Debug)]
pub struct BitmapImage {
    name: String,
    virtual_size: u64,
    block_size: BlockSize,
    bitmap_bytes: u64,
}

impl BitmapImage {
    /// An image with a bitmap of that name. The image has the virtual size rounded up to a multiple of 512 bytes, as QEMU does.
    ///
    /// # Errors
    ///
    /// [`Error::ImageLimit`] if the name is empty or has more than 1023 bytes, the disk has more than 2 PiB, or the bitmap has
    /// more than 512 MiB: QEMU could not read that.
    pub fn new(name: &str, virtual_size: VirtualSize, block_size: BlockSize) -> Result<Self> {
        let limit = |reason| Err(Error::ImageLimit { reason });
        if name.is_empty() || name.len() > usize::from(MAX_NAME_BYTES) {
            return limit("the name of a bitmap has 1 to 1023 bytes");
        }
        if virtual_size.bytes() > MAX_VIRTUAL_SIZE {
            return limit("the disk has more than 2 PiB");
        }
        let bitmap_bytes = virtual_size.bitmap_bytes(block_size);
        if bitmap_bytes > MAX_BITMAP_BYTES {
            return limit("the bitmap has more than 512 MiB: take larger blocks");
        }
        let virtual_size = virtual_size.bytes().next_multiple_of(512);
        Ok(Self { name: name.to_owned(), virtual_size, block_size, bitmap_bytes })
    }

    /// The bytes before the bitmap.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let l1_entries = self.virtual_size.div_ceil(L1_ENTRY_COVERS);
        let bitmap_clusters = self.bitmap_bytes.div_ceil(CLUSTER_BYTES);
        let directory = L1_TABLE + (l1_entries * 8).div_ceil(CLUSTER_BYTES);
        let table = directory + 1;
        let bits = table + (bitmap_clusters * 8).div_ceil(CLUSTER_BYTES);

        let mut head = vec![0; index(bits * CLUSTER_BYTES)];
        let mut put = Put { head: &mut head };
        put.bytes(0, 0, &MAGIC);
        put.be32(0, field::VERSION, 3);
        put.be32(0, field::CLUSTER_BITS, CLUSTER_BITS.into());
        put.be64(0, field::VIRTUAL_SIZE, self.virtual_size);
        put.be32(0, field::L1_ENTRIES, l1_entries);
        put.be64(0, field::L1_OFFSET, L1_TABLE * CLUSTER_BYTES);
        put.be64(0, field::REFCOUNT_OFFSET, REFCOUNT_TABLE * CLUSTER_BYTES);
        put.be32(0, field::REFCOUNT_CLUSTERS, 1);
        put.be64(0, field::AUTOCLEAR, BITMAPS_VALID);
        // Counts of 2^4 bits.
        put.be32(0, field::REFCOUNT_ORDER, 4);
        put.be32(0, field::HEADER_BYTES, HEADER_BYTES as u64);

        let directory_bytes = (DIRECTORY_ENTRY_BYTES + self.name.len()).next_multiple_of(8);
        put.be32(0, HEADER_BYTES, BITMAPS_EXTENSION.into());
        put.be32(0, HEADER_BYTES + 4, BITMAPS_EXTENSION_BYTES as u64);
        put.be32(0, HEADER_BYTES + 8, 1);
        put.be64(0, HEADER_BYTES + 16, directory_bytes as u64);
        put.be64(0, HEADER_BYTES + 24, directory * CLUSTER_BYTES);

        put.be64(REFCOUNT_TABLE, 0, REFCOUNT_BLOCK * CLUSTER_BYTES);
        for cluster in 0..bits + bitmap_clusters {
            // One cluster has counts for 32768, which is more than the limits allow.
            put.bytes(REFCOUNT_BLOCK, index(cluster * 2), &1u16.to_be_bytes());
        }

        put.be64(directory, 0, table * CLUSTER_BYTES);
        put.be32(directory, 8, bitmap_clusters);
        put.bytes(directory, 16, &[DIRTY_TRACKING, self.block_size.log2()]);
        put.bytes(directory, 18, &(self.name.len() as u64).to_be_bytes()[6..]);
        put.bytes(directory, DIRECTORY_ENTRY_BYTES, self.name.as_bytes());

        for cluster in 0..bitmap_clusters {
            put.be64(table, index(cluster * 8), (bits + cluster) * CLUSTER_BYTES);
        }
        head
    }

    /// How many zeros are after the bitmap.
    #[must_use]
    pub fn padding_bytes(&self) -> usize {
        index(self.bitmap_bytes.next_multiple_of(CLUSTER_BYTES) - self.bitmap_bytes)
    }
}

/// Writes numbers at places of clusters.
struct Put<'a> {
    head: &'a mut [u8],
}

impl Put<'_> {
    fn bytes(&mut self, cluster: u64, index: usize, bytes: &[u8]) {
        let start = self::index(cluster * CLUSTER_BYTES) + index;
        self.head[start..start + bytes.len()].copy_from_slice(bytes);
    }

    /// The limits keep these numbers below 2^32.
    fn be32(&mut self, cluster: u64, index: usize, number: u64) {
        self.bytes(cluster, index, &number.to_be_bytes()[4..]);
    }

    fn be64(&mut self, cluster: u64, index: usize, number: u64) {
        self.bytes(cluster, index, &number.to_be_bytes());
    }
}

/// The limits keep all places in the head far below 2^32.
fn index(place: u64) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}
