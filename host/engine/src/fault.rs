//! Why a call failed: wasmtime's errors and the engine's own, as one stable code, a text and a backtrace.

use std::fmt::{self, Write};

use mynah_model::refusal::Code;
use serde::Serialize;
use wasmtime::{FrameInfo, PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::limits::{BACKTRACE_FRAMES, FAULT_TEXT, FRAME_NAME};
use crate::script_log::ScriptLog;

/// Why a script has no answer for an event. Nothing that the call did takes effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}: {text}")]
pub struct Fault {
    /// `limit.*`, `script.*`, or `host.failure`, which is not the script's.
    pub code: Code,
    /// What happened, for a person. A panic's message if there was one.
    pub text: String,
    /// The script's functions that were being called, innermost first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<String>,
}

impl Fault {
    /// A fault without a backtrace.
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: cut(text.into(), FAULT_TEXT), backtrace: None }
    }

    /// What an error of wasmtime means. The log holds what the script said before.
    pub(crate) fn from_error(error: &wasmtime::Error, log: &ScriptLog) -> Self {
        let (code, text) = classify(error, log);
        let backtrace = error.downcast_ref::<WasmBacktrace>().map(render);
        Self { backtrace, ..Self::new(code, text) }
    }
}

/// An error by which a host call ends the script's call.
#[derive(Debug)]
pub(crate) struct Stop {
    code: Code,
    text: String,
}

impl Stop {
    /// As the error that a host function returns.
    pub(crate) fn error(code: Code, text: impl Into<String>) -> wasmtime::Error {
        wasmtime::Error::from(Self { code, text: text.into() })
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

impl std::error::Error for Stop {}

fn classify(error: &wasmtime::Error, log: &ScriptLog) -> (Code, String) {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        let text = match (stop.code, log.last_words()) {
            (Code::ScriptExit, Some(words)) => format!("{}; it said: {words}", stop.text),
            _ => stop.text.clone(),
        };
        return (stop.code, text);
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return match trap {
            Trap::StackOverflow => (Code::LimitStack, "the script recursed past its stack".to_owned()),
            Trap::MemoryOutOfBounds if past_the_end(error) || recursed(error) => {
                let text = "the script recursed past its stack (its stack pointer wrapped around)";
                (Code::LimitStack, text.to_owned())
            }
            Trap::AllocationTooLarge => (Code::LimitMemory, trap_text(*trap)),
            Trap::TableOutOfBounds | Trap::UnreachableCodeReached => {
                (Code::ScriptTrap, log.last_words().unwrap_or_else(|| trap_text(*trap)))
            }
            trap => {
                let said = log.last_words().map(|words| format!("; it said: {words}")).unwrap_or_default();
                (Code::ScriptTrap, format!("{}{said}", trap_text(*trap)))
            }
        };
    }
    // These have no type of their own that an embedder can name.
    let chain = chain(error);
    if chain.contains("store handle limit exceeded") {
        return (Code::LimitHandles, "the script has more handles at once than it may".to_owned());
    }
    if chain.contains("fuel allocated for hostcalls") {
        return (
            Code::LimitHostCalls,
            "the script handed the host more data at once, in a call or in its answer, than it may"
                .to_owned(),
        );
    }
    if chain.contains("resource limit exceeded") {
        return (Code::LimitInstances, chain);
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return (Code::HostFailure, format!("the host has no room for an instance: {chain}"));
    }
    (Code::ScriptAnswer, chain)
}

/// Whether one function was being called again and again: without a pool nobody knows which address it was.
fn recursed(error: &wasmtime::Error) -> bool {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return false };
    let frames: Vec<u32> = backtrace.frames().iter().map(|frame| frame.func_index()).collect();
    frames.len() >= BACKTRACE_FRAMES
        && frames
            .iter()
            .any(|one| frames.iter().filter(|other| *other == one).count() >= BACKTRACE_FRAMES / 4)
}

/// The causes of an error, without the backtrace that wasmtime puts among them. To write that one down is to take apart the
/// names of functions, which the script chose: C++ names of a hundred bytes unfold into terabytes.
fn causes(error: &wasmtime::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    // The backtrace is the first field of the cause that holds it, so that both are at one address.
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(|it| std::ptr::from_ref(it).cast::<()>());
    error.chain().filter(move |cause| Some(std::ptr::from_ref(*cause).cast::<()>()) != backtrace)
}

/// A guest's stack grows down from the start of its memory, so that running past it wraps around to the end
/// of the 4 GiB that a 32-bit address can name (or, with an offset, just past it).
fn past_the_end(error: &wasmtime::Error) -> bool {
    const NEAR: u64 = (4 << 30) - (16 << 20);
    causes(error).any(|cause| {
        let text = cause.to_string();
        text.strip_prefix("memory fault at wasm address 0x")
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .is_some_and(|address| address >= NEAR)
    })
}

fn trap_text(trap: Trap) -> String {
    let text = trap.to_string();
    text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned()
}

/// All causes in one line.
pub(crate) fn chain(error: &wasmtime::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in causes(error) {
        let text = cause.to_string();
        if parts.last() != Some(&text) {
            parts.push(text);
        }
    }
    cut(parts.join(": "), FAULT_TEXT)
}

fn render(backtrace: &WasmBacktrace) -> String {
    let frame = |(number, frame): (usize, &FrameInfo)| {
        let at = frame.module_offset().unwrap_or_default();
        let module = short(frame.module().name().unwrap_or("<unknown>"));
        match frame.func_name() {
            Some(name) => format!("{number}: {at:#x} - {module}!{}", readable(name)),
            None => format!("{number}: {at:#x} - {module}!<wasm function {}>", frame.func_index()),
        }
    };
    backtrace.frames().iter().take(BACKTRACE_FRAMES).enumerate().map(frame).collect::<Vec<_>>().join("\n")
}

/// A function's name as its source has it. Rust's are taken apart; others stand as they are.
fn readable(name: &str) -> String {
    let mut text = Bounded { text: String::new(), left: FRAME_NAME };
    match rustc_demangle::try_demangle(short(name)) {
        // An error is the end of the room.
        Ok(name) => drop(write!(text, "{name:#}")),
        Err(_) => drop(text.write_str(name)),
    }
    text.text
}

/// The first part of a name that a script chose.
fn short(name: &str) -> &str {
    name.get(..name.floor_char_boundary(FRAME_NAME)).unwrap_or_default()
}

/// A text that ends where its room does, however long it would become.
struct Bounded {
    text: String,
    left: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let fits = piece.get(..piece.floor_char_boundary(self.left)).unwrap_or_default();
        self.text.push_str(fits);
        self.left -= fits.len();
        if fits.len() == piece.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// The text, at most so many bytes of it.
pub(crate) fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push('…');
    }
    text
}
