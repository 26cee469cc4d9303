//! Write rules for mynah in Rust.
//!
//! A rule is a function from an event to actions, and one line that exports it:
//!
//! ```
//! use mynah_sdk::prelude::*;
//!
//! mynah_sdk::rule!(Rule::new("ping", "Answers /ping with pong.").command(Command::new("ping"), ping));
//!
//! fn ping(_: &CommandCall) -> Reply {
//!     reply("pong")
//! }
//!
//! // In the crate's tests (any `cargo test`, no host and no wasm):
//! mynah_sdk::testing::Sim::group(rule()).say("alice", "/ping").expect_reply("pong");
//! ```
//!
//! Build it with `mynah build`, or by hand with `cargo build --target wasm32-wasip2 --profile script`.
//!
//! What a rule can do stands in four places: [`Rule`] says which events reach which function,
//! [`Event`](types::Event) what such a function is given, [`actions`] what it can ask for, and the modules
//! [`kv`], [`settings`], [`patterns`], [`roster`], [`clock`], [`random`] and [`log`] what it may look up and
//! keep. A rule that does not call a module does not import it, and needs no grant for it.
//!
//! # Layout
//!
//! | module | subject |
//! |---|---|
//! | [`mod@rule`] | which event goes to which function; the [`rule!`] macro |
//! | [`command`] | commands that people type, and their arguments |
//! | [`event`], [`segments`], [`fetched`] | what happened; what is said; what was fetched |
//! | [`actions`] | what the host is asked to do |
//! | [`error`] | what can go wrong in a rule, and who is told |
//! | [`kv`], [`kv_shared`] | state that outlives the event |
//! | [`settings`], [`patterns`], [`template`] | what the operator wrote |
//! | [`roster`], [`clock`], [`random`], [`log`], [`duration`] | people, time, chance, the log, lengths of time |
//! | [`types`], [`bindings`] | the contract, generated from `wit/v0.1` |
//! | `testing` | a fake host for unit tests (native only) |

pub mod actions;
pub mod bindings;
pub mod command;
pub mod duration;
pub mod error;
pub mod event;
pub mod fetched;
pub mod log;
pub mod patterns;
pub mod random;
pub mod rule;
pub mod segments;
pub mod settings;
mod state;
pub mod template;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

#[cfg(target_arch = "wasm32")]
use bindings::mynah::script as host;
#[cfg(not(target_arch = "wasm32"))]
use testing::host;

pub use command::CommandCall;
pub use error::{Error, Result};
pub use rule::Rule;
pub use state::{kv, kv_shared};
// Rules derive `Deserialize` for their settings; these are the versions that the SDK speaks.
pub use {serde, serde_json};

/// The plain data of the contract: events, messages, people, actions.
pub mod types {
    pub use crate::bindings::mynah::script::kv_types::KvError;
    pub use crate::bindings::mynah::script::log::Level;
    pub use crate::bindings::mynah::script::patterns::Match;
    pub use crate::bindings::mynah::script::roster::{GroupInfo, MemberPage};
    pub use crate::bindings::mynah::script::types::*;
}

/// Look-ups in what the account knows of people and chats. Needs the grant `roster`: say why with
/// [`Rule::asks`].
pub mod roster {
    pub use crate::host::roster::{friend, group, me, member, members};
}

/// The time, which is the event's.
pub mod clock {
    pub use crate::host::clock::now;
}

/// What nearly every rule uses.
pub mod prelude {
    pub use crate::actions::{
        Act, Actions, IntoActions, answer, cancel, cron, fetch, invite, kick, recall, reply, schedule, send,
        send_media, set_card, set_group_name, shutup, shutup_all, stop, unshutup,
    };
    pub use crate::command::CommandCall;
    pub use crate::duration::{days, hours, minutes, seconds};
    pub use crate::error::{Error, Result};
    pub use crate::rule::Rule;
    pub use crate::segments::{IntoSegments, Segments, face, image, mention, mention_all, quote, text};
    pub use crate::settings::{setting, setting_duration, settings};
    pub use crate::template::fill;
    pub use crate::types::{
        Action, ActionBody, ActionResult, Chat, ChatKind, Command, Event, EventBody, EventKind,
        FetchFinished, FetchResponse, Kick, Match, Media, Membership, MembershipCause, Message, Outcome,
        Person, Reply, Role, Segment, Shutup, Target, Timer,
    };
    pub use crate::{clock, kv, kv_shared, log, patterns, random, roster};
}
