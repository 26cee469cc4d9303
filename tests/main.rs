//! What holds for the whole host, one file for each behaviour. Hosts are started in this process on port 0 with data
//! folders of their own, or as the `mynah` command; time is driven, not slept.
//!
//! # Layout
//! - `invariants`: those of `ARCHITECTURE.md`, one test each
//! - `cases`: what people do and what comes of it, as data in `tests/cases`
//! - `isolation`: how long a ping takes while scripts elsewhere misbehave, the table of `docs/hostile.md`
//! - `hostile`, `kill`, `loops`, `reload`, `timers`: what holds under attack, SIGKILL, endless answers, new releases, restarts
//!   (`hostile/` has the hostile components and what the host says to each, the table of `docs/hostile.md`)
//! - `state`: what scripts keep and may see: quota, expiry, changes from outside, the roster; and how long the journal is kept
//! - `audit`: who asked for what, and what became of it, in the API and in `mynah journal`
//! - `operators`: the host's commands in a chat; `alerts`: what operators are told, once
//! - `why`: events explained; `pause`: what is noted down and not done for a while
//! - `actions`: every action of the contract, refused and done; `fetch`: what scripts fetch
//! - `virtual_day`: a day of timers and of state that vanishes, with a restart and a kill in it
//! - `grants`: what the operator grants, edited while the host runs, and releases that ask for more
//! - `sandbox`: the table of limits in `docs/sandbox.md`
//! - `controller`: accounts that are logged in and stopped while `mynah run` serves them
//! - `keys`: keys and certificates, from `mynah.toml` to who is served
//! - `webhooks`: post_api, post_stdout and poll_api of a whole host, also under SIGKILL
//! - `onebot`: a whole host on a QQ account, whose peer plays each implementation; `onebot_cuts`: whose connections are cut under load;
//!   `onebot_hostile`: whose peers send nonsense
//! - `cli`, `dev`, `new_script`: the `mynah` command
//! - `support`: hosts, commands and guests for all of these; the guests' sources lie in `tests/guests`

#![cfg(test)]

mod support;

mod actions;
mod alerts;
mod audit;
mod cases;
mod cli;
mod controller;
mod dev;
mod faults;
mod fetch;
mod full_disk;
mod grants;
mod hostile;
mod invariants;
mod isolation;
mod keys;
mod kill;
mod loops;
mod moderation;
mod new_script;
mod onebot;
mod onebot_cuts;
mod onebot_hostile;
mod operator;
mod operators;
mod pause;
mod reload;
mod sandbox;
mod state;
mod timers;
mod virtual_day;
mod webhooks;
mod why;
