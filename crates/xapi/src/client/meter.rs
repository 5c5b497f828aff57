//! How long an answer may be: the bitmap as long as that of the largest disk, and everything else not long at all.
//!
//! The bytes are looked at as they come, and the first one too many ends the answer. So what someone sends in the place
//! of a bitmap is neither held nor parsed. Which string is the bitmap is a matter of its place alone; what is not JSON is
//! found out later.

/// Where in the answer to a call the bitmap is: under so many members called `result`, each in the one before.
fn depth_of_bitmap(method: &str) -> Option<u32> {
    match method {
        "VDI.list_changed_blocks" => Some(1),
        "task.get_record" => Some(2),
        _ => None,
    }
}

/// How long answers may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For all of it, where there is a bitmap in it.
    pub(super) bitmap: u64,
    /// For all but the bitmap.
    pub(super) text: u64,
}

/// Counts the bytes of one answer.
pub(super) struct Meter {
    limits: Limits,
    bitmap: Option<u32>,
    all: u64,
    /// All but those of the bitmap.
    text: u64,
    /// How many objects and lists are open.
    depth: u32,
    /// How many of them, from the outermost on, are the value of a `result`, the outermost itself not counted.
    on_path: u32,
    /// Whether the value that comes next belongs to a member called `result`.
    is_result: bool,
    string: Option<Str>,
    last_is_result: bool,
}

/// A string that is being read.
struct Str {
    is_bitmap: bool,
    is_escaped: bool,
    /// How many bytes of it are those of `result`. Nothing if another one was met.
    matched: Option<usize>,
}

const RESULT: &[u8] = b"result";

impl Meter {
    pub(super) fn new(method: &str, limits: Limits) -> Self {
        Self {
            limits,
            bitmap: depth_of_bitmap(method),
            all: 0,
            text: 0,
            depth: 0,
            on_path: 0,
            is_result: false,
            string: None,
            last_is_result: false,
        }
    }

    /// How long the answer may be at most.
    pub(super) fn longest(&self) -> u64 {
        if self.bitmap.is_some() { self.limits.bitmap } else { self.limits.text.min(self.limits.bitmap) }
    }

