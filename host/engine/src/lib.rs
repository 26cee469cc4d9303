//! Runs scripts: WebAssembly components in bounded, deterministic sandboxes. It knows wasmtime and nothing
//! of stores, HTTP or chat protocols.
//!
//! The runtime and the command line use it: [`Engine::admit`] makes a [`Release`] of a component or says
//! what is wrong with it, a [`Script`] is a release with what the operator granted it, a [`RuleSet`] says
//! which scripts want an event, and [`Engine::call`] calls one for an event. What a call needs of the rest
//! of the host comes in through [`HostServices`].
//!
//! Invariants:
//! - A call ends within its deadline, in CPU time and in twenty times that on the wall, and within its memory,
//!   whatever the script does. A fault ends that call only.
//! - The same release, event, settings, roster and state give the same answer (with [`InstancePolicy::Fresh`]).
//! - A script imports what it was granted. Nothing is stubbed.
//!
//! # Layout
//! - [`limits`]: every number that bounds something
//! - `engine`, `allocation`, `ticker`, `slots`: what scripts share: wasmtime, its pool, the hand of the clock
//! - `admission`, `anatomy`, `unfolding`, `imports`, `compiling`, `release`, `cache`, `trusted`: from bytes to a release
//! - `script`, `rules`, `indifference`, `settings`, `settings_schema`, `patterns`, `folding`: what is called when, and what the operator set
//! - `call`, `warm`, `sandbox`, `stopwatch`, `randomness`, `script_log`, `fault`: one call and its bounds
//! - `bindings`, `wire_event`, `wire_answer`, `wire_info`: the contract's types, to and from the model's
//! - `host_calls`, `kv_calls`, `roster_calls`, `sight`, `wasi`, `services`: what a script can ask for while it runs
//! - [`conformance`]: what a guest in any language must do to show that its bindings are whole

mod admission;
mod allocation;
mod anatomy;
mod bindings;
mod cache;
mod call;
mod compiling;
pub mod conformance;
mod engine;
mod fault;
mod folding;
mod host_calls;
mod imports;
mod indifference;
mod kv_calls;
pub mod limits;
mod patterns;
mod randomness;
mod release;
mod roster_calls;
mod rules;
mod sandbox;
mod script;
mod script_log;
mod services;
mod settings;
mod settings_schema;
mod sight;
mod slots;
mod stopwatch;
mod ticker;
mod trusted;
mod unfolding;
mod warm;
mod wasi;
mod wire_answer;
mod wire_event;
mod wire_info;

pub use admission::inspect;
pub use allocation::Allocation;
pub use call::CallReport;
pub use engine::{Engine, EngineConfig, EngineError};
pub use fault::Fault;
pub use imports::{CONTRACT_VERSION, ImportGrants};
pub use indifference::Indifference;
pub use limits::{LimitRow, Limits};
pub use release::Release;
pub use rules::{Collision, ListedCommand, RuleSet};
pub use script::{InstancePolicy, Script};
pub use script_log::{LogLevel, LogLine, LogSource};
pub use services::{CallContext, Deferred, HostServices, KvRefusal, KvScope, KvValue, ServiceError};
pub use settings::SettingsLayers;
