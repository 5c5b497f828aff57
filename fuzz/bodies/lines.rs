//! Ranges to lines.

use std::fmt::Write;

use changed_blocks::{ByteRange, Tier, internals};

use super::cursor::Cursor;

/// Lines of any numbers are on each tier what the standard library makes of them.
pub(crate) fn lines(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let mut ranges = Vec::new();
    while !cursor.rest().is_empty() {
        // As long as they are in bitmaps, or any: how many bits are dropped.
        let drop = [cursor.byte(), cursor.byte()].map(|byte| byte % 64);
        let numbers = [cursor.number() >> drop[0], cursor.number() >> drop[1]];
        let repeats = 1 + cursor.byte() % 16;
        ranges.extend((0..u64::from(repeats)).map(|i| ByteRange {
            offset_bytes: numbers[0].wrapping_add(numbers[1].wrapping_mul(i)),
            len_bytes: numbers[1],
        }));
    }
    let (mut text, mut ndjson) = (String::new(), String::new());
    for ByteRange { offset_bytes, len_bytes } in &ranges {
        writeln!(text, "{offset_bytes} {len_bytes}").expect("a string takes all");
        writeln!(ndjson, "{{\"offset\":{offset_bytes},\"length\":{len_bytes}}}").expect("a string takes all");
    }
    for tier in Tier::available() {
        let (mut found_text, mut found_ndjson) = (Vec::new(), Vec::new());
        internals::text_lines(tier, &ranges, &mut found_text).expect("an available tier");
        internals::ndjson_lines(tier, &ranges, &mut found_ndjson).expect("an available tier");
        assert_eq!(found_text, text.as_bytes(), "{tier}");
        assert_eq!(found_ndjson, ndjson.as_bytes(), "{tier}");
    }
}
