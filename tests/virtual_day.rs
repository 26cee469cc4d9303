//! A day of timers and of state that vanishes, by a clock that the test moves: in New York an hour is left out on one of the
//! days and comes twice on the other. The host is restarted in the first third of each and killed in the second. Every timer
//! fires once, none is missed, and no key is seen after its time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mynah_model::event::EventBody;
use mynah_runtime::{HostConfig, ScriptSources};

use crate::support::guests::component;
use crate::support::house::{House, trusted};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const STEP: i64 = 5 * MINUTE;
const STEPS: i64 = 24 * HOUR / STEP;
/// A chat may have 64 timers of one script, and there are two chats.
const ONCE: usize = 110;
const KEYS: usize = 40;

/// Numbers that look random and are the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % most
    }
}

/// Recurring timers: tag, zone, pattern.
const RECURRING: [(&str, &str, &str); 5] = [
    ("quarter", "Asia/Shanghai", "*/15 * * * *"),
    ("morning", "Asia/Shanghai", "0 9 * * *"),
    ("six", "America/New_York", "0 */6 * * *"),
    ("gap", "America/New_York", "30 2 * * *"),
    ("twice", "America/New_York", "30 1 * * *"),
];

#[tokio::test(flavor = "multi_thread")]
async fn on_a_day_of_23_hours_nothing_fires_twice_or_is_missed() {
    // 2026-03-08T00:00:00Z; at 07:00Z New York goes from 02:00 to 03:00.
    let hours = [
        ("morning", vec![60]),
        ("six", vec![300, 600, 960, 1_320]),
        ("gap", vec![420]),
        ("twice", vec![390]),
    ];
    live_through(1_772_928_000_000, &hours.into()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_day_of_25_hours_nothing_fires_twice_or_is_missed() {
    // 2026-11-01T00:00:00Z; at 06:00Z New York goes from 02:00 to 01:00.
    let hours = [
        ("morning", vec![60]),
        ("six", vec![240, 660, 1_020, 1_380]),
        ("gap", vec![450]),
        ("twice", vec![330]),
    ];
    live_through(1_793_491_200_000, &hours.into()).await;
}

/// Lives through a day; of the recurring timers these are the minutes at which they fire.
async fn live_through(begin: i64, recurring: &BTreeMap<&str, Vec<i64>>) {
    let mut house = House::plan().begin(begin).trusted("alarm", &component("alarm")).start().await;
    let scripts = house.script_file("alarm").parent().unwrap().to_owned();
    let kept = tempfile::tempdir().unwrap();
    std::fs::copy(scripts.join("alarm.wasm"), kept.path().join("alarm.wasm")).unwrap();
    let config = || HostConfig {
        scripts: ScriptSources {
            dir: Some(kept.path().to_owned()),
            embedded: Vec::new(),
            setups: HashMap::from([("alarm".parse().unwrap(), trusted())]),
            ..ScriptSources::default()
        },
        ..HostConfig::default()
    };

    let mut chance = Chance(begin.unsigned_abs());
    // Tag and time of each firing.
    let mut expected: BTreeSet<(String, i64)> = BTreeSet::new();
    for number in 0..ONCE {
        let (tag, after) = (format!("once{number}"), 1 + chance.below(24 * HOUR - 1));
        let group = ["0", "1"][number % 2];
        let ask = match chance.below(2) {
            0 => format!("/after {tag} {after}"),
            _ => format!("/at {tag} {}", begin + after),
        };
        house.say(group, "m0", &ask).await;
        expected.insert((tag, begin + after));
    }
    for (tag, zone, pattern) in RECURRING {
        house.say("0", "m1", &format!("/cron {tag} {zone} \"{pattern}\"")).await;
        let minutes =
            recurring.get(tag).cloned().unwrap_or_else(|| (1..=96).map(|quarter| quarter * 15).collect());
        expected.extend(minutes.into_iter().map(|minute| (tag.to_owned(), begin + minute * MINUTE)));
    }
    house.say("1", "m1", &format!("/after never {HOUR}")).await;
    house.say("1", "m1", "/cancel never").await;
    let mut keys = BTreeMap::new();
    for number in 0..KEYS {
        let (key, ttl) = (format!("key{number:02}"), 1 + chance.below(24 * HOUR));
        house.say("0", "m2", &format!("/keep {key} {ttl}")).await;
        keys.insert(key, begin + ttl);
    }
    house.host.settled().await.unwrap();

    for step in 1..=STEPS {
        house.clock.advance(STEP.unsigned_abs());
        if step == STEPS / 3 {
            house = house.restart(config()).await;
        } else if step == 2 * STEPS / 3 {
            // In the middle of what this step has brought due.
            house = house.kill(config()).await;
        }
        house.host.settled().await.unwrap();
        if step % 12 == 0 {
            house.say("0", "m2", "/kept").await;
            let now = begin + step * STEP;
            let there: Vec<_> =
                keys.iter().filter(|(_, until)| **until > now).map(|(key, _)| key.as_str()).collect();
            let said = house.sent().await.into_iter().rfind(|text| text.starts_with("kept:")).unwrap();
            assert_eq!(said.trim_start_matches("kept:").trim(), there.join(" "), "after {step} steps");
        }
    }

    let mut fired = Vec::new();
    for event in house.events().await {
        if let EventBody::TimerFired { tag, due, .. } = &event.body {
            // The step in which it came due, and the one in which the host was away.
            assert!((*due..=due + 2 * STEP).contains(&event.time), "{tag} due {due} fired {}", event.time);
            fired.push((tag.clone(), *due));
        }
    }
    let once: BTreeSet<_> = fired.iter().cloned().collect();
    assert_eq!(once.len(), fired.len(), "nothing fired twice");
    assert_eq!(once, expected, "nothing was missed, and nothing else fired");
    let rung: BTreeSet<String> = expected.iter().map(|(tag, due)| format!("{tag} {due}")).collect();
    let said: Vec<_> = house.sent().await.into_iter().filter(|text| !text.starts_with("kept:")).collect();
    let heard: BTreeSet<String> = said.iter().cloned().collect();
    let status = house.status("alarm");
    assert_eq!(heard, rung, "{:?}; not answered: {:?}", status, rung.difference(&heard));
    assert_eq!(said.len(), rung.len(), "each firing was handled once");
    println!("{} firings of {} timers, {KEYS} keys, in {STEPS} steps", fired.len(), ONCE + RECURRING.len());
}
