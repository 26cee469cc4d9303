//! Puts into `OUT_DIR` what the binary carries: the shipped rules as components (`rules/NAME.wasm`), and the SDK with
//! the contract (`kit/`) as `mynah new` writes it beside a new script.

#[path = "src/guest_build.rs"]
#[expect(unreachable_pub, reason = "the binary uses the rest")]
mod guest_build;
#[path = "src/guest_sources.rs"]
#[expect(dead_code, unreachable_pub, reason = "the binary uses the rest")]
mod guest_sources;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use guest_sources::GuestSources;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Cargo shows these lines to whoever builds.
            error.to_string().lines().for_each(|line| println!("cargo::error={line}"));
            ExitCode::FAILURE
        }
    }
}

fn embed() -> Outcome<()> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for path in
        ["Cargo.toml", "sdk", "wit", "scripts", "host/mynah/build.rs", "host/mynah/src/guest_build.rs"]
    {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    embed_rules(&root, &out)?;
    embed_kit(&root, &out.join("kit"))
}

fn embed_rules(root: &Path, out: &Path) -> Outcome<()> {
    let rules = out.join("rules");
    empty(&rules)?;
    let mut sources = GuestSources::find(root)?;
    sources.target_dir = target_root(out).join("guests");
    let built = sources.build(false).run(|_| ()).map_err(|error| match error.hint() {
        Some(hint) => format!("{error}\n{hint}"),
        None => error.to_string(),
    })?;
    for component in built {
        fs::copy(&component.file, rules.join(format!("{}.wasm", component.name)))?;
    }
    Ok(())
}

/// The outer cargo's target folder, which `OUT_DIR` lies in: `mynah dev` finds what is built here and need not build
/// it again. The script profile's folder in it has a lock of its own.
fn target_root(out: &Path) -> &Path {
    out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists()).unwrap_or(out)
}

/// The SDK and the contract, laid out as in this repository: the one knows where the other is.
fn embed_kit(root: &Path, kit: &Path) -> Outcome<()> {
    empty(kit)?;
    copy_folder(&root.join("sdk/rust"), &kit.join("sdk/rust"))?;
    copy_folder(&root.join("wit"), &kit.join("wit"))
}

fn copy_folder(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        // What editors and cargo leave about is not ours to carry.
        let hidden = name.to_string_lossy().starts_with('.') || name == "target" || name == "Cargo.lock";
        match path.is_dir() {
            _ if hidden => {}
            true => copy_folder(&path, &to.join(name))?,
            false => fs::write(to.join(name), fs::read(&path)?)?,
        }
    }
    Ok(())
}

fn empty(folder: &Path) -> Outcome<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}
