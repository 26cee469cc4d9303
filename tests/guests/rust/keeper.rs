//! Does with its state, and looks up in the roster, what messages tell it to, and says what came of it. A message is a word and its
//! arguments with the character U+001F between them.

use mynah_sdk::bindings::mynah::script::{kv as raw, kv_shared as shared, roster};
use mynah_sdk::prelude::*;

mynah_sdk::rule!(
    Rule::new("keeper", "Keeps what it is told to keep.")
        .on_message(keep)
        .asks("reply", "to say what came of it")
);

fn keep(_: &Event, message: &Message) -> Result<Reply> {
    let words: Vec<&str> = message.text.split('\u{1f}').collect();
    Ok(reply(match words.as_slice() {
        ["set", key, value] => said(raw::set(key, value, None)),
        ["set-for", key, value, ms] => said(raw::set(key, value, ms.parse().ok())),
        ["fill", key, bytes] => said(raw::set(key, &"x".repeat(bytes.parse().unwrap_or(0)), None)),
        ["get", key] => raw::get(key).unwrap_or_else(|| "nothing".to_owned()),
        ["delete", key] => raw::delete(key).to_string(),
        ["list", prefix] => keys(raw::list(prefix, 100, None)),
        ["add", key, by] => match raw::increment(key, by.parse().unwrap_or(1), None) {
            Ok(sum) => sum.to_string(),
            Err(error) => format!("{error:?}"),
        },
        ["shared-set", key, value] => said(shared::set(key, value, None)),
        ["shared-get", key] => shared::get(key).unwrap_or_else(|| "nothing".to_owned()),
        ["shared-list", prefix] => keys(shared::list(prefix, 100, None)),
        ["who", group, person] => format!(
            "me {}, friend {}, group {}, members {}, member {}",
            roster::me().id,
            roster::friend(person).is_some(),
            roster::group(group).is_some(),
            roster::members(group, 0, 500).members.len(),
            roster::member(group, person).is_some(),
        ),
        _ => "what?".to_owned(),
    }))
}

fn said(result: std::result::Result<(), raw::KvError>) -> String {
    result.map_or_else(|error| format!("{error:?}"), |()| "ok".to_owned())
}

fn keys(page: raw::Page) -> String {
    let keys: Vec<_> = page.entries.into_iter().map(|entry| entry.key).collect();
    format!("[{}]", keys.join(","))
}
