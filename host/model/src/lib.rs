//! Events, actions, roster and messages as plain data: no IO, no wasmtime, no axum.
//!
//! Every other crate of the host speaks in these types; the wire types of the script contract, of the
//! HTTP API and of the chat protocols are turned into them at the edge.
//!
//! # Layout
//! - [`names`]: what things are called: accounts, scripts, releases, event numbers
//! - [`address`]: a chat as text, `account/kind/id`, and patterns over it
//! - [`message`]: messages and their segments; [`media_kind`]: what media count as
//! - [`event`]: what happened in an account
//! - [`action`]: what is asked of the host, and the [`action::Act`] that comes of it
//! - `blob`: bytes in JSON
//! - [`roster`]: what an account knows: user, friends, groups, discusses
//! - [`roster_change`]: what an event does to a roster
//! - [`refusal`]: stable codes for everything that the host does not do
//! - [`script`]: what a script says of itself
//! - [`clock`]: where the host's time comes from
//! - [`words`]: what a misspelt name was meant to be

pub mod action;
pub mod address;
mod blob;
pub mod clock;
pub mod event;
pub mod media_kind;
pub mod message;
pub mod names;
pub mod refusal;
pub mod roster;
pub mod roster_change;
pub mod script;
pub mod words;

use std::collections::BTreeMap;

/// What a record carries beyond its fields: names and JSON values.
pub type Attrs = BTreeMap<String, serde_json::Value>;
