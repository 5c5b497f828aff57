//! How far clients can make the server grow: every budget in one place.
//!
//! A call that goes beyond one is refused with an error of the call, and never cut, but for texts that an error echoes.
//! `docs/serve.md` has the same numbers. Together with the most connections, they bound the memory beside the bitmaps,
//! which have a limit of their own: [`Limits::bitmap_bytes`](super::options::Limits::bitmap_bytes).

/// Bytes of each text of an error. A client's text that is longer ends in an ellipsis.
pub(super) const ERROR_TEXT: usize = 1 << 10;

/// Values of a call, each item of a list and each member of a struct counted: their tree takes many times their text.
pub(super) const CALL_VALUES: usize = 4096;

/// Bytes that a value takes up beside its letters, about.
pub(super) const VALUE: usize = 128;

/// Bytes of calls that are under way, those of a few KiB aside.
pub(super) const CALLS: usize = 16 << 20;

/// Bytes of a call that has room in any case.
pub(super) const SHORT_CALL: usize = 16 << 10;

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

/// Bytes of the text of answers that are under way, those of a few KiB aside.
pub(super) const ANSWERS: usize = 48 << 20;

/// Bytes of an answer that has room in any case.
pub(super) const SHORT_ANSWER: usize = 16 << 10;

/// Answers that are made at a time: of all records, of single disks, and of tasks. Each may take all disks or tasks, as
/// they are at that moment.
/// As many long calls are read at a time.
pub(super) const AT_A_TIME: usize = 2;

/// Bytes of memory that have to be there before a call is carried out that takes much. What it takes bit by bit, it can
/// take from them: a program that gets no memory for something small is ended by its language.
pub(super) const SPARE: usize = 40 << 20;

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

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: &str = "`TOO_MANY_PENDING_TASKS`";
    const TOO_LONG: &str = "`INTERNAL_ERROR`";
    const NO_CALL: &str = "HTTP 500";

    fn number(number: usize) -> String {
        match number {
            0..1000 => number.to_string(),
            _ => format!("{},{:03}", number / 1000, number % 1000),
        }
    }

    fn bytes(bytes: usize) -> String {
        if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
    }

    #[test]
    fn the_docs_have_every_budget() {
        let inventory = "8 MiB".to_owned();
        let rows = [
            ("values of a call", number(CALL_VALUES), NO_CALL),
            ("the id of a call of JSON-RPC", bytes(CALL_ID), NO_CALL),
            ("each text of an error", bytes(ERROR_TEXT), "cut, with an ellipsis"),
            ("tasks at a time", number(TASKS), BUSY),
            ("tasks of one session", number(SESSION_TASKS), BUSY),
            ("texts of a task", bytes(TASK_TEXT), TOO_LONG),
            ("texts of all tasks", bytes(ALL_TASKS_TEXT), BUSY),
            ("entries of `other_config`", number(NOTES), TOO_LONG),
            ("one of them", bytes(NOTE), TOO_LONG),
            ("all of an object", bytes(OBJECT_NOTES), TOO_LONG),
            ("tags of a disk", number(TAGS), TOO_LONG),
            ("names and tags of a disk", bytes(LABELS), TOO_LONG),
            ("`vdis.json`, of which a disk without a name counts 1 KiB", inventory, "`SR_BACKEND_FAILURE_44`"),
            ("classes and objects of an `event.from`", number(EVENT_CLASSES), "`EVENT_SUBSCRIPTION_PARSE_FAILURE`"),
            ("their names", bytes(EVENT_CLASSES_TEXT), "`EVENT_SUBSCRIPTION_PARSE_FAILURE`"),
            ("calls under way, those up to 16 KiB aside", bytes(CALLS), "`TOO_MANY_PENDING_TASKS` after 30 s"),
            ("text of answers under way, likewise", bytes(ANSWERS), "`TOO_MANY_PENDING_TASKS` after 30 s"),
            (
                "answers made at a time: of all records, of single disks, and of tasks",
                format!("{AT_A_TIME} of each"),
                "others wait",
            ),
            ("objects whose last change is known", number(EVENTS), "who asks late gets all objects anew"),
        ];
        let rows = rows.map(|(what, most, beyond)| format!("| {what} | {most} | {beyond} |\n"));
        let table = format!("| what | at most | beyond |\n|---|---|---|\n{}", rows.concat());
        let docs = include_str!("../../../../docs/serve.md");
        assert!(docs.contains(&table), "docs/serve.md has another table than\n{table}");
    }

    #[test]
    fn an_echo_is_cut_between_letters() {
        let text = "x".repeat(ERROR_TEXT);
        assert_eq!(echo(text.clone()), text);
        assert_eq!(echo(format!("{text}x")), format!("{text}…"));
        assert_eq!(echo("ä".repeat(ERROR_TEXT)), format!("{}…", "ä".repeat(ERROR_TEXT / 2)));
        assert_eq!(echo(format!("x{}", "ä".repeat(ERROR_TEXT))), format!("x{}…", "ä".repeat(ERROR_TEXT / 2 - 1)));
    }
}
