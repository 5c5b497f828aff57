//! The subcommand that serves a store.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub(crate) const SERVE_EXAMPLES: &str = "\
Examples:
  cbt serve --store logs
      Answers XAPI clients at http://127.0.0.1:8080, for the user root and a password that is printed
  cbt serve --store logs --read-only --listen 0.0.0.0:8443 --tls --password-file password.txt
      Over HTTPS, with a certificate of its own whose fingerprint is printed, for reading only
  cbt serve --store logs --sizes-after-scan --pad-like-vhd
      As file storage with VHDs does it, for testing what a backup tool makes of that
  cbt store mark logs 0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f --offset 1M --length 64k
      What a virtual machine would write; the server may go on meanwhile

Existing clients of XenServer and XCP-ng log in as to a pool. There are no virtual machines, and no data: VDI.get_nbd_info \
answers with an empty list, or names the server that --nbd says.

It prints a line for each of url, user, password (if it made one up) and fingerprint (with TLS). Then it answers until \
it is stopped by Ctrl-C or SIGTERM. XML-RPC is spoken at / and /RPC2, JSON-RPC at /jsonrpc.

It is for developing and testing backup tools, and for reading stores. It is no replacement for a host.";

/// The kinds of storage that are imitated.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Storage {
    /// The size of the log's file: 48 bytes and the bitmap
    File,
    /// 0
    Lvm,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The folder of UUID.cbtlog files
    #[arg(long, value_name = "DIR")]
    pub(crate) store: PathBuf,

    /// The address to listen at; port 0 lets the system choose one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = listen)]
    pub(crate) listen: SocketAddr,

    /// Refuse all calls that change something
    #[arg(long)]
    pub(crate) read_only: bool,

    #[arg(
        long,
        value_name = "STORAGE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "file",
        help_heading = "Imitation",
        help = "Report the size of a cbt_metadata snapshot as storage does after a scan, which is not the disk's: like \
                file storage unless STORAGE says otherwise"
    )]
    pub(crate) sizes_after_scan: Option<Storage>,

    /// Fill bitmaps up with zeros to a multiple of four bytes, as VHD storage does
    #[arg(long, help_heading = "Imitation")]
    pub(crate) pad_like_vhd: bool,

    /// The user who may log in
    #[arg(long, value_name = "NAME", default_value = "root", help_heading = "Access")]
    pub(crate) user: String,

    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Access",
        help = "A file with the password [default: CBT_PASSWORD; without that, one is made up and printed]"
    )]
    pub(crate) password_file: Option<PathBuf>,

    /// Serve HTTPS, with a new certificate of its own: clients pin its fingerprint
    #[arg(long, conflicts_with_all = ["certificate", "key"], help_heading = "Access")]
    pub(crate) tls: bool,

    /// Serve HTTPS, with the certificate in that PEM file
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "Access")]
    pub(crate) certificate: Option<PathBuf>,

    /// The key of that certificate
    #[arg(long, value_name = "FILE", requires = "certificate", help_heading = "Access")]
    pub(crate) key: Option<PathBuf>,

    /// The NBD server with TLS that clients are told to read the disks' data from
    #[arg(long, value_name = "HOST:PORT", requires = "nbd_certificate", help_heading = "Data")]
    pub(crate) nbd: Option<String>,

    /// The certificate by which clients verify that server, a PEM file
    #[arg(long, value_name = "FILE", requires = "nbd", help_heading = "Data")]
    pub(crate) nbd_certificate: Option<PathBuf>,

    /// Serve other machines without TLS: whoever listens can read the password
    #[arg(long, help_heading = "Access")]
    pub(crate) allow_plain_http: bool,
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    let form = || "it has the form ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080".to_owned();
    if !text.contains(':') {
        return Err(form());
    }
    text.to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or_else(form)
}
