//! Answers every message, its fellow scripts' too: two of these would talk to each other for ever.

use mynah_sdk::prelude::*;

mynah_sdk::rule!(
    Rule::new("answerer", "Answers everything.")
        .on_message(|_, message| reply(format!("re: {}", message.text)))
        .on_own_message(|_, message| reply(format!("re: {}", message.text)))
);
