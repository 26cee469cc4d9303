//! What the engine promises, tried with components written for it: most in WebAssembly's own text, so that
//! they need no toolchain and can do what no compiler would.
//!
//! # Layout
//! - `guest`, `unfolding`: components from text; `guest_build`: components from sources
//! - `world`: an engine, events and a store in memory
//! - the others: one behaviour each

#[cfg(test)]
mod admission;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod bombs;
#[cfg(test)]
mod evasion;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod guest;
#[expect(
    dead_code,
    unreachable_pub,
    reason = "the command line's own file, of which only the building is used"
)]
#[path = "../../../mynah/src/guest_build.rs"]
mod guest_build;
#[cfg(test)]
mod languages;
#[cfg(test)]
mod lifetimes;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod state;
#[cfg(test)]
mod unfolding;
#[cfg(test)]
mod world;
