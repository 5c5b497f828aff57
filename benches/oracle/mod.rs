//! The right result, found the slow way.

/// Where runs of ones begin and end, one bit after the other. The last may be open.
pub(crate) fn boundaries_bit_by_bit(bitmap: &[u8]) -> Vec<u64> {
    let mut boundaries = Vec::new();
    let mut before = false;
    for (byte, place) in bitmap.iter().zip(0u64..) {
        for i in 0..8 {
            let bit = byte >> (7 - i) & 1 == 1;
            if bit != before {
                boundaries.push(place * 8 + i);
            }
            before = bit;
        }
    }
    boundaries
}
