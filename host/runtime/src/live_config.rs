//! `mynah.toml` while the host runs: saved, it is read again, and what it says of scripts is in force at once. What cannot
//! be used changes nothing, and what takes a restart is named.
//!
//! How the file is read is the binary's business; here it is known when, and what becomes of it.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use mynah_model::clock::UnixMs;
use mynah_model::names::ScriptName;
use mynah_model::refusal::{Code, Refusal};
use parking_lot::Mutex;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::limits;
use crate::outbox::Outbox;
use crate::reload::Watch;
use crate::script_setup::ScriptSetups;
use crate::scripts::Catalog;
use crate::waiting::Waiting;

/// A configuration file, as the binary reads it.
pub trait ConfigFile: Send + Sync {
    /// Where it is. It need not be there yet.
    fn path(&self) -> &Path;

    /// The text that the host was started with; `None` if there was no file.
    fn started_with(&self) -> Option<&str>;

    /// What a text of it says.
    ///
    /// # Errors
    /// What is wrong, with the place in the file and what would be right.
    fn read(&self, text: &str) -> Result<Reread, String>;
}

/// What was read of the file again.
pub struct Reread {
    /// What it says of scripts.
    pub setups: ScriptSetups,
    /// The keys that are other than what the host was started with, and that take a restart.
    pub needs_restart: Vec<String>,
    /// Where the file speaks of the settings of a script: `mynah.toml:12`.
    pub places: Vec<(ScriptName, String)>,
}

/// What became of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ConfigStatus {
    /// The file; `None` if the host was started without the possibility of one.
    pub file: Option<String>,
    /// When what is in force was read, unix ms; `None` since the start.
    pub applied_at: Option<UnixMs>,
    /// Why the newest one is not in force.
    pub error: Option<String>,
    /// The keys that were changed since the start and take a restart.
    pub needs_restart: Vec<String>,
}

/// The file of a running host.
pub(crate) struct LiveConfig {
    file: Option<Arc<dyn ConfigFile>>,
    catalog: Arc<Catalog>,
    outbox: Arc<Outbox>,
    waiting: Waiting,
    /// The hash of the text that was looked at last; `None` if there was no file yet. Held while the file is looked at, so
    /// that one look follows the other.
    seen: Mutex<Option<[u8; 32]>>,
    status: Mutex<ConfigStatus>,
}

impl LiveConfig {
    /// The file that the host was started with, as it is now.
    pub(crate) fn new(
        file: Option<Arc<dyn ConfigFile>>,
        catalog: Arc<Catalog>,
        outbox: Arc<Outbox>,
        waiting: Waiting,
    ) -> Self {
        let path = file.as_ref().map(|file| file.path().display().to_string());
        let status = Mutex::new(ConfigStatus { file: path, ..ConfigStatus::default() });
        let seen = file.as_ref().and_then(|file| file.started_with()).map(hash);
        Self { file, catalog, outbox, waiting, seen: Mutex::new(seen), status }
    }

    /// Watches the file for as long as what this returns is kept. Looks at it once, for what came since it was read.
    pub(crate) fn watch(self: &Arc<Self>) -> Option<Watch> {
        let file = self.file.as_ref()?;
        let folder = file.path().parent().filter(|folder| !folder.as_os_str().is_empty());
        let config = self.clone();
        let watch = Watch::start(folder.unwrap_or(Path::new(".")), move || config.look(Occasion::Changed));
        self.look(Occasion::Changed);
        watch
            .inspect_err(|error| {
                tracing::warn!(%error, file = %file.path().display(), "the configuration cannot be watched: POST /api/v1/config/reload reads it again");
            })
            .ok()
    }

    /// What became of the file.
    pub(crate) fn status(&self) -> ConfigStatus {
        self.status.lock().clone()
    }

    /// Reads the file again, whether it was changed or not.
    ///
    /// # Errors
    /// `config.refused`: what is in force stays so.
    pub(crate) fn reload(&self) -> Result<ConfigStatus, Refusal> {
        self.look(Occasion::Asked);
        let status = self.status();
        match &status.error {
            Some(error) => Err(Refusal::new(Code::ConfigRefused, error.clone())),
            None => Ok(status),
        }
    }

