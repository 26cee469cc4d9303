//! The files of each account in `tmpdir`, named as the original programs name theirs: state, pid, QR code, session.
//!
//! The pid file is locked for as long as the account runs, so that no second host runs the same account: a lock ends
//! with its process, however that ends, and says nothing about a number that another program has by now. Whoever holds
//! it may write the other three; they are written apart and renamed, so a reader sees the old or the new.
//!
//! The folder may be one that others can write to, as `/tmp`. Nothing is opened through a link, nothing that belongs to
//! somebody else or has a second name is touched, and all names are looked up in the folder that was opened first.

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mynah_model::names::AccountName;
use parking_lot::Mutex;
use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, RawMode, Stat};
use rustix::io::Errno;

use crate::account::ApiKind;
use crate::limits;

/// Why the folder or a file in it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientFilesError {
    /// The folder cannot be used.
    #[error("cannot use the folder `{path}` for the accounts' files: {why}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// A file cannot be used.
    #[error("cannot use `{path}`: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Another host runs the account.
    #[error("another program{} runs this account: it holds `{path}`", process.map(|id| format!(" (process {id})")).unwrap_or_default())]
    InUse {
        /// The pid file.
        path: PathBuf,
        /// The number in it.
        process: Option<u32>,
    },
}

/// The folder of all accounts' files.
#[derive(Debug)]
pub struct ClientFolder {
    path: PathBuf,
    dir: std::os::fd::OwnedFd,
}

impl ClientFolder {
    /// Opens the folder; makes it, for its owner only, if it is not there.
    ///
    /// # Errors
    /// If it is a link, belongs to somebody else, or others may replace the files in it.
    pub fn open(path: &Path) -> Result<Self, ClientFilesError> {
        let failed = |why: String| ClientFilesError::Folder { path: path.to_owned(), why };
        let said = |error: io::Error| failed(error.to_string());
        if let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(path)
            && error.kind() != ErrorKind::AlreadyExists
        {
            return Err(said(error));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|error| match error {
            Errno::NOTDIR | Errno::LOOP => {
                failed("it is not a folder, or a link to one; name the folder itself".into())
            }
            other => said(other.into()),
        })?;
        let stat = rustix::fs::fstat(&dir).map_err(|error| said(error.into()))?;
        let mode = mode(&stat);
        let ours = rustix::process::geteuid().as_raw();
        if stat.st_uid != ours && stat.st_uid != 0 {
            return Err(failed("it belongs to somebody else".into()));
        }
        if mode & 0o022 != 0 && mode & 0o1000 == 0 {
            return Err(failed("others may replace files in it: `chmod 700` it".into()));
        }
        let path = std::fs::canonicalize(path).map_err(said)?;
        Ok(Self { path, dir })
    }

    /// Its name, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// One of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientFile {
    /// What the account is doing, as JSON.
    State,
    /// The number of the process that runs it; locked.
    Pid,
    /// The QR code that waits to be scanned.
    Qrcode,
    /// What the network can log in with again: a secret.
    Cookie,
}

/// The files of one account.
#[derive(Debug)]
pub struct ClientFiles {
    folder: Arc<ClientFolder>,
    /// `mojo_webqq` or `mojo_weixin`.
    family: &'static str,
    account: AccountName,
    /// The pid file, while this host runs the account.
    claim: Mutex<Option<File>>,
}

impl ClientFiles {
    /// The files of an account in a folder.
    pub fn new(folder: Arc<ClientFolder>, api: ApiKind, account: AccountName) -> Self {
        let family = match api {
            ApiKind::Openqq => "mojo_webqq",
            ApiKind::Openwx => "mojo_weixin",
        };
        Self { folder, family, account, claim: Mutex::default() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where a file lies when it is there.
    pub fn path(&self, file: ClientFile) -> PathBuf {
        self.folder.path().join(self.name(file))
    }

    fn name(&self, file: ClientFile) -> OsString {
        let (family, account) = (self.family, &self.account);
        match file {
            ClientFile::State => format!("{family}_state_{account}.json"),
            ClientFile::Pid => format!("{family}_pid_{account}.pid"),
            ClientFile::Qrcode => format!("{family}_qrcode_{account}.jpg"),
            ClientFile::Cookie => format!("{family}_cookie_{account}.dat"),
        }
        .into()
    }

    /// Where a file is written before it is renamed.
    fn apart(&self, file: ClientFile) -> OsString {
        let mut name = self.name(file);
        name.push(".new");
        name
    }

    fn failed(&self, file: ClientFile, why: impl ToString) -> ClientFilesError {
        ClientFilesError::File { path: self.path(file), why: why.to_string() }
    }

    /// Takes the account for this host and writes its pid. Taking it twice is taking it once.
    pub fn claim(&self) -> Result<(), ClientFilesError> {
        let mut claim = self.claim.lock();
        if claim.is_none() {
            *claim = Some(self.lock_pid()?);
        }
        Ok(())
    }

    /// Whether this host runs the account.
    pub fn is_claimed(&self) -> bool {
        self.claim.lock().is_some()
    }

    fn lock_pid(&self) -> Result<File, ClientFilesError> {
        let failed = |error: io::Error| self.failed(ClientFile::Pid, error);
        let name = self.name(ClientFile::Pid);
        // Whoever held it may remove it between our opening and our locking it: then we hold a file without a name.
        for _ in 0..limits::PID_FILE_TRIES {
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
            let opened = rustix::fs::openat(&self.folder.dir, &name, flags, Mode::from_raw_mode(0o600));
            let file = opened.map_err(|error| self.unopened(ClientFile::Pid, error))?;
            let stat = self.check(ClientFile::Pid, &file)?;
            let mut file = File::from(file);
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    let mut text = String::new();
                    let read = file.take(limits::PID_FILE_BYTES).read_to_string(&mut text);
                    let process = read.ok().and_then(|_| text.trim().parse().ok());
                    return Err(ClientFilesError::InUse { path: self.path(ClientFile::Pid), process });
                }
                Err(error) => return Err(failed(error.into())),
            }
            let named = rustix::fs::statat(&self.folder.dir, &name, AtFlags::SYMLINK_NOFOLLOW);
            if named.is_ok_and(|named| (named.st_dev, named.st_ino) == (stat.st_dev, stat.st_ino)) {
                file.set_len(0).map_err(failed)?;
                file.rewind().map_err(failed)?;
                write!(file, "{}", std::process::id()).map_err(failed)?;
                return Ok(file);
            }
        }
        Err(self.failed(ClientFile::Pid, "it was replaced again and again"))
    }

