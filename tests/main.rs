//! What holds for the whole host, one file for each behaviour. Hosts are started in this process on port 0 with data
//! folders of their own, or as the `mynah` command; time is driven, not slept.

#![cfg(test)]

mod support;

mod cases;
mod cli;
mod dev;
mod hostile;
mod invariants;
mod kill;
mod loops;
mod new_script;
mod reload;
mod timers;
