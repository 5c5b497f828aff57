//! Hosts as they are, played by `openssl s_server`: old ones, with certificates that no authority would sign today.
//!
//! The certificates are made by `openssl` too, but for those whose dates or extensions it cannot make.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use changed_blocks::Consequence;
use changed_blocks_xapi::client::{Error, Fingerprint, Trust};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::process::Child;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::mock::Mock;
use super::tls::log_in;
use crate::cases::cases;
use crate::skip::skip;

/// Whether `openssl` is there. If it is not, the test is skipped, and says so.
fn openssl_is_missing() -> bool {
    let missing = Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err();
    if missing {
        skip("hosts played by openssl s_server (there is no openssl)");
    }
    missing
}

/// A key of RSA, in PEM. One takes long to make, so hosts have those of a length in common.
fn rsa_key(bits: u32) -> Vec<u8> {
    static KEYS: Mutex<BTreeMap<u32, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let make = || {
        let length = format!("rsa_keygen_bits:{bits}");
        let output = Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-pkeyopt", &length]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{length}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    KEYS.lock().unwrap().entry(bits).or_insert_with(make).clone()
}

/// A certificate and its key, in files.
struct Host {
    folder: TempDir,
}

impl Host {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace()).current_dir(self.folder.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A certificate of X.509 version 1 for `localhost`, as `openssl x509 -req` signs it.
    fn version_1(bits: u32, digest: &str) -> Self {
        let host = Self::with_rsa_key(bits);
        host.openssl("req -new -key key.pem -subj /O=pool/CN=localhost -out request.pem");
        // The two extensions are what newer versions add by themselves, and then it is version 3.
        std::fs::write(host.path("none"), "subjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n").unwrap();
        let sign = format!("x509 -req -in request.pem -signkey key.pem -days 10 -{digest} -out certificate.pem");
        host.openssl(&sign);
        if !host.is_version_1() {
            host.openssl(&format!("{sign} -extfile none"));
        }
        assert!(host.is_version_1());
        host
    }

    fn is_version_1(&self) -> bool {
        let mut command = Command::new("openssl");
        command.args(["x509", "-noout", "-text", "-in", &self.path("certificate.pem")]);
        String::from_utf8_lossy(&command.output().unwrap().stdout).contains("Version: 1 ")
    }

    fn with_rsa_key(bits: u32) -> Self {
        let host = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(host.path("key.pem"), rsa_key(bits)).unwrap();
        host
    }

    /// A certificate of version 3.
    fn version_3(bits: u32, digest: &str) -> Self {
        let host = Self::with_rsa_key(bits);
        host.sign_version_3(&format!("-key key.pem -{digest}"));
        host
    }

    /// A certificate of version 3 with a key that no other host has.
    fn version_3_with(key: &str) -> Self {
        let host = Self { folder: tempfile::tempdir().unwrap() };
        host.sign_version_3(&format!("-newkey {key} -nodes -keyout key.pem"));
        host
    }

    fn sign_version_3(&self, key: &str) {
        self.openssl(&format!(
            "req -x509 {key} -days 10 -subj /CN=localhost \
             -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -out certificate.pem"
        ));
    }

    /// A certificate that is made with these changes to a usual one.
    fn of(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let host = Self { folder: tempfile::tempdir().unwrap() };
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(host.path("certificate.pem"), certificate.pem()).unwrap();
        std::fs::write(host.path("key.pem"), key.serialize_pem()).unwrap();
        host
    }

    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path("certificate.pem")).unwrap()
    }

    fn pin(&self) -> Trust {
        Trust::Fingerprint(Fingerprint::of(&self.certificate()))
    }

    fn file(&self) -> Trust {
        Trust::Authorities(self.path("certificate.pem").into())
    }

    /// Begins to serve with it.
    async fn serve(&self, options: &str) -> Server {
        for _ in 0..5 {
            let port = free_port();
            let mut command = tokio::process::Command::new("openssl");
            command.args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}")]);
            command.args(["-cert", &self.path("certificate.pem"), "-key", &self.path("key.pem")]);
            command.args(options.split_whitespace()).kill_on_drop(true);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            if listens(&mut child, port).await {
                let mock = Mock::start_behind(port, child.stdout.take().unwrap(), child.stdin.take().unwrap());
                return Server { mock, _child: child };
            }
        }
        panic!("openssl s_server {options} ends at once");
    }
}

