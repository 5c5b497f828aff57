//! The calls of the WebAssembly module. Those of `lib/wasm.js` are around them.
//!
//! ```text
//! JavaScript: pointer = reserve(which, bytes), for each input; write the input there
//! JavaScript: status = scan_reserved() or combine_reserved()
//! JavaScript: copy what words() and text() point to; release()
//! ```
//!
//! Invariant: no pointer is dereferenced here. JavaScript writes to memory that was reserved, and to none else.

use std::cell::RefCell;

use crate::failure::Failure;
use crate::operation::{combine, contained, scan};

/// The inputs and the results of a call.
#[derive(Default)]
struct State {
    inputs: [Input; 3],
    words: Vec<u64>,
    text: String,
}

#[derive(Default)]
struct Input {
    words: Vec<u64>,
    bytes: usize,
}

impl Input {
    fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.bytes]
    }
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Memory for an input: of the options, which begin with a line that names the operation (0), of a bitmap or a list (1), of
/// another list (2). A null pointer if there is not as much.
#[expect(unsafe_code, reason = "the name is one that only JavaScript sees")]
#[unsafe(no_mangle)]
pub extern "C" fn reserve(which: usize, bytes: usize) -> *mut u64 {
    STATE.with_borrow_mut(|state| {
        let (Some(input), Ok(words)) = (state.inputs.get_mut(which), bytemuck::try_zeroed_vec(bytes.div_ceil(8)))
        else {
            return std::ptr::null_mut();
        };
        *input = Input { words, bytes };
        input.words.as_mut_ptr()
    })
}

/// Makes a text of the version of the package that this module was built for.
#[expect(unsafe_code, reason = "the name is one that only JavaScript sees")]
#[unsafe(no_mangle)]
pub extern "C" fn version() {
    STATE.with_borrow_mut(|state| env!("CARGO_PKG_VERSION").clone_into(&mut state.text));
}

/// An operation on a bitmap. Returns whether the text is a failure.
#[expect(unsafe_code, reason = "the name is one that only JavaScript sees")]
#[unsafe(no_mangle)]
pub extern "C" fn scan_reserved() -> bool {
    run(|operation, options, [bitmap, _]| {
        let outcome = scan(operation, options, bitmap.bytes())?;
        Ok((outcome.facts(), outcome.into_words()?))
    })
}

/// An operation on lists. Returns whether the text is a failure.
#[expect(unsafe_code, reason = "the name is one that only JavaScript sees")]
#[unsafe(no_mangle)]
pub extern "C" fn combine_reserved() -> bool {
    run(|operation, options, [a, b]| {
        let outcome = combine(operation, options, &a.words, &b.words)?;
        Ok((outcome.facts(), outcome.into_words()?))
    })
}

/// The numbers of the outcome.
#[expect(unsafe_code, reason = "the name is one that only JavaScript sees")]
#[unsafe(no_mangle)]
pub extern "C" fn words() -> *const u64 {
    STATE.with_borrow(|state| state.words.as_ptr())
}

/// How many numbers there are.
#[expect(unsafe_code, reason = "the name is one that only JavaScript sees")]
#[unsafe(no_mangle)]
pub extern "C" fn word_count() -> usize {
    STATE.with_borrow(|state| state.words.len())
}

/// The facts of the outcome, or the failure.
#[expect(unsafe_code, reason = "the name is one that only JavaScript sees")]
#[unsafe(no_mangle)]
pub extern "C" fn text() -> *const u8 {
    STATE.with_borrow(|state| state.text.as_ptr())
}

/// The length of the text in bytes.
#[expect(unsafe_code, reason = "the name is one that only JavaScript sees")]
#[unsafe(no_mangle)]
pub extern "C" fn text_bytes() -> usize {
    STATE.with_borrow(|state| state.text.len())
}

/// Gives all memory back.
#[expect(unsafe_code, reason = "the name is one that only JavaScript sees")]
#[unsafe(no_mangle)]
pub extern "C" fn release() {
    STATE.take();
    changed_blocks::release_buffers();
}

type Work = fn(&str, &str, [&Input; 2]) -> Result<(String, Vec<u64>), Failure>;

fn run(work: Work) -> bool {
    STATE.with_borrow_mut(|state| {
        let [head, a, b] = &state.inputs;
        let outcome = contained(|| {
            let head = std::str::from_utf8(head.bytes()).map_err(|_| Failure::argument("the options are no text"))?;
            let (operation, options) = head.split_once('\n').unwrap_or((head, ""));
            work(operation, options, [a, b])
        });
        let failed = outcome.is_err();
        (state.text, state.words) = outcome.unwrap_or_else(|failure| (failure.to_lines(), Vec::new()));
        failed
    })
}
