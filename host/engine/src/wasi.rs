//! The part of wasi 0.2 that languages' standard libraries need and that is the same for the same event:
//! clocks that stand at the event's time, random numbers drawn from it, output that goes to the script's
//! log, and nothing to read. Files, sockets and HTTP are not here; [`crate::imports`] refuses them by name.
//!
//! Interfaces are named with the newest version of 0.2; the linker gives them to guests of any 0.2.x.

use mynah_model::refusal::Code;
use rand_chacha::rand_core::Rng;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType};

use crate::fault::Stop;
use crate::host_calls::random_bytes;
use crate::sandbox::Sandbox;
use crate::script_log::LogSource;

/// The interfaces that are linked, without their version.
pub(crate) const INTERFACES: [&str; 18] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// Bytes that a stream says it takes at once. More is taken too: the log has its own limit.
const WRITABLE: u64 = 4096;

// What stands behind a handle. None of them holds anything: which stream one is says its number.
struct IoError;
struct Pollable;
struct InputStream;
struct OutputStream;
struct TerminalInput;
struct TerminalOutput;

const STDOUT: u32 = 1;
const STDERR: u32 = 2;

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    #[component(name = "seconds")]
    seconds: u64,
    #[component(name = "nanoseconds")]
    nanoseconds: u32,
}

type Context<'a> = StoreContextMut<'a, Sandbox>;
type Streamed<T> = wasmtime::Result<(Result<T, StreamError>,)>;

/// Adds every interface of [`INTERFACES`].
pub(crate) fn add_to_linker(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    let mut interface = |name: &str, add: fn(&mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()>| {
        add(&mut linker.instance(&format!("{name}@0.2.12"))?)
    };
    interface("wasi:io/error", error)?;
    interface("wasi:io/poll", poll)?;
    interface("wasi:io/streams", |streams| {
        input_stream(streams)?;
        output_stream(streams)
    })?;
    interface("wasi:cli/environment", environment)?;
    interface("wasi:cli/exit", exit)?;
    interface("wasi:cli/stdin", |it| {
        it.func_wrap("get-stdin", |_: Context, (): ()| Ok((Resource::<InputStream>::new_own(0),)))
    })?;
    interface("wasi:cli/stdout", |it| {
        it.func_wrap("get-stdout", |_: Context, (): ()| Ok((Resource::<OutputStream>::new_own(STDOUT),)))
    })?;
    interface("wasi:cli/stderr", |it| {
        it.func_wrap("get-stderr", |_: Context, (): ()| Ok((Resource::<OutputStream>::new_own(STDERR),)))
    })?;
    interface("wasi:cli/terminal-input", |it| resource::<TerminalInput>(it, "terminal-input"))?;
    interface("wasi:cli/terminal-output", |it| resource::<TerminalOutput>(it, "terminal-output"))?;
    interface("wasi:cli/terminal-stdin", |it| {
        it.func_wrap("get-terminal-stdin", |_: Context, (): ()| Ok((None::<Resource<TerminalInput>>,)))
    })?;
    interface("wasi:cli/terminal-stdout", |it| {
        it.func_wrap("get-terminal-stdout", |_: Context, (): ()| Ok((None::<Resource<TerminalOutput>>,)))
    })?;
    interface("wasi:cli/terminal-stderr", |it| {
        it.func_wrap("get-terminal-stderr", |_: Context, (): ()| Ok((None::<Resource<TerminalOutput>>,)))
    })?;
    interface("wasi:clocks/wall-clock", wall_clock)?;
    interface("wasi:clocks/monotonic-clock", monotonic_clock)?;
    interface("wasi:random/random", |it| random(it, "get-random-bytes", "get-random-u64"))?;
    interface("wasi:random/insecure", |it| {
        random(it, "get-insecure-random-bytes", "get-insecure-random-u64")
    })?;
    interface("wasi:random/insecure-seed", |it| {
        it.func_wrap("insecure-seed", |mut context: Context, (): ()| {
            let generator = context.data_mut().random.wasi();
            Ok(((generator.next_u64(), generator.next_u64()),))
        })
    })
}

fn resource<T: 'static>(interface: &mut LinkerInstance<'_, Sandbox>, name: &str) -> wasmtime::Result<()> {
    interface.resource(name, ResourceType::host::<T>(), |_, _| Ok(()))
}

fn error(it: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    resource::<IoError>(it, "error")?;
    it.func_wrap("[method]error.to-debug-string", |_: Context, (_,): (Resource<IoError>,)| {
        Ok((String::new(),))
    })
}

/// Nothing here ever has to be waited for, so every pollable is ready.
fn poll(it: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    resource::<Pollable>(it, "pollable")?;
    it.func_wrap("[method]pollable.ready", |_: Context, (_,): (Resource<Pollable>,)| Ok((true,)))?;
    it.func_wrap("[method]pollable.block", |_: Context, (_,): (Resource<Pollable>,)| Ok(()))?;
    it.func_wrap("poll", |_: Context, (pollables,): (Vec<Resource<Pollable>>,)| {
        let count = u32::try_from(pollables.len()).unwrap_or(u32::MAX);
        Ok(((0..count).collect::<Vec<u32>>(),))
    })
}

