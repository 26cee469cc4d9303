//! Which event reaches which function, and what the host is told of it.

use mynah_sdk::prelude::*;
use mynah_sdk::testing::{Sim, json};
use mynah_sdk::types::{EventKind, Filter, ScriptInfo};

fn rule() -> Rule {
    Rule::new("all", "Has one of each.")
        .version("1.2.0")
        .settings_schema("{}")
        .command(
            Command::new("roll").alias("骰子").alias("würfel").usage("<sides>").help("throws a die"),
            roll,
        )
        .command(Command::new("clear").for_role(Role::Admin), |_| reply("cleared"))
        .on_match("words", |_, _, found: &[Match]| reply(format!("found {}", found.len())))
        .on_member_joined(|_, new| reply(text("hi ").mention(&new.who)))
        .on_timer(|_, timer| reply(format!("{} {}", timer.tag, timer.payload.as_deref().unwrap_or("-"))))
        .asks("roster", "to see who is there")
}

fn roll(call: &CommandCall) -> Result<Reply> {
    let sides: u64 = call.arg(0)?;
    if sides == 0 {
        return Err(Error::say("a die has sides"));
    }
    let offset = call.optional_arg(1)?.unwrap_or(0);
    Ok(reply((sides + offset).to_string()))
}

#[test]
fn the_host_is_told_what_is_wanted_and_nothing_more() {
    let info: ScriptInfo = rule().info();
    assert_eq!((info.name.as_str(), info.version.as_str()), ("all", "1.2.0"));
    assert_eq!(info.settings_schema.as_deref(), Some("{}"));
    let names: Vec<_> = info.commands.iter().map(|command| command.name.as_str()).collect();
    assert_eq!(names, ["roll", "clear"]);
    assert_eq!(info.asks.len(), 1);

    let filter = |events: &[EventKind], commands: &[&str], sets: &[&str]| Filter {
        events: events.into(),
        chats: Vec::new(),
        commands: commands.iter().map(ToString::to_string).collect(),
        pattern_sets: sets.iter().map(ToString::to_string).collect(),
        attrs: Vec::new(),
    };
    let wants = [
        filter(&[EventKind::MessageReceived], &[], &["words"]),
        filter(&[EventKind::MessageReceived], &["roll", "骰子", "würfel", "clear"], &[]),
        filter(&[EventKind::MemberJoined, EventKind::TimerFired], &[], &[]),
    ];
    assert_eq!(info.wants, wants);
    assert_eq!(rule().only_in([ChatKind::Group]).info().wants[0].chats, [ChatKind::Group]);
}

#[test]
fn commands_are_called_by_any_name_in_any_case_with_their_arguments() {
    let mut sim = Sim::group(rule());
    for text in ["/roll 6", "/ROLL  6", "／骰子 6", "/WÜRFEL 6", " /roll \"6\" 0"] {
        sim.say("alice", text).expect_reply("6");
    }
    for text in ["roll 6", "/rolls 6", "say /roll 6"] {
        sim.say("alice", text).expect_nothing();
    }
}

#[test]
fn a_wrong_argument_is_answered_with_the_usage() {
    let mut sim = Sim::friend(rule());
    for text in ["/roll", "/roll six", "/roll 6 one"] {
        sim.say("alice", text).expect_reply("用法 usage: /roll <sides>");
    }
    sim.say("alice", "/roll 0").expect_reply("a die has sides");
}

#[test]
fn a_command_for_admins_does_not_answer_members_of_a_group() {
    let mut sim = Sim::group(rule()).role("adam", Role::Admin).role("olga", Role::Owner);
    sim.say("mallory", "/clear").expect_nothing();
    sim.say("adam", "/clear").expect_reply("cleared");
    sim.say("olga", "/clear").expect_reply("cleared");
    Sim::friend(rule()).say("mallory", "/clear").expect_reply("cleared");
}

#[test]
fn every_function_that_wants_an_event_is_called_in_order() {
    let mut sim = Sim::group(rule()).settings(json!({ "words": ["6", { "regex": "ro+ll" }] }));
    sim.say("alice", "/roll 6");
    assert_eq!(sim.replies(), ["6", "found 2"]);
}

#[test]
fn only_the_chosen_kinds_of_chat_are_heard() {
    let quiet = || rule().only_in([ChatKind::Group]);
    Sim::friend(quiet()).say("alice", "/roll 6").expect_nothing();
    Sim::group(quiet()).say("alice", "/roll 6").expect_reply("6");
}

