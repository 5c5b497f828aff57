//! Bare decoders, into a buffer that is used again. Their result is a bitmap, not a list.

use base64::Engine as _;
use base64::engine::{GeneralPurposeConfig, Simd};

use crate::measure::{Candidate, Yields};

/// The kind of candidates here, as it stands in the results.
pub(crate) const DECODE: &str = "decode";

/// Decodes into the front of a buffer and returns how many bytes that were.
pub(crate) type Decode = fn(&[u8], &mut [u8]) -> usize;

/// The peer that the ratios are against.
pub(crate) const TURBO: &str = "base64-turbo";

pub(crate) fn candidates() -> Vec<Candidate> {
    let decoders: [(&str, Decode); 3] = [("base64-simd", base64_simd), (TURBO, base64_turbo), ("simdutf", simdutf)];
    let mut all: Vec<Candidate> = decoders
        .into_iter()
        .map(|(name, decode)| {
            Candidate::new(DECODE, name, Yields::Decoded, move |text, buffers| {
                decode(text, buffers.decoded_bytes()) as u64
            })
        })
        .collect();
    // Its fastest engine; it looks at the processor once, when it is made.
    let engine = Simd::standard(GeneralPurposeConfig::new());
    all.push(Candidate::new(DECODE, "base64 0.23", Yields::Decoded, move |text, buffers| {
        engine.decode_slice(text, buffers.decoded_bytes()).expect("good text") as u64
    }));
    all
}

pub(crate) fn base64_simd(text: &[u8], bytes: &mut [u8]) -> usize {
    let out = base64_simd::Out::from_slice(bytes);
    base64_simd::STANDARD.decode(text, out).expect("good text").len()
}

pub(crate) fn base64_turbo(text: &[u8], bytes: &mut [u8]) -> usize {
    base64_turbo::STANDARD.decode_slice(text, bytes).expect("good text")
}

/// By its default rules, which allow white space anywhere. Its strict rule for the last symbols costs nothing more.
fn simdutf(text: &[u8], bytes: &mut [u8]) -> usize {
    use simdutf::{Base64Options, ErrorCode, LastChunkHandlingOptions};
    assert!(bytes.len() >= text.len() / 4 * 3, "it writes as much as the text may stand for");
    // SAFETY: both are slices, one of them exclusive; the length was checked right above.
    let result = unsafe {
        simdutf::base64_to_binary(
            text.as_ptr(),
            text.len(),
            bytes.as_mut_ptr(),
            Base64Options::Default,
            LastChunkHandlingOptions::Strict,
        )
    };
    assert!(result.error == ErrorCode::Success, "good text");
    result.count
}
