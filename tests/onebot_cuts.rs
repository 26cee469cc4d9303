//! Connections to OneBot that are cut again and again under load. The peer is a process of its own, this executable once
//! more, and what it wrote down is what counts: what it said, what it knows to have been read, and what it was asked for.
//! The host is a real `mynah run`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::BufRead;
use std::path::Path;

use mynah_model::action::{ActionBody, Outcome};
use mynah_model::event::EventBody;
use mynah_model::message::flatten;
use mynah_model::names::Seq;
use mynah_store::{Durability, OutboxState, Store};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::support::command::{Session, mynah};
use crate::support::guests::counter;
use crate::support::onebot_peer::{ANN, GROUP, Peer, Played, eventually, now};
use crate::support::{http, wait_for};

/// Groups of each account, each with as many messages in a round.
const GROUPS: i64 = 50;
const ROUNDS: usize = 25;
const IN_ROUND: i64 = 4;
/// Of all accounts and rounds together.
const MESSAGES: usize = 2 * ROUNDS * (GROUPS * IN_ROUND) as usize;

/// The variable that makes this executable the peer; it holds the path of its log.
const LOG: &str = "MYNAH_TEST_PEER_LOG";

/// The two accounts, by who dials: the host, or the peer.
const ACCOUNTS: [&str; 2] = ["forward", "reverse"];

/// What may come together over the second half of the load, when what is bounded is full: the newest events for those who
/// listen, what came before, the caches of the journal; and what the allocator holds for threads that had much to do just
/// then, which makes it 4 to 15 MiB from run to run on a busy machine.
const GROWTH: usize = 24 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_cuts_under_load_double_nothing_lose_nothing_that_was_received_and_are_shown() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("peer.log");
    let mut peer = Session::start(peer_command(&log));
    let address = said(&mut peer, "listening on ").await;
    std::fs::write(folder.path().join("mynah.toml"), config(&address)).unwrap();
    std::fs::create_dir(folder.path().join("scripts.d")).unwrap();
    std::fs::write(folder.path().join("scripts.d/counter.wasm"), counter(0)).unwrap();
    let mut host = Session::start(mynah(folder.path(), ["run"]));
    let url = host.url().await;
    peer.type_line(&url);

    for account in ACCOUNTS {
        said(&mut peer, &format!("{account} is half over ")).await;
    }
    let began = host.memory();
    said(&mut peer, "all is over ").await;
    // Every answer was asked for by now; its end may not be noted yet.
    let mut shown = BTreeMap::new();
    for account in ACCOUNTS {
        let client = http();
        let status = wait_for("the last acts", async || {
            let answer = client.get(format!("{url}/api/v1/accounts/{account}")).send().await.ok()?;
            let status: Json = answer.json().await.ok()?;
            (status["acts_waiting"] == 0).then_some(status)
        })
        .await;
        shown.insert(account, status["connection"].clone());
    }
    let grown = host.memory().saturating_sub(began);
    host.terminate();
    assert_eq!(host.ended().await, Some(0), "{}", host.log());

    let told = Told::read(&log);
    let sum = judge(&folder.path().join("data/mynah.db"), &told);
    for (account, connection) in shown {
        assert_eq!(connection["gaps"], ROUNDS, "{account}: {connection}");
        assert!(connection["gap_ms"].as_u64().unwrap() > 0, "{account}: {connection}");
        assert!(connection["last_gap"]["until"].is_number(), "{account}: {connection}");
    }
    println!(
        "{} said, {} known to be read; {} journalled, each answered once: {} done, {} unknown; {} cuts; memory grew by {} KiB in the second half",
        told.said.len(),
        told.read.len(),
        sum.journalled,
        sum.done,
        sum.unknown,
        told.cuts,
        grown >> 10
    );
    assert_eq!(told.cuts, ACCOUNTS.len() * ROUNDS);
    assert!(told.said.len() >= MESSAGES);
    assert!(grown < GROWTH, "memory grew by {grown} bytes");
    assert!(told.moderation.is_empty(), "old messages in one burst mute nobody: {:?}", told.moderation);
}

