//! The header of a `.cbtlog`.

use uuid::Uuid;

use crate::{BlockSize, Error, Result, VirtualSize};

/// The number of bytes before the bitmap.
pub const HEADER_BYTES: usize = 48;

/// The bytes of the largest disk that a log is made for.
pub(crate) const LARGEST_DISK: u64 = 1 << 50;

const CONSISTENT_OFFSET: usize = 32;
const SIZE_OFFSET: usize = 40;

/// The header of a `.cbtlog`. The format has no magic number, version or checksum; it is little-endian:
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 16 | parent UUID, raw, in RFC 4122 byte order; all zeros = none |
/// | 16 | 16 | child UUID, likewise |
/// | 32 | 4 | consistent: 1 after a clean detach or a snapshot, 0 while attached for writing |
/// | 36 | 4 | padding, not initialised |
/// | 40 | 8 | virtual size in bytes |
/// | 48 | … | bitmap, `Lsb0`, one bit for each 64 KiB block |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The disk's parent in the chain.
    pub parent: Option<Uuid>,
    /// The disk's child in the chain.
    pub child: Option<Uuid>,
    /// Whether the log was closed cleanly. If not, the disk is being written, or was when its host failed.
    pub consistent: bool,
    /// The size of the disk.
    pub virtual_size: VirtualSize,
}

impl Header {
    /// Whether the log's child is its own. If the child names another parent, or none, then tracking was switched off in
    /// between, or a snapshot or deletion was cut short, and changes would be missing.
    ///
    /// A log that was written a second time under another name, before the first one was emptied, has the same parent,
    /// and hides nothing.
    pub(crate) fn leads_to(&self, uuid: Uuid, child: &Self) -> bool {
        self.leads_to_one_of(uuid, child.parent)
    }

    /// [`leads_to`](Self::leads_to) for a child of which only the parent is known.
    pub(crate) fn leads_to_one_of(&self, uuid: Uuid, parent: Option<Uuid>) -> bool {
        parent.is_some() && (parent == Some(uuid) || parent == self.parent)
    }

    /// The size of the blocks that a `.cbtlog` tracks.
    pub const BLOCK_SIZE: BlockSize = BlockSize::DEFAULT;

    /// Reads a header from the first bytes of a `.cbtlog`. The bytes after the header are not looked at.
    ///
    /// # Errors
    ///
    /// [`Error::HeaderTooShort`], [`Error::ConsistentFlag`] for a flag that is neither 0 nor 1, and
    /// [`Error::HeaderVirtualSize`] for a disk of no bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(Error::HeaderTooShort { found: bytes.len() as u64, expected: HEADER_BYTES as u64 });
        };
        let consistent = match i32::from_le_bytes(field(header, CONSISTENT_OFFSET)) {
            0 => false,
            1 => true,
            value => return Err(Error::ConsistentFlag { offset: CONSISTENT_OFFSET as u64, value }),
        };
        let uuid = |offset| Some(Uuid::from_bytes(field(header, offset))).filter(|uuid| !uuid.is_nil());
        let virtual_size = VirtualSize::new(u64::from_le_bytes(field(header, SIZE_OFFSET)))
            .map_err(|_| Error::HeaderVirtualSize { offset: SIZE_OFFSET as u64 })?;
        Ok(Self { parent: uuid(0), child: uuid(16), consistent, virtual_size })
    }

    /// The bytes of the header. The padding is zeros.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..16].copy_from_slice(self.parent.unwrap_or_default().as_bytes());
        bytes[16..32].copy_from_slice(self.child.unwrap_or_default().as_bytes());
        bytes[CONSISTENT_OFFSET..][..4].copy_from_slice(&i32::from(self.consistent).to_le_bytes());
        bytes[SIZE_OFFSET..].copy_from_slice(&self.virtual_size.bytes().to_le_bytes());
        bytes
    }

    /// The number of blocks of the disk.
    #[must_use]
    pub const fn blocks(&self) -> u64 {
        self.virtual_size.blocks(Self::BLOCK_SIZE)
    }

    /// The number of bytes of the bitmap after the header. The file may be longer.
    #[must_use]
    pub const fn bitmap_bytes(&self) -> u64 {
        self.virtual_size.bitmap_bytes(Self::BLOCK_SIZE)
    }

    /// The header, if its log was closed cleanly.
    ///
    /// # Errors
    ///
    /// [`Error::Inconsistent`] if not: changes may be missing from its bitmap.
    pub const fn require_consistent(self) -> Result<Self> {
        if self.consistent { Ok(self) } else { Err(Error::Inconsistent { offset: CONSISTENT_OFFSET as u64 }) }
    }
}

/// The bytes of a field. Panics if it does not lie in the header, which the constants above rule out.
fn field<const N: usize>(header: &[u8; HEADER_BYTES], offset: usize) -> [u8; N] {
    std::array::from_fn(|i| header[offset + i])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[16..32].copy_from_slice(&[7; 16]);
        bytes[32] = 1;
        bytes[36..40].copy_from_slice(&[0xcd; 4]);
        bytes[42] = 1;
        bytes
    }

    #[test]
    fn fields_are_where_the_format_has_them() {
        let header = Header::parse(&example()).expect("good");
        let expected = Header {
            parent: None,
            child: Some(Uuid::from_bytes([7; 16])),
            consistent: true,
            virtual_size: VirtualSize::new(65536).expect("not 0"),
        };
        assert_eq!(header, expected);
        assert_eq!(header.bitmap_bytes(), 1);
        let mut clean = example();
        clean[36..40].fill(0);
        assert_eq!(header.to_bytes(), clean);
    }

    #[test]
    fn a_header_cut_short_is_refused_at_every_length() {
        for len in 0..HEADER_BYTES {
            let error = Header::parse(&example()[..len]).expect_err("short");
            assert!(matches!(error, Error::HeaderTooShort { found, expected: 48 } if found == len as u64));
        }
    }

    #[test]
    fn flags_and_sizes_that_are_never_written_are_refused() {
        let mut bytes = example();
        bytes[35] = 0x80;
        let error = Header::parse(&bytes).expect_err("flag");
        assert!(matches!(error, Error::ConsistentFlag { offset: 32, value } if value == i32::MIN + 1));
        bytes = example();
        bytes[32] = 0;
        let open = Header::parse(&bytes).expect("good");
        assert!(matches!(open.require_consistent(), Err(Error::Inconsistent { offset: 32 })));
        bytes[40..].fill(0);
        assert!(matches!(Header::parse(&bytes), Err(Error::HeaderVirtualSize { offset: 40 })));
    }
}
