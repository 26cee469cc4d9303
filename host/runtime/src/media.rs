//! Pictures and files: what people sent to the account and what callers want to send, in a folder of the host's own.
//!
//! Files are named by the host, after the SHA-256 of their bytes: the same bytes are one file however often and by how
//! many they are brought, and no name that anybody gives ever reaches the disk. What a file is, is told by its
//! bytes, never by what somebody says of it. Nothing is kept for longer than [`MediaConfig::keep_ms`] or beyond
//! [`MediaConfig::total_bytes`].
//!
//! # Layout
//! - `id`: what media are called, `@crypt_…:3`
//! - `content`: what bytes are, and how the file would be called
//! - `folder`: the files; `index`: what there is of them, oldest first
//! - `local`: files of this machine that the operator lets callers send
//! - `data`: bytes that came as text
//! - `error`: why there are no media

mod content;
mod data;
mod error;
mod folder;
mod id;
mod index;
mod local;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mynah_model::clock::{Clock, UnixMs};
use mynah_model::media_kind::{KIND_ATTR, MediaKind};
use mynah_model::message::Media;
use parking_lot::Mutex;

pub use content::sniff;
pub use data::decode_base64;
pub use error::MediaError;

use crate::fetch::{AllowedPlace, FetchLimits, Fetcher};
use crate::limits;
use crate::waiting::Waiting;
use content::{Content, name_of_path, plain_name};
use folder::Folder;
use id::{Hash, MediaId};
use index::{Held, Index};

/// How media are kept and where they may come from.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// The folder that they are kept in, made if it is not there; `None` is one that goes when the host does.
    pub dir: Option<PathBuf>,
    /// Folders of this machine whose files callers may send.
    pub folders: Vec<PathBuf>,
    /// Places that may be fetched from although they are not public.
    pub allow: Vec<AllowedPlace>,
    /// Milliseconds for which they are kept.
    pub keep_ms: i64,
    /// Bytes of all of them together; the oldest go when there are more.
    pub total_bytes: u64,
    /// How much a fetch may take.
    pub fetch: FetchLimits,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            dir: None,
            folders: Vec::new(),
            allow: Vec::new(),
            keep_ms: limits::MEDIA_KEEP_MS,
            total_bytes: limits::MEDIA_TOTAL_BYTES,
            fetch: FetchLimits::default(),
        }
    }
}

/// All media of the host. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct MediaStore {
    inner: Arc<Inner>,
}

struct Inner {
    folder: Folder,
    folders: Vec<PathBuf>,
    keep_ms: i64,
    total_bytes: u64,
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
    index: Mutex<Index>,
    /// Held while files come and go, so that one is not removed by its old age just when it is brought again. Only
    /// threads that may block wait for it.
    changing: Mutex<()>,
}

impl MediaStore {
    /// Opens the folder and takes up what is in it. Blocks.
    pub fn open(config: MediaConfig, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let folder = Folder::open(config.dir.as_deref())?;
        let index = folder.scan(clock.now())?;
        let store = Self {
            inner: Arc::new(Inner {
                folder,
                folders: config.folders,
                keep_ms: config.keep_ms,
                total_bytes: config.total_bytes,
                fetcher: Fetcher::new(config.allow, config.fetch),
                clock,
                index: Mutex::new(index),
                changing: Mutex::new(()),
            }),
        };
        store.inner.expire();
        Ok(store)
    }

    /// Keeps bytes. `name` is what somebody calls them; only its last part counts, and of that what is readable.
    pub async fn put(&self, bytes: Vec<u8>, name: Option<&str>) -> Result<Media, MediaError> {
        let name = name.map(str::to_owned);
        self.blocking(move |inner| inner.put(&bytes, name.as_deref())).await
    }

    /// What `@crypt_…:3` names. The number may be left out, or be 6 to send a picture as a file.
    pub fn find(&self, id: &str) -> Result<Media, MediaError> {
        let wanted: MediaId = id.parse()?;
        let held = self.inner.held(wanted.hash).ok_or_else(|| MediaError::unknown(id))?;
        let kind = match wanted.kind {
            None => held.kind,
            Some(kind) if kind == held.kind || kind == MediaKind::File => kind,
            Some(kind) => return Err(MediaError::WrongKind { is: held.kind, wanted: kind }),
        };
        Ok(media(wanted.hash, &Held { kind, ..held }))
    }

    /// What a reference leads to: a URL that is fetched, or the path of a file that callers may send. This is what
    /// `media_path` of a call and `media` of a webhook's answer hold.
    pub async fn from_reference(&self, reference: &str) -> Result<Media, MediaError> {
        match reference.split_once(':') {
            Some((scheme, _)) if is_web(scheme) => {
                let fetched = self.inner.fetcher.get(reference).await?;
                if !(200..300).contains(&fetched.status) {
                    return Err(MediaError::Status { status: fetched.status });
                }
                let name = content::name_of_url(&fetched.url);
                self.put(fetched.body, name.as_deref()).await
            }
            _ => {
                let path = PathBuf::from(reference);
                self.blocking(move |inner| inner.of_path(&path)).await
            }
        }
    }

    /// The bytes.
    pub async fn read(&self, media: &Media) -> Result<Vec<u8>, MediaError> {
        let (hash, held) = self.held_of(media).ok_or_else(|| MediaError::unknown(shown(media)))?;
        self.blocking(move |inner| Ok(inner.folder.read(&held.file_name(hash))?)).await
    }

