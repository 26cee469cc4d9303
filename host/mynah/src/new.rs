//! `mynah new`: a folder with a script that builds, passes its tests and answers. It needs no clone: the SDK and the
//! contract that fit this host come with it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use include_dir::{Dir, include_dir};
use mynah_model::names::ScriptName;

use crate::exit::Failure;
use crate::output;

/// The SDK and the contract, as the build script laid them out.
static KIT: Dir<'_> = include_dir!("$OUT_DIR/kit");

/// Each file of a new script, and what it begins with.
const FILES: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../templates/new/Cargo.toml.template")),
    ("src/lib.rs", include_str!("../templates/new/lib.rs.template")),
    ("mynah.toml", include_str!("../templates/new/mynah.toml.template")),
    ("README.md", include_str!("../templates/new/README.md.template")),
    (".cargo/config.toml", include_str!("../templates/new/config.toml.template")),
    (".gitignore", include_str!("../templates/new/gitignore.template")),
];

/// Names that no crate can have: the SDK's own dependencies, Rust's keywords, and what cargo keeps for itself.
const TAKEN: &str = "alloc core mynah-sdk proc-macro serde serde-json std test deps build examples incremental \
    abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if \
    impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true try \
    type typeof union unsafe unsized use virtual where while yield";

/// Writes the folder.
pub(crate) fn main(name: &str) -> Result<(), Failure> {
    let name = valid(name)?;
    let folder = PathBuf::from(name.as_str());
    if folder.symlink_metadata().is_ok() {
        let failure = Failure::usage(format!("`{name}` is there already: {}", folder.display()));
        return Err(failure.hint("choose another name, or remove it"));
    }
    write(&folder, &name)?;
    output::print(&format!(
        "a new script: {name}/\n\n  cd {name}\n  cargo test     its tests\n  mynah dev      try it: type /{name} world\n"
    ))
}

fn is_taken(name: &str) -> bool {
    TAKEN.split_whitespace().any(|taken| taken == name)
}

fn valid(name: &str) -> Result<ScriptName, Failure> {
    let wrong = |why: String| {
        let right: String = name
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
            .collect();
        let right = right.trim_matches(|c: char| c == '-' || c.is_ascii_digit());
        let failure = Failure::usage(why);
        match right.parse::<ScriptName>().is_ok() && right != name && !is_taken(right) {
            true => failure.hint(format!("for example `mynah new {right}`")),
            false => failure.hint("for example `mynah new hello`"),
        }
    };
    let parsed: ScriptName = name.parse().map_err(|error| wrong(format!("{error}")))?;
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.ends_with('-') {
        return Err(wrong(format!(
            "`{name}` cannot be a crate: it must begin with a letter and end with none of `-`"
        )));
    }
    if is_taken(name) {
        return Err(wrong(format!("`{name}` cannot be a crate: the name has another meaning in Rust")));
    }
    Ok(parsed)
}

fn write(folder: &Path, name: &ScriptName) -> anyhow::Result<()> {
    for (path, template) in FILES {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, template.replace("{{name}}", name.as_str())))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let kit = folder.join(".mynah");
    fs::create_dir_all(&kit)
        .and_then(|()| KIT.extract(&kit))
        .with_context(|| format!("cannot write {}", kit.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_crate_is_refused_with_one_that_is() {
        for (name, hint) in [
            ("Hello", "mynah new hello"),
            ("my_rule", "mynah new my-rule"),
            ("../evil", "mynah new evil"),
            ("2fast", "mynah new fast"),
            ("std", "mynah new hello"),
            ("问候", "mynah new hello"),
            ("-", "mynah new hello"),
        ] {
            let failure = valid(name).unwrap_err();
            assert!(failure.hint.unwrap().contains(hint), "{name}");
        }
        assert!(valid("group-guard2").is_ok());
    }
}
