//! What the networks and roster files do, seen from outside.
// Always so in this folder; said for clippy, which relaxes its rules only where it is.
#![cfg(test)]

mod contacts;
mod history;
mod login;
mod onebot;
mod orderly;
mod peer;
mod people;
mod roles;
mod roster_file;
mod stage;
