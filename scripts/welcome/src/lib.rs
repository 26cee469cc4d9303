//! Greets whoever comes into a group or a discuss, and says goodbye to whoever leaves:
//!
//! ```toml
//! [script.welcome.settings]
//! join = "{mention} 欢迎加入{group}！请先看群公告。"
//! leave = ""                                        # says nothing
//! kicked = "{name} was removed by {by}."            # nothing unless it is written
//!
//! [script.welcome.chat."qq/group/778899"]
//! settings = { join = "Welcome to {group}, {mention}!" }
//! ```
//!
//! `{name}` is who came or left, `{mention}` calls them, `{group}` is where, `{by}` who removed them.

use mynah_sdk::prelude::*;

const JOIN: &str = "{mention} 欢迎加入{group}！Welcome!";
const LEAVE: &str = "{name} 离开了。{name} has left.";

mynah_sdk::rule!(
    Rule::new("welcome", "Greets newcomers and says goodbye. 欢迎新人，告别旧人。")
        .settings_schema(include_str!("../settings.schema.json"))
        .only_in([ChatKind::Group, ChatKind::Discuss])
        .on_member_joined(welcome)
        .on_member_lost(say_goodbye)
        .asks("reply", "to greet newcomers and say goodbye")
);

fn welcome(event: &Event, new: &Membership) -> Result<Option<Reply>> {
    say("join", JOIN, event, new)
}

fn say_goodbye(event: &Event, gone: &Membership) -> Result<Option<Reply>> {
    match gone.cause {
        MembershipCause::Kicked => say("kicked", "", event, gone),
        MembershipCause::Dissolved => Ok(None),
        _ => say("leave", LEAVE, event, gone),
    }
}

/// The text of a setting, filled in; nothing if it is empty.
fn say(path: &str, default: &str, event: &Event, change: &Membership) -> Result<Option<Reply>> {
    let template: String = setting(path)?.unwrap_or_else(|| default.into());
    Ok((!template.is_empty()).then(|| {
        reply(fill(&template, |place| match place {
            "mention" => Some(mention(&change.who)),
            "name" => Some(text(change.who.display_name())),
            "group" => Some(text(event.chat.as_ref()?.name.as_str())),
            "by" => Some(text(change.by.as_ref().map_or("", |by| by.display_name()))),
            _ => None,
        }))
    }))
}

#[cfg(test)]
mod tests {
    use mynah_sdk::prelude::{Action, ActionBody, Segment};
    use mynah_sdk::testing::{Sim, json};

    use super::rule;

    fn calls(id: &str) -> impl Fn(&Action) -> bool {
        move |action| match &action.body {
            ActionBody::Reply(reply) => reply
                .segments
                .iter()
                .any(|segment| matches!(segment, Segment::Mention(mention) if mention.id == id)),
            _ => false,
        }
    }

    #[test]
    fn newcomers_are_called_by_name_and_leavers_are_named() {
        for mut sim in [Sim::group(rule()), Sim::discuss(rule())] {
            sim.join("alice")
                .expect_reply_with("@alice 欢迎加入a ")
                .expect("a mention of alice", calls("alice"));
            sim.leave("alice").expect_reply("alice 离开了。alice has left.");
        }
    }

    #[test]
    fn the_operator_chooses_the_words_and_may_choose_none() {
        let mut sim = Sim::group(rule()).card("bob", "大白").settings(
            json!({ "join": "Hi {name} of {group}", "leave": "", "kicked": "{name} 被 {by} 移出" }),
        );
        sim.join("alice").expect_reply("Hi alice of a group");
        sim.leave("alice").expect_nothing();
        sim.join("alice").kicked("alice", "bob").expect_reply("alice 被 大白 移出");
    }

    #[test]
    fn removals_and_talk_pass_without_a_word_by_default() {
        let mut sim = Sim::group(rule());
        sim.kicked("alice", "bob").expect_nothing();
        sim.say("bob", "welcome").expect_nothing();
    }

    #[test]
    fn a_setting_of_the_wrong_kind_is_named() {
        Sim::group(rule()).settings(json!({ "join": 1 })).join("alice").expect_fault("setting `join`");
    }
}
