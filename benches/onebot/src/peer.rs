//! The OneBot implementation that the bots talk to: it says `ping` in one group after the other, and counts who answers
//! `pong` there.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// The account.
const ME: i64 = 10001;
/// Who speaks.
const ANN: i64 = 20002;
/// Longer than a bot takes that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is said: once in each of so many groups.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// The first group's number.
    pub first: i64,
    /// How many groups.
    pub groups: usize,
    /// How many messages may be unanswered.
    pub window: usize,
}

/// How a load was answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// From the first message to the last answer.
    pub took: Duration,
    /// From each message to its answer, shortest first.
    pub delays: Vec<Duration>,
}

/// A load that is under way.
struct Run {
    load: Load,
    /// When the message in each group was sent; `None` once it is answered.
    open: Vec<Option<Instant>>,
    delays: Vec<Duration>,
}

#[derive(Default)]
struct State {
    /// To the connection that takes events.
    events: Option<mpsc::UnboundedSender<Message>>,
    run: Option<Run>,
    last_id: i64,
}

/// A peer that one bot dials.
#[derive(Clone)]
pub struct Peer {
    state: Rc<RefCell<State>>,
    /// How many messages of the load are answered.
    answered: Rc<watch::Sender<usize>>,
    connected: Rc<watch::Sender<bool>>,
}

impl Peer {
    /// Lets bots dial; a local set must be running.
    pub fn listen(listener: TcpListener) -> Self {
        let peer = Self {
            state: Rc::default(),
            answered: Rc::new(watch::Sender::new(0)),
            connected: Rc::new(watch::Sender::new(false)),
        };
        let dialled = peer.clone();
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::task::spawn_local(dialled.clone().serve(stream));
            }
        });
        peer
    }

    /// Resolves when a bot takes events.
    pub async fn connected(&self) {
        let mut connected = self.connected.subscribe();
        within("no bot came", connected.wait_for(|connected| *connected)).await.unwrap();
    }

    /// Says it all, and waits until all is answered.
    pub async fn say(&self, load: Load) -> Answers {
        self.answered.send_replace(0);
        let mut answered = self.answered.subscribe();
        let began = Instant::now();
        {
            let mut state = self.state.borrow_mut();
            state.run = Some(Run { load, open: Vec::new(), delays: Vec::new() });
            (0..load.window.min(load.groups)).for_each(|_| state.say_next());
        }
        let all = answered.wait_for(|answered| *answered == load.groups);
        within("not all was answered", all).await.unwrap();
        let took = began.elapsed();
        let mut delays = self.state.borrow_mut().run.take().unwrap().delays;
        delays.sort();
        Answers { took, delays }
    }

    /// A bot that takes two connections has events on the one and calls on the other.
    async fn serve(self, stream: TcpStream) {
        let mut path = String::new();
        #[expect(clippy::result_large_err, reason = "the library's signature")]
        let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            request.uri().path().clone_into(&mut path);
            Ok(response)
        };
        let socket = tokio_tungstenite::accept_hdr_async(stream, look).await.unwrap();
        let (write, mut read) = socket.split();
        let (out, outgoing) = mpsc::unbounded_channel();
        tokio::task::spawn_local(write_all(write, outgoing));
        if !path.ends_with("/api") {
            self.state.borrow_mut().events = Some(out.clone());
            self.connected.send_replace(true);
        }
        while let Some(Ok(message)) = read.next().await {
            if let Message::Text(text) = message {
                let mut state = self.state.borrow_mut();
                let answer = state.called(&text);
                let _ = out.send(answer);
                if let Some(run) = &state.run {
                    self.answered.send_if_modified(|answered| {
                        *answered = run.delays.len();
                        *answered == run.load.groups
                    });
                }
            }
        }
    }
}

async fn within<T>(or: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{or} within {PATIENCE:?}"))
}

/// Writes what there is in one go: what a bot costs should not depend on how the peer is scheduled.
async fn write_all(
    mut socket: SplitSink<WebSocketStream<TcpStream>, Message>,
    mut outgoing: mpsc::UnboundedReceiver<Message>,
) {
    while let Some(message) = outgoing.recv().await {
        let mut next = Ok(message);
        while let Ok(message) = next {
            if socket.feed(message).await.is_err() {
                return;
            }
            next = outgoing.try_recv();
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}

#[derive(Deserialize)]
struct Call<'a> {
    action: &'a str,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    echo: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Send {
    group_id: i64,
    message: Value,
}

impl State {
    /// The next message of the load, as NapCat reports it.
    fn say_next(&mut self) {
        let Some(run) = &mut self.run else { return };
        if run.open.len() == run.load.groups {
            return;
        }
        let group = run.load.first + run.open.len() as i64;
        self.last_id += 1;
        let id = self.last_id;
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let text = format!(
            r#"{{"self_id":{ME},"user_id":{ANN},"time":{time},"message_id":{id},"message_seq":{id},"real_id":{id},"real_seq":"{id}","message_type":"group","sender":{{"user_id":{ANN},"nickname":"Ann","card":"","role":"member"}},"raw_message":"ping","font":14,"sub_type":"normal","message":[{{"type":"text","data":{{"text":"ping"}}}}],"message_format":"array","post_type":"message","group_id":{group},"group_name":"Group {group}"}}"#
        );
        run.open.push(Some(Instant::now()));
        self.events.as_ref().unwrap().send(Message::text(text)).unwrap();
    }

    /// What a call is answered with.
    fn called(&mut self, text: &str) -> Message {
        let call: Call<'_> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let params = call.params.map_or("{}", RawValue::get);
        let group = |params: &str| serde_json::from_str::<Value>(params).unwrap()["group_id"].clone();
        let data = match call.action {
            "send_group_msg" | "send_msg" => {
                self.answered(serde_json::from_str(params).unwrap());
                self.last_id += 1;
                json!({ "message_id": self.last_id })
            }
            "get_login_info" => json!({ "user_id": ME, "nickname": "bot" }),
            "get_friend_list" | "get_group_list" => json!([]),
            "get_group_info" => {
                json!({ "group_id": group(params), "group_name": "group", "member_count": 2 })
            }
            "get_group_member_list" => {
                let group = group(params);
                json!([
                    { "group_id": group, "user_id": ME, "nickname": "bot", "card": "", "role": "member" },
                    { "group_id": group, "user_id": ANN, "nickname": "Ann", "card": "", "role": "member" },
                ])
            }
            other => panic!("nobody should call `{other}`"),
        };
        let echo = call.echo.map_or("null", RawValue::get);
        Message::text(format!(
            r#"{{"status":"ok","retcode":0,"data":{data},"message":"","wording":"","echo":{echo}}}"#
        ))
    }

    /// A bot said something in a group: the right thing, once, where it was asked.
    fn answered(&mut self, send: Send) {
        let pong = match &send.message {
            Value::String(text) => text == "pong",
            Value::Array(segments) => segments.len() == 1 && segments[0]["data"]["text"] == "pong",
            _ => false,
        };
        assert!(pong, "said {} instead of pong", send.message);
        let run = self.run.as_mut().expect("nobody asked");
        let place = usize::try_from(send.group_id - run.load.first).expect("another group");
        let asked = run.open.get_mut(place).and_then(Option::take);
        let asked =
            asked.unwrap_or_else(|| panic!("group {} was not asked, or answered before", send.group_id));
        run.delays.push(asked.elapsed());
        self.say_next();
    }
}
