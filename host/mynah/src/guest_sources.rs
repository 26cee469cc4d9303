//! Which crates are scripts, where they lie, and what their components are made of. Like `guest_build` it is included
//! by the build script and knows nothing of the rest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::guest_build::{Component, GuestBuild, GuestBuildError, clean_command};

/// The script crates of a folder.
#[derive(Debug, Clone)]
pub struct GuestSources {
    /// The `Cargo.toml` of the workspace, or of the package if it is its own workspace.
    pub manifest: PathBuf,
    /// The cargo target folder that scripts are built in: `guests` in that of the workspace, so that an outer cargo
    /// never waits for an inner one.
    pub target_dir: PathBuf,
    /// The crates, in the order of their names. Never empty.
    pub crates: Vec<GuestCrate>,
}

/// The source of one script.
#[derive(Debug, Clone)]
pub struct GuestCrate {
    /// The package's name, for cargo.
    pub package: String,
    /// The script's name.
    pub script: String,
    /// The folder of its `Cargo.toml`.
    pub folder: PathBuf,
}

impl GuestSources {
    /// Looks in a folder: the package that it lies in, if that is a script; else every script under `scripts/` of the
    /// workspace. A script is a package with a `cdylib` target.
    pub fn find(folder: &Path) -> Result<Self, GuestBuildError> {
        let unexpected = |what: String| GuestBuildError::Unexpected(what);
        let folder = std::path::absolute(folder).map_err(|error| unexpected(error.to_string()))?;
        let mut command = clean_command("cargo", &folder);
        // The one thing that the caller says about building which holds for scripts too.
        for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let output = command
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .map_err(GuestBuildError::NoCargo)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let why = said.lines().map(|line| line.trim_start_matches("error: ")).next().unwrap_or_default();
            return Err(unexpected(format!(
                "there are no sources of scripts in {}: {why}",
                folder.display()
            )));
        }
        let metadata: Json = serde_json::from_slice(&output.stdout)
            .map_err(|error| unexpected(format!("cargo's answer is not JSON: {error}")))?;
        Self::choose(&metadata, &folder).ok_or_else(|| {
            unexpected(format!(
                "there are no sources of scripts in {}: neither a package with `crate-type = [\"cdylib\"]` nor such \
                 packages under `scripts/` of its workspace",
                folder.display()
            ))
        })
    }

    /// The same, with some of the crates only.
    pub fn named(mut self, names: &[String]) -> Result<Self, GuestBuildError> {
        let known = |name: &String| self.crates.iter().any(|guest| guest.script == *name);
        if let Some(name) = names.iter().find(|name| !known(name)) {
            let known: Vec<_> = self.crates.iter().map(|guest| guest.script.as_str()).collect();
            let known = known.join(", ");
            return Err(GuestBuildError::Unexpected(format!(
                "there is no source of a script `{name}`, only of: {known}"
            )));
        }
        if !names.is_empty() {
            self.crates.retain(|guest| names.contains(&guest.script));
        }
        Ok(self)
    }

    fn choose(metadata: &Json, folder: &Path) -> Option<Self> {
        let root = PathBuf::from(metadata.get("workspace_root")?.as_str()?);
        let target_dir = Path::new(metadata.get("target_directory")?.as_str()?).join("guests");
        let scripts: Vec<_> = metadata.get("packages")?.as_array()?.iter().filter_map(script).collect();
        let inside = |outer: &Path, inner: &Path| match (outer.canonicalize(), inner.canonicalize()) {
            (Ok(outer), Ok(inner)) => inner.starts_with(outer),
            _ => inner.starts_with(outer),
        };
        let here = scripts
            .iter()
            .filter(|guest| inside(&guest.folder, folder))
            .max_by_key(|guest| guest.folder.components().count());
        let mut crates: Vec<_> = match here {
            Some(here) => vec![here.clone()],
            None => {
                let shipped = root.join("scripts");
                scripts.into_iter().filter(|guest| inside(&shipped, &guest.folder)).collect()
            }
        };
        crates.sort_by(|a, b| a.script.cmp(&b.script));
        (!crates.is_empty()).then(|| Self { manifest: root.join("Cargo.toml"), target_dir, crates })
    }

    /// What builds them.
    pub fn build(&self, color: bool) -> GuestBuild {
        GuestBuild {
            manifest: self.manifest.clone(),
            packages: self.crates.iter().map(|guest| guest.package.clone()).collect(),
            examples: false,
            target_dir: self.target_dir.clone(),
            color,
        }
    }
}

/// A package of `cargo metadata`, if it is a script.
fn script(package: &Json) -> Option<GuestCrate> {
    let targets = package.get("targets")?.as_array()?;
    // The kind of a library is its crate types; that of an example is `example`, whatever it is compiled to.
    let is_script = |target: &&Json| {
        let kinds = target.get("kind").and_then(Json::as_array);
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"))
    };
    let target = targets.iter().find(is_script)?;
    Some(GuestCrate {
        package: package.get("name")?.as_str()?.to_owned(),
        script: target.get("name")?.as_str()?.replace('_', "-"),
        folder: Path::new(package.get("manifest_path")?.as_str()?).parent()?.to_owned(),
    })
}

/// The files that a component was made of, as the compiler noted them down beside it.
pub fn made_of(component: &Component) -> BTreeSet<PathBuf> {
    let notes = std::fs::read_to_string(component.file.with_extension("d")).unwrap_or_default();
    notes.lines().flat_map(dependencies).collect()
}

/// The files on the right of `target: a b c`. A space within a name is written `\ `.
fn dependencies(rule: &str) -> Vec<PathBuf> {
    let Some((_, files)) = rule.split_once(": ") else { return Vec::new() };
    let spaced = files.replace("\\ ", "\0");
    spaced.split_whitespace().map(|file| PathBuf::from(file.replace('\0', " "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, folder: &str, kind: &str) -> Json {
        serde_json::json!({
            "name": name,
            "manifest_path": format!("{folder}/Cargo.toml"),
            "targets": [{ "name": name.replace('-', "_"), "kind": [kind] }],
        })
    }

    fn chosen(folder: &str) -> Vec<String> {
        let metadata = serde_json::json!({
            "workspace_root": "/w",
            "target_directory": "/w/target",
            "packages": [
                package("mynah", "/w/host/mynah", "bin"),
                package("welcome", "/w/scripts/welcome", "cdylib"),
                package("group-guard", "/w/scripts/group-guard", "cdylib"),
                package("hostile", "/w/tests/guests/hostile", "cdylib"),
            ],
        });
        let sources = GuestSources::choose(&metadata, Path::new(folder));
        sources
            .map_or_else(Vec::new, |sources| sources.crates.into_iter().map(|guest| guest.script).collect())
    }

    #[test]
    fn a_workspace_gives_the_scripts_under_scripts_and_a_script_gives_itself() {
        assert_eq!(chosen("/w"), ["group-guard", "welcome"]);
        assert_eq!(chosen("/w/scripts"), ["group-guard", "welcome"]);
        assert_eq!(chosen("/w/scripts/welcome/src"), ["welcome"]);
        assert_eq!(chosen("/w/tests/guests/hostile"), ["hostile"]);
    }

    #[test]
    fn file_names_with_spaces_are_read_whole() {
        let files = dependencies("/t/a.wasm: /w/src/lib.rs /w/my\\ wit/a.wit");
        assert_eq!(files, [Path::new("/w/src/lib.rs"), Path::new("/w/my wit/a.wit")]);
        assert!(dependencies("/w/src/lib.rs:").is_empty());
    }
}
