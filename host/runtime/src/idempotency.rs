//! Calls of the API that must not be done twice, kept over restarts of the host.

use std::sync::Arc;

use mynah_model::clock::Clock;
use mynah_store::{IdempotencyKey, IdempotentCall, Store, Write};

use crate::host::Host;
use crate::host_error::HostError;
use crate::limits;
use crate::waiting::Waiting;

/// The calls that are remembered; clones are the same.
#[derive(Clone)]
pub struct IdempotentCalls {
    store: Store,
    waiting: Waiting,
}

impl IdempotentCalls {
    /// Those of a store, remembered by this clock.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, waiting: Waiting::new(clock) }
    }

    /// Begins a call, unless one of its key is remembered: that one is returned then. It is noted down before anything
    /// is done, so that a host that is killed in between knows that something may have been.
    pub async fn begin(
        &self,
        key: &IdempotencyKey,
        fingerprint: [u8; 32],
    ) -> Result<Option<IdempotentCall>, HostError> {
        let now = self.waiting.now();
        let forget_before = now.saturating_sub(limits::IDEMPOTENCY_MS);
        let (store, looked_up) = (self.store.clone(), key.clone());
        let read = move || store.read(|reader| reader.idempotent_call(&looked_up));
        let kept = tokio::task::spawn_blocking(read).await;
        let kept = kept.map_err(|error| std::io::Error::other(error.to_string()))??;
        if let Some(call) = kept.filter(|call| call.begun_at > forget_before) {
            return Ok(Some(call));
        }
        let begun = Write::CallBegun { key: key.clone(), fingerprint, at: now, forget_before };
        self.store.write_durable(begun.into()).await?;
        Ok(None)
    }

    /// Notes what a call was answered, JSON text.
    pub async fn answered(&self, key: IdempotencyKey, answer: String) -> Result<(), HostError> {
        Ok(self.store.write_durable(Write::CallAnswered { key, answer }.into()).await?)
    }

    /// Forgets a call that did nothing.
    pub async fn forget(&self, key: IdempotencyKey) -> Result<(), HostError> {
        Ok(self.store.write_durable(Write::CallForgotten(key).into()).await?)
    }
}

impl Host {
    /// Calls of the API that must not be done twice.
    pub fn idempotent_calls(&self) -> IdempotentCalls {
        IdempotentCalls { store: self.store().clone(), waiting: self.waiting().clone() }
    }
}
