//! Who gets in while others only take up places.

use crate::process::Process;

#[test]
fn a_server_in_a_process_of_its_own_tells_its_memory() {
    let process = Process::new(tempfile::tempdir().expect("room"));
    std::net::TcpStream::connect(process.address).expect("it listens");
    assert!(process.folder.path().exists());
    match process.peak() {
        Some(bytes) => assert!((1 << 20..256 << 20).contains(&bytes), "{bytes}"),
        None => eprintln!("skipped: the server's memory (this system does not tell)"),
    }
}