/// Standard input is at its end.
fn input_stream(it: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    resource::<InputStream>(it, "input-stream")?;
    for name in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        it.func_wrap(name, |_: Context, (_, _): (Resource<InputStream>, u64)| -> Streamed<Vec<u8>> {
            Ok((Err(StreamError::Closed),))
        })?;
    }
    for name in ["[method]input-stream.skip", "[method]input-stream.blocking-skip"] {
        it.func_wrap(name, |_: Context, (_, _): (Resource<InputStream>, u64)| -> Streamed<u64> {
            Ok((Err(StreamError::Closed),))
        })?;
    }
    it.func_wrap("[method]input-stream.subscribe", |_: Context, (_,): (Resource<InputStream>,)| {
        Ok((Resource::<Pollable>::new_own(0),))
    })
}

fn output_stream(it: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    resource::<OutputStream>(it, "output-stream")?;
    it.func_wrap(
        "[method]output-stream.check-write",
        |_: Context, (_,): (Resource<OutputStream>,)| -> Streamed<u64> { Ok((Ok(WRITABLE),)) },
    )?;
    for name in ["[method]output-stream.write", "[method]output-stream.blocking-write-and-flush"] {
        it.func_wrap(
            name,
            |mut context: Context, (stream, bytes): (Resource<OutputStream>, Vec<u8>)| -> Streamed<()> {
                let sandbox = context.data_mut();
                sandbox.charge(bytes.len())?;
                sandbox.log.written(source(&stream), &bytes);
                Ok((Ok(()),))
            },
        )?;
    }
    for name in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        it.func_wrap(name, |_: Context, (_,): (Resource<OutputStream>,)| -> Streamed<()> { Ok((Ok(()),)) })?;
    }
    // Zeroes have no place in a log: they are taken and dropped.
    for name in
        ["[method]output-stream.write-zeroes", "[method]output-stream.blocking-write-zeroes-and-flush"]
    {
        it.func_wrap(name, |_: Context, (_, _): (Resource<OutputStream>, u64)| -> Streamed<()> {
            Ok((Ok(()),))
        })?;
    }
    // The only input there is is at its end.
    for name in ["[method]output-stream.splice", "[method]output-stream.blocking-splice"] {
        it.func_wrap(
            name,
            |_: Context, (_, _, _): (Resource<OutputStream>, Resource<InputStream>, u64)| -> Streamed<u64> {
                Ok((Err(StreamError::Closed),))
            },
        )?;
    }
    it.func_wrap("[method]output-stream.subscribe", |_: Context, (_,): (Resource<OutputStream>,)| {
        Ok((Resource::<Pollable>::new_own(0),))
    })
}

fn source(stream: &Resource<OutputStream>) -> LogSource {
    if stream.rep() == STDERR { LogSource::Stderr } else { LogSource::Stdout }
}

fn environment(it: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    it.func_wrap("get-environment", |_: Context, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
    it.func_wrap("get-arguments", |_: Context, (): ()| Ok((Vec::<String>::new(),)))?;
    it.func_wrap("initial-cwd", |_: Context, (): ()| Ok((None::<String>,)))
}

fn exit(it: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    it.func_wrap("exit", |_: Context, (status,): (Result<(), ()>,)| -> wasmtime::Result<()> {
        let status = if status.is_ok() { "success" } else { "failure" };
        Err(Stop::error(Code::ScriptExit, format!("the script called exit ({status})")))
    })?;
    it.func_wrap("exit-with-code", |_: Context, (code,): (u8,)| -> wasmtime::Result<()> {
        Err(Stop::error(Code::ScriptExit, format!("the script called exit ({code})")))
    })
}

fn wall_clock(it: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    it.func_wrap("now", |context: Context, (): ()| {
        let time = context.data().time();
        let seconds = u64::try_from(time.div_euclid(1000)).unwrap_or(0);
        let nanoseconds = u32::try_from(time.rem_euclid(1000) * 1_000_000).unwrap_or(0);
        Ok((Datetime { seconds, nanoseconds },))
    })?;
    it.func_wrap("resolution", |_: Context, (): ()| Ok((Datetime { seconds: 0, nanoseconds: 1_000_000 },)))
}

fn monotonic_clock(it: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    it.func_wrap("now", |context: Context, (): ()| {
        let milliseconds = u64::try_from(context.data().time()).unwrap_or(0);
        Ok((milliseconds.saturating_mul(1_000_000),))
    })?;
    it.func_wrap("resolution", |_: Context, (): ()| Ok((1_000_000_u64,)))?;
    for name in ["subscribe-instant", "subscribe-duration"] {
        // A guest that waits holds its thread where no deadline reaches it, so that the call itself must end it.
        it.func_wrap(name, |_: Context, (_,): (u64,)| -> wasmtime::Result<(Resource<Pollable>,)> {
            Err(Stop::error(Code::ScriptSleep, "scripts never sleep: return a schedule action"))
        })?;
    }
    Ok(())
}

fn random(it: &mut LinkerInstance<'_, Sandbox>, bytes: &str, number: &str) -> wasmtime::Result<()> {
    it.func_wrap(bytes, |mut context: Context, (len,): (u64,)| {
        Ok((random_bytes(context.data_mut().random.wasi(), len)?,))
    })?;
    it.func_wrap(number, |mut context: Context, (): ()| Ok((context.data_mut().random.wasi().next_u64(),)))
}
