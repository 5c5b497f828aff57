//! The positions of the ones of a byte, for kernels that write boundaries byte by byte.

/// For each byte, the positions of its ones, at the front, counted from the highest bit or from the lowest.
pub(super) const fn bit_positions(high_first: bool) -> [[u8; 8]; 256] {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut position, mut used) = (0u8, 0);
        while position < 8 {
            let shift = if high_first { 7 - position } else { position };
            if byte >> shift & 1 == 1 {
                table[byte][used] = position;
                used += 1;
            }
            position += 1;
        }
        byte += 1;
    }
    table
}