    /// Where the file lies on this machine; `None` if it is not held, or no longer.
    pub fn path_of(&self, media: &Media) -> Option<PathBuf> {
        let (hash, held) = self.held_of(media)?;
        Some(self.inner.folder.path().join(held.file_name(hash)))
    }

    /// Removes what is too old, for ever.
    pub(crate) async fn keep_house(self, waiting: Waiting) {
        loop {
            let look = |inner: &Inner| {
                inner.expire();
                Ok(())
            };
            let expired = self.blocking(look).await;
            if let Err(error) = expired {
                tracing::error!(%error, "old media could not be looked for");
            }
            waiting.until(waiting.now().saturating_add(limits::MEDIA_LOOK_MS)).await;
        }
    }

    /// What is meant by its id, or where that is another network's or none, by the name of its file.
    fn held_of(&self, media: &Media) -> Option<(Hash, Held)> {
        if let Some(id) = media.id.as_deref().and_then(|id| id.parse::<MediaId>().ok()) {
            return Some((id.hash, self.inner.held(id.hash)?));
        }
        self.inner.own(&self.inner.folder.path().join(media.path.as_deref()?))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, MediaError> + Send + 'static,
    ) -> Result<T, MediaError> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.unwrap_or_else(|error| Err(MediaError::Disk(error.to_string())))
    }
}

impl Inner {
    /// What is held and not too old.
    fn held(&self, hash: Hash) -> Option<Held> {
        let now = self.clock.now();
        let index = self.index.lock();
        index.get(hash).filter(|held| !self.is_old(held.stored_at, now)).cloned()
    }

    fn is_old(&self, stored_at: UnixMs, now: UnixMs) -> bool {
        now.saturating_sub(stored_at) >= self.keep_ms
    }

    fn put(&self, bytes: &[u8], name: Option<&str>) -> Result<Media, MediaError> {
        if bytes.is_empty() {
            return Err(MediaError::Empty);
        }
        if bytes.len() > limits::MEDIA_FILE_BYTES {
            return Err(MediaError::TooLarge { most: limits::MEDIA_FILE_BYTES });
        }
        let hash = Hash::of(bytes);
        let content = Content::of(bytes);
        let held = Held {
            name: plain_name(name.unwrap_or_default(), content.ext),
            size: bytes.len() as u64,
            kind: MediaKind::sent_as(content.mime),
            mime: content.mime.to_owned(),
            ext: content.ext.to_owned(),
            stored_at: self.clock.now(),
        };
        // Written aside first: nobody waits for another one's bytes.
        let written = self.folder.write_aside(bytes)?;
        let about = self.folder.write_aside(&held.to_json()?)?;
        let _changing = self.changing.lock();
        self.folder.keep(written, &held.file_name(hash))?;
        self.folder.keep(about, &hash.about_name())?;
        self.index.lock().put(hash, held.clone());
        self.make_room();
        Ok(media(hash, &held))
    }

    /// Removes the oldest until all are within the bounds. What is newest stays, however large. Files are changing.
    fn make_room(&self) {
        let gone = self.index.lock().take_beyond(self.total_bytes, limits::MEDIA_FILES);
        self.remove(gone);
    }

    fn expire(&self) {
        let _changing = self.changing.lock();
        let now = self.clock.now();
        let gone = self.index.lock().take_while(|stored_at| self.is_old(stored_at, now));
        self.remove(gone);
        self.make_room();
    }

    fn remove(&self, gone: Vec<(Hash, Held)>) {
        for (hash, held) in gone {
            for name in [hash.about_name(), held.file_name(hash)] {
                if let Err(error) = self.folder.remove(&name) {
                    tracing::warn!(file = name, %error, "old media could not be removed");
                }
            }
        }
    }

    /// A file of this machine: one that the host holds, or one in a folder that callers may send from.
    fn of_path(&self, path: &Path) -> Result<Media, MediaError> {
        if let Some((hash, held)) = self.own(path) {
            return Ok(media(hash, &held));
        }
        let bytes = local::read(path, &self.folders)?;
        self.put(&bytes, name_of_path(path))
    }

    /// What reports call `media_path` may be sent on: it is found by its name, not by looking at the disk.
    fn own(&self, path: &Path) -> Option<(Hash, Held)> {
        let name = path.strip_prefix(self.folder.path()).ok()?.to_str()?;
        let hash = Hash::of_file_name(name)?;
        let held = self.held(hash)?;
        (held.file_name(hash) == name).then_some((hash, held))
    }
}

/// How a message refers to what is held.
fn media(hash: Hash, held: &Held) -> Media {
    let attrs = [
        (KIND_ATTR.to_owned(), held.kind.as_str().into()),
        ("ext".to_owned(), content::shown_ext(&held.name, &held.ext).into()),
        ("mtime".to_owned(), held.stored_at.div_euclid(1000).into()),
    ];
    Media {
        id: Some(MediaId { hash, kind: Some(held.kind) }.to_string()),
        url: None,
        path: Some(held.file_name(hash)),
        name: Some(held.name.clone()),
        mime: Some(held.mime.clone()),
        size: Some(held.size),
        attrs: attrs.into(),
    }
}

fn is_web(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

fn shown(media: &Media) -> &str {
    media.id.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests;
