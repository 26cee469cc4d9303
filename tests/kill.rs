//! The host is killed under load and started again. The judge is this process, which is not the one that is killed: it
//! knows what was acknowledged, and reads what the killed one left on disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mynah_model::event::EventBody;
use mynah_model::names::{AccountName, ScriptName, Seq};
use mynah_store::{Durability, Store};
use serde_json::json;
use tempfile::TempDir;

use crate::support::command::{Session, mynah};
use crate::support::guests::counter;
use crate::support::{http, wait_for};

const CHATS: usize = 8;
const KILLS: usize = 3;

const CONFIG: &str = r#"
listen = "127.0.0.1:0"

[[account]]
name = "sim"
roster = "roster.json"

[script.group-guard]
mode = "off"

[script.counter]
allow = ["reply"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn three_kills_under_load_lose_nothing_and_do_nothing_twice() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("mynah.toml"), CONFIG).unwrap();
    std::fs::write(folder.path().join("roster.json"), roster().to_string()).unwrap();
    std::fs::create_dir(folder.path().join("scripts.d")).unwrap();
    std::fs::write(folder.path().join("scripts.d/counter.wasm"), counter(0)).unwrap();

    let mut acknowledged: Vec<u64> = Vec::new();
    for kill in 0..KILLS {
        let mut session = Session::start(mynah(folder.path(), ["run"]));
        let url = ready(&mut session).await;
        let dead = Arc::new(AtomicBool::new(false));
        let talkers: Vec<_> =
            (0..CHATS).map(|chat| tokio::spawn(talk(url.clone(), chat, kill, dead.clone()))).collect();
        let enough = 400 * (kill + 1);
        let client = http();
        wait_for("load", || {
            let request = client.get(format!("{url}/api/v1/accounts/sim/sim/outbox")).send();
            async move {
                (request.await.ok()?.json::<Vec<serde_json::Value>>().await.ok()?.len() >= enough)
                    .then_some(())
            }
        })
        .await;
        drop(session); // SIGKILL, in the middle of it all.
        dead.store(true, Ordering::Relaxed);
        for talker in talkers {
            acknowledged.extend(talker.await.unwrap());
        }
    }

    // The last run takes up what the killed ones left. An answer in each chat says that all before it is done.
    let mut session = Session::start(mynah(folder.path(), ["run"]));
    let url = ready(&mut session).await;
    for chat in 0..CHATS {
        acknowledged.push(say(&http(), &url, chat, "last").await.unwrap());
    }
    wait_for("the last answers", async || {
        let answer = http().get(format!("{url}/api/v1/accounts/sim/sim/outbox")).send().await.unwrap();
        let outbox: Vec<serde_json::Value> = answer.json().await.unwrap();
        let last = outbox.iter().filter(|entry| entry["text"].as_str().unwrap().starts_with("last "));
        (last.count() == CHATS).then_some(())
    })
    .await;
    session.terminate();
    assert_eq!(session.ended().await, Some(0), "{}", session.log());
    judge(&folder, &acknowledged);
}

/// What is on disk when all is over.
fn judge(folder: &TempDir, acknowledged: &[u64]) {
    let (store, recovery) = Store::open(&folder.path().join("data/mynah.db"), Durability::Process).unwrap();
    assert_eq!(recovery.unhandled.count(), 0, "every event is handled");
    assert!(recovery.outbox.is_empty(), "every act is done");
    let reader = store.reader().unwrap();
    let events = reader.events(Seq(0), u32::MAX).unwrap();
    let journalled: std::collections::HashSet<u64> = events.iter().map(|event| event.seq.0).collect();
    assert!(
        acknowledged.iter().all(|seq| journalled.contains(seq)),
        "what was acknowledged is in the journal"
    );

    let mut heard: HashMap<String, Vec<(String, Seq)>> = HashMap::new();
    let mut said: HashMap<String, Vec<(String, Option<Seq>)>> = HashMap::new();
    for event in events {
        let Some(chat) = event.chat.as_ref().map(|chat| chat.id.clone()) else { continue };
        match &event.body {
            EventBody::MessageReceived(message) => {
                heard.entry(chat).or_default().push((message.text.clone(), event.seq));
            }
            EventBody::MessageSent(message) => {
                said.entry(chat).or_default().push((message.text.clone(), event.cause))
            }
            _ => {}
        }
    }
    let counter: ScriptName = "counter".parse().unwrap();
    let total: usize = heard.values().map(Vec::len).sum();
    for (chat, heard) in &heard {
        let expected: Vec<_> = heard
            .iter()
            .enumerate()
            .map(|(index, (text, seq))| (format!("{text} {} release-00000000", index + 1), Some(*seq)))
            .collect();
        assert_eq!(
            said[chat], expected,
            "replies in group {chat}: each once, in order, with the right count"
        );
        let count = reader.kv_get(&counter, &format!("sim/group/{chat}"), "count", 0).unwrap().unwrap().value;
        assert_eq!(count, heard.len().to_string(), "the counter of group {chat}");
    }
    let account: AccountName = "sim".parse().unwrap();
    assert_eq!(reader.outbox_done(&account, 0, u32::MAX).unwrap().len(), total, "one act for each message");
    assert!(total >= 400 * KILLS, "there was load: {total}");
    println!("{total} messages over {KILLS} kills, {} of them acknowledged", acknowledged.len());
}

async fn ready(session: &mut Session) -> String {
    let url = session.url().await;
    wait_for("a host that is ready", async || {
        http().get(format!("{url}/readyz")).send().await.ok()?.status().is_success().then_some(())
    })
    .await;
    url
}

/// Talks until the host is dead; the numbers that it acknowledged.
async fn talk(url: String, chat: usize, round: usize, dead: Arc<AtomicBool>) -> Vec<u64> {
    let client = http();
    let mut acknowledged = Vec::new();
    for number in 0.. {
        match say(&client, &url, chat, &format!("{round}:{number}")).await {
            Some(seq) => acknowledged.push(seq),
            None if dead.load(Ordering::Relaxed) => break,
            None => tokio::task::yield_now().await,
        }
    }
    acknowledged
}

async fn say(client: &reqwest::Client, url: &str, chat: usize, text: &str) -> Option<u64> {
    let body = json!({ "group": chat, "sender": "m", "text": text });
    let answer = client.post(format!("{url}/api/v1/accounts/sim/sim/say")).json(&body).send().await.ok()?;
    answer.json::<serde_json::Value>().await.ok()?["seq"].as_u64()
}

fn roster() -> serde_json::Value {
    let member = |id: &str, role: &str| json!({ "id": id, "name": id, "role": role });
    let groups: Vec<_> = (0..CHATS)
        .map(|chat| {
            let members = [member("me", "owner"), member("m", "member")];
            json!({ "id": chat.to_string(), "name": format!("group {chat}"), "role": "create", "member": members })
        })
        .collect();
    json!({ "user": { "id": "me", "name": "me" }, "friends": [], "groups": groups, "discusses": [] })
}
