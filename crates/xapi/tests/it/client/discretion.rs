//! A pool that sends back what it was told in confidence, or what a terminal would obey.

use std::sync::Arc;
use std::time::Duration;

use changed_blocks_xapi::client::{Client, Error, Options, Secret, Trust, changed_blocks};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use uuid::Uuid;

use super::mock::{Act, Call, Mock, PASSWORD, assert_discreet};

/// All texts of an error, in any form.
fn everything(error: &Error) -> String {
    let mut all = format!("{error} {error:?} {error:#?} {:?}", error.hint());
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        all.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    all
}

/// The forms in which a password may come back, as `base64`, `xxd -p` and an encoder of addresses made them.
const FORMS: [&str; 12] = [
    "open sesame",
    "no, open sesame is wrong",
    "OPEN SESAME",
    "open%20sesame",
    "open+sesame",
    "%6f%70%65%6e%20%73%65%73%61%6d%65",
    "open&#32;sesame",
    "open&#x20;&#115;esame",
    "open%2520sesame",
    "b3BlbiBzZXNhbWU=",
    "Basic YmFja3VwOm9wZW4gc2VzYW1l",
    "6f70656e20736573616d65",
];

#[tokio::test]
async fn no_form_of_a_password_or_session_comes_back_from_anywhere() {
    type Echo = fn(&Call, &str) -> Act;
    let echoes: [(&str, Echo); 12] = [
        ("session.login_with_password", |call, text| call.error("SESSION_AUTHENTICATION_FAILED", &["u", text])),
        ("session.login_with_password", |call, text| call.error("HOST_IS_SLAVE", &[text])),
        ("VDI.get_by_uuid", |call, text| call.error("UUID_INVALID", &["VDI", text])),
        ("VDI.get_by_uuid", |call, text| call.result(text)),
        ("VDI.get_by_uuid", |call, text| call.old_error(text, &[])),
        ("Async.VDI.list_changed_blocks", |call, text| call.error("SOMETHING_NEW", &["", text])),
        ("Async.VDI.list_changed_blocks", |call, text| call.result(text)),
        ("task.get_record", |call, text| call.error("INTERNAL_ERROR", &[text])),
        ("task.get_record", |call, text| {
            call.result(json!({"status": "failure", "error_info": ["SR_BACKEND_FAILURE_1", "", text]}))
        }),
        ("task.get_record", |call, text| call.result(json!({"status": "failure", "error_info": [text]}))),
        ("VDI.get_record", |call, text| {
            let error = json!({"code": 1, "message": "X", "data": {"a": [text]}});
            call.body(&json!({"error": error, "id": call.id}).to_string())
        }),
        ("VDI.get_record", |_, text| {
            let head = format!("HTTP/1.1 500 {text}\r\nx-echo: {text}\r\ncontent-length: {}\r\n\r\n{text}", text.len());
            Act::Send(head.into_bytes())
        }),
    ];
    for form in FORMS.iter().copied().chain(["OpaqueRef:session-0", "(OpaqueRef%3Asession-0)"]) {
        for (place, (method, echo)) in echoes.iter().enumerate() {
            if form.contains("session") && *method == "session.login_with_password" {
                continue;
            }
            let (method, echo) = (*method, *echo);
            let mock = Mock::start(move |call| (call.method == method).then(|| echo(call, form))).await;
            let options = mock.options().away_limit(Duration::ZERO).busy_limit(Duration::ZERO);
            let error = changed_blocks(options, Uuid::from_u128(1), Uuid::from_u128(2)).await.unwrap_err();
            let all = everything(&error);
            assert!(!all.contains(form), "{place}: {method}: {all}");
            assert_discreet(&error);
        }
    }
}

/// A host that is named as the master is asked and shown only if it can be one.
#[tokio::test]
async fn a_password_in_the_place_of_a_host_is_not_looked_up() {
    for (password, named) in [
        ("127.0.0.2", "127.0.0.2"),
        ("sesame-4711", "sesame-4711"),
        ("Sesame-4711", "sesame-4711.example"),
        ("sesame-4711", "736573616d652d34373131.example"),
    ] {
        let mock = Mock::start(move |call| {
            (call.method == "session.login_with_password").then(|| call.error("HOST_IS_SLAVE", &[named]))
        })
        .await;
        let url = format!("http://127.0.0.1:{}", mock.port);
        let options = Options::new(&url, "backup", Secret::from(password)).unwrap().trust(Trust::Insecure);
        let error = Client::login(options).await.unwrap_err();
        assert_eq!((error.kind(), mock.calls().len()), ("refused", 1), "{error:?}");
        let all = everything(&error);
        assert!(!all.contains(password) && !all.contains(named) && all.contains("(withheld)"), "{all}");
    }
}