fn config(address: &str) -> String {
    format!(
        r#"
        listen = "127.0.0.1:0"

        [[account]]
        name = "forward"
        network = "onebot"
        url = "{address}"
        access_token = "s3cret"
        pace = "100000/s"

        [[account]]
        name = "reverse"
        network = "onebot"
        listen = "/onebot/v11/ws"
        access_token = "s3cret"
        pace = "100000/s"

        [script.counter]
        allow = ["reply"]
        [script.group-guard]
        chats = ["*/group/{GROUP}"]
        allow = ["reply", "shutup", "kick"]
        [script.ping]
        mode = "off"
        [script.welcome]
        mode = "off"
        "#
    )
}

/// The rest of the line that a peer says after these words.
async fn said(peer: &mut Session, words: &str) -> String {
    peer.wait_for_output(words, 1).await;
    let output = peer.output();
    let after = output.split(words).nth(1).unwrap();
    after.lines().next().unwrap().trim().to_owned()
}

fn peer_command(log: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "onebot_cuts::the_peer", "--nocapture"]).env(LOG, log);
    command
}

/// What the peer wrote down.
#[derive(Default)]
struct Told {
    /// What it said: account, group, text.
    said: HashSet<(String, i64, String)>,
    /// What it knows to have been read, because a ping behind it was answered.
    read: HashSet<(String, i64, String)>,
    /// What it was asked to say, in the order in which it was.
    asked: Vec<(String, i64, String)>,
    /// Mutes and kicks.
    moderation: Vec<Json>,
    cuts: usize,
}

impl Told {
    fn read(log: &Path) -> Self {
        let mut told = Self::default();
        // Said and not known to be read.
        let mut open: HashMap<String, Vec<(String, i64, String)>> = HashMap::new();
        for line in std::fs::read_to_string(log).unwrap().lines() {
            let line: Json = serde_json::from_str(line).unwrap();
            let account = line["account"].as_str().unwrap().to_owned();
            let open = open.entry(account.clone()).or_default();
            match line["what"].as_str().unwrap() {
                "said" => {
                    let text = line["text"].as_str().unwrap().to_owned();
                    let message = (account, line["group"].as_i64().unwrap(), text);
                    open.push(message.clone());
                    assert!(told.said.insert(message), "the peer says everything once");
                }
                "read" => told.read.extend(open.drain(..)),
                "cut" => {
                    open.clear();
                    told.cuts += 1;
                }
                "asked" if line["action"] == "send_group_msg" => {
                    let text = line["params"]["message"][0]["data"]["text"].as_str().unwrap().to_owned();
                    told.asked.push((account, line["params"]["group_id"].as_i64().unwrap(), text));
                }
                "asked" if matches!(line["action"].as_str(), Some("set_group_ban" | "set_group_kick")) => {
                    told.moderation.push(line);
                }
                _ => {}
            }
        }
        told
    }
}

#[derive(Default)]
struct Sum {
    journalled: usize,
    done: usize,
    unknown: usize,
}

/// Holds what the host has on disk against what the peer wrote down.
fn judge(database: &Path, told: &Told) -> Sum {
    let (store, recovery) = Store::open(database, Durability::Process).unwrap();
    assert_eq!(recovery.unhandled.count(), 0, "every event is handled");
    assert!(recovery.outbox.is_empty(), "every act has ended");
    let reader = store.reader().unwrap();
    let asked: HashSet<_> = told.asked.iter().cloned().collect();
    assert_eq!(asked.len(), told.asked.len(), "nothing is asked for twice");

    let mut sum = Sum::default();
    let mut received = HashSet::new();
    let mut counts: HashMap<(String, i64), u64> = HashMap::new();
    let mut gaps = 0;
    for event in reader.events(Seq(0), u32::MAX).unwrap() {
        let account = event.account.to_string();
        let message = match &event.body {
            EventBody::MessageReceived(message) => message,
            EventBody::Other { kind, .. } if kind == "gap" => {
                gaps += 1;
                continue;
            }
            _ => continue,
        };
        let group: i64 = event.chat.as_ref().unwrap().id.parse().unwrap();
        let key = (account.clone(), group, message.text.clone());
        assert!(told.said.contains(&key), "{key:?} was never said");
        assert!(received.insert(key.clone()), "{key:?} is journalled twice");
        if message.text.starts_with("old ") {
            continue;
        }
        sum.journalled += 1;
        let count = counts.entry((account.clone(), group)).or_default();
        *count += 1;
        let acts = reader.acts_of(event.seq).unwrap();
        let [row] = acts.as_slice() else { panic!("{} acts for {key:?}", acts.len()) };
        let ActionBody::Send { segments } = &row.act.body else { panic!("{:?}", row.act) };
        let answer = flatten(segments);
        // The count says that it was handled once, behind all that were said before it.
        assert_eq!(answer, format!("{} {count} release-00000000", message.text));
        let arrived = asked.contains(&(account, group, answer));
        match row.state {
            OutboxState::Ended(Outcome::Done) => {
                assert!(arrived, "an answer that is done arrived: {key:?}");
                sum.done += 1;
            }
            OutboxState::Ended(Outcome::Unknown) => sum.unknown += 1,
            other => panic!("{other:?}: {:?} of {key:?}", row.text),
        }
    }
    let lost: Vec<_> = told.read.difference(&received).collect();
    assert!(lost.is_empty(), "{} that were read are not in the journal: {:?}", lost.len(), lost.first());
    assert_eq!(gaps, ACCOUNTS.len() * ROUNDS, "each time without a connection is an event");
    in_order(told);
    sum
}

