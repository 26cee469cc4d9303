//! Finding scripts: files in the folder, and rules inside the binary.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use mynah_engine::Limits;
use mynah_model::names::ScriptName;
use mynah_model::refusal::{Code, Refusal};

use crate::script_setup::{ScriptSetups, ScriptSources};

/// The bytes of a script, or why there are none.
pub(crate) enum Found {
    /// Of a file.
    Bytes(Vec<u8>),
    /// Of the binary.
    Embedded(&'static [u8]),
    /// None.
    Wrong(Refusal),
}

/// Every script there is, by the stem of its file.
pub(crate) fn find(sources: &ScriptSources, setups: &ScriptSetups) -> io::Result<BTreeMap<String, Found>> {
    let mut found: BTreeMap<String, Found> =
        sources.embedded.iter().map(|(name, bytes)| (name.to_string(), Found::Embedded(bytes))).collect();
    let Some(dir) = &sources.dir else { return Ok(found) };
    let mut files = Vec::new();
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        let is_script = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wasm"));
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        // Editors and copies in progress use names that begin with a dot.
        if let Some(stem) = stem.filter(|stem| is_script && !stem.starts_with('.')) {
            files.push((stem, path));
        }
    }
    files.sort();
    for (stem, path) in files {
        let bytes = match stem.parse::<ScriptName>() {
            Ok(name) => {
                let usual = Limits::default().component;
                let most = setups.get(&name).map_or(usual, |setup| setup.limits.component);
                read(&path, most).map_or_else(Found::Wrong, Found::Bytes)
            }
            Err(error) => Found::Wrong(wrong_name(&stem, &error.to_string())),
        };
        found.insert(stem, bytes);
    }
    Ok(found)
}

/// The bytes of a component's file.
pub(crate) fn read(path: &Path, most: usize) -> Result<Vec<u8>, Refusal> {
    let unreadable =
        |error: io::Error| Refusal::new(Code::ComponentInvalid, format!("cannot be read: {error}"));
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Refusal::new(Code::ComponentInvalid, "this is no regular file"));
    }
    if metadata.len() > most as u64 {
        let size = metadata.len();
        return Err(Refusal::new(
            Code::LimitSize,
            format!("the component has {size} bytes, more than {most}"),
        ));
    }
    fs::read(path).map_err(unreadable)
}

pub(crate) fn wrong_name(stem: &str, error: &str) -> Refusal {
    let right: String = stem
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii_lowercase() || c.is_ascii_digit() => c,
            _ => '-',
        })
        .take(64)
        .collect();
    Refusal::new(Code::ScriptNameInvalid, error).hint(format!("rename the file to `{right}.wasm`"))
}
