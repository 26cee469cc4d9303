//! The API over a running host on the embedded network.
//!
//! # Layout
//! - `stage`: a running host and calls to its router
//! - `vectors`: samples of calls with the answers that the original gave
//! - `openqq`, `openwx`, `openwx_talk`: what the samples do not say
//! - `check_event`: long polling
//! - `controller`: several accounts, their logins and files
//! - `admin`: the administration
//! - `hostile`: requests that are wrong on purpose
//! - `socket`: what only a connection shows

#[cfg(test)]
mod admin;
#[cfg(test)]
mod check_event;
#[cfg(test)]
mod controller;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod openqq;
#[cfg(test)]
mod openwx;
#[cfg(test)]
mod openwx_talk;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod vectors;
