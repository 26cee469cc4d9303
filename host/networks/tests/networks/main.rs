//! What the networks and roster files do, seen from outside.
// Always so in this folder; said for clippy, which relaxes its rules only where it is.
#![cfg(test)]

mod certificates;
mod contacts;
mod crowd;
mod history;
mod login;
mod onebot;
mod orderly;
/// The tests of whole hosts use it too.
#[allow(dead_code, reason = "whole hosts are reached in more ways")]
mod peer;
mod people;
mod roles;
mod roster_file;
mod silence;
mod stage;
mod tls_front;
