//! The `mynah` command: what is typed, what `mynah.toml` says, and how the parts become a running host. Glue only: what
//! happens to an event is decided in the crates below.
//!
//! The binary calls [`main`]; the integration tests start hosts with [`run`] and build guests with [`guest_build`].
//!
//! # Layout
//! - `cli`: the command line; `exit`: how a command ends; `output`: stdout and logs
//! - [`config`]: `mynah.toml`, checked, with every default
//! - [`run`]: from a configuration to a running host, and back down; `allowed`: who may connect;
//!   `doors`: where networks come in;
//!   `rules`: what the binary carries
//! - [`guest_sources`], [`guest_build`]: which crates are scripts, and how they become components (shared with the
//!   build script, which embeds the shipped rules)
//! - `build`, `new`, `check`, `say`, `journal`, `why`, `pause`, `explain`: one command each; `client`: a running host, as they talk to it
//! - `dev`: the host of whoever writes scripts: `watch` builds again what is changed, `prompt` is a chat
//!   (`prompt_line`: what a typed line means; `transcript`: what is shown; `people`: who is meant)

mod allowed;
mod build;
mod check;
mod cli;
mod client;
pub mod config;
mod dev;
mod doors;
mod exit;
mod explain;
pub mod guest_build;
pub mod guest_sources;
mod journal;
mod new;
mod output;
mod pause;
mod people;
mod prompt;
mod prompt_line;
mod rules;
pub mod run;
mod say;
mod transcript;
mod watch;
mod why;

pub use exit::{Exit, Failure};

/// Does what the command line says, and says how it ended.
pub fn main() -> std::process::ExitCode {
    cli::main()
}