#[tokio::test]
async fn a_short_password_does_not_make_everything_unreadable() {
    let mock = Mock::start(|call| {
        (call.method == "VDI.get_by_uuid").then(|| call.error("UUID_INVALID", &["VDI", "a", "a disk", "OpaqueRef:a"]))
    })
    .await;
    let url = format!("http://127.0.0.1:{}", mock.port);
    let mut client = Client::login(Options::new(&url, "backup", Secret::from("a")).unwrap()).await.unwrap();
    let error = client.vdi(Uuid::nil()).await.unwrap_err();
    let Error::Refused { code, params, .. } = &error else { panic!("{error:?}") };
    assert_eq!((code.as_str(), params.join("|").as_str()), ("UUID_INVALID", "VDI|(withheld)|a disk|OpaqueRef:a"));
    client.close().await.unwrap();
}

/// A disk keeps its reference: one that is refused for its digits could never be listed.
#[tokio::test]
async fn a_password_that_is_in_a_reference_by_chance_is_no_obstacle() {
    let reference = "OpaqueRef:0a51cafe-0000-4711-8000-0000dead0000";
    let mock = Mock::start(move |call| {
        let refers = matches!(call.method.as_str(), "VDI.get_by_uuid" | "Async.VDI.list_changed_blocks");
        refers.then(|| call.result(reference))
    })
    .await;
    let url = format!("http://127.0.0.1:{}", mock.port);
    for password in ["cafe", "4711", "Dead"] {
        let options = Options::new(&url, "backup", Secret::from(password)).unwrap();
        changed_blocks(options, Uuid::from_u128(1), Uuid::from_u128(2)).await.unwrap();
    }
}

#[tokio::test]
async fn users_and_passwords_in_addresses_are_withheld() {
    let mock = Mock::start(|call| {
        let error = call.error("SOMETHING_NEW", &["see https://root:secret@pool.example/x", "http://pool/a@b"]);
        (call.method == "VDI.get_by_uuid").then_some(error)
    })
    .await;
    let mut client = mock.login().await;
    let error = client.vdi(Uuid::nil()).await.unwrap_err();
    let all = everything(&error);
    assert!(!all.contains("root") && !all.contains("secret"), "{all}");
    assert!(all.contains("https://(withheld)@pool.example/x") && all.contains("http://pool/a@b"), "{all}");
    client.close().await.unwrap();
}

const EVIL: &str = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}all is well\u{2066}\r\n\u{200b}";

/// As tests of what a terminal obeys see it; the cleaner has a list of its own.
fn is_plain(text: &str) -> bool {
    !text.chars().any(|char| {
        let code = u32::from(char);
        code < 0x20
            || (0x7f..0xa0).contains(&code)
            || (0x200b..=0x200f).contains(&code)
            || (0x2028..=0x202e).contains(&code)
            || (0x2066..=0x2069).contains(&code)
    })
}

#[tokio::test]
async fn texts_for_a_terminal_have_no_control_characters() {
    type Evil = fn(&Call) -> Act;
    let evils: [(&str, Evil); 8] = [
        ("session.login_with_password", |call| call.error("HOST_IS_SLAVE", &[EVIL])),
        ("session.login_with_password", |call| call.error(EVIL, &[EVIL, EVIL])),
        ("session.login_with_password", |call| call.result(EVIL)),
        ("VDI.get_by_uuid", |call| call.old_error("UUID_INVALID", &["VDI", EVIL])),
        ("Async.VDI.list_changed_blocks", |call| call.result(EVIL)),
        ("task.get_record", |call| call.result(json!({"status": EVIL}))),
        ("task.get_record", |call| call.result(json!({"status": "failure", "error_info": [EVIL, EVIL]}))),
        ("VDI.get_record", |call| call.record("user", EVIL, EVIL)),
    ];
    for (place, (method, evil)) in evils.into_iter().enumerate() {
        let mock = Mock::start(move |call| (call.method == method).then(|| evil(call))).await;
        let error = changed_blocks(mock.options(), Uuid::from_u128(1), Uuid::from_u128(2)).await.unwrap_err();
        assert!(is_plain(&error.to_string()) && is_plain(&format!("{error:?}")), "{place}: {:?}", error.to_string());
    }
}

/// The certificate of a host is text of the other side, too.
#[tokio::test]
async fn names_in_certificates_are_cleaned_and_withheld() {
    for (name, told) in [("sesame-4711.example", "(withheld)"), ("*.\u{1b}[2J", "*.\\u{1b}[2J")] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        let chain = vec![certificate.der().clone()];
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let mock = Mock::start_tls(config).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.pem");
        std::fs::write(&file, certificate.pem()).unwrap();
        let url = format!("https://127.0.0.1:{}", mock.port);
        let options = Options::new(&url, "backup", Secret::from("sesame-4711")).unwrap();
        let error = Client::login(options.trust(Trust::Authorities(file))).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), "certificate");
        assert!(text.contains(told) && is_plain(&text) && !everything(&error).contains("sesame"), "{text:?}");
    }
}

/// A secret that is withheld from texts is sent all the same: it is the client's own.
#[tokio::test]
async fn a_withheld_secret_is_still_sent() {
    let mock = Mock::start(|_| None).await;
    changed_blocks(mock.options(), Uuid::from_u128(1), Uuid::from_u128(2)).await.unwrap();
    assert_eq!(mock.calls()[0].params[1], Value::from(PASSWORD));
    assert!(mock.calls()[1..].iter().all(|call| call.params[0] == "OpaqueRef:session-0"));
}
