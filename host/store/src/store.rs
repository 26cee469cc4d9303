//! The store as the rest of the host holds it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle, ThreadId};

use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::batch::{Batch, EncodedBatch};
use crate::claim::Claim;
use crate::error::StoreError;
use crate::limits::IDLE_READERS;
use crate::queue::{Done, Job, Queue};
use crate::reader::Reader;
use crate::recovery::Recovery;
use crate::tables::Tables;
use crate::writer;

/// What a completed write survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, however it comes. After a loss of power the database is consistent, and the
    /// last moments may be missing. (WAL, `synchronous = NORMAL`)
    #[default]
    Process,
    /// A loss of power as well; each commit waits for the disk. (WAL, `synchronous = FULL`)
    Power,
}

impl Durability {
    pub(crate) fn pragma(self) -> &'static str {
        match self {
            Self::Process => "NORMAL",
            Self::Power => "FULL",
        }
    }
}

/// The store. Clones are the same store; it is closed with the last one, or by [`Store::close`].
///
/// - Batches take effect in the order in which they were handed in, each wholly or not at all. Whatever waits
///   is committed together.
/// - A batch's completion runs after its commit, so what it reports is durable, and before the completions
///   of later batches.
/// - A batch that can never be written fails alone, and the writer goes on. Where the disk is full, or another program
///   keeps the database locked, all batches wait until that has passed: see [`Store::stalled`].
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl Store {
    /// Opens the database, or makes one (folder 0700, file 0600), and claims it for this host. Blocks for
    /// as long as recovery takes.
    pub fn open(path: &Path, durability: Durability) -> Result<(Self, Recovery), StoreError> {
        Self::start(path, durability, None, |_| Ok(()))
    }

    /// A store for tests, in a temporary folder that is removed with it: it behaves like any other.
    pub fn open_in_memory() -> Result<(Self, Recovery), StoreError> {
        let folder = tempfile::Builder::new().prefix("mynah-store-").tempdir();
        let folder = folder.map_err(|source| StoreError::file(&std::env::temp_dir(), source))?;
        let path = folder.path().join("mynah.db");
        Self::start(&path, Durability::Process, Some(folder), |_| Ok(()))
    }

    /// `prepare` sees the write connection before anybody else does.
    pub(crate) fn start(
        path: &Path,
        durability: Durability,
        folder: Option<TempDir>,
        prepare: impl FnOnce(&mut Tables) -> Result<(), StoreError>,
    ) -> Result<(Self, Recovery), StoreError> {
        let claim = Claim::take(path)?;
        let path = claim.path.clone();
        let mut tables = Tables::open(&path, durability)?;
        prepare(&mut tables)?;
        let recovery = Recovery::read(Reader::open(&path)?)?;
        let queue = Arc::new(Queue::default());
        let writer = thread::Builder::new()
            .name("mynah-store".into())
            .spawn({
                let queue = Arc::clone(&queue);
                move || writer::run(tables, queue, claim)
            })
            .map_err(|source| StoreError::Thread { source: Arc::new(source) })?;
        let inner = Inner {
            path,
            queue,
            writer_id: writer.thread().id(),
            writer: Mutex::new(Some(writer)),
            readers: Mutex::default(),
            _folder: folder,
        };
        Ok((Self { inner: Arc::new(inner) }, recovery))
    }

    /// Queues a batch behind all others. Never blocks, and never drops anything: whoever produces batches
    /// looks at [`Store::queued`] and holds back.
    ///
    /// `done` runs on the writer's thread after the commit, once, whatever happens; nothing is written while
    /// it runs. On a closed store it runs at once, on this thread.
    pub fn write(&self, batch: Batch, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        self.queue(batch, true, Box::new(done));
    }

    /// The same for a batch that nobody waits for: it is committed together with the next one that somebody waits for,
    /// or at the next [`Store::flush`]. A commit costs more than what it commits.
    pub fn write_soon(&self, batch: Batch, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        self.queue(batch, false, Box::new(done));
    }

    fn queue(&self, batch: Batch, due: bool, done: Done) {
        let job = Job { batch: EncodedBatch::new(batch), done };
        if let Err(job) = self.inner.queue.push(job, due) {
            (job.done)(Err(StoreError::Closed));
        }
    }

    /// Has all that is queued committed now. Whoever uses [`Store::write_soon`] calls it every few milliseconds; that costs
    /// nothing while nothing is queued.
    pub fn flush(&self) {
        self.inner.queue.flush();
    }

    /// Queues a batch and waits for its commit. The batch is written even if nobody waits any more.
    pub async fn write_durable(&self, batch: Batch) -> Result<(), StoreError> {
        let (tell, told) = oneshot::channel();
        self.write(batch, move |result| {
            // Whoever asked may have gone; the write stands.
            let _ = tell.send(result);
        });
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    /// A read-only connection of its own, for a thread that reads often.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.inner.path)
    }

    /// Reads with a connection that is kept for occasional readers. Blocks for as long as `read` takes.
    pub fn read<T>(&self, read: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.inner.readers.lock().pop();
        let reader = match idle {
            Some(reader) => reader,
            None => self.reader()?,
        };
        let result = read(&reader);
        let mut readers = self.inner.readers.lock();
        if readers.len() < IDLE_READERS {
            readers.push(reader);
        }
        result
    }

    /// Why nothing can be written now, if that is so. What is queued waits, in its order; who can, brings nothing more.
    pub fn stalled(&self) -> Option<StoreError> {
        self.inner.queue.stalled()
    }

    /// Batches that are not completed yet.
    pub fn queued(&self) -> usize {
        self.inner.queue.open()
    }

    /// How many batches were ever queued that change something: if it is the same after a barrier ([`Batch::new`]) as before, all
    /// of them are completed.
    pub fn changes(&self) -> u64 {
        self.inner.queue.changes()
    }

    /// Writes all that is queued, folds the write-ahead log into the database and lets go of it; blocks
    /// until that is done. Other clones can only read then. From within a completion it returns at once.
    pub fn close(self) {
        self.inner.close();
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.inner.path).field("queued", &self.queued()).finish()
    }
}

struct Inner {
    path: PathBuf,
    queue: Arc<Queue>,
    writer_id: ThreadId,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Mutex<Vec<Reader>>,
    /// Removed when all else is closed.
    _folder: Option<TempDir>,
}

impl Inner {
    fn close(&self) {
        self.queue.close();
        self.readers.lock().clear();
        if thread::current().id() == self.writer_id {
            return;
        }
        // Whoever comes second waits here for the first.
        let mut writer = self.writer.lock();
        if writer.take().is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the thread that writes the journal panicked");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
