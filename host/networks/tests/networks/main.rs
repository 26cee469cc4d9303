//! What the embedded network and its roster files do, seen from outside.
// Always so in this folder; said for clippy, which relaxes its rules only where it is.
#![cfg(test)]

mod contacts;
mod history;
mod login;
mod orderly;
mod people;
mod roles;
mod roster_file;
mod stage;
