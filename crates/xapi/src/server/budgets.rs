//! How far clients can make the server grow: every budget in one place.
//!
//! What goes beyond one is refused with an error of the call, and never cut, but for texts that an error echoes.
//! `docs/serve.md` has the same numbers. Together with the most connections, they bound the memory beside the bitmaps,
//! which have a limit of their own: [`Limits::bitmap_bytes`](super::Limits::bitmap_bytes).

/// Bytes of each text of an error. A client's text that is longer ends in an ellipsis.
pub(super) const ERROR_TEXT: usize = 1 << 10;

/// Values of a call, each item of a list and each member of a struct counted: their tree takes many times their text.
pub(super) const CALL_VALUES: usize = 4096;

/// Bytes of the id of a call of JSON-RPC, which its answer repeats.
pub(super) const CALL_ID: usize = 1 << 10;

/// Tasks at a time.
pub(super) const TASKS: usize = 1000;

/// Tasks of one session, so that others have places left.
pub(super) const SESSION_TASKS: usize = TASKS / 4;

/// Bytes of the texts of one task: its names, its result, what it says of an error, and its notes.
pub(super) const TASK_TEXT: usize = 64 << 10;

/// Bytes of the texts of all tasks.
pub(super) const ALL_TASKS_TEXT: usize = 4 << 20;

/// Bytes that a text takes up beside its letters.
pub(super) const TEXT_OVERHEAD: usize = 64;

/// Notes of an object: its `other_config`.
pub(super) const NOTES: usize = 1000;

/// Bytes of a note.
pub(super) const NOTE: usize = 4 << 10;

/// Bytes of all notes of an object.
pub(super) const OBJECT_NOTES: usize = 64 << 10;

/// Tags of a disk.
pub(super) const TAGS: usize = 1000;

/// Bytes of the names and the tags of a disk.
pub(super) const LABELS: usize = 64 << 10;

/// Bytes of the notes of all disks: each change writes all of them.
pub(super) const INVENTORY: usize = if cfg!(test) { 64 << 10 } else { 8 << 20 };

/// Bytes that a disk counts for in them, its names and notes aside. Its record takes several times as much.
pub(super) const DISK: usize = 1 << 10;

/// Objects whose changes are remembered; beyond, clients get all objects anew.
pub(super) const EVENTS: usize = 10_000;

/// Classes and objects that a client waits for at once.
pub(super) const EVENT_CLASSES: usize = 1000;

/// Bytes of their names. They are kept as long as the client waits.
pub(super) const EVENT_CLASSES_TEXT: usize = 64 << 10;

/// A text of a client as an error repeats it.
pub(super) fn echo(mut text: String) -> String {
    if text.len() > ERROR_TEXT {
        let end = (0..=ERROR_TEXT).rev().find(|&end| text.is_char_boundary(end));
        text.truncate(end.unwrap_or_default());
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

/// Bytes that a text takes up in the files and the answers where it is escaped.
pub(super) fn escaped(text: &str) -> usize {
    let bytes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    });
    bytes.sum()
}
