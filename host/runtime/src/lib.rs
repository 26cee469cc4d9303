//! What happens to an event: accounts, dispatch, the gate that every action passes, outbox, timers, reload.
//!
//! The API and the binary use it through [`Host`]; it is the only crate that brings store, engine and networks
//! together. One event's way: network -> [`account`] -> `intake` (number, journal) -> [`scheduler`] -> `workers` ->
//! `handling` (scripts, gate, one transaction) -> `outbox` -> network.
//!
//! # Layout
//! - [`host`]: the running host: how it is put together, and what may be asked of it; `setup`, `host_error`,
//!   `act_outcome`: what it is started with, why not, and what becomes of what it is asked
//! - [`account`], `accounts`: an account's state and roster, and its network's way into the host
//! - [`lifecycle`], `orders`: starting, stopping and logging in again
//! - [`client_files`], `client_state`: each account's files in `tmpdir`
//! - [`login_code`]: the picture of a QR code
//! - `intake`: numbers events, journals them, hands them on
//! - [`scheduler`], `workers`: which event is handled next, and the threads that do
//! - `handling`, [`record`]: one event from its scripts to one transaction, and the record of it
//! - [`audit`]: what is noted down of what was asked for
//! - [`gate`], [`grants`], [`budget`], [`moderation`]: what is done of what is asked for
//! - [`alerts`]: what operators should hear of at once
//! - [`operators`]: commands of the host in a chat
//! - [`sightings`]: which messages and requests were seen where, for what scripts name by an id alone
//! - [`pause`]: what is noted down and not done for a while
//! - `state`, `kv_usage`: what scripts see of their kv while an event is handled, and how much they may hold; `kv_entries`,
//!   `outside`: the same for callers, and how it is changed from outside of any event
//! - `housekeeping`: what is old goes
//! - `outbox`, `revocations`, `ended`: delivery, at most once and in order within a chat; what comes of it
//! - [`deliveries`]: reports on their way to webhooks
//! - [`idempotency`]: calls of the API that must not be done twice
//! - `timers`, `firing`: timers of scripts, and how often they may fire
//! - `fetches`: what scripts ask to be fetched
//! - `avatars`: pictures of people and groups, kept for an hour
//! - [`media`]: pictures and files: where they lie, and where they come from
//! - [`fetch`]: asking the web for something; [`crypto`]: what it is encrypted with
//! - `scripts`, `script_setup`, `found`, `accepted`, `rules`, [`health`], `refusals`, `voice`: files and grants -> releases ->
//!   the live rule set
//! - [`live_config`], `reload`: `mynah.toml` and folders, watched
//! - [`why`]: one event explained
//! - [`status`], [`script_detail`]: what the host shows of itself
//! - [`limits`]: every bound, with the reason for the number

mod accepted;
pub mod account;
mod accounts;
mod act_outcome;
pub mod alerts;
pub mod audit;
mod avatars;
pub mod budget;
pub mod client_files;
mod client_state;
pub mod deliveries;
mod ended;
pub mod fetch;
mod fetches;
mod firing;
mod found;
pub mod gate;
pub mod grants;
mod handling;
pub mod health;
pub mod host;
mod host_error;
mod housekeeping;
pub mod idempotency;
mod intake;
mod kv_entries;
mod kv_usage;
pub mod lifecycle;
pub mod limits;
pub mod live_config;
pub mod login_code;
pub mod media;
pub mod moderation;
pub mod operators;
mod orders;
mod outbox;
mod outside;
pub mod pause;
pub mod record;
mod refusals;
mod reload;
mod revocations;
mod rules;
pub mod scheduler;
pub mod script_detail;
mod script_setup;
mod scripts;
mod setup;
pub mod sightings;
mod state;
pub mod status;
mod timers;
mod voice;
pub mod why;
mod workers;

use mynah_networks::waiting;

pub use mynah_networks::{Connection, crypto};

pub use account::{Account, ApiKind};
pub use act_outcome::ActOutcome;
pub use avatars::{Avatar, AvatarError};
pub use client_files::{ClientFile, ClientFilesError, ClientFolder};
pub use client_state::{ClientState, Plugin};
pub use deliveries::ResendError;
pub use fetch::{AllowedPlace, FetchGrants, FetchSecret, GrantedOrigin, Origin, SecretUse};
pub use host::Host;
pub use host_error::HostError;
pub use housekeeping::JournalConfig;
pub use idempotency::IdempotentCalls;
pub use kv_entries::{KvChange, KvChangeError, KvEntry, KvScope, check_kv};
pub use lifecycle::{Clients, NewAccount, Started};
pub use live_config::{ConfigFile, ConfigStatus, Reread};
pub use login_code::LoginCode;
pub use media::{MediaConfig, MediaError, MediaStore};
pub use mynah_store::{
    AuditEntry, AuditFilter, AuditPage, AuditRow, DeadLetter, Delivery, IdempotencyKey, IdempotentCall,
};
pub use script_detail::ScriptDetail;
pub use script_setup::{ScriptSetup, ScriptSetups, ScriptSources, Update};
pub use setup::{AccountSetup, HostConfig};
pub use status::{OutboxEntry, ScriptStatus};
