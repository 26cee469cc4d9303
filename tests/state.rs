//! What scripts keep, and what they may see: nothing is lost, nothing is exceeded, nobody reads what is another's.

mod callers;

use std::collections::HashMap;

use mynah_engine::ImportGrants;
use mynah_model::action::Actor;
use mynah_model::clock::Clock;
use mynah_model::names::{ScriptName, Seq};
use mynah_runtime::grants::{Grants, KvQuota};
use mynah_runtime::{
    AuditFilter, HostConfig, JournalConfig, KvChange, KvChangeError, KvEntry, KvScope, ScriptSetup,
    ScriptSources,
};

use crate::support::guests::component;
use crate::support::house::{BEGIN, House, crowd, trusted, wait_for};
use crate::support::wait_for as eventually;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// A script that may do and import everything, and keep so much.
fn keeping(bytes: u64, keys: u64) -> ScriptSetup {
    let setup = trusted();
    let grants = Grants { kv: KvQuota { bytes, keys }, ..setup.grants };
    ScriptSetup { grants, imports: ImportGrants::ALL, ..setup }
}

fn keeper() -> ScriptName {
    "keeper".parse().unwrap()
}

/// Tells the script something in a group, and gives what it says.
async fn tell(house: &House, group: &str, words: &[&str]) -> String {
    let before = house.sent().await.len();
    house.say(group, "m0", &words.join("\u{1f}")).await;
    let sent = house.sent().await;
    assert_eq!(sent.len(), before + 1, "{words:?}: {sent:?}");
    sent.last().unwrap().clone()
}

fn entry(scope: &str, key: &str, value: &str) -> KvEntry {
    KvEntry { scope: scope.parse().unwrap(), key: key.into(), value: value.into(), expires_at: None }
}

fn set(scope: &str, key: &str, value: &str) -> KvChange {
    KvChange::Set(entry(scope, key, value))
}

fn by() -> Actor {
    Actor::Api
}

async fn everything(house: &House) -> Vec<KvEntry> {
    house.host.kv_everywhere(&keeper(), None, 9_999).await.unwrap()
}

