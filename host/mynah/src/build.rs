//! `mynah build`: the sources of scripts become components in the scripts folder.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::Config;
use crate::exit::Failure;
use crate::guest_build::{Component, GuestBuild, GuestBuildError, strip_color};
use crate::guest_sources::GuestSources;
use crate::output;

/// A build that takes longer shows what it is doing; most are over before that.
const QUIET_FOR: Duration = Duration::from_millis(700);

/// Builds the scripts of this folder, those named or all.
pub(crate) fn main(config: &Config, names: &[String]) -> Result<(), Failure> {
    let sources = GuestSources::find(Path::new(".")).and_then(|found| found.named(names))?;
    let mut told = String::new();
    for component in with_progress(&sources.build(std::io::stderr().is_terminal()))? {
        let file = install(&component, &config.scripts_dir)?;
        told += &format!("{}\n", file.path.display());
    }
    output::print(&told)
}

impl From<GuestBuildError> for Failure {
    fn from(error: GuestBuildError) -> Self {
        let hint = error.hint();
        let failure = Self::failed(error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// Builds, and shows on a terminal what a long build is doing.
pub(crate) fn with_progress(build: &GuestBuild) -> Result<Vec<Component>, GuestBuildError> {
    let started = Instant::now();
    // Draws nothing where stderr is not a terminal.
    let bar = ProgressBar::new_spinner().with_style(
        ProgressStyle::with_template("{spinner} building scripts {elapsed}  {wide_msg:.dim}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    let built = build.run(|line| {
        if started.elapsed() > QUIET_FOR {
            bar.enable_steady_tick(Duration::from_millis(100));
            bar.set_message(strip_color(line).trim().to_owned());
        }
    });
    bar.finish_and_clear();
    built
}

/// A component in the scripts folder.
pub(crate) struct Installed {
    pub(crate) path: PathBuf,
    /// Whether it is another one than before.
    pub(crate) changed: bool,
}

/// Puts a component into the scripts folder, whole or not at all: whoever watches the folder never sees half of it.
pub(crate) fn install(component: &Component, scripts_dir: &Path) -> Result<Installed, Failure> {
    std::fs::create_dir_all(scripts_dir)
        .with_context(|| format!("the scripts folder cannot be made: {}", scripts_dir.display()))?;
    let path = scripts_dir.join(format!("{}.wasm", component.name));
    let new = std::fs::read(&component.file)
        .with_context(|| format!("the component cannot be read: {}", component.file.display()))?;
    if std::fs::read(&path).is_ok_and(|old| old == new) {
        return Ok(Installed { path, changed: false });
    }
    // Not `.wasm`: it must not be taken for a script while it is written.
    let half = scripts_dir.join(format!(".{}.wasm.{}", component.name, std::process::id()));
    std::fs::write(&half, &new)
        .and_then(|()| std::fs::rename(&half, &path))
        .with_context(|| format!("the component cannot be written: {}", path.display()))?;
    Ok(Installed { path, changed: true })
}
