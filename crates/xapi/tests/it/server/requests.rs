//! Requests that are good, odd, too long, too slow, or no requests at all.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Uuid;
use serde_json::json;

use super::wire::{PASSWORD, Served, post};

fn xml_login() -> String {
    format!(
        "<?xml version='1.0'?><methodCall><methodName>session.login_with_password</methodName><params>\
         <param><value><string>root</string></value></param><param><value>{PASSWORD}</value></param>\
         <param><value><string>1.0</string></value></param><param><value><string>a test</string></value></param>\
         </params></methodCall>"
    )
}

#[test]
fn xml_is_spoken_at_two_paths() {
    let served = Served::new();
    for path in ["/", "/RPC2", "/RPC2?session=none"] {
        let reply = served.post(path, &xml_login());
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/xml")));
        let session = reply.text().split_once("<value>OpaqueRef:").expect("a reference without a type").1;
        assert!(reply.text().contains("<name>Status</name><value>Success</value>"), "{}", reply.text());
        assert_eq!(session.find('<'), Some(36));
        assert_eq!(reply.header("content-length"), Some(&*reply.body.len().to_string()));
    }
    let reply = served.post("/", &xml_login().replace(PASSWORD, "wrong &amp; &#60;odd>"));
    let expected = "<name>ErrorDescription</name><value><array><data><value>SESSION_AUTHENTICATION_FAILED</value>\
                    <value>root</value><value>Authentication failure</value></data></array></value>";
    assert!(reply.text().contains(expected), "{}", reply.text());
    assert!(reply.text().contains("<name>Status</name><value>Failure</value>"));
}

#[test]
fn the_list_of_methods_needs_no_session_and_has_no_envelope() {
    let served = Served::new();
    let call = "<methodCall><methodName>system.listMethods</methodName></methodCall>";
    let reply = served.post("/", call);
    let start = "<?xml version=\"1.0\"?><methodResponse><params><param><value><array><data><value>Async.SR.scan<";
    assert!(reply.text().starts_with(start), "{}", reply.text());
    let methods = served.call("system.listMethods", &[]).expect("a list");
    let methods: Vec<&str> = methods.as_array().expect("a list").iter().filter_map(|name| name.as_str()).collect();
    for name in [
        "Async.VDI.resize",
        "VDI.get_all_records",
        "VDI.get_all_records_where",
        "VDI.list_changed_blocks",
        "VM.get_VBDs",
        "message.get_all_records",
        "pool.get_all_records",
        "session.get_this_host",
        "task.get_record",
        "task.set_status",
    ] {
        assert!(methods.contains(&name), "{name}");
    }
    // As on a host: neither all sessions at once, nor a reading in a task.
    for name in ["session.get_all", "session.get_all_records", "pool.get_by_name_label", "Async.VDI.get_uuid"] {
        assert!(!methods.contains(&name), "{name}");
    }
    assert!(methods.is_sorted());
}

#[test]
fn both_versions_of_json_rpc_are_answered_in_kind() {
    let served = Served::new();
    let call = |request: serde_json::Value| -> serde_json::Value {
        let reply = served.post("/jsonrpc", &request.to_string());
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
        serde_json::from_slice(&reply.body).expect("JSON")
    };
    let right = json!(["root", PASSWORD]);
    let one = call(json!({"method": "session.login_with_password", "params": right, "id": "mine"}));
    assert!(one["result"].as_str().expect("a reference").starts_with("OpaqueRef:"));
    assert_eq!((&one["error"], &one["id"], one.get("jsonrpc")), (&json!(null), &json!("mine"), None));
    let two = call(json!({"jsonrpc": "2.0", "method": "session.login_with_password", "params": right, "id": 1.5}));
    assert_eq!((&two["jsonrpc"], two.get("error"), &two["id"]), (&json!("2.0"), None, &json!(1.5)));
    let wrong = json!(["root", "wrong"]);
    let one = call(json!({"method": "session.login_with_password", "params": wrong, "id": 0}));
    let error = json!(["SESSION_AUTHENTICATION_FAILED", "root", "Authentication failure"]);
    assert_eq!(one, json!({"result": null, "error": error, "id": 0}));
    let two = call(json!({"jsonrpc": "2.0", "method": "no.such", "params": [], "id": null}));
    let error = json!({"code": 1, "message": "SESSION_INVALID", "data": [""]});
    assert_eq!(two, json!({"jsonrpc": "2.0", "error": error, "id": null}));
}

