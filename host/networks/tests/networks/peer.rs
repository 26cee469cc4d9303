//! A OneBot v11 implementation for tests: a small world that an account lives in, behind the WebSocket that NapCat, LLBot,
//! Lagrange or go-cqhttp would show, with what they do differently.
//!
//! | | NapCat | LLBot | Lagrange | go-cqhttp |
//! | --- | --- | --- | --- | --- |
//! | wrong token | upgraded, told 1403, closed | the same, closed with 1008 | HTTP 403 | HTTP 401 |
//! | ids in events | numbers | text | numbers | numbers, message ids negative |
//! | messages | lists | lists | lists | CQ strings |
//! | ids in calls | both | both | numbers, else no answer at all | both |
//! | mute without duration | lifts it | 30 min | lifts it | 30 min |
//! | failures | `message` | `wording` | nothing but a code | `msg` and `wording` |
//! | answers | in order | in order | in order | in any order |
//! | heartbeats | yes | yes | yes, always online | no |
//! | token, dialling out | `Bearer` | `Bearer` | `Bearer` | `Token` |
//!
//! It is dialled, dials the host itself, or takes calls over HTTP and posts its events.

#[path = "peer_world.rs"]
mod world;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha1::Sha1;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, connect_async};
use world::{Member, World};

/// The account.
pub(crate) const ME: i64 = 10001;
/// A group that the account is an admin of.
pub(crate) const GROUP: i64 = 552603;
/// Who owns it.
pub(crate) const OWNER: i64 = 10009;
/// A member of it.
pub(crate) const ANN: i64 = 20002;
/// Another one.
pub(crate) const BOB: i64 = 20003;
/// A friend.
pub(crate) const FRED: i64 = 30003;

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Whom the peer plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Played {
    NapCat,
    Llbot,
    Lagrange,
    GoCqhttp,
}

impl Played {
    pub(crate) const ALL: [Self; 4] = [Self::NapCat, Self::Llbot, Self::Lagrange, Self::GoCqhttp];
}

/// What goes wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manner {
    /// Actions that are never answered, and not done either.
    pub(crate) deaf_to: HashSet<&'static str>,
    /// Actions that are done and answered too late.
    pub(crate) late: HashMap<&'static str, Duration>,
    /// Actions that are refused.
    pub(crate) refuses: HashSet<&'static str>,
    /// What actions answer instead of what they should.
    pub(crate) answers: HashMap<&'static str, Value>,
    /// Whether notices come of what the account does.
    pub(crate) no_notices: bool,
    /// Whether own messages are told of, too: before the answer to the call where go-cqhttp is played, else after it.
    pub(crate) tells_own: bool,
    /// Whether own messages that are told of have ids of their own.
    pub(crate) other_ids: bool,
    /// Whether they say something else than what was sent, too.
    pub(crate) other_words: bool,
    /// Whether every socket carries everything, whatever path was dialled.
    pub(crate) one_for_all: bool,
}

/// What a socket carries, by the path that was dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Universal,
    Api,
    Event,
}

/// Somebody who is connected.
struct Client {
    out: mpsc::UnboundedSender<Out>,
    hears_events: bool,
}

enum Out {
    Text(String),
    Binary(Vec<u8>),
    Ping,
    /// The connection just ends.
    Cut,
}

struct Inner {
    played: Played,
    token: Option<String>,
    world: Mutex<World>,
    manner: Mutex<Manner>,
    calls: Mutex<Vec<(String, Value)>>,
    clients: Mutex<Vec<Client>>,
    dialled: AtomicUsize,
    pongs: AtomicUsize,
    last_id: AtomicI64,
    log: Mutex<Option<Log>>,
}

/// Where the peer writes down what happens, a JSON object in each line.
struct Log {
    account: String,
    file: File,
}

/// A running peer; it is gone when dropped.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    inner: Arc<Inner>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.cut();
    }
}

impl Peer {
    pub(crate) async fn start(played: Played) -> Self {
        Self::start_with(played, None).await
    }

    pub(crate) async fn start_with(played: Played, token: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::listen(listener, played, token)
    }

