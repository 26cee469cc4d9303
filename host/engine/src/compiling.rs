//! Compiling a component, bounded in time and in number.
//!
//! Nothing ends a compilation before its time, so each has a thread of its own that is left behind when it takes too long:
//! what it comes to then is dropped. A component that makes the compiler fail takes no more than that thread with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use mynah_model::refusal::{Code, Refusal};
use wasmtime::component::Component;

use crate::limits::COMPILES;

/// How many components are being compiled now.
#[derive(Clone, Default)]
pub(crate) struct Compiling(Arc<AtomicUsize>);

/// One that is being compiled; it is no more when this is dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Compiling {
    fn place(&self) -> Option<Place> {
        // Taken first, so that two that come at once do not both find the last one.
        let place = Place(self.0.clone());
        (self.0.fetch_add(1, Ordering::AcqRel) < COMPILES).then_some(place)
    }

    /// Compiles, and waits for it so long.
    pub(crate) fn compile(
        &self,
        engine: &wasmtime::Engine,
        bytes: &[u8],
        most: Duration,
    ) -> Result<wasmtime::Result<Component>, Refusal> {
        let Some(place) = self.place() else {
            let text = format!("{COMPILES} components are being compiled, some of them for too long");
            return Err(Refusal::new(Code::LimitCompile, text).hint("save the file again when they are done"));
        };
        let (tell, told) = sync_channel(1);
        let (engine, bytes) = (engine.clone(), bytes.to_vec());
        let compile = move || {
            let _place = place;
            // Nobody may be waiting for it any more.
            let _ = tell.send(Component::from_binary(&engine, &bytes));
        };
        let failed = |text: String| Refusal::new(Code::HostFailure, text);
        thread::Builder::new().name("mynah-compile".into()).spawn(compile).map_err(|error| {
            failed(format!("no thread could be started to compile the component: {error}"))
        })?;
        told.recv_timeout(most).map_err(|error| match error {
            RecvTimeoutError::Timeout => Refusal::new(
                Code::LimitCompile,
                format!("the component did not compile within {} ms", most.as_millis()),
            ),
            RecvTimeoutError::Disconnected => {
                Refusal::new(Code::ComponentInvalid, "the compiler failed on the component")
            }
        })
    }
}
