//! The threads that handle events: plain OS threads, because scripts are called synchronously, and a ticker that looks
//! for stuck ones.
//!
//! A thread that is found stuck goes on at a low priority, so that however many scripts burn their deadline at once,
//! the threads that took their places get the CPU. Without privileges a thread cannot raise its priority again: it
//! ends after that event, and a new one takes its number.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use mynah_store::Store;
use parking_lot::Mutex;
use rustix::process::{Pid, setpriority_process};

use crate::handling::Handling;
use crate::host::HostError;
use crate::limits;
use crate::scheduler::{Pace, Scheduler};
use crate::state::SharedReader;

/// The nice value of a stuck thread: a tenth of the weight of one that is not. Not less: when its script is cut off the thread
/// takes locks that others want, and must not wait long for the CPU while it holds them.
const STUCK_NICE: i32 = 10;

/// The threads of a host.
pub(crate) struct Workers {
    crew: Arc<Crew>,
    ticker: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

/// What all threads share.
struct Crew {
    handling: Arc<Handling>,
    scheduler: Arc<Scheduler>,
    posts: Vec<Mutex<Post>>,
}

/// One number of a thread, and the thread that has it now.
struct Post {
    reader: SharedReader,
    thread: Option<JoinHandle<()>>,
    id: Option<Pid>,
}

impl Workers {
    /// Starts as many threads as the scheduler wants, spare ones included.
    pub(crate) fn start(
        handling: &Arc<Handling>,
        scheduler: &Arc<Scheduler>,
        store: &Store,
    ) -> Result<Self, HostError> {
        let mut posts = Vec::with_capacity(scheduler.threads());
        for _ in 0..scheduler.threads() {
            let reader = Arc::new(Mutex::new(store.reader()?));
            posts.push(Mutex::new(Post { reader, thread: None, id: None }));
        }
        let crew = Arc::new(Crew { handling: handling.clone(), scheduler: scheduler.clone(), posts });
        for number in 0..scheduler.threads() {
            crew.man(number)?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let ticker = start_ticker(crew.clone(), stop.clone())?;
        Ok(Self { crew, ticker, stop })
    }

    /// Waits until all events are handled and the threads have ended. The scheduler must be closed.
    pub(crate) fn join(self) {
        for post in &self.crew.posts {
            // A thread that ends because it was stuck leaves another one here before it does.
            while let Some(thread) = { post.lock().thread.take() } {
                if thread.join().is_err() {
                    tracing::error!("a worker thread panicked");
                }
            }
        }
        self.stop.store(true, Ordering::Relaxed);
        if self.ticker.join().is_err() {
            tracing::error!("the ticker thread panicked");
        }
    }
}

impl Crew {
    /// Starts a thread for a number.
    fn man(self: &Arc<Self>, number: usize) -> io::Result<()> {
        let Some(post) = self.posts.get(number) else { return Ok(()) };
        let mut post = post.lock();
        let (crew, reader) = (self.clone(), post.reader.clone());
        let name = format!("worker-{number}");
        post.thread = Some(std::thread::Builder::new().name(name).spawn(move || crew.work(number, &reader))?);
        Ok(())
    }

    fn work(self: &Arc<Self>, number: usize, reader: &SharedReader) {
        if let Some(post) = self.posts.get(number) {
            post.lock().id = Some(rustix::thread::gettid());
        }
        while let Some(work) = self.scheduler.next(number) {
            let event = work.event.clone();
            // A defect of the host must not end the thread, or its chat would wait for ever.
            let handle = AssertUnwindSafe(|| self.handling.handle(&event, reader));
            let pace = catch_unwind(handle).unwrap_or_else(|_| {
                tracing::error!(seq = %event.seq, "handling an event panicked; it is handled again after a restart");
                Pace::Normal
            });
            let was_stuck = self.scheduler.done(work, pace);
            if was_stuck && self.man(number).is_ok() {
                return;
            }
        }
    }

    fn slow_down(&self, number: usize) {
        let Some(id) = self.posts.get(number).and_then(|post| post.lock().id) else { return };
        // Linux takes the id of a thread here. Where that fails all threads share the CPU evenly.
        if let Err(error) = setpriority_process(Some(id), STUCK_NICE) {
            tracing::debug!(%error, "a stuck thread keeps its priority");
        }
    }
}

fn start_ticker(crew: Arc<Crew>, stop: Arc<AtomicBool>) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("stuck-ticker".to_owned()).spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(limits::STUCK_TICK);
            crew.scheduler.tick(|number| crew.slow_down(number));
        }
    })
}
