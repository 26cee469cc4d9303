//! Plays a QQ account with walle-v11, an implementation of OneBot v11 that we did not write, against a real `mynah run`:
//! somebody says "ping" in a group and in private, and both are answered with "pong". Once mynah dials, once walle does.
//!
//!     cargo run --manifest-path tests/implementations/walle/Cargo.toml -- target/debug/mynah

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use walle_core::config::{Heartbeat, ImplConfig, WebSocketClient, WebSocketServer};
use walle_core::resp::RespError;
use walle_core::{ActionHandler, async_trait};
use walle_v11::impls::OneBot11;
use walle_v11::{Action, Event, MessageSegment, Resp};

const TOKEN: &str = "s3cret";
const ME: i64 = 10001;
const GROUP: i64 = 552603;
const ANN: i64 = 20002;

/// Longer than anything takes that works, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers calls as an account would that has a friend and a group, and passes on what it was asked for.
struct Account(mpsc::UnboundedSender<Action>);

#[async_trait]
impl ActionHandler<Action, Resp, OneBot11<Self>> for Account {
    type Error = RespError;

    async fn handle(&self, action: Action, _: &OneBot11<Self>) -> Result<Resp, RespError> {
        let member = |id: i64, name: &str, role: &str| json!({ "group_id": GROUP, "user_id": id, "nickname": name, "role": role });
        let data = match &action {
            Action::GetLoginInfo(_) => json!({ "user_id": ME, "nickname": "bot" }),
            Action::GetFriendList(_) => json!([{ "user_id": ANN, "nickname": "Ann", "remark": "" }]),
            Action::GetGroupList(_) => json!([{ "group_id": GROUP, "group_name": "talk" }]),
            Action::GetGroupMemberList { .. } => {
                json!([member(ME, "bot", "admin"), member(ANN, "Ann", "member")])
            }
            Action::SendGroupMsg { .. } | Action::SendPrivateMsg { .. } => json!({ "message_id": 7 }),
            _ => Value::Null,
        };
        // Nobody listens any more when all is over.
        let _ = self.0.send(action);
        let answer = json!({ "status": "ok", "retcode": 0, "data": data });
        Ok(serde_json::from_value(answer).unwrap_or_else(|_| Resp::empty_404()))
    }
}

/// Who dials whom.
#[derive(Debug, Clone, Copy)]
enum Way {
    Forward,
    Reverse,
}

#[tokio::main]
async fn main() -> Result<()> {
    let mynah = std::env::args().nth(1).context("usage: walle-round-trip PATH_OF_MYNAH")?;
    let mynah = std::fs::canonicalize(&mynah).with_context(|| format!("no such program: {mynah}"))?;
    for way in [Way::Forward, Way::Reverse] {
        let trip = tokio::time::timeout(PATIENCE, round_trip(&mynah, way)).await;
        trip.with_context(|| format!("{way:?}: took more than {} s", PATIENCE.as_secs()))?
            .with_context(|| format!("{way:?}"))?;
        println!("{way:?}: ping from walle-v11, pong from mynah");
    }
    Ok(())
}

async fn round_trip(mynah: &Path, way: Way) -> Result<()> {
    let folder = TempDir::new()?;
    let (asked, mut calls) = mpsc::unbounded_channel();
    let (onebot, _host) = match way {
        Way::Forward => {
            let (onebot, port) = listen(asked).await?;
            let (host, _) = start(mynah, &folder, &format!("url = \"ws://127.0.0.1:{port}\"")).await?;
            (onebot, host)
        }
        Way::Reverse => {
            let (host, address) = start(mynah, &folder, "listen = \"/onebot/v11/ws\"").await?;
            let url = format!("ws://{address}/onebot/v11/ws");
            let client = WebSocketClient { url, access_token: Some(TOKEN.to_owned()), reconnect_interval: 1 };
            let onebot = implementation(ImplConfig { websocket_rev: vec![client], ..nowhere() }, asked);
            onebot.run().await?;
            (onebot, host)
        }
    };
    // By then mynah knows who is there, and what happens is passed on to it.
    wait(&mut calls, |action| matches!(action, Action::GetGroupMemberList { .. })).await?;
    say(&onebot, json!({ "message_type": "group", "sub_type": "normal", "group_id": GROUP }))?;
    let pong = wait(&mut calls, |action| matches!(action, Action::SendGroupMsg { .. })).await?;
    let Action::SendGroupMsg { group_id, message, .. } = pong else { bail!("{pong:?}") };
    ensure!(group_id == GROUP && message == [text("pong")], "in the group: {message:?}");
    say(&onebot, json!({ "message_type": "private", "sub_type": "friend" }))?;
    let pong = wait(&mut calls, |action| matches!(action, Action::SendPrivateMsg { .. })).await?;
    let Action::SendPrivateMsg { user_id, message, .. } = pong else { bail!("{pong:?}") };
    ensure!(user_id == ANN && message == [text("pong")], "in private: {message:?}");
    onebot.shutdown().await;
    Ok(())
}

