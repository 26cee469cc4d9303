//! Answers what people say from a table in its settings:
//!
//! ```toml
//! [script.keyword-reply.settings]
//! cooldown = "30s"                     # a row that answered keeps quiet this long in that chat
//! replies = [
//!   { exact = "你好", reply = "{name}，你好！" },
//!   { contains = "天气", reply = ["晴", "雨", "问天"] },        # one of them, by chance
//!   { regex = "^who is .*\\?$", reply = "{mention} is." },
//! ]
//! ```
//!
//! The first row that fits answers. How it is spelled does not matter, see `docs/patterns.md`. In a reply `{name}`
//! is who spoke, `{mention}` calls them, `{group}` is where, and `{found}` what of the message fitted.

use mynah_sdk::prelude::*;
use serde::Deserialize;

mynah_sdk::rule!(
    Rule::new("keyword-reply", "Answers what people say from a table. 按关键词表回答。")
        .settings_schema(include_str!("../settings.schema.json"))
        .on_match("replies", answer_from_table)
        .asks("reply", "to answer what is in the table")
);

/// What a row has beside its pattern.
#[derive(Deserialize)]
struct Row {
    reply: OneOrMany,
}

/// A text, or several to choose from.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn answer_from_table(event: &Event, message: &Message, found: &[Match]) -> Result<Option<Reply>> {
    let Some(first) = found.iter().min_by_key(|found| found.row) else { return Ok(None) };
    if is_cooling_down(first.row)? {
        return Ok(None);
    }
    let template = match first.parse_value::<Row>()?.reply {
        OneOrMany::One(text) => Some(text),
        OneOrMany::Many(texts) => random::choose(&texts).cloned(),
    };
    let found = message.text.get(first.start as usize..first.end as usize).unwrap_or_default();
    Ok(template.map(|template| {
        reply(fill(&template, |place| match place {
            "name" => Some(text(message.sender.display_name())),
            "mention" => Some(mention(&message.sender)),
            "group" => Some(text(event.chat.as_ref()?.name.as_str())),
            "found" => Some(text(found)),
            _ => None,
        }))
    }))
}

/// Whether a row answered in this chat a moment ago. If not, it is about to.
fn is_cooling_down(row: u32) -> Result<bool> {
    let Some(cooldown) = setting_duration("cooldown")?.filter(|time| !time.is_zero()) else {
        return Ok(false);
    };
    let key = format!("answered/{row}");
    if kv::get::<bool>(&key)?.is_some() {
        return Ok(true);
    }
    kv::set_for(&key, &true, cooldown)?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use mynah_sdk::prelude::seconds;
    use mynah_sdk::testing::{Sim, json};

    use super::rule;

    #[test]
    fn the_first_row_that_fits_answers() {
        let mut sim = Sim::group(rule()).settings(json!({ "replies": [
            { "exact": "hello", "reply": "exactly" },
            { "contains": "hello", "reply": "somewhere" },
            { "regex": "^h.*o$", "reply": "like this" },
        ]}));
        sim.say("alice", " Hello ").expect_reply("exactly");
        sim.say("alice", "oh ＨＥＬＬＯ there").expect_reply("somewhere");
        sim.say("alice", "ho ho ho").expect_reply("like this");
        sim.say("alice", "goodbye").expect_nothing();
        assert_eq!(sim.say("alice", "hello").replies().len(), 1);
    }

    #[test]
    fn replies_name_who_spoke_and_what_was_found() {
        let mut sim = Sim::group(rule()).card("alice", "爱丽丝").settings(json!({ "replies": [
            { "regex": "[0-9]+", "reply": "{name} {mention} said {found} in {group}, {what}" },
        ]}));
        sim.say("alice", "我有 12 个").expect_reply("爱丽丝 @爱丽丝 said 12 in a group, {what}");
    }

    #[test]
    fn one_of_a_list_is_chosen_by_chance() {
        let mut sim =
            Sim::friend(rule()).settings(json!({ "replies": [{ "contains": "?", "reply": ["yes", "no"] }] }));
        let replies: std::collections::BTreeSet<_> =
            (0..50).flat_map(|_| sim.say("alice", "really?").replies()).collect();
        assert_eq!(replies.into_iter().collect::<Vec<_>>(), ["no", "yes"]);
    }

    #[test]
    fn a_row_that_answered_keeps_quiet_for_the_cooldown_in_that_chat() {
        let mut sim = Sim::group(rule()).settings(json!({
            "cooldown": "30s",
            "replies": [{ "exact": "hi", "reply": "hello" }, { "exact": "bye", "reply": "farewell" }],
        }));
        sim.say("alice", "hi").expect_reply("hello");
        sim.say("bob", "hi").expect_nothing();
        sim.say("bob", "bye").expect_reply("farewell");
        sim.in_chat("another").say("bob", "hi").expect_reply("hello");
        sim.in_chat("778899").advance(seconds(30)).say("alice", "hi").expect_reply("hello");
    }

    #[test]
    fn without_settings_it_says_nothing_and_wrong_ones_are_named() {
        Sim::group(rule()).say("alice", "hi").expect_nothing();
        let mut sim = Sim::group(rule()).settings(json!({ "replies": [{ "exact": "hi" }] }));
        sim.say("alice", "hi").expect_fault("row 0");
        let mut sim = Sim::group(rule())
            .settings(json!({ "cooldown": "soon", "replies": [{ "exact": "hi", "reply": "hello" }] }));
        sim.say("alice", "hi").expect_fault("setting `cooldown`");
    }
}