/// The answers in each group came in the order of what they answer.
fn in_order(told: &Told) {
    let mut last: HashMap<(&str, i64), u64> = HashMap::new();
    for (account, group, text) in &told.asked {
        let count: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
        let last = last.entry((account, *group)).or_default();
        assert!(count > *last, "{account} {group}: {count} after {last}");
        *last = count;
    }
}

/// The peer, in a process of its own: does nothing where it is a test like all others.
#[tokio::test(flavor = "multi_thread")]
async fn the_peer() {
    let Some(log) = std::env::var_os(LOG) else { return };
    let mut forward = Peer::start_with(Played::NapCat, Some("s3cret")).await;
    let mut reverse = Peer::start_with(Played::GoCqhttp, Some("s3cret")).await;
    let log = File::options().append(true).create_new(true).open(log).unwrap();
    for (peer, account) in [(&mut forward, ACCOUNTS[0]), (&mut reverse, ACCOUNTS[1])] {
        peer.add_groups(GROUPS);
        peer.write_down(account, log.try_clone().unwrap());
    }
    println!("listening on {}", forward.url());
    let host = tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().next().unwrap().unwrap());
    reverse.dial(&host.await.unwrap(), "/onebot/v11/ws");
    tokio::join!(load(&forward, ACCOUNTS[0]), load(&reverse, ACCOUNTS[1]));
    println!("all is over now");
    // Until the test ends it.
    eventually("the end", || None::<()>).await;
}

/// Talks and cuts.
async fn load(peer: &Peer, account: &str) {
    for round in 0..ROUNDS {
        connected(peer).await;
        let say = |part: i64| {
            for group in 1..=GROUPS {
                peer.say(group, ANN, &format!("{round}.{part}"));
            }
        };
        (0..IN_ROUND / 2).for_each(say);
        let pongs = peer.pongs();
        peer.ping();
        eventually("a pong", || (peer.pongs() > pongs).then_some(())).await;
        peer.note("read");
        // Of these some are read when the connection goes, some are on their way, and some answers are.
        (IN_ROUND / 2..IN_ROUND).for_each(say);
        let sent = peer.sent_count();
        eventually("some answers", || (peer.sent_count() >= sent + 20).then_some(())).await;
        peer.note("cut");
        peer.cut();
        if round == ROUNDS / 2 {
            println!("{account} is half over now");
        }
    }
    connected(peer).await;
    for number in 0..30 {
        peer.say_at(now() - 900, GROUP, ANN, &format!("old {number}"));
    }
    for group in 1..=GROUPS {
        peer.say(group, ANN, "last");
    }
    let answered = || {
        (peer.sent().iter().filter(|text| text.starts_with("last ")).count() == GROUPS as usize).then_some(())
    };
    eventually("the last answers", answered).await;
}

async fn connected(peer: &Peer) {
    eventually("a connection", || peer.is_connected().then_some(())).await;
}
