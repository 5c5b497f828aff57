//! The bodies of the fuzz targets: each parser of the wire, held against what it has understood.

/// See [`server::fuzz`](crate::server).
#[cfg(feature = "server")]
pub fn xml(data: &[u8]) {
    crate::server::fuzz_xml(data);
}

/// See [`server::fuzz`](crate::server).
#[cfg(feature = "server")]
pub fn json(data: &[u8]) {
    crate::server::fuzz_json(data);
}

/// See [`server::fuzz`](crate::server).
#[cfg(feature = "server")]
pub fn expression(data: &[u8]) {
    crate::server::fuzz_expression(data);
}

/// See [`client::fuzz`](crate::client).
#[cfg(feature = "client")]
pub fn answer(data: &[u8]) {
    crate::client::fuzz_answer(data);
}

#[cfg(all(test, feature = "server", feature = "client"))]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    type Body = fn(&[u8]);

    const TARGETS: [(&str, Body); 4] = [
        ("rpc_answer", super::answer),
        ("rpc_expression", super::expression),
        ("rpc_json", super::json),
        ("rpc_xml", super::xml),
    ];

    fn files(folder: &str, target: &str) -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder).join(target);
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        entries.map(|entry| entry.expect("readable").path()).collect()
    }

    #[test]
    fn seeds_and_regressions_pass_also_cut_short_and_damaged() {
        for (target, body) in TARGETS {
            let seeds = files("seeds", target);
            assert!(!seeds.is_empty(), "no seeds for {target}");
            for path in seeds.into_iter().chain(files("regressions", target)) {
                let data = fs::read(&path).expect("readable");
                body(&data);
                for place in 0..data.len() {
                    body(&data[..place]);
                    for byte in [0, b'<', b'"', b'\\', 0xff] {
                        let mut damaged = data.clone();
                        damaged[place] = byte;
                        body(&damaged);
                    }
                }
            }
        }
    }
}
