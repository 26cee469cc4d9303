//! The API over a running host on the embedded network.
//!
//! # Layout
//! - `stage`: a running host and calls to its router
//! - `vectors`: samples of calls with the answers that the original gave
//! - `openqq`, `openwx`, `openwx_talk`: what the samples do not say
//! - `check_event`: long polling
//! - `controller`: several accounts, their logins and files
//! - `media`: pictures and files
//! - `admin`: the administration
//! - `keys`: who may call; `idempotency`: sends that are repeated
//! - `dialect`: answers and reports in v1
//! - `documents`: what `docs/openqq.md` says, held against the API
//! - `unsupported`: what a network cannot do
//! - `hostile`: requests that are wrong on purpose
//! - `connections`: what a peer may hold of a listener, and TLS
//! - `socket`: what only a connection shows
//! - `endpoint`: a server that is called; `reporting`: a host that calls it
//! - `webhook`, `webhook_answers`, `webhook_delivery`: post_api; `dead_letters`: what did not arrive
//! - `poll`, `lines`: poll_api, post_stdout

#[cfg(test)]
mod admin;
#[cfg(test)]
mod check_event;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod controller;
#[cfg(test)]
mod dead_letters;
#[cfg(test)]
mod dialect;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod endpoint;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod media;
#[cfg(test)]
mod openqq;
#[cfg(test)]
mod openwx;
#[cfg(test)]
mod openwx_talk;
#[cfg(test)]
mod poll;
#[cfg(test)]
mod reporting;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod unsupported;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod webhook;
#[cfg(test)]
mod webhook_answers;
#[cfg(test)]
mod webhook_delivery;