fn text(text: &str) -> MessageSegment {
    MessageSegment::Text { text: text.to_owned() }
}

/// An implementation that neither listens nor dials, and sends no heartbeats: those of this one are OneBot v12's.
fn nowhere() -> ImplConfig {
    let heartbeat = Heartbeat { enabled: false, interval: 0 };
    ImplConfig { heartbeat, http: vec![], http_webhook: vec![], websocket: vec![], websocket_rev: vec![] }
}

fn implementation(config: ImplConfig, asked: mpsc::UnboundedSender<Action>) -> Arc<OneBot11<Account>> {
    OneBot11::new("walle", "qq", &ME.to_string(), config, Account(asked)).arc()
}

/// Has it listen. It takes no port 0, so a free one is looked for; somebody else may be faster.
async fn listen(asked: mpsc::UnboundedSender<Action>) -> Result<(Arc<OneBot11<Account>>, u16)> {
    let host = IpAddr::from(Ipv4Addr::LOCALHOST);
    for _ in 0..20 {
        let port = TcpListener::bind((host, 0))?.local_addr()?.port();
        let server = WebSocketServer { host, port, access_token: Some(TOKEN.to_owned()) };
        let onebot = implementation(ImplConfig { websocket: vec![server], ..nowhere() }, asked.clone());
        if onebot.run().await.is_ok() {
            return Ok((onebot, port));
        }
    }
    bail!("no port is free")
}

/// Starts mynah on a QQ account; it and where it listens.
async fn start(mynah: &Path, folder: &TempDir, reach: &str) -> Result<(Child, String)> {
    let config = format!(
        "listen = \"127.0.0.1:0\"\n\n[[account]]\nname = \"qq\"\nnetwork = \"onebot\"\n{reach}\naccess_token = \"{TOKEN}\"\n\n[script.ping]\nallow = [\"reply\"]\n"
    );
    std::fs::write(folder.path().join("mynah.toml"), config)?;
    let mut host = Command::new(mynah)
        .arg("run")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut log = BufReader::new(host.stderr.take().context("no log")?).lines();
    while let Some(line) = log.next_line().await? {
        if let Some((_, after)) = line.split_once("listening on http://") {
            let address = after.split_whitespace().next().unwrap_or_default().to_owned();
            // Goes on reading: a full pipe would stop the host.
            tokio::spawn(async move {
                while let Ok(Some(line)) = log.next_line().await {
                    eprintln!("{line}");
                }
            });
            return Ok((host, address));
        }
        eprintln!("{line}");
    }
    bail!("mynah ended before it listened")
}

/// Ann says "ping".
fn say(onebot: &OneBot11<Account>, place: Value) -> Result<()> {
    let sender = json!({
        "user_id": ANN, "nickname": "Ann", "card": "", "sex": "unknown", "age": 0, "area": "", "level": "1", "role": "member", "title": "",
    });
    let mut event = json!({
        "time": std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs(), "self_id": ME,
        "post_type": "message", "message_id": 1, "user_id": ANN, "raw_message": "ping", "font": 0, "sender": sender,
        "message": [{ "type": "text", "data": { "text": "ping" } }],
    });
    for (key, value) in place.as_object().into_iter().flatten() {
        event[key] = value.clone();
    }
    let event: Event = serde_json::from_value(event)?;
    onebot.send_event(event).map(drop).map_err(|why| anyhow::anyhow!("{why}"))
}

/// The next call that is looked for.
async fn wait(
    calls: &mut mpsc::UnboundedReceiver<Action>,
    is_it: impl Fn(&Action) -> bool,
) -> Result<Action> {
    while let Some(action) = calls.recv().await {
        if is_it(&action) {
            return Ok(action);
        }
    }
    bail!("the implementation ended")
}
