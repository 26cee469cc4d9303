//! The imports `log`, `config`, `patterns`, `clock` and `random`: what every script has.

use mynah_model::clock::UnixMs;
use mynah_model::refusal::Code;
use rand_chacha::rand_core::Rng;

use crate::bindings::mynah::script::{clock, config, kv_types, log, patterns, random, types};
use crate::fault::Stop;
use crate::limits::{RANDOM_BYTES, SETTINGS_PATH};
use crate::sandbox::Sandbox;
use crate::script_log::LogLevel;

impl types::Host for Sandbox {}

impl kv_types::Host for Sandbox {}

impl log::Host for Sandbox {
    fn log(&mut self, level: log::Level, text: String) -> wasmtime::Result<()> {
        self.charge(text.len())?;
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.log.line(level, &text);
        Ok(())
    }
}

impl config::Host for Sandbox {
    fn get(&mut self, path: String) -> wasmtime::Result<Option<String>> {
        self.charge_path(&path)?;
        let turn = self.turn("config")?;
        Ok(turn.settings.get(&path).map(|text| text.as_ref().to_owned()))
    }
}

impl patterns::Host for Sandbox {
    fn find(&mut self, set: String, text: String) -> wasmtime::Result<Result<Vec<patterns::Match>, String>> {
        self.charge_path(&set)?;
        self.charge(text.len())?;
        let turn = self.turn("patterns")?;
        let compiled = match turn.settings.patterns(&set) {
            Ok(compiled) => compiled,
            Err(reason) => return Ok(Err(reason.as_ref().to_owned())),
        };
        Ok(compiled.find(&text).map(|found| {
            let matches = found.into_iter().map(|found| {
                let (pattern, value) = compiled.row(found.row);
                patterns::Match {
                    start: found.start,
                    end: found.end,
                    row: found.row,
                    pattern: pattern.to_owned(),
                    value: value.to_owned(),
                }
            });
            matches.collect()
        }))
    }
}

impl clock::Host for Sandbox {
    fn now(&mut self) -> wasmtime::Result<UnixMs> {
        Ok(self.time())
    }
}

impl random::Host for Sandbox {
    fn next(&mut self) -> wasmtime::Result<u64> {
        Ok(self.random.contract().next_u64())
    }

    fn bytes(&mut self, len: u32) -> wasmtime::Result<Vec<u8>> {
        random_bytes(self.random.contract(), u64::from(len))
    }
}

impl Sandbox {
    /// Counts a path in the settings, if it can be one.
    fn charge_path(&mut self, path: &str) -> wasmtime::Result<()> {
        self.charge(path.len())?;
        if path.len() <= SETTINGS_PATH {
            return Ok(());
        }
        let text = format!(
            "the script named something in its settings by {} bytes; a path has at most {SETTINGS_PATH}",
            path.len()
        );
        Err(Stop::error(Code::LimitHostCalls, text))
    }
}

/// So many random bytes, or the fault of asking for too many.
pub(crate) fn random_bytes(generator: &mut impl Rng, len: u64) -> wasmtime::Result<Vec<u8>> {
    match usize::try_from(len) {
        Ok(len) if len as u64 <= RANDOM_BYTES => {
            let mut bytes = vec![0; len];
            generator.fill_bytes(&mut bytes);
            Ok(bytes)
        }
        _ => Err(Stop::error(
            Code::LimitHostCalls,
            format!("the script asked for {len} random bytes at once; it may have {RANDOM_BYTES}"),
        )),
    }
}
