//! The page for Rust: its program is the example, and what it says of the program's output is true.

use std::path::Path;

#[allow(dead_code)]
#[path = "../../examples/read_plan.rs"]
mod read_plan;

const PAGE: &str = include_str!("../../docs/rust.md");

/// The first block of that language after a piece of text.
fn block_after(text: &str, language: &str) -> String {
    let rest = PAGE.split(text).nth(1).expect("the text");
    let block = rest.split(&format!("\n```{language}\n")).nth(1).expect("a block");
    format!("{}\n", block.split("\n```\n").next().expect("its end"))
}

fn data(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

#[test]
fn program_is_the_example() {
    assert_eq!(block_after("is a whole program:", "rust"), include_str!("../../examples/read_plan.rs"));
    assert_eq!(PAGE.matches("fn main()").count(), 1);
}

#[test]
fn output_is_the_one_of_the_program() {
    let reads = read_plan::read_plan(&data("file-server-day.b64"), 1 << 40).expect("a good answer");
    let mut output = Vec::new();
    read_plan::write_plan(&reads, &mut output).expect("room for it");
    assert_eq!(String::from_utf8(output).expect("text"), block_after("on a disk of 1 TiB:", "text"));
}

#[test]
fn failure_is_the_one_of_a_text_that_was_cut_short() {
    let whole = std::fs::read(data("file-server-day.b64")).expect("test data");
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::io::Write::write_all(&mut file, &whole[..2_000_000]).expect("room for it");
    let error = read_plan::read_plan(file.path(), 1 << 40).expect_err("half of an answer");
    let told = format!("{}: {error}\n{}\n", error.consequence(), error.hint().expect("advice"));
    assert_eq!(told, block_after("there is no part of a plan:", "text"));
}
