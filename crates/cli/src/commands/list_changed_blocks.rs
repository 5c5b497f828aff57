//! `cbt list-changed-blocks`: the call, answered from a folder of logs or by a pool.

use std::convert::Infallible;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use changed_blocks::cbtlog::{Store, Uuid};
use changed_blocks::{BitOrder, BlockSize, Encoding, Error, Extent, Scanner};

use crate::args::{BlockSizeArg, ListArgs, OutputFormat, PoolArgs};
use crate::failure::{Failure, warn};
use crate::input::Input;
use crate::list_plan::{ListPlan, Origin};
use crate::operation::Operation;
use crate::output::target::Target;
use crate::pool;
use crate::range_input::RangeInput;
use crate::range_run;
use crate::sanitize::sanitize;
use crate::scan_options::{prepare_threads, scanner_of, tier};

/// The request, once the options make sense together.
struct Request<'a> {
    args: &'a ListArgs,
    from: Uuid,
    to: Uuid,
    plan: ListPlan,
    /// Whether standard error is JSON.
    json: bool,
}

pub(crate) fn list_changed_blocks(args: &ListArgs, json: bool) -> Result<(), Failure> {
    let Some((from, to)) = args.ends() else {
        let message = "of the two disks, one has to be the older and one the newer".to_owned();
        return Err(Failure::Usage {
            message, hint: "give vdi-from-uuid=… and vdi-to-uuid=…, or the older one first"
        });
    };
    let plan = ListPlan::new(Operation::Union, &args.window, &args.shape, args.output)?.with_digest(args.digest)?;
    let origin = Origin { uuid_from: Some(from), uuid_to: Some(to), ..plan.origin };
    let plan = ListPlan { origin, ..plan };
    if let Some(url) = &args.pool.url {
        refuse_trust_without_tls(url, &args.pool)?;
    }
    let request = Request { args, from, to, plan, json };
    match (&args.store, &args.pool.url) {
        (Some(store), _) => request.answer_from_store(store),
        (None, Some(url)) => request.answer_from_pool(url),
        (None, None) => unreachable!("one of the two has to be given"),
    }
}

impl Request<'_> {
    fn answer_from_store(self, store: &Path) -> Result<(), Failure> {
        let args = self.args;
        let scanner = scanner_of(Encoding::Raw(BitOrder::Lsb0), args.threads)?;
        let name = store.display().to_string();
        let store = Store::open(store).map_err(Failure::Chain)?;
        let target = Target::open(args.file.output_file.as_deref())?;
        prepare_threads(args.threads);
        let answer = if args.allow_inconsistent {
            store.list_changed_blocks_allow_inconsistent(self.from, self.to)
        } else {
            store.list_changed_blocks(self.from, self.to)
        };
        let answer = answer.map_err(Failure::Chain)?;
        let refuse = |error| Failure::Bitmap { input: name.clone(), error };
        let found = answer.virtual_size;
        if let Some(given) = args.virtual_size.filter(|&given| given != found) {
            return Err(refuse(Error::VirtualSizeMismatch { found: found.bytes(), expected: given.bytes() }));
        }
        let warnings: Vec<String> = answer.warnings.iter().map(|warning| sanitize(&warning.to_string())).collect();
        let bitmap = answer.bitmap.try_to_raw(BitOrder::Lsb0).map_err(refuse)?;
        self.warn(&warnings);
        self.print(scanner.virtual_size(found), BlockSize::DEFAULT, Input::memory(name, bitmap), target, &warnings)
    }

    fn answer_from_pool(self, url: &str) -> Result<(), Failure> {
        let args = self.args;
        // Found out before anyone is asked.
        let tier = tier()?;
        let target = Target::open(args.file.output_file.as_deref())?;
        let mut changed = pool::ask(url, &args.pool, self.json, self.from, self.to)?;
        if let Some(size) = args.virtual_size {
            changed = changed.with_virtual_size(size).map_err(Failure::Pool)?;
        }
        let is_list = !matches!(args.output, OutputFormat::Bitmap(_));
        let warnings: Vec<String> =
            changed.warnings.iter().map(|warning| sanitize(&pool::warning(warning, is_list))).collect();
        self.warn(&warnings);
        prepare_threads(args.threads);
        let scanner_with = |block_size| {
            let scanner = changed.scanner(block_size).map_err(Failure::Pool)?;
            Ok(scanner.tier(tier).parallel(args.threads != Some(1)))
        };
        let block_size = match args.pool.block_size {
            BlockSizeArg::Size(block_size) => block_size,
            BlockSizeArg::Auto => scanner_with(BlockSize::DEFAULT)?
                .detect_block_size(changed.answer.base64())
                .map_err(|error| Failure::Bitmap { input: url.to_owned(), error })?,
        };
        let scanner = scanner_with(block_size)?;
        if matches!(args.output, OutputFormat::Bitmap(Encoding::Base64)) && self.plan.shape.is_plain() {
            return write_checked(&scanner, url, changed.answer.base64(), target);
        }
        self.print(scanner, block_size, Input::memory(url.to_owned(), changed.answer), target, &warnings)
    }

    fn warn(&self, warnings: &[String]) {
        warnings.iter().for_each(|warning| warn(warning, self.json));
    }

    fn print(
        self,
        scanner: Scanner,
        block_size: BlockSize,
        input: Input,
        target: Target,
        warnings: &[String],
    ) -> Result<(), Failure> {
        let plan = ListPlan { warnings: warnings.to_vec(), ..self.plan };
        range_run::run(vec![RangeInput::bitmap(scanner, block_size, input)], target, &plan)
    }
}

/// Refuses options for trust over plain HTTP, where there is no certificate: they would give a false sense of safety.
fn refuse_trust_without_tls(url: &str, pool: &PoolArgs) -> Result<(), Failure> {
    let plain = url.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("http"));
    if !plain || pool.fingerprint.is_none() && pool.ca.is_none() && !pool.insecure {
        return Ok(());
    }
    Err(Failure::Usage {
        message: "over http:// there is no certificate that could be trusted or not".to_owned(),
        hint: "give an https:// address, or leave out --fingerprint, --ca and --insecure",
    })
}

/// Writes the answer of a pool just as it came, once it has been found to be the bitmap of that disk.
fn write_checked(scanner: &Scanner, name: &str, base64: &[u8], mut target: Target) -> Result<(), Failure> {
    let nothing = |_: &[Extent]| ControlFlow::<Infallible>::Continue(());
    let checked = scanner.visit(base64, nothing);
    let _: ControlFlow<Infallible, _> = checked.map_err(|error| Failure::Bitmap { input: name.to_owned(), error })?;
    target
        .write_all(base64.trim_ascii())
        .and_then(|()| target.write_all(b"\n"))
        .map_err(|error| target.failure(error))?;
    target.commit()
}