#[test]
fn what_a_failing_function_wrote_is_undone() {
    let rule = Rule::new("picky", "Fails on bad words.").on_message(|_, message| {
        let count = kv::increment("count", 1)?;
        if message.text == "bad" {
            return Err(Error::fault("bad word"));
        }
        Ok(reply(count.to_string()))
    });
    let mut sim = Sim::group(rule);
    sim.say("alice", "one").expect_reply("1");
    sim.say("alice", "bad").expect_fault("bad word");
    sim.say("alice", "two").expect_reply("2");
}

#[test]
fn timers_fire_in_their_order_in_the_chat_that_set_them() {
    let rule = rule()
        .command(Command::new("remind"), |call| {
            Ok(schedule(call.arg::<String>(0)?, minutes(call.arg(1)?)).payload("p"))
        })
        .command(Command::new("forget"), |call| Ok(cancel(call.rest)));
    let mut sim = Sim::group(rule);
    for text in ["/remind tea 5", "/remind egg 3", "/remind tea 4", "/remind bus 1", "/forget bus"] {
        sim.say("alice", text);
    }
    sim.advance(minutes(2)).expect_nothing();
    sim.advance(minutes(10));
    assert_eq!(sim.replies(), ["egg p", "tea p"]);
    sim.advance(days(1)).expect_nothing();
}

#[test]
fn mentions_of_the_account_and_of_everybody_are_seen() {
    let rule = || {
        Rule::new("ears", "Hears its name.")
            .on_message(|event, _| event.is_mentioned().then(|| reply("yes?")))
    };
    let mut sim = Sim::group(rule());
    sim.say("alice", "@mynah hello").expect_nothing();
    let me = roster::me();
    sim.say_segments("alice", mention(&me).text(" hello")).expect_reply("yes?");
    sim.say_segments("alice", mention_all()).expect_reply("yes?");
}

#[test]
fn state_is_kept_as_json_and_counts() {
    let rule = Rule::new("state", "Keeps things.").on_message(|_, message| {
        kv::set_for("short", &message.text, seconds(5))?;
        kv::set("words/b", "2")?;
        kv::set("words/a", &1)?;
        assert_eq!(kv::keys("words/"), ["words/a", "words/b"]);
        assert!(kv::list::<u8>("words/").is_err());
        assert!(kv::increment("words/b", 1).is_err());
        assert_eq!(kv::increment("words/a", 2)?, 3);
        assert!(!kv::compare_and_swap("words/a", Some(&1), Some(&2))?);
        assert!(kv::compare_and_swap("words/a", Some(&3), None)?);
        assert_eq!(kv::get::<i64>("words/a")?, None);
        assert_eq!(
            kv_shared::increment("all", 1)?,
            kv::increment("here", 1)? + kv::get("elsewhere")?.unwrap_or(0)
        );
        Ok(())
    });
    Sim::group(rule).say("alice", "你好").expect_nothing();
}

#[test]
fn the_roster_knows_the_group_and_its_people() {
    let rule =
        Rule::new("who", "Counts people.").asks("roster", "to count").command(Command::new("who"), |call| {
            let group = call.event.group().and_then(|group| roster::group(&group.id));
            let group = group.ok_or_else(|| Error::say("only in groups"))?;
            let page = roster::members(&group.id, 0, 2);
            assert_eq!(page.next, Some(2));
            assert_eq!(roster::member(&group.id, "olga").and_then(|olga| olga.role), Some(Role::Owner));
            assert!(roster::member("elsewhere", "olga").is_none());
            Ok(reply(format!("{} of {}", group.member_count, group.owner_id.unwrap_or_default())))
        });
    let mut sim = Sim::group(rule).role("olga", Role::Owner);
    sim.say("alice", "/who").expect_reply("3 of olga");
    let again = || {
        Rule::new("friend", "Knows friends.")
            .on_message(|_, message| roster::friend(&message.sender.id).map(|_| reply("friend")))
    };
    Sim::group(again()).befriend("bob").say("bob", "hi").expect_reply("friend");
    Sim::group(again()).say("alice", "hi").expect_nothing();
}

#[test]
fn the_same_event_draws_the_same_numbers_and_the_next_one_others() {
    let rule = || Rule::new("dice", "Draws.").on_message(|_, _| reply(random::next().to_string()));
    let (mut one, mut other) = (Sim::group(rule()), Sim::group(rule()));
    let (first, same) = (one.say("alice", "a").replies(), other.say("bob", "b").replies());
    assert_eq!(first, same);
    assert_ne!(first, one.say("alice", "a").replies());
}
