//! Watches a folder and tells whenever something in it was changed and left alone for a moment.
//!
//! A folder that is removed, or renamed and made anew, is watched again: the folder that it lies in is watched for that.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use notify_debouncer_full::notify::{self, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};

use crate::limits;

enum News {
    Changed(DebounceEventResult),
    /// Nobody keeps the watch any more.
    Over,
}

/// Watches for as long as it is kept.
pub(crate) struct Watch {
    tell: Sender<News>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        // The thread may have ended by itself.
        let _ = self.tell.send(News::Over);
    }
}

impl Watch {
    /// Watches a folder. What is to be done happens on a thread of its own, one change after the other; changes that come
    /// meanwhile become one.
    pub(crate) fn start(folder: &Path, on_change: impl Fn() + Send + 'static) -> Result<Self, notify::Error> {
        let folder = std::path::absolute(folder).map_err(notify::Error::io)?;
        let (tell, news) = channel();
        let tell_of_change = tell.clone();
        let debouncer = new_debouncer(limits::RELOAD_DEBOUNCE, None, move |change: DebounceEventResult| {
            // The thread ends before this does.
            let _ = tell_of_change.send(News::Changed(change));
        })?;
        let mut watching = Watching { folder, debouncer };
        watching.debouncer.watch(&watching.folder, RecursiveMode::NonRecursive)?;
        if let Some(parent) = watching.folder.parent() {
            watching.debouncer.watch(parent, RecursiveMode::NonRecursive)?;
        }
        thread::Builder::new()
            .name("mynah-watch".into())
            .spawn(move || watching.run(&news, on_change))
            .map_err(|error: io::Error| notify::Error::io(error))?;
        Ok(Self { tell })
    }
}

struct Watching {
    folder: PathBuf,
    debouncer: Debouncer<RecommendedWatcher, RecommendedCache>,
}

impl Watching {
    fn run(mut self, news: &Receiver<News>, on_change: impl Fn()) {
        while let Ok(first) = news.recv() {
            let mut changed = false;
            // Everything that has come in by now is one change.
            for news in std::iter::once(first).chain(std::iter::from_fn(|| news.try_recv().ok())) {
                match news {
                    News::Over => return,
                    News::Changed(change) => changed |= self.concerns_us(change),
                }
            }
            if changed {
                on_change();
            }
        }
    }

    /// Whether a change is one of the folder or of something in it. Watches the folder again if it is another one.
    fn concerns_us(&mut self, change: DebounceEventResult) -> bool {
        let events = match change {
            Ok(events) => events,
            Err(errors) => {
                // An overflow of the kernel's queue is an error too: whatever was lost, look.
                tracing::warn!(?errors, folder = %self.folder.display(), "watching a folder");
                self.watch_again();
                return true;
            }
        };
        // Looking at a file is no reason to look at it again.
        let paths = events.iter().filter(|event| !event.kind.is_access()).flat_map(|event| &event.paths);
        let (mut of_folder, mut within) = (false, false);
        for path in paths {
            of_folder |= *path == self.folder;
            within |= path.starts_with(&self.folder);
        }
        if of_folder {
            self.watch_again();
        }
        within
    }

    fn watch_again(&mut self) {
        // What is gone is not watched any more, which is what is wanted.
        let _ = self.debouncer.unwatch(&self.folder);
        if !self.folder.is_dir() {
            return;
        }
        if let Err(error) = self.debouncer.watch(&self.folder, RecursiveMode::NonRecursive) {
            tracing::error!(%error, folder = %self.folder.display(), "the folder cannot be watched: changes are not seen");
        }
    }
}
