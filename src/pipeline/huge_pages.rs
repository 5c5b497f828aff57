//! Memory for long lists.
//!
//! The system clears fresh memory page by page as it is first written to, and each page is a fault, which takes longer than
//! to find the boundaries that fit in there, above all in a virtual machine. In pages of 2 MiB there are few faults.

use std::mem::MaybeUninit;

/// Reserves room in a list for so many more boundaries, in huge pages, if there is as much memory. Where there is none, the
/// list stays as it was.
pub(super) fn reserve(list: &mut Vec<u64>, more: usize) {
    if list.try_reserve_exact(more).is_ok() {
        advise(list.spare_capacity_mut());
    }
}

/// Asks the system to take huge pages. All goes on as well where it does not, though slower.
#[cfg(target_os = "linux")]
fn advise(memory: &mut [MaybeUninit<u64>]) {
    /// A multiple of every page size.
    const ALIGNMENT: usize = 64 << 10;
    let (_, aligned) = memory.split_at_mut(memory.as_ptr().align_offset(ALIGNMENT).min(memory.len()));
    // SAFETY: the advice changes no content, and the range lies in the list's own allocation.
    #[expect(unsafe_code)]
    let _ = unsafe {
        rustix::mm::madvise(aligned.as_mut_ptr().cast(), size_of_val(aligned), rustix::mm::Advice::LinuxHugepage)
    };
}

#[cfg(not(target_os = "linux"))]
fn advise(_memory: &mut [MaybeUninit<u64>]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_boundaries_and_has_room_if_there_is_any() {
        for len in [0, 1, 1000, 300_000] {
            let before: Vec<u64> = (0..).take(len).collect();
            for more in [0, 1, 4095, 1 << 20, usize::MAX] {
                let mut list = before.clone();
                reserve(&mut list, more);
                assert!(list == before, "{len} and {more} more");
                assert_eq!(list.capacity() - list.len() >= more, more < usize::MAX, "{len} and {more} more");
                let room = list.capacity() - list.len();
                list.resize(len + room, 7);
                assert!(list[..len] == before[..], "{len} and {more} more");
            }
        }
    }
}