    fn listen(listener: TcpListener, played: Played, token: Option<&str>) -> Self {
        let address = listener.local_addr().unwrap();
        let member = |name: &str, role| Member { name: name.into(), card: String::new(), role, muted: false };
        let members = BTreeMap::from([
            (ME, member("bot", "admin")),
            (OWNER, member("Olga", "owner")),
            (ANN, member("Ann", "member")),
            (BOB, member("Bob", "member")),
        ]);
        let world = World {
            friends: BTreeMap::from([(FRED, "Fred".to_owned())]),
            groups: BTreeMap::from([(GROUP, ("PERL学习交流".to_owned(), members))]),
        };
        let inner = Arc::new(Inner {
            played,
            token: token.map(str::to_owned),
            world: Mutex::new(world),
            manner: Mutex::default(),
            calls: Mutex::default(),
            clients: Mutex::default(),
            dialled: AtomicUsize::new(0),
            pongs: AtomicUsize::new(0),
            last_id: AtomicI64::new(0),
            log: Mutex::default(),
        });
        let served = inner.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                served.dialled.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(served.clone().serve(stream));
            }
        });
        Self { address, inner, tasks: vec![listening] }
    }

    /// Dials a host, again and again, as a reverse WebSocket does.
    pub(crate) fn dial(&mut self, host: &str, path: &str) {
        let (inner, url) = (self.inner.clone(), format!("{}{path}", host.replace("http://", "ws://")));
        self.tasks.push(tokio::spawn(async move {
            loop {
                let mut request = url.as_str().into_client_request().unwrap();
                let scheme = if inner.played == Played::GoCqhttp { "Token" } else { "Bearer" };
                let token = format!("{scheme} {}", inner.token.as_deref().unwrap_or_default());
                let headers = request.headers_mut();
                headers.insert("authorization", token.parse().unwrap());
                headers.insert("x-self-id", ME.into());
                headers.insert("x-client-role", "Universal".parse().unwrap());
                inner.dialled.fetch_add(1, Ordering::SeqCst);
                if let Ok((socket, _)) = connect_async(request).await {
                    inner.clone().converse(socket, Role::Universal).await;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }));
    }

    /// Takes calls over HTTP from now on; the address to call.
    pub(crate) async fn serve_http(&mut self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = self.inner.clone();
        self.tasks.push(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                inner.dialled.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(inner.clone().answer_http(stream));
            }
        }));
        format!("http://{address}")
    }

    /// Posts its events to a host from now on.
    pub(crate) fn post_to(&mut self, host: &str, path: &str) {
        let (out, mut outgoing) = mpsc::unbounded_channel();
        self.inner.clients.lock().push(Client { out, hears_events: true });
        let (url, token) = (format!("{host}{path}"), self.inner.token.clone().unwrap_or_default());
        self.tasks.push(tokio::spawn(async move {
            let client = reqwest::Client::new();
            while let Some(what) = outgoing.recv().await {
                let Out::Text(text) = what else { continue };
                let mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap().chain_update(&text);
                let hex: String =
                    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
                let post =
                    client.post(&url).header("x-signature", format!("sha1={hex}")).header("x-self-id", ME);
                let large = text.len() > 4 << 20;
                let answer = post.header("content-type", "application/json").body(text).send().await;
                // What is too large is refused before it is read to its end.
                let taken = answer.is_ok_and(|answer| answer.status() == 204);
                assert!(taken != large, "an event is taken and nothing is asked in return");
            }
        }));
    }

    /// Writes down from now on what is said in groups and what the account asks for.
    pub(crate) fn write_down(&self, account: &str, file: File) {
        *self.inner.log.lock() = Some(Log { account: account.to_owned(), file });
    }

    /// Writes down something else.
    pub(crate) fn note(&self, what: &str) {
        self.inner.note(json!({ "what": what }));
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    pub(crate) fn manner(&self, change: impl FnOnce(&mut Manner)) {
        change(&mut self.inner.manner.lock());
    }

    /// How often somebody dialled.
    pub(crate) fn dialled(&self) -> usize {
        self.inner.dialled.load(Ordering::SeqCst)
    }

    /// How often a ping was answered.
    pub(crate) fn pongs(&self) -> usize {
        self.inner.pongs.load(Ordering::SeqCst)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.inner.clients.lock().iter().any(|client| client.hears_events && !client.out.is_closed())
    }

    /// Ends all connections without a word.
    pub(crate) fn cut(&self) {
        self.inner.clients.lock().drain(..).for_each(|client| drop(client.out.send(Out::Cut)));
    }

    pub(crate) fn send_raw(&self, text: impl Into<String>) {
        let text = text.into();
        self.inner.out(|| Out::Text(text.clone()));
    }

    pub(crate) fn send_binary(&self, bytes: Vec<u8>) {
        self.inner.out(|| Out::Binary(bytes.clone()));
    }

    pub(crate) fn ping(&self) {
        self.inner.out(|| Out::Ping);
    }

    /// An event of the account, with what all have.
    pub(crate) fn emit(&self, fields: Value) {
        self.inner.emit(fields);
    }

    /// A heartbeat. Lagrange's always says that the account is online.
    pub(crate) fn beat(&self, online: bool) {
        let online = online || self.inner.played == Played::Lagrange;
        self.emit(json!({
            "post_type": "meta_event", "meta_event_type": "heartbeat", "interval": 30_000,
            "status": { "online": online, "good": online },
        }));
    }

    /// Somebody says something in a group; the message's id.
    pub(crate) fn say(&self, group: i64, user: i64, text: &str) -> i64 {
        self.say_at(now(), group, user, text)
    }

    /// The same at a time, in unix seconds.
    pub(crate) fn say_at(&self, time: i64, group: i64, user: i64, text: &str) -> i64 {
        let id = self.inner.next_id();
        self.inner.note(json!({ "what": "said", "group": group, "text": text }));
        let sender = {
            let world = self.inner.world.lock();
            let member = world.groups.get(&group).and_then(|(_, members)| members.get(&user));
            let name = member.map_or("Somebody", |member| member.name.as_str());
            json!({ "user_id": user, "nickname": name, "card": "", "role": member.map_or("member", |member| member.role), "level": "1" })
        };
        let event = json!({
            "time": time, "post_type": "message", "message_type": "group", "sub_type": "normal",
            "message_id": id, "group_id": group, "user_id": user, "anonymous": null, "font": 0,
            "message": self.inner.message(text), "raw_message": escape(text), "sender": sender,
        });
        self.inner.emit(event);
        id
    }

    /// A friend says something.
    pub(crate) fn whisper(&self, user: i64, text: &str) {
        let event = json!({
            "post_type": "message", "message_type": "private", "sub_type": "friend", "message_id": self.inner.next_id(),
            "user_id": user, "font": 0, "message": self.inner.message(text), "raw_message": escape(text),
            "sender": { "user_id": user, "nickname": "Fred", "sex": "unknown", "age": 0 },
        });
        self.inner.emit(event);
    }

    /// The account's person says something in a group, on their phone.
    pub(crate) fn type_on_phone(&self, group: i64, text: &str) {
        let id = self.inner.next_id();
        self.inner.tell_own(group, 0, id, self.inner.message(text));
    }

    /// Somebody comes into a group.
    pub(crate) fn join(&self, group: i64, user: i64, name: &str) {
        let member = Member { name: name.into(), card: String::new(), role: "member", muted: false };
        self.inner.world.lock().groups.get_mut(&group).unwrap().1.insert(user, member);
        self.emit(json!({
            "post_type": "notice", "notice_type": "group_increase", "sub_type": "approve", "group_id": group,
            "operator_id": OWNER, "user_id": user,
        }));
    }

    pub(crate) fn is_member(&self, group: i64, user: i64) -> bool {
        self.inner.world.lock().groups.get(&group).is_some_and(|(_, members)| members.contains_key(&user))
    }

    pub(crate) fn is_muted(&self, group: i64, user: i64) -> bool {
        let world = self.inner.world.lock();
        world
            .groups
            .get(&group)
            .and_then(|(_, members)| members.get(&user))
            .is_some_and(|member| member.muted)
    }

    /// So many groups more, from number 1 on, with the account and Ann in each.
    pub(crate) fn add_groups(&self, count: i64) {
        let member =
            |name: &str| Member { name: name.into(), card: String::new(), role: "member", muted: false };
        let mut world = self.inner.world.lock();
        for number in 1..=count {
            let members = BTreeMap::from([(ME, member("bot")), (ANN, member("Ann"))]);
            world.groups.insert(number, (format!("group {number}"), members));
        }
    }

    /// What the account asked for, in order.
    pub(crate) fn calls(&self, action: &str) -> Vec<Value> {
        let calls = self.inner.calls.lock();
        calls.iter().filter(|(name, _)| name == action).map(|(_, params)| params.clone()).collect()
    }

    /// The texts that the account sent, in the order they came.
    pub(crate) fn sent(&self) -> Vec<String> {
        let calls = self.inner.calls.lock();
        let sends = calls.iter().filter(|(name, _)| name.starts_with("send_"));
        sends.map(|(_, params)| text_of(&params["message"])).collect()
    }

    /// How many messages the account sent.
    pub(crate) fn sent_count(&self) -> usize {
        self.inner.calls.lock().iter().filter(|(name, _)| name.starts_with("send_")).count()
    }

    /// Waits until an action was asked for so many times.
    pub(crate) async fn wait_for_calls(&self, action: &str, count: usize) -> Vec<Value> {
        let calls = || Some(self.calls(action)).filter(|calls| calls.len() >= count);
        eventually(&format!("{count} calls of {action}"), calls).await
    }

    /// Waits until so many messages were sent.
    pub(crate) async fn wait_for_sent(&self, count: usize) -> Vec<String> {
        eventually(&format!("{count} messages"), || Some(self.sent()).filter(|sent| sent.len() >= count))
            .await
    }
}

