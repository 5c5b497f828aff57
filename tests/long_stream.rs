//! A stream longer than memory, in a test program of its own, since it looks at the memory of the whole process.

use std::io::{self, Read, Write};
use std::ops::ControlFlow;

use changed_blocks::{BlockSize, Encoding, Extent, Scanner, Source};

/// Six GiB of base64: more than 2^32 blocks, and more than 2^53 bytes of a disk with blocks of 1 MiB.
const TEXT_BYTES: u64 = 6 << 30;

/// A text of `A`s but for some `/`, each of which is six changed blocks.
struct Text<'a> {
    at: u64,
    marks: &'a [u64],
}

impl Read for Text<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(TEXT_BYTES - self.at).unwrap_or(usize::MAX);
        let len = buffer.len().min(left);
        buffer[..len].fill(b'A');
        for mark in self.marks.iter().filter_map(|mark| mark.checked_sub(self.at)) {
            if let Some(byte) = usize::try_from(mark).ok().and_then(|mark| buffer[..len].get_mut(mark)) {
                *byte = b'/';
            }
        }
        self.at += len as u64;
        Ok(len)
    }
}

#[test]
fn memory_stays_bounded_and_positions_right() {
    let marks = [0, 1, (1 << 32) / 6, 1 << 32, TEXT_BYTES - 2, TEXT_BYTES - 1];
    let mut found = Vec::new();
    let scanner = Scanner::new(Encoding::Base64).block_size(BlockSize::new(1 << 20).expect("a block size"));
    let outcome = scanner.visit(Source::reader(&mut Text { at: 0, marks: &marks }), |batch: &[Extent]| {
        found.extend_from_slice(batch);
        ControlFlow::<()>::Continue(())
    });
    let ControlFlow::Continue(summary) = outcome.expect("good text") else { panic!("nothing stops it") };

    assert_eq!(summary.blocks, TEXT_BYTES * 6);
    let six = |mark: u64| Extent::new(mark * 6, mark * 6 + 6);
    let last = Extent::new((TEXT_BYTES - 2) * 6, TEXT_BYTES * 6);
    assert_eq!(found, [Extent::new(0, 12), six(marks[2]), six(marks[3]), last]);
    let range = summary.geometry.byte_range(last).expect("on the disk");
    assert!(range.offset_bytes > 1 << 53 && range.offset_bytes == last.start_block << 20);

    // The largest that this process ever was, in KiB.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    match peak {
        Some(peak) => assert!(peak < 64 << 10, "{peak} KiB"),
        None => writeln!(io::stderr(), "skipped: peak memory (this system does not tell)").expect("standard error"),
    }
}
