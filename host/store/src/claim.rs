//! One database, one host: the file is made for its owner only and claimed by a lock beside it.
//!
//! The lock is `flock` on `FILE.lock`, which the system lets go of when the process ends, however it ends;
//! the database itself stays open to `sqlite3`.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// A database file that this process alone may open for writing.
#[derive(Debug)]
pub(crate) struct Claim {
    /// The database, as the system itself names it: two names of one file are one claim.
    pub(crate) path: PathBuf,
    /// Locked for as long as it is open.
    _lock: File,
}

impl Claim {
    /// Makes the folder and the file if they are not there, and locks them.
    pub(crate) fn take(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            make_folder(folder).map_err(|source| StoreError::file(folder, source))?;
        }
        private(OpenOptions::new().read(true).append(true).create(true))
            .open(path)
            .map_err(|source| StoreError::file(path, source))?;
        let path = fs::canonicalize(path).map_err(|source| StoreError::file(path, source))?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }
}

fn lock(database: &Path) -> Result<File, StoreError> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let failed = |source| StoreError::file(&path, source);
    let mut file = private(OpenOptions::new().read(true).write(true).create(true).truncate(false))
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(failed)?;
            file.rewind().map_err(failed)?;
            writeln!(file, "{}", std::process::id()).map_err(failed)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let process =
                file.take(32).read_to_string(&mut holder).ok().and_then(|_| holder.trim().parse().ok());
            Err(StoreError::InUse { path: database.to_owned(), process })
        }
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}
