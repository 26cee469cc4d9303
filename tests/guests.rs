//! The scripts that only tests use, built once for each run of the tests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use mynah::guest_build::GuestBuild;

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Where tests build scripts: beside the outer build's folder, so that neither waits for the other's lock.
pub fn target_dir() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_mynah")).ancestors().nth(2).unwrap();
    target.join("guests")
}

/// A component of `tests/guests/rust`, by the name of its example without `guest-`.
pub fn guest(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<HashMap<String, Vec<u8>>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let build = GuestBuild {
            manifest: repository().join("Cargo.toml"),
            packages: vec!["test-guests".into()],
            examples: true,
            target_dir: target_dir(),
            color: false,
        };
        let components = build.run(|_| ()).unwrap_or_else(|error| panic!("{error}"));
        components.into_iter().map(|built| (built.name, std::fs::read(built.file).unwrap())).collect()
    });
    built.get(&format!("guest-{name}")).unwrap_or_else(|| panic!("no guest-{name}: {:?}", built.keys())).clone()
}

/// The counter, as the release of this number: it says `release-NUMBER` with eight digits.
pub fn counter(number: u32) -> Vec<u8> {
    let mut bytes = guest("counter");
    let marker = b"release-00000000";
    let places: Vec<_> = bytes.windows(marker.len()).enumerate().filter(|(_, window)| window == marker).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the counter carries its release");
    for at in places {
        bytes[at..at + marker.len()].copy_from_slice(format!("release-{number:08}").as_bytes());
    }
    bytes
}
