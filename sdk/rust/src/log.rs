//! This script's log, which the operator reads. Lines beyond the host's limit are cut and counted.

use crate::host;
use crate::types::Level;

/// For whoever writes the rule.
pub fn debug(text: &str) {
    host::log::log(Level::Debug, text);
}

/// Worth knowing.
pub fn info(text: &str) {
    host::log::log(Level::Info, text);
}

/// Something is not as it should be.
pub fn warn(text: &str) {
    host::log::log(Level::Warn, text);
}

/// Something did not work.
pub fn error(text: &str) {
    host::log::log(Level::Error, text);
}