#[test]
fn requests_that_are_no_calls_are_refused() {
    let served = Served::limited(|limits| limits.request_bytes = 1000);
    let status = |bytes: &[u8]| served.raw(bytes).status;
    assert_eq!(status(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 405);
    assert_eq!(status(b"POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), 404);
    assert_eq!(status(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n"), 411);
    assert_eq!(status(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 411);
    assert_eq!(status(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"), 413);
    assert_eq!(status(post("/", &"x".repeat(1001)).as_bytes()), 413);
    assert_eq!(status(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"), 400);
    assert_eq!(status(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"), 400);
    assert_eq!(status(b"nonsense\r\n\r\n"), 400);
    assert_eq!(status(b""), 0);
    for path in ["/", "/RPC2", "/jsonrpc"] {
        let list = "[\"2.0\", \"system.listMethods\", [], 1]";
        for body in ["", "x", "<", "{}", "[]", "null", "\0\0\0", "<methodCall/>", "{\"method\": 1}", list] {
            let reply = served.post(path, body);
            assert_eq!(reply.status, 500, "{path} {body:?}");
            assert!(!reply.body.is_empty(), "it says why");
        }
        assert_eq!(
            served
                .raw(format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\u{ff}\u{ff}").as_bytes())
                .status,
            500
        );
    }
    // None of that has hurt it.
    served.login();
}

/// Serialisers write empty elements in either way, and white space between them.
#[test]
fn values_are_read_in_every_way_to_write_them() {
    let served = Served::new();
    served.writable().create(Uuid::from_u128(1), VirtualSize::new(1 << 20).expect("not 0")).expect("new");
    let session = served.login();
    let disk = session.vdi(Uuid::from_u128(1));
    let (session, disk) = (session.reference.as_str().expect("text"), disk.as_str().expect("text"));
    let snapshot = |params: &str| {
        let call = format!("<methodCall><methodName> VDI.snapshot </methodName><params>{params}</params></methodCall>");
        served.post("/RPC2", &call)
    };
    for driver in ["<value><struct/></value>", "<value>\n<struct> </struct>\n</value>"] {
        let reply = snapshot(&format!(
            "<param><value>{session}</value></param>\n <param> <value><string>{disk}</string></value> </param>\
             <param>{driver}</param>"
        ));
        assert!(reply.text().contains("Success"), "{driver}: {reply:?}");
    }
    let reply = snapshot(&format!(
        "<!-- a comment --><param><value><![CDATA[{session}]]></value></param><param><value>{}</value></param>",
        disk.replace("Opaque", "Op&#x61;que")
    ));
    assert!(reply.text().contains("Success"), "{reply:?}");
    let empty =
        |value: &str| snapshot(&format!("<param><value>{session}</value></param><param>{value}</param>")).status;
    for value in ["<value/>", "<value></value>", "<value><string/></value>", "<value><array><data/></array></value>"] {
        assert_eq!(empty(value), 200, "{value}");
    }
    for value in ["<value><i4/></value>", "<value><int>x</int></value>", "<value><base64>AA==</base64></value>", "<x/>"]
    {
        assert_eq!(empty(value), 500, "{value}");
    }
    let deep = format!("{}{}", "<value><array><data>".repeat(40), "</data></array></value>".repeat(40));
    assert_eq!(empty(&deep), 500);
    let bomb = format!("<!DOCTYPE x [<!ENTITY a \"aaaa\">]>{}", post("/", "").len());
    assert_eq!(served.post("/", &bomb).status, 500);
    assert_eq!(empty("<value>&a;</value>"), 500);
}

#[test]
fn a_request_cut_short_anywhere_is_never_taken_for_a_whole_one() {
    let served = Served::new();
    let whole = post("/", &xml_login());
    assert_eq!(served.raw(whole.as_bytes()).status, 200);
    for end in 0..whole.len() {
        assert_ne!(served.raw(&whole.as_bytes()[..end]).status, 200, "{end}");
    }
}

#[test]
fn many_requests_go_over_one_connection_one_after_the_other() {
    let served = Served::new();
    let mut stream = served.connect();
    let request = post("/", "<methodCall><methodName>system.listMethods</methodName></methodCall>");
    // Also before the first was answered.
    stream.write_all(request.repeat(20).as_bytes()).expect("it listens");
    stream.shutdown(std::net::Shutdown::Write).expect("possible");
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("text");
    assert_eq!(all.matches("HTTP/1.1 200 OK").count(), 20);
    assert_eq!(all.matches("</methodResponse>").count(), 20);
}

#[test]
fn slow_and_idle_clients_are_cut_off() {
    let served = Served::limited(|limits| limits.request_time = Duration::from_millis(300));
    let whole = post("/", &xml_login());
    // Nothing, half of a head, half of a body.
    for sent in [0, 30, whole.len() - 10] {
        let mut stream = served.connect();
        stream.write_all(&whole.as_bytes()[..sent]).expect("it listens");
        let start = Instant::now();
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        assert!(start.elapsed() < Duration::from_secs(10), "{sent}");
        assert!(!all.starts_with(b"HTTP/1.1 200"), "{sent}");
    }
    served.login();
}

/// Also at the limit, those who only hold a connection keep no one out; those who have a session stay as long as they can.
#[test]
fn connections_beyond_the_limit_take_the_place_of_silent_ones() {
    let served = Served::limited(|limits| limits.connections = 4);
    let session = served.login();
    let request = json!({"method": "session.get_uuid", "params": [session.reference, session.reference], "id": 1});
    let request = post("/jsonrpc", &request.to_string());
    let ask = |stream: &mut std::net::TcpStream| {
        stream.write_all(request.as_bytes()).expect("it listens");
        let mut answer = [0; 500];
        let count = stream.read(&mut answer).expect("it is there");
        assert!(answer[..count].starts_with(b"HTTP/1.1 200"), "{count}");
    };
    let mut known = served.connect();
    ask(&mut known);
    let mut silent: Vec<_> = (0..20).map(|_| served.connect()).collect();
    let start = Instant::now();
    served.login();
    // Without having waited for the silent ones to be cut off.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    // Three at most have been left, the last ones, and one of these has gone for the login.
    for stream in &mut silent[..18] {
        assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
    }
    ask(&mut silent[19]);
    ask(&mut known);
}

#[test]
fn a_server_that_stops_answers_what_is_under_way() {
    let mut served = Served::new();
    let session = served.login();
    let token = session.get("event.from", &[&json!([]), &json!(""), &json!(0)])["token"].take();
    let request = json!({
        "method": "event.from", "params": [session.reference, ["vdi"], token, 60.0], "id": 1
    });
    let start = Instant::now();
    let mut stream = served.connect();
    stream.write_all(post("/jsonrpc", &request.to_string()).as_bytes()).expect("it listens");
    let mut idle = served.connect();
    std::thread::sleep(Duration::from_millis(200));
    served.tell_to_stop();
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("text");
    assert!(all.starts_with("HTTP/1.1 200"), "{all}");
    assert!(all.contains(&format!("\"token\":{token}")), "{all}");
    assert_eq!(idle.read(&mut [0]).expect("closed in good order"), 0);
    drop(served.stop());
    assert!(start.elapsed() < Duration::from_secs(5));
}
