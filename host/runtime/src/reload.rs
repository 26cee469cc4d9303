//! Watches the scripts folder and has it looked at whenever it was changed and left alone for a moment.

use std::path::Path;
use std::sync::Arc;

use notify_debouncer_full::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};

use crate::limits;
use crate::scripts::Catalog;

/// Watches for as long as it is kept.
pub(crate) struct Watch {
    _debouncer: Debouncer<RecommendedWatcher, RecommendedCache>,
}

impl Watch {
    /// Watches the folder of a catalog. Compiling happens on the watcher's own thread.
    pub(crate) fn start(
        catalog: Arc<Catalog>,
        dir: &Path,
    ) -> Result<Self, notify_debouncer_full::notify::Error> {
        let mut debouncer =
            new_debouncer(limits::RELOAD_DEBOUNCE, None, move |events: DebounceEventResult| {
                match events {
                    // Looking at a file is no reason to look at it again.
                    Ok(events) if events.iter().all(|event| event.kind.is_access()) => return,
                    Ok(_) => {}
                    // The folder is looked at all the same: an overflow of the kernel's queue is an error too.
                    Err(errors) => tracing::warn!(?errors, "watching the scripts folder"),
                }
                if let Err(error) = catalog.scan() {
                    tracing::error!(%error, "the scripts folder cannot be read; what is live stays so");
                }
            })?;
        debouncer.watch(dir, RecursiveMode::NonRecursive)?;
        Ok(Self { _debouncer: debouncer })
    }
}
