//! Which hosts are trusted.

use std::io::Write as _;
use std::sync::Arc;

use changed_blocks_xapi::client::{Client, Error, Fingerprint, Trust};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::NamedTempFile;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::mock::{Mock, assert_discreet, disks};

struct Host {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Host {
    /// A host whose certificate is its own work.
    fn alone(name: &str) -> Self {
        let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        Self { certificate: cert.der().clone(), pem: cert.pem(), key: signing_key }
    }

    /// A host whose certificate is from an authority, of which the PEM text is given too.
    fn of_authority(name: &str) -> (Self, String) {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        (Self { certificate: cert.der().clone(), pem: cert.pem(), key }, pem)
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    fn config(&self) -> ServerConfig {
        self.config_with(&self.key, &[&TLS13, &TLS12])
    }

    fn config_with(
        &self,
        key: &KeyPair,
        versions: &[&'static tokio_rustls::rustls::SupportedProtocolVersion],
    ) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let signer = provider.key_provider.load_private_key(key.into()).unwrap();
        let certified = tokio_rustls::rustls::sign::CertifiedKey::new(vec![self.certificate.clone()], signer);
        // Not by the way that checks whether the key belongs to the certificate.
        ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(tokio_rustls::rustls::sign::SingleCertAndKey::from(certified)))
    }
}

pub(crate) fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

pub(crate) async fn log_in(mock: &Mock, host: &str, trust: Trust) -> Result<(), Error> {
    let options = mock.options_at(&format!("https://{host}:{}", mock.port)).trust(trust);
    let mut client = Client::login(options).await.inspect_err(assert_discreet)?;
    let (from, to) = disks(&mut client).await;
    assert_eq!(client.list_changed_blocks(&from, &to).await.unwrap().base64(), b"AAAA");
    client.close().await
}

#[tokio::test]
async fn a_pinned_certificate_is_trusted_and_no_other() {
    // Nothing in it fits the host, and that does not matter.
    let host = Host::alone("another.example");
    for versions in [&[&TLS13][..], &[&TLS12]] {
        let mock = Mock::start_tls(host.config_with(&host.key, versions)).await;
        log_in(&mock, "127.0.0.1", Trust::Fingerprint(host.fingerprint())).await.unwrap();

        let pinned = Host::alone("another.example").fingerprint();
        let error = log_in(&mock, "127.0.0.1", Trust::Fingerprint(pinned)).await.unwrap_err();
        assert_eq!((error.kind(), error.hint().is_some()), ("pin-changed", true));
        let text = error.to_string();
        assert!(text.contains(&pinned.to_string()) && text.contains(&host.fingerprint().to_string()), "{text}");
        assert_eq!(mock.calls_of("session.login_with_password").len(), 1);
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_is_worth_nothing() {
    let (host, authority) = Host::of_authority("localhost");
    let authority = file(&authority);
    for versions in [&[&TLS13][..], &[&TLS12]] {
        let mock = Mock::start_tls(host.config_with(&KeyPair::generate().unwrap(), versions)).await;
        for trust in
            [Trust::Fingerprint(host.fingerprint()), Trust::Insecure, Trust::Authorities(authority.path().to_owned())]
        {
            let error = log_in(&mock, "localhost", trust.clone()).await.unwrap_err();
            assert_eq!(error.kind(), "no-proof", "{trust:?}: {error:?}");
        }
        assert!(mock.calls().is_empty());
    }
}

#[tokio::test]
async fn a_file_of_authorities_is_trusted_for_the_hosts_that_they_name() {
    let (host, authority) = Host::of_authority("localhost");
    let mock = Mock::start_tls(host.config()).await;
    let trust = |text: &str| {
        let file = file(text);
        (Trust::Authorities(file.path().to_owned()), file)
    };

    // It may be one of several, and other things may stand in the file.
    let (_, other) = Host::of_authority("localhost");
    let (right, _file) = trust(&format!("# of the pool\n{other}{}\n{authority}", host.key.serialize_pem()));
    log_in(&mock, "localhost", right.clone()).await.unwrap();
    let error = log_in(&mock, "127.0.0.1", right).await.unwrap_err();
    assert_eq!(error.kind(), "certificate");

    let (wrong, _file) = trust(&other);
    let error = log_in(&mock, "localhost", wrong).await.unwrap_err();
    assert!(matches!(&error, Error::Certificate { found, .. } if *found == host.fingerprint()), "{error:?}");
    assert!(error.to_string().contains(&host.fingerprint().to_string()), "{error}");

    // A host that made its own certificate.
    let host = Host::alone("localhost");
    let mock = Mock::start_tls(host.config()).await;
    let (own, _file) = trust(&host.pem);
    log_in(&mock, "localhost", own).await.unwrap();
}

#[tokio::test]
async fn a_file_without_authorities_is_an_error() {
    let mock = Mock::start(|_| None).await;
    let key = KeyPair::generate().unwrap().serialize_pem();
    for text in [
        "",
        "nothing",
        &key,
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n",
    ] {
        let file = file(text);
        let error = log_in(&mock, "localhost", Trust::Authorities(file.path().to_owned())).await.unwrap_err();
        assert_eq!(error.kind(), "trust", "{text}");
        assert!(error.to_string().starts_with(&file.path().display().to_string()), "{error}");
    }
    let error = log_in(&mock, "localhost", Trust::Authorities("/nonexistent/ca.pem".into())).await.unwrap_err();
    assert!(error.to_string().starts_with("/nonexistent/ca.pem: "), "{error}");
}

#[tokio::test]
async fn a_host_that_speaks_tls_is_said_to_be_reached_by_https() {
    let mock = Mock::start_tls(Host::alone("localhost").config()).await;
    let options = mock.options_at(&format!("http://127.0.0.1:{}", mock.port));
    let error = Client::login(options).await.unwrap_err();
    assert!(error.kind() == "protocol" && error.to_string().contains("https://"), "{error}");
}

#[tokio::test]
async fn without_more_a_certificate_of_its_own_is_refused_and_insecure_takes_it() {
    let host = Host::alone("localhost");
    let mock = Mock::start_tls(host.config()).await;
    let error = log_in(&mock, "localhost", Trust::System).await.unwrap_err();
    // A system that trusts nobody refuses before.
    assert!(matches!(error.kind(), "certificate" | "trust"), "{error:?}");
    assert!(mock.calls().is_empty());
    log_in(&mock, "localhost", Trust::Insecure).await.unwrap();
}

#[tokio::test]
async fn a_pin_that_is_not_the_masters_is_said_to_be_so() {
    let master = Host::alone("master");
    let member = Host::alone("member");
    // The port is the same on every host, so the master listens on it at another address.
    let mock = Mock::start_tls_with(
        {
            #[derive(Debug)]
            struct Both(Vec<Arc<tokio_rustls::rustls::sign::CertifiedKey>>, std::sync::atomic::AtomicUsize);
            impl tokio_rustls::rustls::server::ResolvesServerCert for Both {
                fn resolve(
                    &self,
                    _: tokio_rustls::rustls::server::ClientHello<'_>,
                ) -> Option<Arc<tokio_rustls::rustls::sign::CertifiedKey>> {
                    let connection = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    Some(Arc::clone(&self.0[connection % 2]))
                }
            }
            let provider = Arc::new(ring::default_provider());
            let keys = [&member, &master].map(|host| {
                let key = PrivatePkcs8KeyDer::from(host.key.serialize_der());
                let signer = provider.key_provider.load_private_key(key.into()).unwrap();
                Arc::new(tokio_rustls::rustls::sign::CertifiedKey::new(vec![host.certificate.clone()], signer))
            });
            let both = Both(keys.to_vec(), std::sync::atomic::AtomicUsize::new(0));
            ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(both))
        },
        |call| call.head.contains("host: 127.0.0.1").then(|| call.error("HOST_IS_SLAVE", &["127.0.0.2"])),
    )
    .await;
    let error = log_in(&mock, "127.0.0.1", Trust::Fingerprint(member.fingerprint())).await.unwrap_err();
    let Error::Pin { via: Some(via), found, .. } = &error else { panic!("{error:?}") };
    assert_eq!((via.as_str(), *found), (format!("127.0.0.1:{}", mock.port).as_str(), master.fingerprint()));
    assert!(
        error.to_string().starts_with(&format!("127.0.0.2:{} (the pool's master, as 127.0.0.1", mock.port)),
        "{error}"
    );
    assert_eq!(mock.calls().len(), 1);
}
