//! The ceilings, which no way from text to extents can beat: reading the text and writing the list, and nothing else.

use crate::inputs::Cell;
use crate::measure::{Buffers, Candidate, Yields};

/// The kinds of candidates here, as they stand in the results.
pub(crate) const READ: &str = "read";
pub(crate) const COPY: &str = "memcpy";
pub(crate) const FILL: &str = "memset";

/// Several ways of reading, of which the fastest counts: which one that is depends on the processor and on where the
/// text is. And copying the text, and filling a buffer as long as the list.
pub(crate) fn candidates(cell: &Cell) -> Vec<Candidate> {
    let mut all = vec![Candidate::new(READ, "read, u64", Yields::Checksum, |text, _| xor_words(text))];
    #[cfg(target_arch = "x86_64")]
    all.extend(x86::candidates());
    all.push(Candidate::new(COPY, "memcpy", Yields::Copy, |text, buffers| {
        buffers.copy.copy_from_slice(text);
        0
    }));
    let bytes = cell.output_bytes();
    // Of a shorter list, only what the call costs would show.
    if bytes >= 4096 {
        all.push(Candidate::new(FILL, "memset", Yields::Nothing, move |_, buffers| fill(buffers, bytes)));
    }
    all
}

/// Fills the list's own buffer, whose pages have been touched before.
fn fill(buffers: &mut Buffers, bytes: usize) -> u64 {
    let len = bytes / size_of::<changed_blocks::Extent>();
    if buffers.extents.len() < len {
        buffers.extents.resize(len, changed_blocks::Extent::default());
    }
    // Not with zeros, for which some processors have a shorter way.
    bytemuck::cast_slice_mut::<_, u8>(&mut buffers.extents[..len]).fill(0x5a);
    0
}

/// The exclusive-or of all bytes, since that is the same whatever the width and the order of the reads are.
fn xor_words(text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let (groups, last) = words.as_chunks::<8>();
    let mut lanes = [0u64; 8];
    for group in groups {
        for (lane, word) in lanes.iter_mut().zip(group) {
            *lane ^= u64::from_ne_bytes(*word);
        }
    }
    let folded = lanes.into_iter().chain(last.iter().map(|word| u64::from_ne_bytes(*word))).fold(0, |a, b| a ^ b);
    u64::from(fold_bytes(&folded.to_ne_bytes()) ^ fold_bytes(rest))
}

fn fold_bytes(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |a, b| a ^ b)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, __m512i, _MM_HINT_T0, _mm_prefetch, _mm256_setzero_si256, _mm256_xor_si256, _mm512_setzero_si512,
        _mm512_xor_si512,
    };

    use super::{Candidate, READ, Yields, fold_bytes};

    /// How far ahead to fetch: about what memory delivers in the time that a line takes to come.
    const AHEAD: usize = 4096;

    pub(super) fn candidates() -> Vec<Candidate> {
        let mut all = Vec::new();
        if is_x86_feature_detected!("avx2") {
            // SAFETY: AVX2 was detected.
            all.push(Candidate::new(READ, "read, avx2", Yields::Checksum, |text, _| unsafe { xor_avx2(text) }));
        }
        if is_x86_feature_detected!("avx512f") {
            all.push(Candidate::new(READ, "read, avx512", Yields::Checksum, |text, _| {
                // SAFETY: AVX-512 F was detected.
                unsafe { xor_avx512::<1, false>(text) }
            }));
            all.push(Candidate::new(READ, "read, avx512, fetching ahead", Yields::Checksum, |text, _| {
                // SAFETY: AVX-512 F was detected.
                unsafe { xor_avx512::<1, true>(text) }
            }));
            all.push(Candidate::new(READ, "read, avx512, four places at once", Yields::Checksum, |text, _| {
                // SAFETY: AVX-512 F was detected.
                unsafe { xor_avx512::<4, false>(text) }
            }));
        }
        all
    }

    #[target_feature(enable = "avx2")]
    fn xor_avx2(text: &[u8]) -> u64 {
        // SAFETY: any bytes are a vector of integers.
        let (head, body, tail) = unsafe { text.align_to::<__m256i>() };
        let (groups, last) = body.as_chunks::<8>();
        let mut lanes = [_mm256_setzero_si256(); 8];
        for group in groups {
            for (lane, vector) in lanes.iter_mut().zip(group) {
                *lane = _mm256_xor_si256(*lane, *vector);
            }
        }
        for vector in last {
            lanes[0] = _mm256_xor_si256(lanes[0], *vector);
        }
        // SAFETY: as bytes, vectors of integers are any bytes.
        let (_, lanes, _) = unsafe { lanes.align_to::<u8>() };
        u64::from(fold_bytes(head) ^ fold_bytes(lanes) ^ fold_bytes(tail))
    }

    /// From `PLACES` places at once, since a processor that fetches ahead by itself does so for each of them.
    #[target_feature(enable = "avx512f")]
    fn xor_avx512<const PLACES: usize, const FETCH: bool>(text: &[u8]) -> u64 {
        // SAFETY: any bytes are a vector of integers.
        let (head, body, tail) = unsafe { text.align_to::<__m512i>() };
        let (groups, last) = body.as_chunks::<8>();
        let mut lanes = [_mm512_setzero_si512(); 8];
        let part = groups.len() / PLACES;
        for i in 0..part {
            for place in 0..PLACES {
                let group = &groups[place * part + i];
                for (lane, vector) in lanes.iter_mut().zip(group) {
                    if FETCH {
                        let ahead = std::ptr::from_ref(vector).cast::<i8>().wrapping_add(AHEAD);
                        // A hint, which does nothing where there is no memory.
                        _mm_prefetch::<_MM_HINT_T0>(ahead);
                    }
                    *lane = _mm512_xor_si512(*lane, *vector);
                }
            }
        }
        for vector in groups[part * PLACES..].as_flattened().iter().chain(last) {
            lanes[0] = _mm512_xor_si512(lanes[0], *vector);
        }
        // SAFETY: as bytes, vectors of integers are any bytes.
        let (_, lanes, _) = unsafe { lanes.align_to::<u8>() };
        u64::from(fold_bytes(head) ^ fold_bytes(lanes) ^ fold_bytes(tail))
    }
}
