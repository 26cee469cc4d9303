//! What happens to an event: accounts, dispatch, the gate that every action passes, outbox, timers, reload.
//!
//! The API and the binary use it through [`Host`]; it is the only crate that brings store, engine and
//! networks together.
//!
//! # Layout
//! - [`host`]: the running host, and how it is put together
//! - [`account`]: one account: its state, its roster, the numbers of its events

pub mod account;
pub mod host;
pub mod status;

pub use account::{Account, ApiKind};
pub use host::{ActOutcome, Host};
pub use status::{OutboxEntry, ScriptStatus};
