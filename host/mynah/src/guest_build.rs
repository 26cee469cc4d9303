//! Turning the sources of scripts into components: the one way in which it is done, by `mynah build`, `mynah dev`, the
//! tests, and the build script that embeds the shipped rules (which includes this file, so it knows nothing of the rest).
//!
//! An inner `cargo build` with a profile and a target folder of its own: with the outer one's it would wait for the
//! outer one's lock for ever. What the outer cargo or the caller's shell says about compilers and flags is for native
//! code and is taken out of its environment.

use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What scripts are compiled for.
pub const TARGET: &str = "wasm32-wasip2";

/// The cargo profile of scripts.
pub const PROFILE: &str = "script";

/// A shadow stack of 64 KiB and an initial heap, so that the first call into a fresh instance need not grow its memory:
/// 1.5 to 2 times cheaper per event. Link arguments of a dependency do not reach the component, so they are given here.
const LEAN_MEMORY: &str =
    r#"target.wasm32-wasip2.rustflags=["-Clink-arg=-zstack-size=65536","-Clink-arg=--initial-heap=131072"]"#;

/// For a workspace that does not know the profile; one that does adds to it.
const PROFILE_EXISTS: &str = r#"profile.script.inherits="release""#;

/// What to type where the target is missing.
pub const ADD_TARGET: &str = "rustup target add wasm32-wasip2";

/// Which script crates to build.
#[derive(Debug, Clone)]
pub struct GuestBuild {
    /// The `Cargo.toml` of the workspace or package.
    pub manifest: PathBuf,
    /// The packages to build.
    pub packages: Vec<String>,
    /// Whether the scripts are the packages' examples (many small ones in one package) and not their libraries.
    pub examples: bool,
    /// Where cargo puts what it makes. Not the target folder of an outer cargo.
    pub target_dir: PathBuf,
    /// Whether the compiler's messages are coloured.
    pub color: bool,
}

/// A component that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// The script's name: `guest_ping.wasm` is `guest-ping`.
    pub name: String,
    /// Where cargo put it.
    pub file: PathBuf,
}

/// Why there are no components.
#[derive(Debug)]
pub enum GuestBuildError {
    /// There is no cargo.
    NoCargo(std::io::Error),
    /// The compiler cannot make components: its target is not installed.
    NoTarget,
    /// The compiler said no; its messages.
    Compiler(String),
    /// Cargo did what nobody asked for.
    Unexpected(String),
}

impl fmt::Display for GuestBuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCargo(error) => write!(f, "cargo cannot be run: {error}"),
            Self::NoTarget => write!(f, "the compiler's target {TARGET} is not installed"),
            Self::Compiler(messages) => write!(f, "the scripts do not build\n{}", messages.trim_end()),
            Self::Unexpected(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for GuestBuildError {}

impl GuestBuildError {
    /// What to type.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoCargo(_) => Some("install Rust: https://rustup.rs"),
            Self::NoTarget => Some(ADD_TARGET),
            Self::Compiler(_) | Self::Unexpected(_) => None,
        }
    }
}

impl GuestBuild {
    /// Builds. `on_line` gets each line that cargo says on stderr as it comes: progress and the compiler's messages.
    pub fn run(&self, mut on_line: impl FnMut(&str)) -> Result<Vec<Component>, GuestBuildError> {
        let folder = self.manifest.parent().unwrap_or(Path::new("."));
        if !target_is_installed(folder)? {
            return Err(GuestBuildError::NoTarget);
        }
        let mut command = clean_command("cargo", folder);
        command
            .args(["build", "--message-format=json-render-diagnostics", "--target", TARGET])
            .args(["--profile", PROFILE, "--config", LEAN_MEMORY, "--config", PROFILE_EXISTS])
            .args(["--color", if self.color { "always" } else { "never" }])
            .arg("--manifest-path")
            .arg(file_name(&self.manifest))
            .arg("--target-dir")
            .arg(&self.target_dir);
        if self.examples {
            command.arg("--examples");
        }
        for package in &self.packages {
            command.args(["--package", package]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(GuestBuildError::NoCargo)?;

        let stdout = child.stdout.take();
        let artifacts = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.map(|mut stdout| stdout.read_to_string(&mut text)).transpose().map(|_| text)
        });
        let mut messages = String::new();
        let lines = child.stderr.take().into_iter().flat_map(|stderr| BufReader::new(stderr).split(b'\n'));
        for line in lines.map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            on_line(&line);
            messages.push_str(&line);
            messages.push('\n');
        }
        let unexpected = |what: String| GuestBuildError::Unexpected(what);
        let status = child.wait().map_err(|error| unexpected(format!("cargo was lost: {error}")))?;
        if !status.success() {
            return Err(GuestBuildError::Compiler(without_progress(&messages)));
        }
        let artifacts = match artifacts.join() {
            Ok(Ok(text)) => text,
            Ok(Err(error)) => return Err(unexpected(format!("cargo's answer cannot be read: {error}"))),
            Err(_) => return Err(unexpected("cargo's answer was lost".into())),
        };
        Ok(artifacts.lines().filter_map(component).collect())
    }
}

