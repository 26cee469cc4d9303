//! Runs scripts: WebAssembly components in bounded, deterministic sandboxes.

pub mod conformance;