/// The house's scripts folder with one script, for a host that is started again.
fn again(house: &House, name: &str, setup: ScriptSetup) -> HostConfig {
    let scripts = ScriptSources {
        dir: house.script_file(name).parent().map(Into::into),
        embedded: Vec::new(),
        setups: HashMap::from([(name.parse().unwrap(), setup)]),
        ..ScriptSources::default()
    };
    HostConfig { scripts, ..HostConfig::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_holds_no_more_than_its_quota_and_is_told_which_one_it_was() {
    let house = House::plan().granted("keeper", &component("keeper"), keeping(1_000, 3)).start().await;
    assert_eq!(tell(&house, "0", &["fill", "a", "600"]).await, "ok");
    let refused = tell(&house, "1", &["fill", "b", "600"]).await;
    assert!(
        refused.contains("Quota") && refused.contains("limit.kv-total: the script would hold 1202 bytes"),
        "{refused}"
    );
    assert_eq!(tell(&house, "1", &["fill", "b", "300"]).await, "ok", "it counts in all chats together");
    assert_eq!(tell(&house, "1", &["shared-set", "c", "1"]).await, "ok");
    let refused = tell(&house, "0", &["set", "d", "1"]).await;
    assert!(refused.contains("would hold 4 keys; its `kv_keys` is 3"), "{refused}");
    assert!(tell(&house, "0", &["fill", "k", "70000"]).await.contains("limit.kv-value"));
    assert!(tell(&house, "0", &["set", &"k".repeat(513), "1"]).await.contains("limit.kv-key"));
    assert_eq!(tell(&house, "0", &["fill", "a", "10"]).await, "ok");
    let (used, quota) = house.host.kv_usage(&keeper());
    assert_eq!((used, quota), (KvQuota { bytes: 11 + 301 + 2, keys: 3 }, KvQuota { bytes: 1_000, keys: 3 }));

    let config = again(&house, "keeper", keeping(1_000, 3));
    let house = house.restart(config).await;
    assert_eq!(house.host.kv_usage(&keeper()).0, used, "as it was before the restart");
    assert!(tell(&house, "0", &["set", "d", "1"]).await.contains("limit.kv-total"));
    assert_eq!(tell(&house, "1", &["delete", "b"]).await, "true");
    assert_eq!(tell(&house, "0", &["set", "d", "1"]).await, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_that_write_at_the_same_time_do_not_exceed_the_quota_together() {
    let house = House::plan()
        .workers(4)
        .sim(crowd(8))
        .granted("keeper", &component("keeper"), keeping(2_000, 1_000))
        .start()
        .await;
    for round in 0..10 {
        for group in 0..8 {
            house.say(&group.to_string(), "m0", &format!("fill\u{1f}k{round}\u{1f}98")).await;
        }
    }
    let sent = house.sent().await;
    let kept = sent.iter().filter(|text| *text == "ok").count();
    assert_eq!((sent.len(), kept), (80, 20), "{sent:?}");
    assert_eq!(house.host.kv_usage(&keeper()).0, KvQuota { bytes: 2_000, keys: 20 });
    let stored: usize =
        everything(&house).await.iter().map(|entry| entry.key.len() + entry.value.len()).sum();
    assert_eq!(stored, 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_reaches_out_of_its_script_and_its_chat() {
    let house = House::plan()
        .granted("keeper", &component("keeper"), keeping(1 << 20, 1_000))
        .granted("keeper-2", &component("keeper"), keeping(1 << 20, 1_000))
        .start()
        .await;
    let other: ScriptName = "keeper-2".parse().unwrap();
    house
        .host
        .kv_change(&other, vec![set("sim/group/0", "k", "theirs"), set("*", "k", "theirs")], false, &by())
        .await
        .unwrap();
    // Each of the two answers, each of its own state.
    let long = "é".repeat(256);
    let keys = [
        "k\0",
        "\0k",
        "ｋ",
        "К",
        "k\u{200b}",
        "K",
        "é",
        "e\u{301}",
        "../keeper-2/k",
        "keeper-2",
        "keeper-2/sim/group/0/k",
        "sim/group/1",
        "*",
        "%",
        "_",
        "'; DROP TABLE kv; --",
        "\u{10ffff}",
        &long,
    ];
    for (number, key) in keys.iter().enumerate() {
        house.say("0", "m0", &format!("set\u{1f}{key}\u{1f}{number}")).await;
    }
    house.host.settled().await.unwrap();
    for (number, key) in keys.iter().enumerate() {
        let scope: KvScope = "sim/group/0".parse().unwrap();
        let value = |script: ScriptName| {
            let (house, scope, key) = (&house, scope.clone(), (*key).to_owned());
            async move { house.host.kv_get(&script, scope, key).await.unwrap().map(|entry| entry.value) }
        };
        assert_eq!(
            value(keeper()).await,
            Some(number.to_string()),
            "{key:?}: bytes are compared, nothing is folded"
        );
    }
    let of_other = house.host.kv_get(&other, "sim/group/0".parse().unwrap(), "k".into()).await.unwrap();
    assert_eq!(of_other.unwrap().value, "theirs");
    assert!(
        house.host.kv_get(&keeper(), "sim/group/0".parse().unwrap(), "k".into()).await.unwrap().is_none()
    );
    let mut listed: Vec<String> = everything(&house).await.into_iter().map(|entry| entry.key).collect();
    let mut sorted: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    sorted.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    assert_eq!(listed, sorted, "in the order of their bytes");
    listed.retain(|key| key.starts_with('k'));
    house.say("1", "m0", "list\u{1f}").await;
    house.say("1", "m0", "shared-list\u{1f}").await;
    let sent = house.sent().await;
    assert_eq!(
        sent[sent.len() - 4..],
        ["[]", "[]", "[]", "[k]"],
        "nothing of it is in another chat, or shared"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_see_what_callers_change_and_nothing_of_either_is_lost() {
    let house =
        House::plan().workers(4).granted("keeper", &component("keeper"), keeping(4_096, 100)).start().await;
    assert_eq!(tell(&house, "0", &["add", "n", "1"]).await, "1");
    let changes = vec![set("sim/group/0", "n", "41"), set("*", "s", "all")];
    assert_eq!(house.host.kv_change(&keeper(), changes, false, &by()).await.unwrap(), 2);
    assert_eq!(tell(&house, "0", &["add", "n", "1"]).await, "42");
    assert_eq!(tell(&house, "1", &["shared-get", "s"]).await, "all");
    let before = house.sent().await.len();

    // While the script counts, a caller sets the number again and again.
    let talking = async {
        for _ in 0..200 {
            house.say("0", "m0", "add\u{1f}n\u{1f}1").await;
        }
    };
    let setting = async {
        for round in 1..=20 {
            let to = set("sim/group/0", "n", &(round * 1_000).to_string());
            house.host.kv_change(&keeper(), vec![to], false, &by()).await.unwrap();
        }
    };
    tokio::join!(talking, setting);
    let said: Vec<u64> = house.sent().await[before..].iter().map(|text| text.parse().unwrap()).collect();
    let (mut last, mut rounds) = (42, 0);
    for number in said {
        // Either one more than before, or one more than what a caller has set since.
        if number != last + 1 {
            assert!(
                number % 1_000 == 1 && number / 1_000 > rounds && number / 1_000 <= 20,
                "{last} and then {number}"
            );
            rounds = number / 1_000;
        }
        last = number;
    }
    let kept =
        house.host.kv_get(&keeper(), "sim/group/0".parse().unwrap(), "n".into()).await.unwrap().unwrap();
    assert!(kept.value == last.to_string() || kept.value == "20000", "{} after {last}", kept.value);
    assert!(kept.value.parse::<u64>().unwrap() >= 20_000, "the caller's last word was heard: {}", kept.value);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_a_limit_stands_against_changes_nothing() {
    let house = House::plan().granted("keeper", &component("keeper"), keeping(100, 3)).start().await;
    let change = |changes, replace| {
        let house = &house;
        async move { house.host.kv_change(&keeper(), changes, replace, &by()).await }
    };
    change(vec![set("*", "a", "1"), set("*", "b", "2")], false).await.unwrap();
    for changes in [vec![set("*", "c", "3"), set("*", "d", "4")], vec![set("*", "c", &"x".repeat(100))]] {
        let error = change(changes, false).await.unwrap_err();
        assert!(
            matches!(&error, KvChangeError::Refused(refusal) if refusal.code.as_str() == "limit.kv-total"),
            "{error}"
        );
    }
    assert_eq!(everything(&house).await, [entry("*", "a", "1"), entry("*", "b", "2")]);
    // What goes makes room in the same change.
    assert_eq!(change(vec![set("*", "c", &"x".repeat(99))], true).await.unwrap(), 3);
    assert_eq!(everything(&house).await.len(), 1);
    let remove = |key: &str| KvChange::Remove { scope: KvScope::Shared, key: key.into() };
    assert_eq!(change(vec![remove("c"), remove("none")], false).await.unwrap(), 1);
    assert_eq!(house.host.kv_usage(&keeper()).0, KvQuota { bytes: 0, keys: 0 });
    let page = house.host.audit(AuditFilter::default(), 9).await.unwrap();
    let noted = page.rows.iter().find(|row| row.entry.action == "kv-changed").unwrap();
    assert_eq!((noted.entry.actor.as_str(), noted.entry.text.as_str()), ("api", "0 keys set, 1 removed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_gone_at_once_and_removed_after_a_while() {
    let house = House::plan().granted("keeper", &component("keeper"), keeping(4_096, 100)).start().await;
    assert_eq!(tell(&house, "0", &["set-for", "short", "v", "1000"]).await, "ok");
    assert_eq!(tell(&house, "0", &["set-for", "long", "v", "86400000"]).await, "ok");
    assert_eq!(tell(&house, "0", &["set", "ever", "v"]).await, "ok");
    house.clock.advance(1_000);
    assert_eq!(tell(&house, "0", &["get", "short"]).await, "nothing");
    assert_eq!(house.host.kv_usage(&keeper()).0.keys, 3, "an event that comes late may still find it");
    house.clock.advance(20 * MINUTE);
    wait_for("the expired value to be removed", || house.host.kv_usage(&keeper()).0.keys == 2).await;

    let config = again(&house, "keeper", keeping(4_096, 100));
    let house = house.restart(config).await;
    assert_eq!(house.host.kv_usage(&keeper()).0.keys, 2);
    house.clock.advance(2 * DAY);
    wait_for("the other one to be removed", || house.host.kv_usage(&keeper()).0.keys == 1).await;
    assert_eq!(tell(&house, "0", &["list", ""]).await, "[ever]");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_goes_after_its_time_and_timers_and_numbers_outlive_it() {
    let house = House::plan().trusted("later", &component("later")).start().await;
    house.say("0", "m0", "/later 3456000").await;
    house.host.settled().await.unwrap();
    let last = house.events().await.last().unwrap().seq;
    house.clock.advance(29 * DAY);
    house.say("0", "m0", "hello").await;
    let spoken = house.events().await.last().unwrap().seq;
    house.clock.advance(2 * DAY);
    eventually("the old events to go", async || {
        // The clock stands still, so a round that came too early needs another push.
        house.clock.advance(MINUTE);
        house
            .host
            .events(Seq(0), 1)
            .await
            .unwrap()
            .first()
            .is_some_and(|event| event.seq > last)
            .then_some(())
    })
    .await;
    assert!(
        house.host.events(Seq(0), 99).await.unwrap().iter().any(|event| event.seq == spoken),
        "it is two days old"
    );

    let config = again(&house, "later", trusted());
    let house = house.restart(config).await;
    assert!(house.say("0", "m0", "again").await > spoken, "no number is given again");
    assert!(house.sent().await.is_empty(), "the timer's event is gone, its time has not come");
    house.clock.advance(10 * DAY);
    wait_for("the timer", || house.status("later").events >= 1).await;
    assert_eq!(house.sent().await, ["later is now"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_too_large_loses_its_oldest_first_and_nothing_of_the_last_hour() {
    let scripts = ScriptSources::default();
    let journal = JournalConfig { total_bytes: 2 << 20, ..JournalConfig::default() };
    let house = House::plan().start().await;
    let house = house.restart(HostConfig { scripts, journal, ..HostConfig::default() }).await;
    let text = "long ".repeat(400);
    for _ in 0..600 {
        house.say("0", "m0", &text).await;
    }
    let last = house.events().await.last().unwrap().seq;
    house.clock.advance(2 * MINUTE);
    house.host.settled().await.unwrap();
    assert_eq!(house.host.events(Seq(0), u32::MAX).await.unwrap().last().unwrap().seq, last);
    house.clock.advance(120 * MINUTE);
    eventually("the oldest events to go", async || {
        house.clock.advance(MINUTE);
        (house.host.events(Seq(0), u32::MAX).await.unwrap().len() < 500).then_some(())
    })
    .await;
    assert!(house.host.events(last, 1).await.unwrap().len() == 1, "the youngest stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_far_too_large_loses_what_is_younger_than_an_hour_too() {
    let journal = JournalConfig { total_bytes: 1 << 20, ..JournalConfig::default() };
    let house = House::plan().start().await;
    let house = house.restart(HostConfig { journal, ..HostConfig::default() }).await;
    let text = "long ".repeat(400);
    for _ in 0..600 {
        house.say("0", "m0", &text).await;
    }
    let last = house.events().await.last().unwrap().seq;
    house.host.settled().await.unwrap();
    eventually("some events to go", async || {
        // Not for an hour, after which they might go all the same.
        if house.clock.now() < BEGIN + 3_000_000 {
            house.clock.advance(1_000);
        }
        (house.host.events(Seq(0), u32::MAX).await.unwrap().len() < 500).then_some(())
    })
    .await;
    assert_eq!(house.host.events(last, 1).await.unwrap().len(), 1, "the youngest stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_for_one_group_sees_nobody_of_another_and_the_audit_says_so() {
    let setup = keeping(4_096, 100);
    let chats = vec!["sim/group/0".parse().unwrap()];
    let grants = Grants { chats, ..setup.grants.clone() };
    let house =
        House::plan().granted("keeper", &component("keeper"), ScriptSetup { grants, ..setup }).start().await;
    assert_eq!(
        tell(&house, "0", &["who", "0", "m3"]).await,
        "me me, friend false, group true, members 12, member true"
    );
    assert_eq!(
        tell(&house, "0", &["who", "1", "m3"]).await,
        "me me, friend false, group false, members 0, member false"
    );
    let page = house.host.audit(AuditFilter::default(), 9).await.unwrap();
    let noted: Vec<_> =
        page.rows.iter().filter(|row| row.entry.action == "look-up").map(|row| &row.entry).collect();
    assert_eq!(noted.len(), 2, "one for each call: {noted:?}");
    assert!(noted.iter().all(|entry| entry.code.as_deref() == Some("grant.roster")), "{noted:?}");
    assert_eq!(
        noted[0].text,
        "`roster.friend` was asked about `sim/friend/m3`, which is none of the script's chats"
    );
}
