//! The clock hand of the deadlines: one thread that moves the engine's epoch on, so that running scripts
//! look at the time.

use std::io;
use std::thread;

use wasmtime::Engine;

use crate::limits::TICK;

/// Starts the ticker. It ends by itself, at most one tick after the last engine is dropped.
pub(crate) fn start(engine: &Engine) -> io::Result<()> {
    let engine = engine.weak();
    thread::Builder::new().name("mynah-ticker".to_owned()).spawn(move || {
        loop {
            thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => break,
            }
        }
    })?;
    Ok(())
}
