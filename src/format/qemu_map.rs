//! The output of `qemu-img map --output=json`: an array that covers the disk.
//!
//! It says what is allocated, so it is taken for a list of changes only if that is asked for, and right only for an overlay:
//! what is in the overlay itself (depth 0) was written since the overlay was made, zeros included.

use super::ReadOptions;
use super::entry::{Entries, Layout, fault, needed_size};
use super::json_members::{ABSENT, ArrayEntries, Change, Member, any, boolean, number};
use super::table::{Gaps, ListFormat, Needs, ReadOption};
use crate::Result;
use crate::error::{ListFault, Place};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "qemu-map",
    summary: "The JSON of qemu-img map of an overlay",
    has_virtual_size: false,
    has_block_size: false,
    gaps: Gaps::None,
    needs: Needs::Nothing,
    options: &[ReadOption::Allocation],
    open: Some(open),
    writer: None,
};

/// `compressed` and `offset`, the place in the image file, say nothing of changes. Old versions have no `present`.
const MEMBERS: [Member; 8] = [
    number("start"),
    number("length"),
    number("depth"),
    boolean("present").or(ABSENT),
    boolean("zero"),
    boolean("data"),
    any("compressed"),
    any("offset"),
];

/// Its end is rounded up to sectors. Where it ends depends on the options of `qemu-img map`, too, so the size of the disk has to
/// be given.
const SECTOR_BYTES: u64 = 512;

fn open<'a>(from: Box<dyn std::io::BufRead + 'a>, options: &ReadOptions) -> Result<Box<dyn Entries + 'a>> {
    if !options.allocation {
        let reason = "says what is allocated, not what changed".into();
        let hint = "only for an overlay that was made when the last backup was, take what is allocated for what changed: --allocation";
        return Err(fault(Place::Byte { offset: 0 }, ListFault::Unsuitable { reason, hint }));
    }
    needed_size(options)?;
    Ok(Box::new(ArrayEntries::new(from, &MEMBERS, Layout::CoveringBlocks(SECTOR_BYTES), change)))
}

/// Data in the overlay itself is a change, present or not: after growth, no older image has the place.
fn change([start, length, depth, present, zero, data, ..]: [u64; 8]) -> Result<Change, ListFault> {
    if present != 1 && zero == 0 && data == 0 {
        return Err(ListFault::Unsuitable {
            reason: "is neither present, nor zero, nor data, as in a map of a dirty bitmap, which has them inverted"
                .into(),
            hint: "list the bitmap by nbdinfo --map=qemu:dirty-bitmap:NAME --json",
        });
    }
    Ok((start, length, depth == 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VirtualSize;

    /// As qemu-img prints it of an overlay that is larger than the image under it: of 2,000,000 bytes, and of 1,000,000.
    const MAP: &str = r#"[{ "start": 0, "length": 65536, "depth": 1, "present": true, "zero": false, "data": true, "compressed": false, "offset": 327680},
{ "start": 65536, "length": 65536, "depth": 0, "present": true, "zero": false, "data": true, "compressed": false, "offset": 327680},
{ "start": 131072, "length": 131072, "depth": 1, "present": false, "zero": true, "data": false, "compressed": false},
{ "start": 262144, "length": 65536, "depth": 0, "present": true, "zero": true, "data": false, "compressed": false},
{ "start": 327680, "length": 672768, "depth": 1, "present": false, "zero": true, "data": false, "compressed": false},
{ "start": 1000448, "length": 999936, "depth": 0, "present": false, "zero": true, "data": false, "compressed": false}]
"#;

    fn allocation() -> ReadOptions {
        sized(2_000_384)
    }

    fn sized(bytes: u64) -> ReadOptions {
        ReadOptions { allocation: true, virtual_size: VirtualSize::new(bytes).ok(), ..ReadOptions::default() }
    }

    #[test]
    fn an_overlay_has_changed_where_it_is_not_the_image_under_it() {
        let expected = [(65_536, 131_072), (262_144, 327_680), (1_000_448, 2_000_000)];
        assert_eq!(FORMAT.read_all(MAP, &sized(2_000_000)).expect("a good list"), expected);
        assert!(
            FORMAT.message(MAP, &sized(2_000_384 - 512)).ends_with("ends beyond the disk, which has 1999872 bytes")
        );
        // As QEMU says it, the size is that of whole sectors.
        assert_eq!(FORMAT.read_all(MAP, &allocation()).expect("a good list").last(), Some(&(1_000_448, 2_000_384)));
    }

    #[test]
    fn maps_of_old_versions_are_read() {
        let map = r#"[{ "start": 0, "length": 512, "depth": 0, "zero": false, "data": true, "offset": 327680}]"#;
        assert_eq!(FORMAT.read_all(map, &sized(512)).expect("a good list"), [(0, 512)]);
    }

    #[test]
    fn allocation_is_taken_for_changes_only_by_name() {
        let expected = "the list at offset 0 says what is allocated, not what changed";
        assert_eq!(FORMAT.message(MAP, &ReadOptions::default()), expected);
    }

    #[test]
    fn a_map_of_a_dirty_bitmap_is_refused() {
        let map = r#"[{ "start": 0, "length": 524288, "depth": 0, "present": true, "zero": false, "data": true, "compressed": false, "offset": 0},
{ "start": 524288, "length": 65536, "depth": 0, "present": false, "zero": false, "data": false, "compressed": false}]"#;
        let message = FORMAT.message(map, &allocation());
        assert!(message.contains("is neither present, nor zero, nor data"), "{message}");
        assert!(FORMAT.read_all(&map.replace("\"present\": false, ", ""), &allocation()).is_err());
    }

    #[test]
    fn a_map_of_a_part_is_refused() {
        assert!(FORMAT.read_all(MAP, &sized(4 << 20)).is_err());
        let no_size = ReadOptions { allocation: true, ..ReadOptions::default() };
        let message = "the list at offset 0 does not say how large the disk is, so it may have been cut short";
        assert_eq!(FORMAT.message(MAP, &no_size), message);
        assert!(
            FORMAT
                .read_all(
                    &MAP.replace("\"start\": 0, \"length\": 65536", "\"start\": 1, \"length\": 65535"),
                    &allocation()
                )
                .is_err()
        );
    }
}