/// Waits until something is so; says what was waited for if it does not come.
pub(crate) async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "did not come: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('[', "&#91;").replace(']', "&#93;")
}

/// The text of a message that the account sent. CQ strings are never taken.
fn text_of(message: &Value) -> String {
    let segments = message.as_array().expect("messages are lists");
    segments.iter().filter_map(|segment| segment["data"]["text"].as_str()).collect()
}

impl Inner {
    fn next_id(&self) -> i64 {
        let id = self.last_id.fetch_add(1, Ordering::SeqCst) + 1;
        if self.played == Played::GoCqhttp { -id } else { id }
    }

    fn note(&self, mut what: Value) {
        if let Some(log) = self.log.lock().as_mut() {
            what["account"] = json!(log.account);
            // In one piece: others may write to the same file.
            log.file.write_all(format!("{what}\n").as_bytes()).unwrap();
        }
    }

    fn message(&self, text: &str) -> Value {
        match self.played {
            Played::GoCqhttp => json!(escape(text)),
            _ => json!([{ "type": "text", "data": { "text": text } }]),
        }
    }

    fn emit(&self, fields: Value) {
        let mut event = json!({ "time": now(), "self_id": ME });
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        if self.played == Played::Llbot {
            for key in ["self_id", "user_id", "group_id", "operator_id", "message_id"] {
                if let Some(Value::Number(id)) = event.get(key) {
                    event[key] = json!(id.to_string());
                }
            }
        }
        let text = event.to_string();
        self.out(|| Out::Text(text.clone()));
    }