    /// Reads the file again if it was changed, or because somebody asked for it, who says by it that it is whole.
    fn look(&self, occasion: Occasion) {
        let Some(file) = &self.file else { return };
        let mut seen = self.seen.lock();
        let text = match occasion {
            Occasion::Asked => read(file.path()),
            Occasion::Changed => {
                settled(|| read(file.path()), || thread::sleep(limits::CONFIG_SETTLED), *seen)
            }
        };
        let text = match text {
            Ok(text) => text,
            // Nobody has written one yet.
            Err(error) if error.kind() == ErrorKind::NotFound && seen.is_none() => return,
            // One that is gone grants nothing and takes nothing away: an editor may be about to put it back.
            Err(error) => {
                self.refuse(format!("{}: cannot be read: {error}", file.path().display()));
                return;
            }
        };
        let now = hash(&text);
        let changed = seen.replace(now) != Some(now) || self.status.lock().error.is_some();
        if !changed && occasion == Occasion::Changed {
            return;
        }
        match self.apply(file.as_ref(), &text) {
            Ok(needs_restart) => {
                if !needs_restart.is_empty() {
                    tracing::warn!(
                        keys = needs_restart.join(", "),
                        "these keys of the configuration were changed and need a restart"
                    );
                }
                let mut status = self.status.lock();
                (status.error, status.needs_restart) = (None, needs_restart);
                status.applied_at = Some(self.waiting.now());
                tracing::info!(file = %file.path().display(), "the configuration was read again: grants and settings are in force");
            }
            Err(error) => self.refuse(error),
        }
    }

    fn apply(&self, file: &dyn ConfigFile, text: &[u8]) -> Result<Vec<String>, String> {
        let text = std::str::from_utf8(text)
            .map_err(|_| format!("{}: is not UTF-8 text; save it as UTF-8", file.path().display()))?;
        // Whoever writes a file empties it first, and it would take away all that was said of scripts.
        if text.trim_start_matches('\u{feff}').trim().is_empty() {
            let path = file.path().display();
            return Err(format!("{path}: is empty; a comment in it says that nothing is to be granted"));
        }
        let reread = file.read(text)?;
        self.catalog.regrant(reread.setups).map_err(|wrong| {
            let line = |(name, refusal): &(ScriptName, Refusal)| {
                let place = reread.places.iter().find(|(placed, _)| placed == name);
                let place = place.map_or_else(String::new, |(_, place)| format!("{place}: "));
                let hint = refusal.hint.as_ref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
                format!("{place}`[script.{name}]`: {refusal}{hint}")
            };
            wrong.iter().map(line).collect::<Vec<_>>().join("\n")
        })?;
        self.outbox.reconsider();
        Ok(reread.needs_restart)
    }

    fn refuse(&self, error: String) {
        let mut status = self.status.lock();
        if status.error.as_ref() != Some(&error) {
            tracing::error!("the configuration is not used, and what was in force stays so: {error}");
        }
        status.error = Some(error);
    }
}

/// Why the file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// It may have been changed.
    Changed,
    /// Somebody asks for it.
    Asked,
}

/// The file's text once nobody writes it any more: the same twice, with a while between. What was seen before is taken as it is.
fn settled(
    mut read: impl FnMut() -> io::Result<Vec<u8>>,
    mut wait: impl FnMut(),
    seen: Option<[u8; 32]>,
) -> io::Result<Vec<u8>> {
    let mut text = read()?;
    for _ in 1..limits::CONFIG_READS {
        if seen == Some(hash(&text)) {
            return Ok(text);
        }
        wait();
        let again = read()?;
        if again == text {
            return Ok(text);
        }
        text = again;
    }
    Err(io::Error::other("somebody writes it again and again; it is read once it is left alone"))
}

fn hash(text: impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::digest(text.as_ref()).into()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(limits::CONFIG_BYTES + 1).read_to_end(&mut text)?;
    match text.len() as u64 > limits::CONFIG_BYTES {
        true => Err(io::Error::other(format!("it has more than {} bytes", limits::CONFIG_BYTES))),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of reading these texts one after the other, and how often it was waited between them.
    fn reads(texts: &[&str], seen: Option<&str>) -> (io::Result<String>, usize) {
        let (mut texts, mut waits) = (texts.iter(), 0);
        let read = || Ok(texts.next().unwrap().as_bytes().to_vec());
        let text = settled(read, || waits += 1, seen.map(hash));
        (text.map(|text| String::from_utf8(text).unwrap()), waits)
    }

    #[test]
    fn a_file_is_read_until_it_was_the_same_twice() {
        let text = |texts: &[&str]| reads(texts, None).0.unwrap();
        assert_eq!(text(&["whole", "whole"]), "whole");
        assert_eq!(text(&["", "allow = []", "whole", "whole"]), "whole");
        assert_eq!(reads(&["old"], Some("old")).1, 0, "what was seen before needs no second look");
        assert_eq!(reads(&["", "old"], Some("old")).1, 1);
        let (error, waits) = reads(&["1", "2", "3", "4", "5"], None);
        assert!(error.unwrap_err().to_string().contains("left alone"));
        assert_eq!(waits, limits::CONFIG_READS - 1);
    }
}
