//! Watching the sources of scripts and building them again when they change.
//!
//! What is watched is what the compiler read, by its own notes: the crate, the SDK, the contract. A build error leaves
//! the component in the scripts folder as it was, so the old release stays live; its message is shown once.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context;
use notify_debouncer_full::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};

use crate::build;
use crate::exit::Failure;
use crate::guest_build::{Component, GuestBuildError};
use crate::guest_sources::{GuestSources, made_of};

/// How long sources must have been left alone: editors write a file in several steps, and "save all" several files.
const DEBOUNCE: Duration = Duration::from_millis(150);

/// Builds scripts, now and whenever their sources change.
pub(crate) struct Watch {
    folder: PathBuf,
    scripts_dir: PathBuf,
    /// Folders whose files are made, not written: what happens there is no change of a source.
    ignored: Vec<PathBuf>,
    sources: GuestSources,
    /// The compiler's last complaint, so that it is shown once.
    complaint: Option<String>,
    watched: BTreeSet<PathBuf>,
    debouncer: Debouncer<RecommendedWatcher, RecommendedCache>,
    changes: Receiver<DebounceEventResult>,
}

impl Watch {
    /// Finds the sources of the scripts in a folder. Nothing is built yet.
    pub(crate) fn new(folder: &Path, scripts_dir: &Path, data_dir: &Path) -> Result<Self, Failure> {
        let sources = GuestSources::find(folder).map_err(|error| {
            let failure = Failure::from(error);
            match failure.hint {
                Some(_) => failure,
                None => failure.hint("`mynah new NAME` begins a script; `mynah run` runs without sources"),
            }
        })?;
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.into());
        let target = sources.target_dir.parent().map(Path::to_owned);
        let (tell, changes) = channel();
        let debouncer = new_debouncer(DEBOUNCE, None, tell).context("the sources cannot be watched")?;
        Ok(Self {
            folder: folder.into(),
            scripts_dir: scripts_dir.into(),
            ignored: [absolute(scripts_dir), absolute(data_dir)].into_iter().chain(target).collect(),
            sources,
            complaint: None,
            watched: BTreeSet::new(),
            debouncer,
            changes,
        })
    }

    /// Builds once and watches what the result was made of.
    pub(crate) fn build(&mut self) {
        // The manifests may have changed too: another crate, another name.
        let built = GuestSources::find(&self.folder).and_then(|sources| {
            self.sources = sources;
            build::with_progress(&self.sources.build(std::io::stderr().is_terminal()))
        });
        match &built {
            Ok(components) => {
                self.complaint = None;
                components.iter().for_each(|component| self.install(component));
            }
            Err(error) => self.complain(error),
        }
        self.watch(built.as_deref().unwrap_or_default());
    }

    /// Builds whenever something changed, for ever.
    pub(crate) fn run(mut self) {
        loop {
            match self.changes.recv() {
                Ok(change) if self.is_relevant(&change) => {}
                Ok(_) => continue,
                Err(_) => return,
            }
            // One build for all that has come in by now.
            while !matches!(self.changes.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout)) {}
            self.build();
        }
    }

    fn install(&self, component: &Component) {
        match build::install(component, &self.scripts_dir) {
            Ok(installed) if installed.changed => {
                tracing::info!(script = component.name, file = %installed.path.display(), "built");
            }
            Ok(_) => {}
            Err(failure) => {
                failure.report();
            }
        }
    }

    fn complain(&mut self, error: &GuestBuildError) {
        let complaint = error.to_string();
        if self.complaint.as_ref() == Some(&complaint) {
            return;
        }
        let mut err = std::io::stderr().lock();
        // Nobody is left to tell if stderr is gone.
        let _ = writeln!(err, "error: {complaint}");
        let hint =
            error.hint().unwrap_or("what was live before stays live; save a correction to build again");
        let _ = writeln!(err, "\nhint: {hint}");
        self.complaint = Some(complaint);
    }

    /// Watches the folders of all files that the components were made of, and of the crates themselves: a file that
    /// is new there is a change too. Folders, because editors replace files.
    fn watch(&mut self, components: &[Component]) {
        let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
        for guest in &self.sources.crates {
            folders.insert(guest.folder.clone());
            folders.insert(guest.folder.join("src"));
        }
        for file in components.iter().flat_map(made_of) {
            folders.extend(file.parent().map(Path::to_owned));
        }
        folders.extend(self.sources.manifest.parent().map(Path::to_owned));
        for folder in folders {
            if self.watched.contains(&folder) || !folder.is_dir() || self.is_ignored(&folder) {
                continue;
            }
            match self.debouncer.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder);
                }
                Err(error) => {
                    tracing::warn!(folder = %folder.display(), %error, "sources cannot be watched");
                }
            }
        }
    }

    fn is_ignored(&self, path: &Path) -> bool {
        self.ignored.iter().any(|ignored| path.starts_with(ignored))
    }

    fn is_relevant(&self, change: &DebounceEventResult) -> bool {
        // Events were lost: whatever they were, look.
        let Ok(events) = change else { return true };
        let is_source = |path: &PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            let left_by_editor = name.starts_with('.') || name.starts_with('#') || name.ends_with('~');
            !self.is_ignored(path) && !left_by_editor && name.contains('.')
        };
        events.iter().filter(|event| !event.kind.is_access()).any(|event| event.paths.iter().any(is_source))
    }
}