    /// Replaces a file: whoever reads it sees the old or the new, whole.
    ///
    /// # Errors
    /// If the account is not claimed: the file would be another host's, or stay behind.
    pub fn write(&self, file: ClientFile, bytes: &[u8]) -> Result<(), ClientFilesError> {
        // Held, so that nothing is written after all was cleared.
        let claim = self.claim.lock();
        self.check_claim(file, claim.is_some())?;
        let failed = |error: io::Error| self.failed(file, error);
        let (name, apart) = (self.name(file), self.apart(file));
        let dir = &self.folder.dir;
        self.unlink(&apart).map_err(failed)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let written = rustix::fs::openat(dir, &apart, flags, Mode::from_raw_mode(0o600))
            .map_err(io::Error::from)
            .and_then(|opened| File::from(opened).write_all(bytes));
        let renamed = written.and_then(|()| Ok(rustix::fs::renameat(dir, &apart, dir, &name)?));
        renamed.map_err(|error| {
            // The first error is the one to tell of.
            let _ = self.unlink(&apart);
            failed(error)
        })
    }

    /// A file's content; `None` if it is not there.
    pub fn read(&self, file: ClientFile) -> Result<Option<Vec<u8>>, ClientFilesError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let opened = match rustix::fs::openat(&self.folder.dir, self.name(file), flags, Mode::empty()) {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.unopened(file, error)),
        };
        self.check(file, &opened)?;
        let mut bytes = Vec::new();
        let read = File::from(opened).take(limits::SESSION_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| self.failed(file, error))?;
        match bytes.len() as u64 > limits::SESSION_BYTES {
            true => Err(self.failed(file, format!("it is longer than {} bytes", limits::SESSION_BYTES))),
            false => Ok(Some(bytes)),
        }
    }

    /// Removes a file, if it is there. The account must be claimed.
    pub fn remove(&self, file: ClientFile) -> Result<(), ClientFilesError> {
        let claim = self.claim.lock();
        self.check_claim(file, claim.is_some())?;
        self.unlink(&self.name(file)).map_err(|error| self.failed(file, error))
    }

    /// Removes all that the account has in the folder, and gives it free. Nothing happens if it is not claimed: the
    /// files are another host's then.
    pub fn clear(&self) {
        let mut claim = self.claim.lock();
        if claim.is_none() {
            return;
        }
        let others = [ClientFile::State, ClientFile::Qrcode, ClientFile::Cookie];
        let names = others.into_iter().flat_map(|file| [self.apart(file), self.name(file)]);
        // The lock is given back last: until then the files are ours.
        for name in names.chain([self.name(ClientFile::Pid)]) {
            if let Err(error) = self.unlink(&name) {
                let path = self.folder.path().join(name);
                tracing::warn!(account = %self.account, path = %path.display(), %error, "a file could not be removed");
            }
        }
        *claim = None;
    }

    fn check_claim(&self, file: ClientFile, claimed: bool) -> Result<(), ClientFilesError> {
        if claimed { Ok(()) } else { Err(self.failed(file, "this host does not run the account now")) }
    }

    fn unlink(&self, name: &OsString) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.folder.dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn unopened(&self, file: ClientFile, error: Errno) -> ClientFilesError {
        match error {
            Errno::LOOP => self.failed(file, "it is a link; remove it"),
            other => self.failed(file, io::Error::from(other)),
        }
    }

    /// Refuses what somebody may have put there to have us write or read something else.
    fn check(&self, file: ClientFile, opened: impl std::os::fd::AsFd) -> Result<Stat, ClientFilesError> {
        let stat = rustix::fs::fstat(opened).map_err(|error| self.failed(file, io::Error::from(error)))?;
        let is_plain = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink == 1;
        match is_plain && stat.st_uid == rustix::process::geteuid().as_raw() {
            true => Ok(stat),
            false => Err(self.failed(file, "it is not a plain file of this user with one name; remove it")),
        }
    }
}

fn mode(stat: &Stat) -> RawMode {
    stat.st_mode & 0o7777
}

#[cfg(test)]
mod tests;