/// A port for a program that does not say which one it was given. It is below those that the system gives away, so no other
/// test gets it before the program has it.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 20_000).unwrap();
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until a program listens. The connection that shows it is one more client to the program, which it bears. False
/// if it has ended instead.
async fn listens(child: &mut Child, port: u16) -> bool {
    for _ in 0..500 {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("openssl s_server does not listen");
}

struct Server {
    mock: Mock,
    _child: Child,
}

impl Server {
    async fn log_in(&self, trust: Trust) -> Result<(), Error> {
        log_in(&self.mock, "localhost", trust).await
    }
}

/// A server that presents a certificate with the key of a host, whether or not they belong together.
fn config(certificate: CertificateDer<'static>, keeper: &Host) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let key = PrivateKeyDer::from_pem_file(keeper.path("key.pem")).unwrap();
    let certified = CertifiedKey::new(vec![certificate], provider.key_provider.load_private_key(key).unwrap());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
}

/// Weak keys and old signatures are nothing that the program itself would serve with.
const ANYTHING: &str = "-cipher ALL:@SECLEVEL=0";

/// Text in which a program would show its own names for things.
fn is_plain(text: &str) -> bool {
    !["Error(", "Some(", "::", "{", "AlertReceived", "InvalidCertificate", "Other("]
        .iter()
        .any(|word| text.contains(word))
}

#[tokio::test]
async fn the_fields_of_a_pinned_certificate_do_not_matter() {
    if openssl_is_missing() {
        return;
    }
    let past = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2015, 1, 1);
        params.not_after = rcgen::date_time_ymd(2016, 1, 1);
    };
    let hosts = [
        ("X.509 version 1", Host::version_1(2048, "sha256")),
        ("version 1, RSA of 1024 bits, SHA-1", Host::version_1(1024, "sha1")),
        ("RSA of 1024 bits", Host::version_3(1024, "sha256")),
        ("SHA-1", Host::version_3(2048, "sha1")),
        ("expired", Host::of("localhost", past)),
        ("not valid yet", Host::of("localhost", |params| params.not_before = rcgen::date_time_ymd(2090, 1, 1))),
        ("P-384", Host::version_3_with("ec -pkeyopt ec_paramgen_curve:P-384")),
        ("Ed25519", Host::version_3_with("ed25519")),
        ("another name", Host::of("another.example", |_| {})),
        ("an authority's", Host::of("localhost", |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))),
        (
            "for clients only",
            Host::of("localhost", |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }),
        ),
    ];
    // By default, one version of TLS for each, in turn.
    let every = cases(2, 1);
    for (number, (name, host)) in hosts.iter().enumerate() {
        for version in ["", "-tls1_2"].into_iter().skip(number % every).step_by(every) {
            let server = host.serve(&format!("{ANYTHING} {version}")).await;
            for trust in [host.pin(), Trust::Insecure] {
                let outcome = server.log_in(trust.clone()).await;
                assert!(outcome.is_ok(), "{name} {version} {trust:?}: {outcome:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_hosts_own_certificate_in_the_file_is_trusted_as_itself() {
    if openssl_is_missing() {
        return;
    }
    let purpose = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    for (name, host) in [
        ("X.509 version 1, whose only name is the common one", Host::version_1(2048, "sha256")),
        ("version 1, RSA of 1024 bits, SHA-1", Host::version_1(1024, "sha1")),
        ("RSA of 1024 bits", Host::version_3(1024, "sha256")),
        ("an authority's, for clients", Host::of("localhost", purpose)),
    ] {
        let server = host.serve(ANYTHING).await;
        let outcome = server.log_in(host.file()).await;
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
    }

    // Its dates and names count all the same, as they do for curl, and what to do about it is no circle.
    let past = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2015, 1, 1);
        params.not_after = rcgen::date_time_ymd(2016, 1, 1);
    };
    for (host, words) in [
        (Host::of("localhost", past), &["expired", "2016"][..]),
        (Host::of("another.example", |_| {}), &["another.example", "localhost"]),
        (Host::of("localhost", |params| params.not_before = rcgen::date_time_ymd(2090, 1, 1)), &["not valid", "2090"]),
    ] {
        let server = host.serve("").await;
        let error = server.log_in(host.file()).await.unwrap_err();
        assert_eq!((error.kind(), error.consequence()), ("certificate", Consequence::Operator));
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)) && is_plain(&text), "{text}");
        assert!(error.hint().unwrap().contains("pin it"));
        server.log_in(host.pin()).await.unwrap();
    }
}

