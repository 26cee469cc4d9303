//! Any text as `mynah.toml`: read, or refused with a sentence that names the file. No file is touched.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use mynah::config::Config;

fuzz_target!(|text: &str| {
    let path = Path::new("mynah.toml");
    match Config::parse(path, text) {
        Ok(config) => {
            // What is read twice is read the same, and what a host is started with can be asked about.
            let again = Config::parse(path, text).expect("the same text");
            assert_eq!(config.accounts.len(), again.accounts.len());
            assert_eq!(config.scripts.len(), again.scripts.len());
            let _ = config.check_exposure();
            let _ = format!("{config:?}");
        }
        Err(error) => assert!(error.to_string().contains("mynah.toml"), "{error}"),
    }
});