    fn out(&self, mut what: impl FnMut() -> Out) {
        self.clients.lock().retain(|client| match client.hears_events {
            true => client.out.send(what()).is_ok(),
            false => !client.out.is_closed(),
        });
    }

    /// Tells of a message of the account itself. LLBot has no type of its own for them.
    fn tell_own(&self, group: i64, user: i64, id: i64, message: Value) {
        let post_type = if self.played == Played::Llbot { "message" } else { "message_sent" };
        let (message_type, sub_type) = if group == 0 { ("private", "friend") } else { ("group", "normal") };
        self.emit(json!({
            "post_type": post_type, "message_type": message_type, "sub_type": sub_type, "message_id": id, "user_id": ME,
            "target_id": if group == 0 { user } else { group }, "group_id": group, "message": message, "font": 0,
            "sender": { "user_id": ME, "nickname": "bot", "card": "", "role": "admin" },
        }));
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let (mut allowed, mut role) = (true, Role::Universal);
        #[expect(clippy::result_large_err, reason = "the library wants it so")]
        let check = |request: &Request, response: Response| {
            role = match request.uri().path().trim_end_matches('/') {
                "/api" => Role::Api,
                "/event" => Role::Event,
                _ => Role::Universal,
            };
            let given = request.headers().get("authorization").and_then(|value| value.to_str().ok());
            let wanted = self.token.as_ref().map(|token| format!("Bearer {token}"));
            allowed = wanted.is_none() || given == wanted.as_deref();
            let status = match self.played {
                Played::Lagrange => StatusCode::FORBIDDEN,
                Played::GoCqhttp => StatusCode::UNAUTHORIZED,
                Played::NapCat | Played::Llbot => return Ok(response),
            };
            if allowed {
                return Ok(response);
            }
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = status;
            Err(refusal)
        };
        let Ok(mut socket) = accept_hdr_async(stream, check).await else { return };
        if !allowed {
            let refusal = json!({
                "status": "failed", "retcode": 1403, "data": null, "message": "token验证失败", "wording": "token验证失败", "echo": null,
            });
            let _ = socket.send(Message::text(refusal.to_string())).await;
            let close = CloseFrame { code: CloseCode::Policy, reason: "token".into() };
            let close = (self.played == Played::Llbot).then_some(close);
            let _ = socket.send(Message::Close(close)).await;
            return;
        }
        self.converse(socket, role).await;
    }

