//! Instances that outlive an event, for scripts that are slow to start.
//!
//! A warm instance belongs to its script and goes with it. It is taken out while it handles an event, so
//! that two workers never share one, and comes back only after a call without a fault.

use std::fmt;

use wasmtime::Store;

use crate::sandbox::Sandbox;
use crate::slots::Slot;
use crate::trusted::Handler;

/// An instance that is kept, with the slot of the pool that it occupies.
pub(crate) struct WarmInstance {
    pub(crate) store: Store<Sandbox>,
    pub(crate) handler: Handler,
    /// Events that it handled.
    pub(crate) calls: u32,
    /// Declared last: the slot is free when the store is gone.
    pub(crate) slot: Slot,
}

impl fmt::Debug for WarmInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WarmInstance({} calls)", self.calls)
    }
}
