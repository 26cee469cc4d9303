//! The files of the media folder: for the host's user alone, written aside and then moved into their place, so that
//! none is ever half there. Everything here blocks.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mynah_model::clock::UnixMs;
use tempfile::{NamedTempFile, TempDir};

use super::id::Hash;
use super::index::{Held, Index};
use crate::limits;

/// How the names of files end that say what is known of another.
pub(super) const ABOUT: &str = ".about";

/// How the names of files begin that are being written.
const ASIDE: &str = ".part-";

/// The most bytes of a file that says what is known of another: its name is the longest part.
const ABOUT_BYTES: u64 = 8_192;

/// The folder.
pub(super) struct Folder {
    path: PathBuf,
    /// Removes a folder that nobody asked for when the host goes.
    _temporary: Option<TempDir>,
}

impl Folder {
    /// Opens a folder, makes it if it is not there, and takes everybody else's rights to it.
    pub(super) fn open(dir: Option<&Path>) -> io::Result<Self> {
        let temporary = match dir {
            Some(dir) => {
                DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
                None
            }
            None => Some(tempfile::Builder::new().prefix("mynah-media-").tempdir()?),
        };
        let dir = dir.or_else(|| temporary.as_ref().map(TempDir::path)).unwrap_or(Path::new(""));
        fs::set_permissions(dir, Permissions::from_mode(0o700))?;
        Ok(Self { path: fs::canonicalize(dir)?, _temporary: temporary })
    }

    /// Where it is, from the root.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it. Files that an earlier run did not bring to an end, or that somebody changed, are removed; files
    /// that are not the host's are left alone.
    pub(super) fn scan(&self, now: UnixMs) -> io::Result<Index> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string());
        }
        let mut index = Index::default();
        let mut whole = HashSet::new();
        for name in names.iter().filter(|name| name.ends_with(ABOUT)) {
            let Some(hash) = Hash::of_file_name(name) else { continue };
            let Some(mut held) = self.about(name)? else { continue };
            let file = held.file_name(hash);
            let data = fs::symlink_metadata(self.path.join(&file));
            if data.is_ok_and(|data| data.is_file() && data.len() == held.size) {
                held.stored_at = held.stored_at.min(now);
                whole.extend([name.clone(), file]);
                index.put(hash, held);
            }
        }
        for name in names {
            let is_ours = name.starts_with(ASIDE) || Hash::of_file_name(&name).is_some();
            if is_ours && !whole.contains(&name) {
                tracing::info!(file = name, "media that are not whole are removed");
                self.remove(&name)?;
            }
        }
        Ok(index)
    }

    fn about(&self, name: &str) -> io::Result<Option<Held>> {
        let mut bytes = Vec::new();
        File::open(self.path.join(name))?.take(ABOUT_BYTES).read_to_end(&mut bytes)?;
        Ok(Held::of_json(&bytes))
    }

    /// Writes bytes to a file that has no place yet; it goes if it gets none.
    pub(super) fn write_aside(&self, bytes: &[u8]) -> io::Result<NamedTempFile> {
        // Such files are readable for their owner only.
        let mut file = tempfile::Builder::new().prefix(ASIDE).tempfile_in(&self.path)?;
        file.write_all(bytes)?;
        Ok(file)
    }

    /// Gives a file its place, instead of what may be there.
    pub(super) fn keep(&self, file: NamedTempFile, name: &str) -> io::Result<()> {
        file.persist(self.path.join(name))?;
        Ok(())
    }

    pub(super) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let most = limits::MEDIA_FILE_BYTES as u64;
        File::open(self.path.join(name))?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
