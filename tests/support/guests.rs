//! Scripts that only tests use, built from `tests/guests/rust` once for all tests of a run.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use mynah::guest_build::{Component, GuestBuild};

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The target folder that the tests themselves were built in.
pub(crate) fn target_dir() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_mynah"));
    let root = binary.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    root.expect("a cargo target folder").to_owned()
}

/// The component of a guest, by its name: `guest-hostile`.
pub(crate) fn guest(name: &str) -> PathBuf {
    static BUILT: OnceLock<Vec<Component>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let build = GuestBuild {
            manifest: repository().join("Cargo.toml"),
            packages: vec!["test-guests".to_owned()],
            examples: true,
            target_dir: target_dir().join("guests"),
            color: false,
        };
        build.run(|_| ()).unwrap_or_else(|error| panic!("{error}"))
    });
    let found = built.iter().find(|component| component.name == name);
    found.unwrap_or_else(|| panic!("no guest `{name}` among {built:?}")).file.clone()
}

/// The bytes of a guest, by its name without `guest-`.
pub(crate) fn component(name: &str) -> Vec<u8> {
    std::fs::read(guest(&format!("guest-{name}"))).unwrap()
}

/// The counter as the release of this number: it says `release-NUMBER`, with eight digits.
pub(crate) fn counter(number: u32) -> Vec<u8> {
    replace_all(&component("counter"), b"release-00000000", format!("release-{number:08}").as_bytes())
}

/// Bytes with other ones of the same length in all places where they stand.
pub(crate) fn replace_all(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<_> = (0..=bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "{} stands nowhere", String::from_utf8_lossy(from));
    for at in places {
        bytes[at..at + from.len()].copy_from_slice(to);
    }
    bytes
}
