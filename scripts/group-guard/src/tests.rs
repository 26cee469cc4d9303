//! What the guard does in a group.

use mynah_sdk::prelude::*;
use mynah_sdk::testing::{Sim, json};

use super::rule;

/// So many messages, each unlike the others, one after another; the numbers of those that were answered.
fn flood(sim: &mut Sim, who: &str, messages: u32) -> Vec<u32> {
    (1..=messages).filter(|n| !sim.say(who, &format!("message {n}")).actions().is_empty()).collect()
}

#[test]
fn a_flood_ends_in_a_warning_then_a_shutup_then_a_kick() {
    let mut sim = Sim::group(rule());
    assert_eq!(flood(&mut sim, "mallory", 6), [6]);
    sim.expect_reply("@mallory 10s 内 6 条消息：警告。再犯：禁言 10m。 6 messages in 10s: warned.");
    assert_eq!(sim.actions().len(), 1);

    assert_eq!(flood(&mut sim, "mallory", 6), [6]);
    sim.expect_reply_with("禁言 10m").expect_shutup("mallory", minutes(10));

    assert_eq!(flood(&mut sim, "mallory", 6), [6]);
    sim.expect_reply_with("移出本群").expect_kick("mallory");
    sim.expect("a reason", |action| action.reason.as_deref() == Some("6 messages in 10s"));
}

#[test]
fn people_who_talk_at_a_calm_pace_are_left_alone() {
    let mut sim = Sim::group(rule());
    for n in 0..30 {
        sim.advance(seconds(2)).say("alice", &format!("message {n}")).expect_nothing();
    }
    for n in 0..5 {
        for who in ["bob", "carol", "dave"] {
            sim.say(who, &format!("{who} {n}")).expect_nothing();
        }
    }
}

#[test]
fn the_owner_the_admins_and_the_account_do_as_they_please() {
    let mut sim =
        Sim::group(rule()).role("olga", Role::Owner).role("adam", Role::Admin).role("mynah", Role::Member);
    for who in ["olga", "adam", "mynah"] {
        assert!(flood(&mut sim, who, 30).is_empty(), "{who}");
    }
}

#[test]
fn messages_that_arrive_long_after_they_were_written_mute_nobody() {
    let mut sim = Sim::group(rule());
    sim.late_by(minutes(10));
    assert!(flood(&mut sim, "alice", 30).is_empty());
}

#[test]
fn saying_the_same_again_and_again_is_an_offence_and_sending_pictures_is_not() {
    let mut sim = Sim::group(rule());
    for _ in 0..3 {
        sim.say("mallory", "buy now").expect_nothing();
        sim.advance(seconds(15));
    }
    sim.say("mallory", " buy now ")
        .expect_reply_with("1m 内 4 次相同的话：警告")
        .expect_reply_with("4 times the same in 1m");
    for _ in 0..8 {
        sim.advance(seconds(5)).say_segments("alice", image("cat.png")).expect_nothing();
    }
}

#[test]
fn strikes_are_forgotten_after_a_time_of_peace() {
    let mut sim = Sim::group(rule()).settings(json!({ "decay": "1h" }));
    flood(&mut sim, "mallory", 6);
    sim.advance(minutes(61));
    flood(&mut sim, "mallory", 6);
    sim.expect_reply_with("警告");
    sim.advance(minutes(59));
    flood(&mut sim, "mallory", 6);
    sim.expect_shutup("mallory", minutes(10));
}

#[test]
fn a_forbidden_word_is_taken_back_and_not_repeated_to_the_group() {
    let mut sim = Sim::group(rule()).settings(json!({ "keywords": ["加微信", { "regex": "vx\\d+" }] }));
    sim.say("mallory", "快加\u{200B}微信").expect_reply_with("用了禁用词");
    sim.expect("a recall for the word", |action| {
        matches!(action.body, ActionBody::Recall(_)) && action.reason.as_deref() == Some("keyword `加微信`")
    });
    assert!(!sim.replies().concat().contains("微信"));
    sim.say("mallory", "VX12").expect_shutup("mallory", minutes(10));
    sim.say("alice", "微信").expect_nothing();
}

#[test]
fn links_are_allowed_unless_the_operator_lists_hosts() {
    Sim::group(rule()).say("mallory", "https://evil.example").expect_nothing();
    let mut sim = Sim::group(rule()).settings(json!({ "links": ["example.org"], "recall": false }));
    sim.say("alice", "https://docs.example.org/x").expect_nothing();
    sim.say("mallory", "t.me/evil").expect_reply_with("发了不允许的链接");
    assert_eq!(sim.actions().len(), 1);
}

#[test]
fn a_dry_run_only_says_what_would_be_done() {
    let mut sim =
        Sim::group(rule()).settings(json!({ "dry_run": true, "steps": ["kick"], "flood": "3 in 1m" }));
    assert_eq!(flood(&mut sim, "mallory", 3), [3]);
    sim.expect_reply("@mallory 1m 内 3 条消息：移出本群。 3 messages in 1m: removed. (试运行 dry run)");
    assert_eq!(sim.actions().len(), 1);
}

#[test]
fn limits_can_be_changed_and_switched_off() {
    let mut sim = Sim::group(rule()).settings(json!({ "flood": "off", "repeat": "off" }));
    for _ in 0..100 {
        sim.say("alice", "again").expect_nothing();
    }
}

#[test]
fn each_group_keeps_its_own_count() {
    let mut sim = Sim::group(rule());
    assert!(flood(&mut sim, "alice", 5).is_empty());
    sim.in_chat("another");
    assert!(flood(&mut sim, "alice", 5).is_empty());
}

#[test]
fn settings_that_make_no_sense_are_named_with_an_example() {
    for (settings, parts) in [
        (json!({ "flood": "many" }), ["setting `flood`", "6 in 10s"]),
        (json!({ "flood": "1 in 10s" }), ["setting `flood`", "2 to 100"]),
        (json!({ "steps": ["ban"], "flood": "2 in 1s" }), ["setting `steps`", "shutup 10m"]),
        (json!({ "steps": ["shutup 1s"], "flood": "2 in 1s" }), ["setting `steps`", "60s to 30d"]),
        (json!({ "decay": "later", "flood": "2 in 1s" }), ["setting `decay`", "2h30m"]),
        (json!({ "keywords": ["(", { "regex": "(" }] }), ["`keywords`", "row 1"]),
    ] {
        let mut sim = Sim::group(rule()).settings(settings);
        sim.say("alice", "a");
        if sim.fault().is_none() {
            sim.say("alice", "b");
        }
        for part in parts {
            sim.expect_fault(part);
        }
    }
}
