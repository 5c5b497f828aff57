//! The server that has the data of the disks, as `VDI.get_nbd_info` names it. This server has none, and does not look.

use std::path::{Path, PathBuf};

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use uuid::Uuid;

use super::value::Value;
use crate::pem;

/// Where the data of the disks can be read over NBD with TLS.
#[derive(Clone, Debug)]
pub struct DataServer {
    host: String,
    port: u16,
    /// PEM, with which clients verify the server.
    certificate: String,
    /// A name that the certificate is for.
    subject: String,
}

/// Why a server of data cannot be named.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataServerError {
    /// No host with a port.
    #[error("{0:?} is no address of the form HOST:PORT, such as localhost:10809 or [::1]:10809")]
    Address(String),
    /// The certificate cannot be read.
    #[error("{}: {what}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The fault.
        what: String,
    },
}

impl DataServer {
    /// A server at `HOST:PORT`, and the PEM file of its certificate.
    ///
    /// # Errors
    ///
    /// See [`DataServerError`].
    pub fn new(address: &str, certificate: impl AsRef<Path>) -> Result<Self, DataServerError> {
        let bad_address = || DataServerError::Address(address.to_owned());
        let (host, port) = address.rsplit_once(':').ok_or_else(bad_address)?;
        let port = port.parse().ok().filter(|&port| port != 0).ok_or_else(bad_address)?;
        let plain = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if plain.is_none() && (host.is_empty() || host.contains([':', '/', '@'])) {
            return Err(bad_address());
        }
        let path = certificate.as_ref();
        let refuse = |what: String| DataServerError::Certificate { path: path.to_owned(), what };
        let text = pem::read(path).map_err(|error| refuse(error.to_string()))?;
        let text = String::from_utf8(text).map_err(|_| refuse("it is not UTF-8".to_owned()))?;
        let first = CertificateDer::from_pem_slice(text.as_bytes())
            .map_err(|_| refuse("there is no certificate in it in PEM form".to_owned()))?;
        // The file is told to clients as it is.
        if text.contains("PRIVATE KEY-----") {
            return Err(refuse("there is a private key in it, and clients are sent the whole file".to_owned()));
        }
        let host = plain.unwrap_or(host).to_owned();
        let subject = name_of(&first).unwrap_or_else(|| host.clone());
        Ok(Self { host, port, certificate: text, subject })
    }

    /// How a client comes to the data of a disk.
    pub(super) fn info(&self, vdi: Uuid, session: &str) -> Value {
        Value::Struct(vec![
            ("exportname".into(), Value::text(format!("/{vdi}?session_id={session}"))),
            ("address".into(), Value::text(self.host.clone())),
            ("port".into(), Value::Int(self.port.into())),
            ("cert".into(), Value::text(self.certificate.clone())),
            ("subject".into(), Value::text(self.subject.clone())),
        ])
    }
}

/// The name of a certificate that a pool tells: the first one in the alphabet that is no pattern, or else a pattern.
fn name_of(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let names = certificate.valid_dns_names().map(str::to_owned);
    names.min_by_key(|name| (name.starts_with('*'), name.clone()))
}
