//! What is fetched and what is not, from servers on this machine that say what a test wants and count who comes.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use mynah_networks::Boxed;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::*;

mod scripts;

/// A server that answers every path with the bytes that belong to it, and then does what follows.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    /// The requests, as they came.
    heard: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

#[derive(Clone)]
enum Then {
    Close,
    /// Sends zeros until nobody reads them.
    Endless,
    /// Sends nothing more and keeps the connection.
    Silence,
}

type Pages = HashMap<&'static str, (String, Then)>;

impl Server {
    async fn start(pages: impl IntoIterator<Item = (&'static str, String, Then)>) -> Self {
        let pages: Arc<Pages> =
            Arc::new(pages.into_iter().map(|(path, head, then)| (path, (head, then))).collect());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (counted, hearing) = (asked.clone(), heard.clone());
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(connection, pages.clone(), hearing.clone()));
            }
        });
        Self { address, asked, heard, task: task.abort_handle() }
    }

    fn allowed(&self) -> AllowedPlace {
        self.address.to_string().parse().unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    mut connection: TcpStream,
    pages: Arc<Pages>,
    heard: Arc<Mutex<Vec<String>>>,
) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    heard.lock().push(request.clone());
    let path = request.split(' ').nth(1).unwrap_or_default();
    let Some((head, then)) = pages.get(path) else {
        return connection.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    };
    connection.write_all(head.as_bytes()).await?;
    match then {
        Then::Close => connection.shutdown().await,
        Then::Silence => std::future::pending().await,
        Then::Endless => loop {
            connection.write_all(&[0; 4096]).await?;
        },
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn to(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

/// Little enough for a test to see its end.
fn limits() -> FetchLimits {
    FetchLimits { bytes: 10_000, time: Duration::from_secs(20), ..FetchLimits::default() }
}

/// A resolver that knows a few names.
struct Names(HashMap<&'static str, Vec<IpAddr>>);

impl Resolver for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Boxed<'a, io::Result<Vec<IpAddr>>> {
        let found = self.0.get(name).cloned().ok_or_else(|| io::Error::other("no such name"));
        Box::pin(async { found })
    }
}

#[tokio::test]
async fn what_the_operator_allows_is_fetched_and_redirects_within_it_are_followed() {
    let pages = [
        ("/a", ok("hi"), Then::Close),
        ("/to-a", to("/a"), Then::Close),
        ("/gone", "HTTP/1.1 410 Gone\r\nContent-Length: 3\r\n\r\nbye".to_owned(), Then::Close),
        ("/long", "HTTP/1.0 200 OK\r\n\r\nuntil the end".to_owned(), Then::Close),
    ];
    let server = Server::start(pages).await;
    let fetcher = Fetcher::new(vec![server.allowed()], limits());
    for (path, status, body, end) in [
        ("/a", 200, "hi", "/a"),
        ("/a#part", 200, "hi", "/a"),
        ("/to-a", 200, "hi", "/a"),
        ("/gone", 410, "bye", "/gone"),
        ("/long", 200, "until the end", "/long"),
        ("/nothing", 404, "", "/nothing"),
    ] {
        let expected = Fetched { status, url: server.url(end), body: body.into() };
        assert_eq!(fetcher.get(&server.url(path)).await, Ok(expected), "{path}");
    }
}

#[tokio::test]
async fn nothing_is_asked_of_a_loopback_address_however_it_is_written() {
    let server = Server::start([("/", ok("secret"), Then::Close)]).await;
    let port = server.address.port();
    let allowed = |host: &str| format!("{host}:{port}").parse::<AllowedPlace>().unwrap();
    // The port is allowed under another name, so that the address is what is refused.
    let elsewhere = vec![allowed("elsewhere.test")];
    let loopback: Vec<IpAddr> = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    let names = Names(
        [
            ("localhost", loopback.clone()),
            ("evil.test", loopback),
            ("mapped.test", vec!["::ffff:127.0.0.1".parse().unwrap()]),
            ("nat64.test", vec!["64:ff9b::7f00:1".parse().unwrap()]),
            ("meta.test", vec!["169.254.169.254".parse().unwrap()]),
            ("empty.test", vec![]),
        ]
        .into(),
    );
    let fetcher = Fetcher::with_resolver(elsewhere, limits(), Arc::new(names));
    for (host, expected) in [
        ("localhost", "a loopback address"),
        ("evil.test", "a loopback address"),
        ("EVIL.test", "a loopback address"),
        ("mapped.test", "IPv6 form"),
        ("nat64.test", "NAT64 form"),
        ("meta.test", "link-local"),
        ("empty.test", "the name has no address"),
        ("unknown.test", "no such name"),
        ("127.0.0.1", "a loopback address"),
        ("127.8.9.10", "a loopback address"),
        ("2130706433", "another way to write"),
        ("0x7f.1", "another way to write"),
        ("017700000001", "another way to write"),
        ("0.0.0.0", "no host"),
        ("[::1]", "a loopback address"),
        ("[::ffff:127.0.0.1]", "IPv6 form"),
        ("[::ffff:7f00:1]", "IPv6 form"),
        ("[::127.0.0.1]", "no host"),
        ("[64:ff9b::127.0.0.1]", "NAT64 form"),
        ("[2002:7f00:1::]", "6to4 form"),
        ("user@127.0.0.1", "user name"),
    ] {
        // Ports that the web uses; the server's own port is refused before that.
        let error = fetcher.get(&format!("http://{host}:8080/")).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{host}: {error}");
        let error = fetcher.get(&format!("http://{host}:{port}/")).await.unwrap_err();
        assert!(error.is_refusal() || matches!(error, FetchError::NoAddress { .. }), "{host}: {error}");
    }
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn the_system_resolver_finds_localhost_and_it_is_refused() {
    let error = Fetcher::new(Vec::new(), limits()).get("http://localhost:8080/").await.unwrap_err();
    assert!(matches!(error, FetchError::NotPublic { .. }), "{error}");
}

#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_checked() {
    let server = Server::start([("/", ok("here"), Then::Close)]).await;
    let place = format!("pictures.test:{}", server.address.port());
    let names = Names([("pictures.test", vec![server.address.ip()])].into());
    let fetcher = Fetcher::with_resolver(vec![place.parse().unwrap()], limits(), Arc::new(names));
    // No resolver of this machine knows the name.
    let fetched = fetcher.get(&format!("http://{place}/")).await.unwrap();
    assert_eq!(fetched.body, b"here");
}

/// A resolver that leads to the next address each time it is asked.
struct Rebinding(Mutex<Vec<IpAddr>>);

impl Resolver for Rebinding {
    fn resolve<'a>(&'a self, _: &'a str) -> Boxed<'a, io::Result<Vec<IpAddr>>> {
        let next = self.0.lock().pop();
        Box::pin(async move { Ok(next.into_iter().collect()) })
    }
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_a_moment_later_is_asked_for_once() {
    let checked = Server::start([("/", ok("here"), Then::Close)]).await;
    let port = checked.address.port();
    // The same port of another address of this machine: where a second look at the name would lead.
    let other = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let rebinding =
        Arc::new(Rebinding(Mutex::new(vec![other.local_addr().unwrap().ip(), checked.address.ip()])));
    let place = format!("rebinding.test:{port}");
    let fetcher = Fetcher::with_resolver(vec![place.parse().unwrap()], limits(), rebinding.clone());
    assert_eq!(fetcher.get(&format!("http://{place}/")).await.unwrap().body, b"here");
    assert_eq!((rebinding.0.lock().len(), checked.asked()), (1, 1));
    let second = tokio::time::timeout(Duration::ZERO, other.accept()).await;
    assert!(second.is_err(), "nobody came by the second address");
    // What is checked is what was found: a public address first buys a private one nothing.
    let turning = Rebinding(Mutex::new(vec![checked.address.ip()]));
    let fetcher = Fetcher::with_resolver(Vec::new(), limits(), Arc::new(turning));
    let error = fetcher.get("http://rebinding.test:8080/").await.unwrap_err();
    assert!(matches!(error, FetchError::NotPublic { .. }), "{error}");
}

#[tokio::test]
async fn a_redirect_is_checked_like_what_a_caller_writes() {
    let inside = Server::start([("/", ok("secret"), Then::Close)]).await;
    let port = inside.address.port();
    let pages = [
        ("/plain", to(&inside.url("/")), Then::Close),
        ("/name", to("http://localhost:8080/"), Then::Close),
        ("/v6", to("http://[::1]:8080/"), Then::Close),
        ("/mapped", to("http://[::ffff:127.0.0.1]:8080/"), Then::Close),
        ("/decimal", to("http://2130706434:8080/"), Then::Close),
        ("/decimal-rest", to("//2130706434:8080/"), Then::Close),
        ("/file", to("file:///etc/passwd"), Then::Close),
        ("/user", to("http://a:b@example.net/"), Then::Close),
        ("/port", to("http://8.8.8.8:25/"), Then::Close),
        ("/loop", to("/loop"), Then::Close),
        ("/garbage", to("http://[:::"), Then::Close),
        ("/nowhere", "HTTP/1.1 302 Found\r\nContent-Length: 4\r\n\r\nhere".to_owned(), Then::Close),
    ];
    let server = Server::start(pages).await;
    let fetcher = Fetcher::new(vec![server.allowed()], limits());
    for (path, expected) in [
        ("/plain", format!("port {port} of 127.0.0.1")),
        ("/name", "a loopback address".into()),
        ("/v6", "a loopback address".into()),
        ("/mapped", "IPv6 form".into()),
        ("/decimal", "another way to write".into()),
        ("/decimal-rest", "another way to write".into()),
        ("/file", "only http and https".into()),
        ("/user", "user name".into()),
        ("/port", "port 25".into()),
        ("/loop", "more than 3 times".into()),
        ("/garbage", "leads to nowhere".into()),
    ] {
        let error = fetcher.get(&server.url(path)).await.unwrap_err().to_string();
        assert!(error.contains(&expected), "{path}: {error}");
    }
    assert_eq!(fetcher.get(&server.url("/nowhere")).await.unwrap().body, b"here");
    assert_eq!(inside.asked(), 0);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_given_up_whatever_it_says_of_itself() {
    let endless = "HTTP/1.1 200 OK\r\n\r\n".to_owned();
    let chunk = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", 1u64 << 40);
    let pages = [
        ("/fits", ok(&"x".repeat(10_000)), Then::Close),
        ("/announced", ok(&"x".repeat(10_001)), Then::Close),
        ("/boast", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_owned(), Then::Silence),
        ("/endless", endless, Then::Endless),
        ("/chunked", chunk, Then::Endless),
    ];
    let server = Server::start(pages).await;
    let fetcher = Fetcher::new(vec![server.allowed()], limits());
    assert_eq!(fetcher.get(&server.url("/fits")).await.unwrap().body.len(), 10_000);
    for path in ["/announced", "/boast", "/endless", "/chunked"] {
        let error = fetcher.get(&server.url(path)).await.unwrap_err();
        assert_eq!(error, FetchError::TooLarge { most: 10_000 }, "{path}");
    }
}

#[tokio::test]
async fn what_comes_too_slowly_or_not_at_all_is_given_up() {
    let pages = [
        ("/half", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_owned(), Then::Silence),
        ("/head", "HTTP/1.1 200 OK\r\n".to_owned(), Then::Silence),
        ("/cut", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_owned(), Then::Close),
        ("/garbage", "SSH-2.0-OpenSSH_9.0\r\n".to_owned(), Then::Close),
        ("/nothing", String::new(), Then::Close),
    ];
    let server = Server::start(pages).await;
    let slow = FetchLimits { time: Duration::from_millis(300), ..limits() };
    let fetcher = Fetcher::new(vec![server.allowed()], slow);
    for path in ["/half", "/head"] {
        let error = fetcher.get(&server.url(path)).await.unwrap_err();
        assert_eq!(error, FetchError::TooSlow { seconds: 0 }, "{path}");
    }
    let fetcher = Fetcher::new(vec![server.allowed()], limits());
    for path in ["/cut", "/garbage", "/nothing"] {
        let error = fetcher.get(&server.url(path)).await.unwrap_err();
        assert!(matches!(error, FetchError::Failed(_)), "{path}: {error}");
    }
}

#[tokio::test]
async fn nobody_there_is_said_in_a_sentence() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let fetcher = Fetcher::new(vec![address.to_string().parse().unwrap()], limits());
    for url in [format!("http://{address}/"), format!("https://{address}/")] {
        let error = fetcher.get(&url).await.unwrap_err().to_string();
        assert!(error.contains("refused"), "{url}: {error}");
    }
}
