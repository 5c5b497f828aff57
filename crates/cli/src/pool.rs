//! A pool asked for the changed blocks.

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Uuid;
use changed_blocks_xapi::client::{Answer, Client, Error, Options, Secret, Trust};

use crate::args::PoolArgs;
use crate::failure::{Failure, warn};
use crate::password;
use crate::signal::Stop;

/// Bytes of an answer. That of the largest disk of XCP-ng has 45 MB; nothing shorter should fail for this.
const LONGEST_ANSWER: u64 = 1 << 28;

/// The answer, and the size of the newer disk. From here on, the process ends with [`Failure::Interrupted`] when it is
/// told to stop, told of as `json` says.
pub(crate) fn ask(
    url: &str,
    args: &PoolArgs,
    json: bool,
    from: Uuid,
    to: Uuid,
) -> Result<(Answer, VirtualSize), Failure> {
    // An address that is none is not worth a password.
    Options::new(url, &args.user, Secret::from(String::new())).map_err(Failure::Pool)?;
    let failed = |error| Failure::Open { input: url.to_owned(), error };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let given = password::given(args.password_file.as_deref())?;
    let (mut stop, password) = runtime.block_on(async {
        let mut stop = Stop::new().map_err(failed)?;
        let password = match given {
            Some(password) => password,
            None => password::ask(&args.user, url, &mut stop)
                .await
                .inspect_err(|failure| end_if_interrupted(failure, json))?,
        };
        Ok((stop, password))
    })?;
    let options = Options::new(url, &args.user, Secret::from(password)).map_err(Failure::Pool)?.trust(trust(args));
    let options = options.answer_limit(LONGEST_ANSWER);
    let answer = runtime.block_on(async {
        let mut client = tokio::select! {
            client = Client::login(options) => client.map_err(Failure::Pool)?,
            () = stop.told() => return Err(Failure::Interrupted),
        };
        let answer = tokio::select! {
            answer = list(&mut client, from, to) => answer.map_err(Failure::Pool),
            () = stop.told() => Err(Failure::Interrupted),
        };
        let closed = tokio::select! {
            closed = client.close() => closed,
            () = stop.told() => return Err(Failure::Interrupted),
        };
        if let Err(error) = closed
            && answer.is_ok()
        {
            warn(&format!("the session was not closed in good order: {error}"), json);
        }
        answer
    });
    // The process goes on with the answer, and no longer ends by itself when it is told to.
    std::thread::spawn(move || {
        runtime.block_on(stop.told());
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

async fn list(client: &mut Client, from: Uuid, to: Uuid) -> Result<(Answer, VirtualSize), Error> {
    let (from, to) = (client.vdi(from).await?, client.vdi(to).await?);
    // Not before: if a disk is damaged, the listing is what knows why. If it grows in between, the answer is found to be
    // too short.
    let answer = client.list_changed_blocks_task(&from, &to).await?;
    let virtual_size = client.virtual_size(&to).await?;
    Ok((answer, virtual_size))
}

fn trust(args: &PoolArgs) -> Trust {
    match (args.fingerprint, &args.ca, args.insecure) {
        (Some(fingerprint), ..) => Trust::Fingerprint(fingerprint),
        (None, Some(file), _) => Trust::Authorities(file.clone()),
        (None, None, true) => Trust::Insecure,
        (None, None, false) => Trust::System,
    }
}
