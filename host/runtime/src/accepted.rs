//! The releases that listed scripts were last accepted with, kept as files: a release that waits is told from the one
//! that is live after a restart too, and deleting a file for a moment lets nothing in.
//!
//! The folder is the host's own (0700) and trusted like its database: who can write there can write the journal.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mynah_model::names::ScriptName;
use mynah_model::refusal::Refusal;

use crate::found;

/// The folder; without one nothing is kept.
#[derive(Debug)]
pub(crate) struct Accepted {
    dir: Option<PathBuf>,
}

impl Accepted {
    /// Makes the folder if it is not there.
    pub(crate) fn open(dir: Option<PathBuf>) -> io::Result<Self> {
        if let Some(dir) = &dir {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
            fs::set_permissions(dir, Permissions::from_mode(0o700))?;
        }
        Ok(Self { dir })
    }

    /// The bytes of the release that a script was last accepted with; `None` if there was none yet.
    pub(crate) fn read(&self, name: &ScriptName, most: usize) -> Option<Result<Vec<u8>, Refusal>> {
        let path = self.path(name)?;
        path.try_exists().unwrap_or(true).then(|| found::read(&path, most))
    }

    /// Keeps the bytes of a release that was accepted. A host that cannot goes on: it is told in the log.
    pub(crate) fn keep(&self, name: &ScriptName, bytes: &[u8]) {
        let Some(path) = self.path(name) else { return };
        if let Err(error) = write(&path, bytes) {
            tracing::warn!(script = %name, %error, "the release cannot be kept: after a restart a newer file is taken as it is");
        }
    }

    fn path(&self, name: &ScriptName) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join(format!("{name}.wasm")))
    }
}

/// In one step, so that no power cut leaves half of it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let half = path.with_extension("half");
    let mut file = File::create(&half)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&half, path)
}