    /// Answers one call. Each comes on a connection of its own.
    async fn answer_http(self: Arc<Self>, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let (mut line, mut length, mut token) = (String::new(), 0, String::new());
        stream.read_line(&mut line).await.unwrap();
        let action = line.split(['/', ' ']).nth(2).unwrap_or_default().to_owned();
        loop {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
            match line.trim().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().unwrap()
                }
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => token = value.to_owned(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let wanted = self.token.as_ref().map(|token| format!("Bearer {token}")).unwrap_or_default();
        let (status, answer) = if token == wanted {
            let params: Value = serde_json::from_slice(&body).unwrap();
            let (out, mut answers) = mpsc::unbounded_channel();
            self.clone().take(&json!({ "action": action, "params": params }).to_string(), 2, &out);
            drop(out);
            // Deaf to it: the connection just ends.
            let Some(Out::Text(answer)) = answers.recv().await else { return };
            ("200 OK", answer)
        } else {
            ("403 Forbidden", String::new())
        };
        let head =
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
        let _ = stream.write_all(format!("{head}{answer}").as_bytes()).await;
    }

    async fn converse<S>(self: Arc<Self>, socket: WebSocketStream<S>, role: Role)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut write, mut read) = socket.split();
        let (out, mut outgoing) = mpsc::unbounded_channel();
        let role = if self.manner.lock().one_for_all { Role::Universal } else { role };
        let hears_events = role != Role::Api;
        let hello = json!({
            "time": now(), "self_id": ME, "post_type": "meta_event", "meta_event_type": "lifecycle", "sub_type": "connect",
        });
        if hears_events {
            let _ = out.send(Out::Text(hello.to_string()));
        }
        if hears_events && self.played != Played::GoCqhttp {
            let beat = json!({
                "time": now(), "self_id": ME, "post_type": "meta_event", "meta_event_type": "heartbeat",
                "interval": 30_000, "status": { "online": true, "good": true },
            });
            let _ = out.send(Out::Text(beat.to_string()));
        }
        self.clients.lock().push(Client { out: out.clone(), hears_events });
        let mut number = 0_u64;
        loop {
            tokio::select! {
                what = outgoing.recv() => {
                    let sent = match what {
                        Some(Out::Text(text)) => write.send(Message::text(text)).await,
                        Some(Out::Binary(bytes)) => write.send(Message::Binary(Bytes::from(bytes))).await,
                        Some(Out::Ping) => write.send(Message::Ping(Bytes::from_static(b"there?"))).await,
                        Some(Out::Cut) | None => return,
                    };
                    if sent.is_err() {
                        return;
                    }
                }
                message = read.next() => match message {
                    Some(Ok(Message::Text(_))) if role == Role::Event => {}
                    Some(Ok(Message::Text(text))) => {
                        number += 1;
                        self.clone().take(&text, number, &out);
                    }
                    Some(Ok(Message::Pong(bytes))) if bytes.as_ref() == b"there?" => {
                        self.pongs.fetch_add(1, Ordering::SeqCst);
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                }
            }
        }
    }

