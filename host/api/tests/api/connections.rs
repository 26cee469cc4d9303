//! What a peer may hold of a listener, and TLS. No host is needed for these.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use mynah_api::{Scope, Scopes, Server, Tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::stage::PATIENCE;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const LAST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

struct Listening {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Listening {
    async fn new(set: impl FnOnce(Server) -> Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let router = Router::new().route("/", get(async || "hello"));
        let server = tokio::spawn(set(Server::new(router)).serve(listener, shutdown));
        Self { address, stop, server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.server).await.unwrap().unwrap().unwrap();
    }
}

async fn read_to_end(mut stream: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    // A connection that is cut is an end too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("it ends");
    String::from_utf8(bytes).unwrap()
}

/// A certificate for `localhost` in a folder, and its files.
fn certificate(folder: &Path) -> (Tls, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("host.pem"), folder.join("host.key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let der = CertificateDer::from_pem_file(&certificate).unwrap();
    (Tls::load(&certificate, &key).unwrap(), der)
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_half_a_head_or_nothing_loses_its_connection() {
    let listening = Listening::new(|server| server).await;
    for half in [&b""[..], b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "] {
        let before = Instant::now();
        let mut slow = listening.connect().await;
        slow.write_all(half).await.unwrap();
        read_to_end(slow).await;
        assert!(before.elapsed() >= Duration::from_secs(30), "{:?}", before.elapsed());
        assert!(before.elapsed() < Duration::from_secs(40), "{:?}", before.elapsed());
    }
    // One that was answered and is idle, too.
    let before = Instant::now();
    let mut idle = listening.connect().await;
    idle.write_all(GET).await.unwrap();
    assert!(read_to_end(idle).await.ends_with("hello"));
    assert!(before.elapsed() < Duration::from_secs(40), "{:?}", before.elapsed());
    listening.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_full_lets_others_wait() {
    let listening = Listening::new(|server| server.connections(1)).await;
    let mut first = listening.connect().await;
    first.write_all(GET).await.unwrap();
    let mut some = [0u8; 15];
    first.read_exact(&mut some).await.unwrap();
    let mut second = listening.connect().await;
    second.write_all(LAST).await.unwrap();
    let early = tokio::time::timeout(Duration::from_secs(1), second.read_u8()).await;
    assert!(early.is_err(), "the first has the only place: {early:?}");
    drop(first);
    assert!(read_to_end(second).await.ends_with("hello"));
    listening.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_holds_no_tls_listener() {
    let folder = TempDir::new().unwrap();
    let (tls, _) = certificate(folder.path());
    let listening = Listening::new(|server| server.tls(Some(tls)).connections(1)).await;
    for half in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00"] {
        let before = Instant::now();
        let mut silent = listening.connect().await;
        silent.write_all(half).await.unwrap();
        read_to_end(silent).await;
        assert!(before.elapsed() <= Duration::from_secs(11), "{:?}", before.elapsed());
    }
    listening.end().await;
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_told_so_and_tls_is_served() {
    let folder = TempDir::new().unwrap();
    let (tls, der) = certificate(folder.path());
    let listening = Listening::new(|server| server.tls(Some(tls))).await;

    let mut plain = listening.connect().await;
    plain.write_all(LAST).await.unwrap();
    plain.shutdown().await.unwrap();
    let answer = read_to_end(plain).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(body.contains("https://"), "{answer}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");

    let mut garbage = listening.connect().await;
    garbage.write_all(b"\x00\x01\x02garbage that is no greeting").await.unwrap();
    assert!(!read_to_end(garbage).await.contains("hello"));

    let mut roots = RootCertStore::empty();
    roots.add(der).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = |roots| {
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let config = config.with_safe_default_protocol_versions().unwrap();
        TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    };
    let name = || ServerName::try_from("localhost").unwrap();
    let mut secure = client(roots).connect(name(), listening.connect().await).await.unwrap();
    secure.write_all(LAST).await.unwrap();
    assert!(read_to_end(secure).await.ends_with("hello"));
    let stranger = client(RootCertStore::empty()).connect(name(), listening.connect().await).await;
    assert!(stranger.is_err(), "a certificate that nobody vouches for is refused by the client");
    listening.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_serves_the_parts_that_it_is_for() {
    let stage = crate::stage::Stage::new(mynah_api::ApiSettings::default()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::new(stage.router.clone()).apis(Scopes::from_iter([Scope::Openqq]));
    let server = tokio::spawn(server.serve(listener, async move {
        let _ = stopped.await;
    }));
    for (path, status) in [
        ("/openqq/get_user_info", 200),
        ("/healthz", 200),
        ("/openwx/get_client_info", 403),
        ("/api/v1/accounts", 404),
        ("/api/v1/accounts/qq/sim/outbox", 404),
    ] {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let call = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        connection.write_all(call.as_bytes()).await.unwrap();
        let answer = read_to_end(connection).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
    }
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    stage.end().await;
}