    /// Takes the next bytes. An error is the limit that they pass.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), u64> {
        self.all += bytes.len() as u64;
        if self.all > self.longest() {
            return Err(self.longest());
        }
        if self.bitmap.is_some() {
            self.read(bytes);
            if self.text > self.limits.text {
                return Err(self.limits.text);
            }
        }
        Ok(())
    }

    fn read(&mut self, bytes: &[u8]) {
        // Most of a bitmap comes in pieces that end neither it nor anything.
        if let Some(Str { is_bitmap: true, is_escaped: false, .. }) = self.string
            && !bytes.contains(&b'"')
            && !bytes.contains(&b'\\')
        {
            return;
        }
        for &byte in bytes {
            match &mut self.string {
                Some(string) => {
                    let ends = byte == b'"' && !string.is_escaped;
                    if ends || !string.is_bitmap {
                        self.text += 1;
                    }
                    if ends {
                        self.last_is_result = string.matched == Some(RESULT.len());
                        self.string = None;
                    } else {
                        string.is_escaped = byte == b'\\' && !string.is_escaped;
                        let next = string.matched.filter(|&matched| RESULT.get(matched) == Some(&byte));
                        string.matched = next.map(|matched| matched + 1);
                    }
                }
                None => {
                    self.text += 1;
                    self.read_outside(byte);
                }
            }
        }
    }

    fn read_outside(&mut self, byte: u8) {
        match byte {
            b'"' => {
                let is_bitmap = self.is_result && self.bitmap == Some(self.depth);
                self.string = Some(Str { is_bitmap, is_escaped: false, matched: Some(0) });
            }
            // The string before it was the name of a member.
            b':' => self.is_result = self.last_is_result && self.on_path + 1 == self.depth,
            b',' => self.is_result = false,
            b'{' | b'[' => {
                if self.is_result && byte == b'{' {
                    self.on_path += 1;
                }
                self.is_result = false;
                self.depth = self.depth.saturating_add(1);
            }
            b'}' | b']' => {
                self.is_result = false;
                self.depth = self.depth.saturating_sub(1);
                self.on_path = self.on_path.min(self.depth.saturating_sub(1));
            }
            _ => {}
        }
    }

    /// How many bytes there were beside the bitmap.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn text(&self) -> u64 {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "VDI.list_changed_blocks";
    const TASK: &str = "task.get_record";

    /// How many bytes are not those of a bitmap, taken in pieces of that length.
    fn text(method: &str, body: &str, piece: usize) -> u64 {
        let mut meter = Meter::new(method, Limits { bitmap: u64::MAX, text: u64::MAX });
        body.as_bytes().chunks(piece).for_each(|bytes| meter.take(bytes).expect("no limit"));
        meter.text()
    }

    #[test]
    fn only_the_bitmap_is_free() {
        let bitmap = "A".repeat(1000);
        for (method, body, free) in [
            (LIST, r#"{"id":1,"result":"BITMAP"}"#, 1000),
            (LIST, r#"{"x":{"result":"y"},"a":[{}], "result" : "BITMAP" }"#, 1000),
            (LIST, r#"{"result":"A\"BITMAP\\","id":1}"#, 1005),
            (LIST, r#"{"error":["BITMAP"]}"#, 0),
            (LIST, r#"{"error":{"message":"X","data":["BITMAP"]}}"#, 0),
            (LIST, r#"{"error":{"result":"BITMAP"}}"#, 0),
            (LIST, r#"{"result":["BITMAP"]}"#, 0),
            (LIST, r#"{"result":{"result":"BITMAP"}}"#, 0),
            (LIST, r#"{"results":"BITMAP","esult":"BITMAP","":"BITMAP"}"#, 0),
            (LIST, r#"{"BITMAP":"result"}"#, 0),
            (LIST, r#"["result","BITMAP"]"#, 0),
            (LIST, r#"{"a":"result","BITMAP":1}"#, 0),
            (LIST, r#""BITMAP"#, 0),
            (TASK, r#"{"result":{"status":"success","result":"BITMAP","error_info":[]}}"#, 1000),
            (TASK, r#"{"result":{"a":{"b":[]},"result":"BITMAP"}}"#, 1000),
            (TASK, r#"{"result":{"error_info":["BITMAP"],"result":""}}"#, 0),
            (TASK, r#"{"result":{"a":{"result":"BITMAP"}}}"#, 0),
            (TASK, r#"{"result":[{"result":"BITMAP"}]}"#, 0),
            (TASK, r#"{"result":"BITMAP"}"#, 0),
            (TASK, r#"{"a":{"result":"BITMAP"}}"#, 0),
            (TASK, r#"{"result":{},"a":{"result":"BITMAP"}}"#, 0),
            (TASK, r#"{"error":["X","BITMAP"]}"#, 0),
        ] {
            let body = body.replace("BITMAP", &bitmap);
            for piece in [1, 2, 7, 100, 10_000] {
                assert_eq!(text(method, &body, piece), body.len() as u64 - free, "{method}: {piece}: {body}");
            }
        }
    }

    #[test]
    fn the_first_byte_too_many_is_refused() {
        let limits = Limits { bitmap: 100, text: 20 };
        let outcome = |method, body: &str| Meter::new(method, limits).take(body.as_bytes());
        let long = |length: usize| format!(r#"{{"result":"{}"}}"#, "A".repeat(length - 13));
        assert_eq!(outcome(LIST, &long(100)), Ok(()));
        assert_eq!(outcome(LIST, &long(101)), Err(100));
        assert_eq!(outcome(LIST, &"x".repeat(20)), Ok(()));
        assert_eq!(outcome(LIST, &"x".repeat(21)), Err(20));
        assert_eq!(outcome("VDI.get_record", &long(20)), Ok(()));
        assert_eq!(outcome("VDI.get_record", &long(21)), Err(20));
    }
}
