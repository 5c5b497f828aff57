//! Checks of the options of inputs that go beyond a single option: it is for other formats, or is given too often.

use std::path::PathBuf;

use changed_blocks::format::ReadOption;

use crate::args::{InputArgs, InputFormat, InputsArgs, MeaningArgs};
use crate::failure::Failure;

impl MeaningArgs {
    /// Refuses options that are for inputs of formats which none of these is.
    pub(crate) fn refuse_misplaced(&self, from: &[InputFormat]) -> Result<(), Failure> {
        let usage = |message: &str, hint| Err(Failure::Usage { message: message.to_owned(), hint });
        if self.allow_inconsistent && !from.iter().any(|format| format.is_cbtlog()) {
            return usage(
                "--allow-inconsistent is for a .cbtlog: nothing else has a mark of being consistent",
                "say --from cbtlog, or leave it out",
            );
        }
        if self.allow_empty && !from.iter().any(|format| format.is_list()) {
            return usage(
                "--allow-empty is for a list: a bitmap has at least one block",
                "say --from text, or which list it is, or leave it out",
            );
        }
        let given = [
            ("--context", self.context.is_some(), ReadOption::Context),
            ("--since", self.since.is_some(), ReadOption::Since),
            ("--allocation", self.allocation, ReadOption::Allocation),
        ];
        for (option, is_given, read_option) in given {
            if is_given && !from.iter().any(|format| format.has(read_option)) {
                let formats = InputFormat::names_with(read_option);
                return usage(
                    &format!("{option} is for {formats} only"),
                    "say what the input is with --from, or leave it out",
                );
            }
        }
        Ok(())
    }
}

impl InputsArgs {
    /// The inputs, each with its own options.
    pub(crate) fn each(&self) -> Result<Vec<InputArgs>, Failure> {
        let count = self.inputs.len();
        let is_stdin = |path: &&PathBuf| path.as_os_str() == "-";
        if self.inputs.iter().filter(is_stdin).count() > 1 {
            let message = "standard input can be only one of the inputs".to_owned();
            return Err(Failure::Usage { message, hint: "give names of files for the others" });
        }
        let from = for_each("--from", &self.from, count)?;
        let block_size = for_each_if_given("--block-size", &self.block_size, count)?;
        let virtual_size = for_each_if_given("--virtual-size", &self.virtual_size, count)?;
        self.meaning.refuse_misplaced(&from)?;
        let one = |(index, path): (usize, &PathBuf)| InputArgs {
            input: Some(path.clone()),
            from: from[index],
            block_size: block_size[index],
            virtual_size: virtual_size[index],
            meaning: self.meaning.clone(),
            threads: self.threads,
        };
        Ok(self.inputs.iter().enumerate().map(one).collect())
    }
}

/// As [`for_each`], of an option that may be left out.
fn for_each_if_given<T: Copy>(option: &str, values: &[T], count: usize) -> Result<Vec<Option<T>>, Failure> {
    if values.is_empty() {
        return Ok(vec![None; count]);
    }
    Ok(for_each(option, values, count)?.into_iter().map(Some).collect())
}

/// The value for each input: the only one, or its own.
fn for_each<T: Copy>(option: &str, values: &[T], count: usize) -> Result<Vec<T>, Failure> {
    match values {
        &[value] => Ok(vec![value; count]),
        values if values.len() == count => Ok(values.to_vec()),
        values => {
            let message = format!("{option} is given {} times for {count} inputs", values.len());
            Err(Failure::Usage { message, hint: "give it once for all, or once for each input, in order" })
        }
    }
}