#[tokio::test]
async fn a_hosts_own_certificate_may_be_one_that_no_chain_can_lead_to() {
    if openssl_is_missing() {
        return;
    }
    let host = Host::of("localhost", |_| {});
    // The checker of chains does not read version 2 of X.509.
    let mut der = host.certificate().to_vec();
    let version = der.windows(5).position(|bytes| bytes == [0xa0, 3, 2, 1, 2]).unwrap() + 4;
    der[version] = 1;
    std::fs::write(host.path("der"), &der).unwrap();
    host.openssl("base64 -in der -out base64");
    let base64 = std::fs::read_to_string(host.path("base64")).unwrap();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}-----END CERTIFICATE-----\n");
    std::fs::write(host.path("certificate.pem"), pem).unwrap();
    assert_eq!(host.certificate().to_vec(), der);

    let mock = Mock::start_tls(config(host.certificate(), &host)).await;
    log_in(&mock, "localhost", host.file()).await.unwrap();
    assert_eq!(log_in(&mock, "127.0.0.1", host.file()).await.unwrap_err().kind(), "certificate");
    // It vouches for no other.
    let other = Host::of("localhost", |_| {});
    let mock = Mock::start_tls(config(other.certificate(), &other)).await;
    let error = log_in(&mock, "localhost", host.file()).await.unwrap_err();
    assert!(error.kind() == "certificate" && error.to_string().contains("no authority"), "{error}");
    assert!(mock.calls().is_empty());
}

#[tokio::test]
async fn a_certificate_that_nothing_vouches_for_is_refused_with_its_cause() {
    if openssl_is_missing() {
        return;
    }
    // Of equal names and keys, one would vouch for the other.
    let other = Host::version_3_with("rsa:2048 -sha256");
    for (host, word) in [
        (Host::version_1(2048, "sha256"), "version 1"),
        (Host::version_3(2048, "sha256"), "authority"),
        (Host::of("localhost", |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)), "CA:TRUE"),
    ] {
        let server = host.serve(ANYTHING).await;
        let error = server.log_in(other.file()).await.unwrap_err();
        let text = error.to_string();
        assert!(error.kind() == "certificate" && text.contains(word) && is_plain(&text), "{text}");
        // The hint is to pin it, and that works.
        assert!(error.hint().unwrap().contains("pin it"));
        server.log_in(host.pin()).await.unwrap();
    }
}

