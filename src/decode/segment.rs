//! The bits of a piece of input, as readers give them.

/// Bits in block order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment<'w> {
    /// So many bits, each equal to the bit before the segment.
    Uniform { bits: u64 },
    /// The first `bits` bits of `Lsb0` words, at least one. The last word is filled up with the last bit, so that it has
    /// no boundary there.
    Words { words: &'w [u64], bits: u64 },
}

impl Segment<'_> {
    /// The last bit, if `carry` is the one before the segment.
    pub(crate) const fn last_bit(&self, carry: bool) -> bool {
        match *self {
            Self::Words { words: [.., last], .. } => *last >> 63 == 1,
            Self::Uniform { .. } | Self::Words { .. } => carry,
        }
    }
}
