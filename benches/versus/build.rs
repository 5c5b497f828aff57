//! Keeps what only the build knows: the compiler and the flags that the figures were made with.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().ok().filter(|output| output.status.success());
    let version =
        version.map_or_else(|| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).into_owned());
    println!("cargo:rustc-env=VERSUS_RUSTC={}", version.trim());
    // The flags are separated by a control character, so that they may hold spaces.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().replace('\u{1f}', " ");
    println!("cargo:rustc-env=VERSUS_RUSTFLAGS={flags}");
}
