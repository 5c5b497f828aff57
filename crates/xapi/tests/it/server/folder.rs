//! A folder in which others can write, too.

#![cfg(unix)]

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::symlink;

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Uuid;
use changed_blocks_xapi::server::{Options, Server};
use serde_json::json;

use super::wire::{PASSWORD, Served};

const DISK: Uuid = Uuid::from_u128(1);
const MIB: u64 = 1 << 20;

#[test]
fn no_link_is_followed_to_write() {
    let elsewhere = tempfile::tempdir().expect("room");
    let victims = ["notes", "log"].map(|name| elsewhere.path().join(name));
    for victim in &victims {
        fs::write(victim, "precious").expect("room");
    }
    let served = Served::new();
    let writable = served.writable();
    writable.create(DISK, VirtualSize::new(MIB).expect("not 0")).expect("new");
    symlink(&victims[0], served.folder().join("vdis.json.new")).expect("links");
    symlink(&victims[1], served.folder().join(format!("{DISK}.cbtlog.new"))).expect("links");
    let session = served.login();
    let disk = session.vdi(DISK);
    session.get("VDI.set_name_label", &[&disk, &json!("a disk")]);
    session.get("VDI.snapshot", &[&disk]);
    assert_eq!(session.get("VDI.get_name_label", &[&disk]), json!("a disk"));
    for victim in &victims {
        assert_eq!(fs::read(victim).expect("there"), b"precious");
    }
}

/// Neither to make one elsewhere, nor to read what clients would be told of.
#[test]
fn links_in_the_place_of_the_servers_own_files_are_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let elsewhere = tempfile::tempdir().expect("room");
    for name in ["vdis.lock", "vdis.json"] {
        let folder = tempfile::tempdir().expect("room");
        let target = elsewhere.path().join(name);
        let bind = || {
            let options = Options::new(folder.path(), "root", PASSWORD);
            runtime.block_on(Server::bind("127.0.0.1:0".parse().expect("an address"), options))
        };
        symlink(&target, folder.path().join(name)).expect("links");
        let error = bind().expect_err("it leads elsewhere");
        assert!(error.to_string().contains(name), "{error}");
        assert!(!target.exists());
        fs::write(&target, "{\"vdis\": {}}").expect("room");
        let error = bind().expect_err("it leads elsewhere");
        assert!(error.to_string().ends_with(&format!("{name}: it is no file")), "{error}");
        fs::remove_file(folder.path().join(name)).expect("there");
        let pipe = std::process::Command::new("mkfifo").arg(folder.path().join(name)).status();
        if !pipe.is_ok_and(|status| status.success()) {
            writeln!(io::stderr(), "skipped: a named pipe as {name}: there is no mkfifo").expect("standard error");
            continue;
        }
        let error = bind().expect_err("nobody ever writes to it");
        assert!(error.to_string().ends_with(&format!("{name}: it is no file")), "{error}");
    }
}

#[test]
fn leftovers_of_kills_are_removed_when_a_server_starts() {
    let served = Served::new();
    served.writable().create(DISK, VirtualSize::new(MIB).expect("not 0")).expect("new");
    let folder = served.stop();
    let digits = "0123456789abcdef".repeat(2);
    let log = format!("{DISK}.cbtlog");
    let left = ["vdis.json", &log].map(|name| format!("{name}.{digits}.new"));
    for name in &left {
        fs::write(folder.path().join(name), "half of a").expect("room");
    }
    let others = ["notes.json.new".to_owned(), format!("{log}.new"), "vdis.json.new".to_owned()];
    for name in &others {
        fs::write(folder.path().join(name), "not ours").expect("room");
    }
    let reader = Served::of(folder, |options| options.read_only(true));
    assert!(left.iter().all(|name| reader.folder().join(name).exists()), "whoever only reads removes nothing");
    let served = Served::of(reader.stop(), |options| options);
    assert!(!left.iter().any(|name| served.folder().join(name).exists()));
    assert!(others.iter().all(|name| served.folder().join(name).exists()));
    assert!(served.folder().join(log).exists());
}
