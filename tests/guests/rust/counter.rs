//! Counts the messages of each chat in its state, and says the number and its own release.

use std::hint::black_box;

use mynah_sdk::prelude::*;

/// Tests write other digits over these bytes of the finished component, to make as many releases as they want.
static RELEASE: [u8; 16] = *b"release-00000000";

mynah_sdk::rule!(
    Rule::new("counter", "Counts messages.").on_message(count).asks("reply", "to say the number")
);

fn count(_: &Event, message: &Message) -> Result<Reply> {
    let count = kv::increment("count", 1)?;
    let release = String::from_utf8_lossy(black_box(&RELEASE)).into_owned();
    Ok(reply(format!("{} {count} {release}", message.text)))
}