    fn take(self: Arc<Self>, text: &str, number: u64, out: &mpsc::UnboundedSender<Out>) {
        let Ok(request) = serde_json::from_str::<Value>(text) else { return };
        let action = request["action"].as_str().unwrap_or_default().to_owned();
        let params = request["params"].as_object().cloned().unwrap_or_default();
        // Lagrange reads ids into unsigned numbers; what does not fit gets no answer at all.
        let strict = self.played == Played::Lagrange;
        if strict
            && ["user_id", "group_id"]
                .iter()
                .any(|key| params.get(*key).is_some_and(|id| id.as_u64().is_none()))
        {
            return;
        }
        let manner = self.manner.lock().clone();
        self.note(json!({ "what": "asked", "action": action, "params": params }));
        self.calls.lock().push((action.clone(), Value::Object(params.clone())));
        if manner.deaf_to.contains(action.as_str()) {
            return;
        }
        let result = match manner.answers.get(action.as_str()) {
            _ if manner.refuses.contains(action.as_str()) => Err("ERR_NOT_GROUP_ADMIN".to_owned()),
            Some(answer) => Ok(answer.clone()),
            None => self.carry_out(&action, &params, !manner.no_notices),
        };
        let own =
            result.as_ref().ok().filter(|_| manner.tells_own && action.starts_with("send_")).map(|sent| {
                let id = |key: &str| params.get(key).and_then(Value::as_i64).unwrap_or_default();
                let message_id = sent["message_id"].as_i64().unwrap_or_default();
                let id_told = if manner.other_ids { message_id + 1_000_000 } else { message_id };
                let message = match manner.other_words {
                    true => self.message(&format!("({message_id})")),
                    false => params["message"].clone(),
                };
                (id("group_id"), id("user_id"), id_told, message)
            });
        let tell = |own: Option<(i64, i64, i64, Value)>| {
            if let Some((group, user, id, message)) = own {
                self.tell_own(group, user, id, message);
            }
        };
        let first = self.played == Played::GoCqhttp;
        if first {
            tell(own.clone());
        }
        let mut answer = match result {
            Ok(data) => json!({ "status": "ok", "retcode": 0, "data": data, "message": "", "wording": "" }),
            Err(why) => match self.played {
                Played::NapCat => {
                    json!({ "status": "failed", "retcode": 1200, "data": null, "message": why, "wording": why, "stream": "normal-action" })
                }
                Played::Llbot => {
                    json!({ "status": "failed", "retcode": 200, "data": null, "message": "", "wording": why })
                }
                Played::Lagrange => json!({ "status": "failed", "retcode": 200, "data": null }),
                Played::GoCqhttp => {
                    json!({ "status": "failed", "retcode": 100, "data": null, "msg": "API_ERROR", "wording": why })
                }
            },
        };
        answer["echo"] = request["echo"].clone();
        let late = manner.late.get(action.as_str()).copied();
        let shuffled =
            (self.played == Played::GoCqhttp && number % 2 == 1).then_some(Duration::from_millis(5));
        let (out, answer) = (out.clone(), Out::Text(answer.to_string()));
        if late.is_some() && !first {
            tell(own.clone());
        }
        match late.or(shuffled) {
            None => {
                let _ = out.send(answer);
                if !first {
                    tell(own);
                }
            }
            Some(wait) => drop(tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                let _ = out.send(answer);
            })),
        }
    }
}
