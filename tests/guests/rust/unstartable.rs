//! Traps before anything is asked of it: in its start function, which runs when an instance is made.

use mynah_sdk::prelude::*;

mynah_sdk::rule!(Rule::new("unstartable", "Never gets this far.").on_message(|_, _| reply("started")));

/// The linker has all functions of this list called at the start.
#[expect(unsafe_code, reason = "this is what is tried; the function only traps")]
#[cfg(target_arch = "wasm32")]
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = trap;

#[cfg(target_arch = "wasm32")]
extern "C" fn trap() {
    core::arch::wasm32::unreachable()
}
