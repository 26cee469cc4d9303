//! What the engine promises, tried with components written for it: most in WebAssembly's own text, so that
//! they need no toolchain and can do what no compiler would.
//!
//! # Layout
//! - `guest`: components from text
//! - `world`: an engine, events and a store in memory
//! - the others: one behaviour each

mod admission;
mod answers;
mod faults;
mod guest;

mod lifetimes;
mod routing;
mod state;
mod world;
