//! Imports files, which no script is given.

use mynah_sdk::prelude::*;

mynah_sdk::rule!(
    Rule::new("files", "Reads what it should not.").on_message(|_, message| std::fs::read_to_string(
        message.text.trim()
    )
    .ok()
    .map(reply))
);
