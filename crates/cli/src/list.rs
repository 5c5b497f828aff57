//! `cbt list-changed-blocks`: the call, answered from a folder of logs.

use changed_blocks::cbtlog::{Header, Store};
use changed_blocks::{BitOrder, Encoding};

use crate::args::{Answer, ListArgs};
use crate::encode::BitmapRender;
use crate::extents::{Listing, window};
use crate::failure::{Failure, warn};
use crate::input::Input;
use crate::plan::{prepare_threads, scanner_of};
use crate::run::run;
use crate::sink::Target;

pub(crate) fn list_changed_blocks(args: &ListArgs) -> Result<(), Failure> {
    let scanner = scanner_of(Encoding::Raw(BitOrder::Lsb0), args.threads)?;
    let Some((from, to)) = args.ends() else {
        let message = "of the two disks, one has to be the older and one the newer".to_owned();
        return Err(Failure::Usage {
            message, hint: "give vdi-from-uuid=… and vdi-to-uuid=…, or the older one first"
        });
    };
    if args.output == Answer::Base64 && (args.window.offset.is_some() || args.window.length.is_some()) {
        let message = "--offset and --length choose from a list, and base64 is none".to_owned();
        return Err(Failure::Usage { message, hint: "say --output text, or leave them out" });
    }
    let window = window(&args.window)?;
    let name = args.store.display().to_string();
    let store = Store::open(&args.store).map_err(|error| Failure::Open { input: name.clone(), error })?;
    let target = Target::open(args.file.output_file.as_deref())?;
    prepare_threads(args.threads);
    let answer = if args.allow_in_use {
        store.list_changed_blocks_in_use(from, to)
    } else {
        store.list_changed_blocks(from, to)
    };
    let answer = answer.map_err(Failure::Chain)?;
    for warning in &answer.warnings {
        warn(&warning.to_string());
    }
    let scanner = scanner.virtual_size(answer.virtual_size);
    let mut input = Input::memory(name, answer.bitmap.to_raw(BitOrder::Lsb0));
    match args.output {
        Answer::List(format) => Listing::new(format, Header::BLOCK_SIZE, window).run(&scanner, &mut input, target),
        Answer::Base64 => run(&scanner, &mut input, target, || BitmapRender::new(Encoding::Base64, 0, None)),
    }
}