/// A command in a folder, without what an outer cargo or the caller's shell says about building native code.
pub fn clean_command(program: &str, folder: &Path) -> Command {
    // Where things are fetched from and kept is the operator's business, and stays.
    const KEPT: [&str; 6] =
        ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_", "CARGO_TERM_"];
    const CLEARED: [&str; 12] = [
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_LINKER",
        "MAKEFLAGS",
        "MFLAGS",
        "NUM_JOBS",
        "TARGET",
        "HOST",
        "PROFILE",
    ];
    let mut command = Command::new(program);
    if !folder.as_os_str().is_empty() {
        command.current_dir(folder);
    }
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let cargo = text.starts_with("CARGO_") && !KEPT.iter().any(|kept| text.starts_with(kept));
        if cargo || CLEARED.contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether the compiler that cargo would use in this folder has the target's libraries.
fn target_is_installed(folder: &Path) -> Result<bool, GuestBuildError> {
    let output = clean_command("rustc", folder)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(GuestBuildError::NoCargo)?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok(output.status.success() && libraries.is_dir())
}

/// The command runs in the manifest's folder, so only its name is left.
fn file_name(manifest: &Path) -> OsString {
    manifest.file_name().map_or_else(|| "Cargo.toml".into(), Into::into)
}

/// The component that a line of cargo's answer tells of.
fn component(line: &str) -> Option<Component> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let files = message.get("filenames")?.as_array()?;
    let file = files.iter().filter_map(|file| file.as_str()).find(|file| file.ends_with(".wasm"))?;
    let file = PathBuf::from(file);
    let name = file.file_stem()?.to_str()?.replace('_', "-");
    Some(Component { name, file })
}

/// The compiler's messages without cargo's lines about what it is doing.
fn without_progress(messages: &str) -> String {
    const PROGRESS: [&str; 9] = [
        "Compiling",
        "Downloading",
        "Downloaded",
        "Updating",
        "Locking",
        "Adding",
        "Blocking",
        "Finished",
        "Fresh",
    ];
    let is_progress = |line: &str| {
        let plain = strip_color(line);
        plain.starts_with("  ") && PROGRESS.iter().any(|word| plain.trim_start().starts_with(word))
    };
    messages.lines().filter(|line| !is_progress(line)).map(|line| format!("{line}\n")).collect()
}

/// A line without the codes that colour it.
pub fn strip_color(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, code)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = code.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, after)| after);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_named_by_its_file() {
        let line = r#"{"reason":"compiler-artifact","filenames":["/t/wasm32-wasip2/script/guest_ping.wasm"],"fresh":true}"#;
        let component = component(line).unwrap();
        assert_eq!(component.name, "guest-ping");
        assert!(self::component(r#"{"reason":"build-finished","success":true}"#).is_none());
        assert!(self::component("not json").is_none());
    }

    #[test]
    fn messages_are_shown_without_progress() {
        let said = "   Compiling ping v0.1.0\n\x1b[1m\x1b[92m   Compiling\x1b[0m a v1\nerror[E0425]: cannot find `x`\n  |\n1 | x\n";
        assert_eq!(without_progress(said), "error[E0425]: cannot find `x`\n  |\n1 | x\n");
    }
}
