//! The threads that handle events: plain OS threads, because scripts are called synchronously, and a ticker that looks
//! for stuck ones and has written what nobody waits for.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use mynah_store::Store;
use parking_lot::Mutex;

use crate::handling::Handling;
use crate::host_error::HostError;
use crate::limits;
use crate::scheduler::{Pace, Scheduler};
use crate::state::{SharedReader, Turns};

/// The threads of a host.
pub(crate) struct Workers {
    threads: Vec<JoinHandle<()>>,
    ticker: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

/// What one thread has of its own.
pub(crate) struct Worker {
    pub(crate) reader: SharedReader,
    pub(crate) turns: Turns,
}

impl Workers {
    /// Starts as many threads as the scheduler wants, spare ones included.
    pub(crate) fn start(
        handling: &Arc<Handling>,
        scheduler: &Arc<Scheduler>,
        store: &Store,
    ) -> Result<Self, HostError> {
        let mut threads = Vec::with_capacity(scheduler.threads());
        for thread in 0..scheduler.threads() {
            let reader = Arc::new(Mutex::new(store.reader()?));
            let worker = Worker { reader, turns: Turns { scheduler: scheduler.clone(), thread } };
            let handling = handling.clone();
            let builder = std::thread::Builder::new().name(format!("worker-{thread}"));
            threads.push(builder.spawn(move || work(&handling, &worker))?);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let ticker = start_ticker(scheduler.clone(), store.clone(), stop.clone())?;
        Ok(Self { threads, ticker, stop })
    }

    /// Waits until all events are handled and the threads have ended. The scheduler must be closed.
    pub(crate) fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
        self.stop.store(true, Ordering::Relaxed);
        if self.ticker.join().is_err() {
            tracing::error!("the ticker thread panicked");
        }
    }
}

fn work(handling: &Handling, worker: &Worker) {
    let Turns { scheduler, thread } = &worker.turns;
    while let Some(work) = scheduler.next(*thread) {
        let event = work.event.clone();
        // A defect of the host must not end the thread, or its chat would wait for ever.
        let handle = AssertUnwindSafe(|| handling.handle(&event, worker));
        let pace = catch_unwind(handle).unwrap_or_else(|_| {
            tracing::error!(seq = %event.seq, "handling an event panicked; it is handled again after a restart");
            Pace::Normal
        });
        scheduler.done(work, pace);
    }
}

fn start_ticker(
    scheduler: Arc<Scheduler>,
    store: Store,
    stop: Arc<AtomicBool>,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("stuck-ticker".to_owned()).spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(limits::STUCK_TICK);
            scheduler.tick();
            store.flush();
        }
    })
}
