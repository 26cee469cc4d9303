//! What is old goes by itself: values that have expired, and what the journal has kept for long enough.
//!
//! A round is bounded, and within it every step is a small transaction between which others write. Nothing is lost if the host
//! ends at any moment: the next one goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mynah_model::clock::UnixMs;
use mynah_store::{Store, StoreError, Sweep};

use crate::handling::Handling;
use crate::limits;
use crate::outside::OutsideChange;
use crate::waiting::Waiting;

/// How long the journal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalConfig {
    /// Milliseconds for which events, acts, the audit and dead letters are kept.
    pub keep_ms: i64,
    /// Bytes of the whole database above which the oldest go before their time.
    pub total_bytes: u64,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { keep_ms: limits::JOURNAL_KEEP_MS, total_bytes: limits::JOURNAL_TOTAL_BYTES }
    }
}

/// The task that removes what is old.
pub(crate) struct Housekeeping {
    pub(crate) store: Store,
    pub(crate) handling: Arc<Handling>,
    pub(crate) waiting: Waiting,
    pub(crate) journal: JournalConfig,
}

impl Housekeeping {
    /// Runs until it is dropped.
    pub(crate) async fn run(self) {
        loop {
            let more = match self.round().await {
                Ok(more) => more,
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "what is old could not be removed; it is tried again");
                    false
                }
            };
            let pause = if more { limits::HOUSEKEEPING_AGAIN_MS } else { limits::HOUSEKEEPING_MS };
            self.waiting.until(self.waiting.now().saturating_add(pause)).await;
        }
    }

    /// A round; whether there is more than it may do.
    async fn round(&self) -> Result<bool, StoreError> {
        // On a full disk nothing can be removed, and whoever waits for it must not wait behind this.
        if self.store.stalled().is_some() {
            return Ok(false);
        }
        let state = self.prune_state().await?;
        let age = self.prune_by_age().await?;
        let size = self.prune_by_size().await?;
        Ok(state || age || size)
    }

    /// Removes values that expired some time ago: events that are late still find them.
    async fn prune_state(&self) -> Result<bool, StoreError> {
        let oldest = self.store.read(|reader| reader.oldest_waiting())?;
        let grace = limits::KV_GRACE_MS.max(self.handling.max_action_age_ms.saturating_mul(2));
        let now = self.waiting.now();
        let expired_at = oldest.map_or(now, |oldest| oldest.min(now)).saturating_sub(grace);
        for _ in 0..limits::HOUSEKEEPING_STEPS {
            if !self.prune_some_state(expired_at).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn prune_some_state(&self, expired_at: UnixMs) -> Result<bool, StoreError> {
        let (store, handling) = (self.store.clone(), Arc::clone(&self.handling));
        let (tell, told) = tokio::sync::oneshot::channel();
        let change = move || {
            let uncommitted = &handling.uncommitted;
            if store.read(|reader| reader.kv_expired(expired_at, 1))?.is_empty() {
                return Ok(0);
            }
            let ticket = handling.tickets.fetch_add(1, Ordering::Relaxed);
            let decide = |still: &crate::outside::Still<'_>| {
                let expired = still.reader().kv_expired(expired_at, limits::KV_PRUNED_AT_ONCE)?;
                // What is decided for a key meanwhile is left alone.
                let gone = expired
                    .into_iter()
                    .filter(|row| still.pending(&row.script, &row.scope, &row.key).is_none());
                let gone = gone.map(|row| OutsideChange {
                    script: row.script,
                    scope: row.scope,
                    key: row.key,
                    value: None,
                });
                Ok::<_, StoreError>((gone.collect(), Vec::new()))
            };
            uncommitted.change(&store, ticket, decide, move |result| {
                // Nobody waits for it when the host stops.
                let _ = tell.send(result);
            })
        };
        let changed = tokio::task::spawn_blocking(change).await.unwrap_or(Err(StoreError::Closed))?;
        if changed == 0 {
            return Ok(false);
        }
        told.await.unwrap_or(Err(StoreError::Closed))?;
        Ok(true)
    }

    async fn prune_by_age(&self) -> Result<bool, StoreError> {
        let before = self.waiting.now().saturating_sub(self.journal.keep_ms);
        let mut sweep = Sweep::default();
        for _ in 0..limits::HOUSEKEEPING_STEPS {
            if !self.store.prune(&mut sweep, before).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// While the database is too large, what is oldest goes; what is needed stays, and what is younger than an hour, unless
    /// the database is far too large.
    async fn prune_by_size(&self) -> Result<bool, StoreError> {
        let now = self.waiting.now();
        let far_too_large = self.journal.total_bytes.saturating_mul(limits::JOURNAL_LEAST_UP_TO);
        let mut sweep = Sweep::default();
        for _ in 0..limits::HOUSEKEEPING_STEPS {
            let (used, oldest) =
                self.store.read(|reader| Ok((reader.used_bytes()?, reader.oldest(&sweep)?)))?;
            if used <= self.journal.total_bytes {
                return Ok(false);
            }
            let least = if used > far_too_large { 0 } else { limits::JOURNAL_LEAST_MS };
            let youngest = now.saturating_sub(least);
            let Some(before) = oldest.map(|oldest| oldest.min(youngest)) else { return Ok(false) };
            if sweep == Sweep::default() {
                tracing::info!(
                    used,
                    total = self.journal.total_bytes,
                    "the database is too large: the oldest goes before its time"
                );
            }
            if !self.store.prune(&mut sweep, before).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