#[tokio::test]
async fn hosts_that_are_too_old_are_refused_with_the_cause_and_a_way_out() {
    if openssl_is_missing() {
        return;
    }
    let host = Host::version_1(2048, "sha256");
    for (options, kind, word) in [
        ("-tls1_2 -cipher AES128-GCM-SHA256", "no-common-cipher", "only RSA key exchange"),
        ("-tls1_1 -cipher ALL:@SECLEVEL=0", "old-tls", "TLS 1.1 or older"),
        ("-tls1 -cipher ALL:@SECLEVEL=0", "old-tls", "TLS 1.1 or older"),
    ] {
        let server = host.serve(options).await;
        for trust in [host.pin(), Trust::Insecure, host.file()] {
            let error = server.log_in(trust.clone()).await.unwrap_err();
            let (text, hint) = (error.to_string(), error.hint().unwrap());
            assert_eq!(
                (error.kind(), error.consequence()),
                (kind, Consequence::Operator),
                "{options} {trust:?}: {text}"
            );
            assert!(text.contains(word) && is_plain(&text), "{text}");
            assert!(hint.contains("ssh") && !hint.contains("pin"), "{hint}");
        }
        assert!(server.mock.calls().is_empty());
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_checked_is_said_to_be_too_weak() {
    if openssl_is_missing() {
        return;
    }
    // TLS 1.3 signs in a way in which nothing here checks so few bits.
    for (bits, options) in [(1024, "-tls1_3"), (768, "-tls1_2")] {
        let host = Host::version_1(bits, "sha256");
        let server = host.serve(&format!("{ANYTHING} {options}")).await;
        for trust in [host.pin(), Trust::Insecure] {
            let error = server.log_in(trust).await.unwrap_err();
            assert_eq!(error.kind(), "weak-key", "{error:?}");
            let (text, hint) = (error.to_string(), error.hint().unwrap());
            assert!(text.contains(&format!("RSA of {bits} bits")) && is_plain(&text), "{text}");
            assert!(hint.contains("new certificate") && !hint.contains("pin"), "{hint}");
        }
    }
}

#[tokio::test]
async fn a_certificate_with_a_weak_key_is_worth_nothing_without_the_key() {
    if openssl_is_missing() {
        return;
    }
    let weak = Host::version_1(1024, "sha256");
    let other = Host::version_3(2048, "sha256");
    let mock = Mock::start_tls(config(weak.certificate(), &other)).await;
    for trust in [weak.pin(), Trust::Insecure, weak.file()] {
        let error = log_in(&mock, "localhost", trust.clone()).await.unwrap_err();
        assert_eq!(error.kind(), "no-proof", "{trust:?}: {error:?}");
    }
    assert!(mock.calls().is_empty());
}

#[tokio::test]
async fn a_host_that_does_not_speak_tls_is_told_from_one_that_refuses_connections() {
    let mock = Mock::start(|_| None).await;
    let greeter = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ssh = greeter.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        while let Ok((mut tcp, _)) = greeter.accept().await {
            drop(tcp.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let http = plain.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut tcp, _)) = plain.accept().await {
            let _ = tcp.read(&mut [0; 512]).await;
            drop(tcp.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await);
        }
    });
    for port in [http, ssh] {
        let options = mock.options_at(&format!("https://127.0.0.1:{port}")).trust(Trust::Insecure);
        let error = changed_blocks_xapi::client::Client::login(options).await.unwrap_err();
        assert_eq!((error.kind(), error.consequence()), ("not-tls", Consequence::Operator), "{error:?}");
        assert!(error.to_string().ends_with("it does not speak TLS"), "{error}");
        // On this machine that way is open.
        assert!(error.hint().unwrap().contains("http://"));
    }
    // One that closes the connection may be on its way up.
    let closing = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closing.local_addr().unwrap().port();
    tokio::spawn(async move { while closing.accept().await.is_ok() {} });
    let options = mock.options_at(&format!("https://127.0.0.1:{port}")).trust(Trust::Insecure);
    let error = changed_blocks_xapi::client::Client::login(options).await.unwrap_err();
    assert_eq!((error.kind(), error.consequence()), ("connect", Consequence::Retry));
    assert!(is_plain(&error.to_string()), "{error}");
    let options = mock.options_at("https://127.0.0.1:1").trust(Trust::Insecure);
    let error = changed_blocks_xapi::client::Client::login(options).await.unwrap_err();
    assert_eq!((error.kind(), error.consequence()), ("connect", Consequence::Retry));
}
