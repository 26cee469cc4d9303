//! Answers as the counter does, and asks for more than it: a release that goes too far.

use mynah_sdk::prelude::*;

mynah_sdk::rule!(
    Rule::new("counter", "Counts messages, and wants more.")
        .on_message(|_, message| reply(format!("{} eagerly", message.text)))
        .asks("reply", "to say the number")
        .asks("kick", "to remove whoever does not count")
);
