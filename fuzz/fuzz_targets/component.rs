//! Any bytes as a component: let in, or refused with a sentence. Small ones are compiled, linked and asked what they are.

#![no_main]

use std::sync::OnceLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use mynah_engine::{Engine, EngineConfig, ImportGrants, Limits, inspect};

/// Bytes up to which a component is compiled, too: what comes of more is the compiler's own test.
const COMPILED: usize = 8 << 10;

/// Bytes of the sentence of a refusal, its backtrace included.
const SENTENCE: usize = 8 << 10;

fuzz_target!(|bytes: &[u8]| {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let name = "guest".parse().expect("a name");
    let limits = Limits { describe_deadline: Duration::from_millis(20), ..Limits::default() };
    let grants = ImportGrants::ALL;
    let refusal = match inspect(&name, bytes, &grants, &limits) {
        Ok(imports) => {
            assert!(
                imports
                    .iter()
                    .all(|import| import.starts_with("mynah:script/") || import.starts_with("wasi:"))
            );
            if bytes.len() > COMPILED {
                return;
            }
            let config = || EngineConfig { pool: false, workers: 1, ..EngineConfig::default() };
            let engine = ENGINE.get_or_init(|| Engine::new(config()).expect("an engine"));
            engine.admit(&name, bytes, &grants, &limits).err()
        }
        Err(refusal) => Some(refusal),
    };
    if let Some(refusal) = refusal {
        assert!(!refusal.text.is_empty() && refusal.text.len() < SENTENCE, "{} bytes", refusal.text.len());
    }
});
