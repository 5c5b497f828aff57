//! A pool asked for the changed blocks.

use std::pin::pin;

use changed_blocks::cbtlog::Uuid;
use changed_blocks_xapi::client::{Changed, Error, Options, Secret, Trust, Warning, changed_blocks_unless};
use tokio::sync::oneshot;

use crate::args::PoolArgs;
use crate::failure::{Failure, warn};
use crate::password;
use crate::stop_signal::StopSignal;

/// The answer. From here on, the process ends with [`Failure::Interrupted`] when it is told to stop, told of as `json`
/// says.
pub(crate) fn ask(url: &str, args: &PoolArgs, json: bool, from: Uuid, to: Uuid) -> Result<Changed, Failure> {
    // An address that is none is not worth a password.
    Options::new(url, &args.user, Secret::from(String::new())).map_err(Failure::Pool)?;
    let failed = |error| Failure::Open { input: url.to_owned(), error };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let given = password::given(args.password_file.as_deref())?;
    let (mut stop, password) = runtime.block_on(async {
        let mut stop = StopSignal::new().map_err(failed)?;
        let password = match given {
            Some(password) => password,
            None => password::ask(&args.user, url, &mut stop)
                .await
                .inspect_err(|failure| end_if_interrupted(failure, json))?,
        };
        Ok((stop, password))
    })?;
    let options = Options::new(url, &args.user, Secret::from(password)).map_err(Failure::Pool)?;
    let mut options = options.trust(trust(args));
    if let Some(limit) = args.timeout {
        options = options.time_limit(limit);
    }
    let answer = runtime.block_on(async {
        let (told, stopped) = oneshot::channel();
        let mut asking = pin!(changed_blocks_unless(options, from, to, async { drop(stopped.await) }));
        tokio::select! {
            changed = &mut asking => return changed.map_err(Failure::Pool),
            () = stop.received() => drop(told.send(())),
        }
        // The task and the session in the pool are ended, unless someone insists.
        tokio::select! {
            ended = &mut asking => {
                if let Err(error @ Error::Stopped { task: Some(_) }) = ended {
                    warn(&error.to_string(), json);
                }
            }
            () = stop.received() => {}
        }
        Err(Failure::Interrupted)
    });
    // The process goes on with the answer, and no longer ends by itself when it is told to.
    std::thread::spawn(move || {
        runtime.block_on(stop.received());
        Failure::Interrupted.end(json)
    });
    answer
}

/// The terminal is still being read, which nothing but the end of the process ends.
fn end_if_interrupted(failure: &Failure, json: bool) {
    if matches!(failure, Failure::Interrupted) {
        failure.end(json);
    }
}

/// The words for a warning. A list of ranges may reach past the end of a disk whose size is not known; base64 does not.
pub(crate) fn warning(warning: &Warning, is_list: bool) -> String {
    let known = match warning {
        Warning::SizeAtMost(bound) => {
            format!("the pool knows only that the disk has at most {} bytes (there is no data in it)", bound.bytes())
        }
        Warning::SizeUnknown => "the pool does not know the size of the disk (there is no data in it)".to_owned(),
        other => return other.to_string(),
    };
    let past = if is_list { ", and the last range may reach past the end of the disk" } else { "" };
    format!(
        "{known}: neither a bitmap that was cut short nor one of other blocks would be noticed{past}; give --virtual-size \
         SIZE to have it right"
    )
}

fn trust(args: &PoolArgs) -> Trust {
    match (args.fingerprint, &args.ca, args.insecure) {
        (Some(fingerprint), ..) => Trust::Fingerprint(fingerprint),
        (None, Some(file), _) => Trust::Authorities(file.clone()),
        (None, None, true) => Trust::Insecure,
        (None, None, false) => Trust::System,
    }
}
