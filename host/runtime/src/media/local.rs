//! Files of this machine that callers may send: regular files within folders that the operator named, and nothing that
//! a link leads to from there. Everything here blocks, but never on a pipe.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::MediaError;
use crate::limits;

/// Reads a file that lies in one of the folders.
pub(super) fn read(path: &Path, folders: &[PathBuf]) -> Result<Vec<u8>, MediaError> {
    if folders.is_empty() {
        return Err(MediaError::Path(
            "no file of this machine may be sent: name the folder that callers may send from with `folders = [\"/srv/pictures\"]` under `[media]` in mynah.toml, or give a URL".to_owned(),
        ));
    }
    if !path.is_absolute() {
        return Err(MediaError::Path(
            "a file is named by its whole path, which begins with `/`; anything else by a URL, which begins with `http://` or `https://`".to_owned(),
        ));
    }
    let file = folders.iter().find_map(|folder| open_within(path, folder)).ok_or_else(outside)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(outside());
    }
    let too_large = MediaError::TooLarge { most: limits::MEDIA_FILE_BYTES };
    if about.len() > limits::MEDIA_FILE_BYTES as u64 {
        return Err(too_large);
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    file.take(limits::MEDIA_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limits::MEDIA_FILE_BYTES { Err(too_large) } else { Ok(bytes) }
}

/// One answer for what is not there and for what may not be sent: callers do not learn which files there are.
fn outside() -> MediaError {
    MediaError::Path(
        "there is no such file in a folder that callers may send from: `folders` under `[media]` in mynah.toml names them".to_owned(),
    )
}

/// Opens a file if it lies within a folder once all links and `..` are followed. The way from the folder to the file is
/// then gone step by step without following any link: one that is put there meanwhile leads nowhere.
fn open_within(path: &Path, folder: &Path) -> Option<File> {
    let folder = fs::canonicalize(folder).ok()?;
    let real = fs::canonicalize(path).ok()?;
    // Opening a device can have effects of its own.
    if !fs::symlink_metadata(&real).ok()?.is_file() {
        return None;
    }
    let mut steps: Vec<&OsStr> = Vec::new();
    for step in real.strip_prefix(&folder).ok()?.components() {
        let Component::Normal(name) = step else { return None };
        steps.push(name);
    }
    let (name, between) = steps.split_last()?;
    let always = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let into = always | OFlags::DIRECTORY;
    let mut place: OwnedFd = openat(CWD, &folder, into, Mode::empty()).ok()?;
    for step in between {
        place = openat(&place, *step, into, Mode::empty()).ok()?;
    }
    // A pipe that nobody writes to would be waited for without NONBLOCK; regular files do not care.
    let file = openat(&place, *name, always | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty()).ok()?;
    Some(File::from(file))
}
