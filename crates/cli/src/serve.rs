//! `cbt serve`: a folder of logs, for XAPI clients.

use changed_blocks_xapi::client::Fingerprint;
use changed_blocks_xapi::server::{Options, Server, Tls};

use crate::args::ServeArgs;
use crate::failure::Failure;
use crate::password;
use crate::signal::told_to_stop;
use crate::sink::Target;
use uuid::Uuid;

pub(crate) fn serve(args: &ServeArgs) -> Result<(), Failure> {
    let tls = tls(args)?;
    if tls.is_none() && !args.listen.ip().is_loopback() && !args.allow_plain_http {
        let message =
            format!("{} can be reached by other machines, and without TLS they could read the password", args.listen);
        return Err(Failure::Usage { message, hint: "say --tls, or --allow-plain-http if that is as it should be" });
    }
    let given = password::given(args.password_file.as_deref())?;
    // As hard to guess as a reference: 122 random bits.
    let password = given.clone().unwrap_or_else(|| Uuid::new_v4().simple().to_string());
    let mut options = Options::new(&args.store, &args.user, &password).read_only(args.read_only);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let fingerprint = tls.as_ref().map(|tls| Fingerprint::of(tls.certificate()));
    if let Some(tls) = tls {
        options = options.tls(tls);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::Serve)?;
    runtime.block_on(async {
        let server = Server::bind(args.listen, options).await.map_err(Failure::Serve)?;
        let stop = told_to_stop().map_err(Failure::Serve)?;
        let mut lines = format!("url {scheme}://{}\nuser {}\n", server.address(), args.user);
        if given.is_none() {
            lines.push_str(&format!("password {password}\n"));
        }
        if let Some(fingerprint) = fingerprint {
            lines.push_str(&format!("fingerprint {fingerprint}\n"));
        }
        let mut target = Target::open(None)?;
        target.write_all(lines.as_bytes()).map_err(|error| target.failure(error))?;
        server.run(stop).await;
        Ok(())
    })
}

fn tls(args: &ServeArgs) -> Result<Option<Tls>, Failure> {
    let tls = match (&args.certificate, &args.key) {
        (Some(certificate), Some(key)) => Tls::from_files(certificate, key),
        _ if args.tls => Tls::self_signed(["localhost".to_owned(), args.listen.ip().to_string()]),
        _ => return Ok(None),
    };
    let refuse = |error: changed_blocks_xapi::server::TlsError| Failure::Usage {
        message: error.to_string(),
        hint: "both are PEM files; --tls makes a certificate of its own",
    };
    tls.map(Some).map_err(refuse)
}
