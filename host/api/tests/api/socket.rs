//! What only a connection shows.

use std::net::SocketAddr;
use std::sync::Arc;

use mynah_api::ApiSettings;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::stage::{PATIENCE, Stage};

/// A stage that is served on a port of its own.
struct Served {
    stage: Arc<Stage>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn new() -> Self {
        Self::with(ApiSettings::default()).await
    }

    async fn with(settings: ApiSettings) -> Self {
        let stage = Arc::new(Stage::new(settings).await);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let server = tokio::spawn(mynah_api::serve(listener, stage.router.clone(), shutdown));
        Self { stage, address, stop, server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the connection ends.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut connection = self.connect().await;
        connection.write_all(bytes).await.unwrap();
        read_to_end(connection).await
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.server).await.expect("the server stops").unwrap().unwrap();
        self.stage.host.shutdown().await;
    }
}

async fn read_to_end(mut connection: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut answer)).await;
    read.expect("the connection ends").unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn raw_utf_8_in_the_request_line_is_understood() {
    let served = Served::new().await;
    let line = "GET /openqq/send_friend_message?uid=123456&content=你好🎉 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = served.exchange(line.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(served.stage.outbox().await[0]["text"], "你好🎉");
    let broken = served.exchange(b"GET /openqq/send_friend_message?uid=123456&content=\xff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(broken.starts_with("HTTP/1.1 400"), "{broken}");
    assert_eq!(served.stage.outbox().await.len(), 1);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_programs_may_leave_the_host_out_and_new_ones_may_not() {
    let served = Served::new().await;
    let old = served.exchange(b"GET /openqq/get_user_info HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200"), "{old}");
    assert!(old.contains("\r\ncontent-length: "), "{old}");
    for (request, status) in [
        ("GET /openqq/get_user_info HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400"),
        (
            "GET /openqq/get_user_info HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 421",
        ),
        (
            "GET http://evil.example/openqq/get_user_info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 421",
        ),
        (
            "GET /openqq/get_user_info HTTP/1.1\r\nHost: 127.1:3000\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200",
        ),
        (
            "POST /openqq/get_user_info HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 413",
        ),
    ] {
        let answer = served.exchange(request.as_bytes()).await;
        assert!(answer.starts_with(status), "{request}: {answer}");
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_while_it_waits_takes_no_event_with_it() {
    const CALL: &[u8] = b"GET /openqq/check_event HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let served = Served::new().await;
    for n in 0..20 {
        let mut gone = served.connect().await;
        gone.write_all(CALL).await.unwrap();
        if n % 2 == 0 {
            // The server answers this one first, so it is waiting in the other when the client goes.
            let mut probe = served.connect().await;
            probe
                .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                .await
                .unwrap();
            read_to_end(probe).await;
        }
        drop(gone);
        served.stage.say(json!({"friend": "123456", "text": format!("{n}")})).await;
        let answer = served.stage.get("/openqq/check_event").await.json();
        assert_eq!(answer[0]["content"], format!("{n}"), "{answer}");
        assert_eq!(answer.as_array().unwrap().len(), 1);
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_while_it_reads_takes_no_event_with_it() {
    // Nine megabytes: more than lies between the host and a client that reads nothing.
    const EVENTS: usize = 150;
    let settings = ApiSettings { check_event_list_max_size: EVENTS, ..ApiSettings::default() };
    let served = Served::with(settings).await;
    for n in 0..EVENTS {
        let text = format!("{n} {}", "长".repeat(20_000));
        served.stage.say(json!({"friend": "123456", "text": text})).await;
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut gone = socket.connect(served.address).await.unwrap();
    gone.write_all(b"GET /openqq/check_event HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut first = [0u8; 512];
    assert!(gone.read(&mut first).await.unwrap() > 0);
    drop(gone);
    let mut found = Vec::new();
    while found.len() < EVENTS {
        let answer = served.stage.get("/openqq/check_event").await.json();
        let reports = answer.as_array().unwrap().clone();
        assert!(!reports.is_empty(), "only {} came", found.len());
        found.extend(reports);
    }
    let mut numbers: Vec<usize> = found
        .iter()
        .map(|report| report["content"].as_str().unwrap().split(' ').next().unwrap().parse().unwrap())
        .collect();
    numbers.sort();
    assert_eq!(numbers, (0..EVENTS).collect::<Vec<_>>());
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_lets_waiting_clients_go() {
    let served = Served::new().await;
    let mut waiting = served.connect().await;
    waiting
        .write_all(b"GET /openqq/check_event HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut reading = served.connect().await;
    reading.write_all(b"GET /api/v1/events?from=1 HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut first = [0u8; 512];
    assert!(reading.read(&mut first).await.unwrap() > 0);
    let answers = tokio::spawn(async move { (read_to_end(waiting).await, read_to_end(reading).await) });
    served.end().await;
    let (waited, _) = answers.await.unwrap();
    assert!(waited.ends_with("[]") || waited.is_empty(), "{waited}");
}
