//! Where the ones of a byte are, for kernels that write positions byte by byte.

/// For each byte, the places of its ones, to the front, counted from the highest bit or from the lowest.
pub(super) const fn places(high_first: bool) -> [[u8; 8]; 256] {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut place, mut used) = (0u8, 0);
        while place < 8 {
            let shift = if high_first { 7 - place } else { place };
            if byte >> shift & 1 == 1 {
                table[byte][used] = place;
                used += 1;
            }
            place += 1;
        }
        byte += 1;
    }
    table
}
