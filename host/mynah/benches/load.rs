//! What a host bears over HTTP: two hundred programs that wait for events, and a thousand calls a second of all kinds
//! beside them, on loopback. It ends with an error if a call fails, a report is lost or comes twice, or anything is left
//! behind.
//!
//! Calls are sent at their time whether earlier ones have been answered or not, and a call's time counts from when it
//! should have been sent: a host that stumbles cannot make the load wait. The baseline is `get_client_info`, which
//! looks at nothing, in the same run.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark prints its figures, and stops where something is not as it should be"
)]

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mynah::config::Config;
use mynah::run::Running;
use mynah_model::clock::SystemClock;
use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const POLLERS: usize = 200;
const CALLS_A_SECOND: u64 = 1_000;
const SECONDS: u64 = 20;

/// Longer than any call takes that works; a long poll waits for 30 s.
const PATIENCE: Duration = Duration::from_secs(40);

/// What a thousand calls are made of: a bot looks around and speaks, and its panel shows lists. `{}` is a number that no
/// other call has.
const MIX: [&str; 10] = [
    "get_client_info",
    "get_user_info",
    "get_friend_info",
    "get_group_basic_info",
    "get_group_info",
    "search_friend?uid=123456",
    "search_group?uid=552603",
    "send_group_message?uid=552603&content=load+{}",
    "send_friend_message?uid=123456&content=%E8%B4%9F%E8%BD%BD+{}",
    "shutup_group_member?group_uid=552603&member_uid=none&time=60",
];

/// The calls that make a message.
const SENDS: [usize; 2] = [7, 8];

/// The code that each call is answered with; look-ups answer without one.
const CODES: [Option<i64>; 10] = [Some(0), None, None, None, None, None, None, Some(0), Some(0), Some(100)];

const CONFIG: &str = r#"
listen = "127.0.0.1:0"
[[account]]
name = "qq"
roster = "roster_qq.json"
"#;

fn main() {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    tokio.block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    std::fs::copy(fixtures.join("roster_qq.json"), folder.path().join("roster_qq.json")).unwrap();
    let config = Config::parse(&folder.path().join("mynah.toml"), CONFIG).unwrap();
    let running = Running::start(config, Arc::new(SystemClock)).await.unwrap();
    while !running.host.is_ready() {
        tokio::task::yield_now().await;
    }
    let base = format!("{}/openqq", running.url());
    let files = open_files();
    load(&base).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while open_files() > files {
        assert!(Instant::now() < deadline, "{} files were open before, {} now", files, open_files());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.stop().await;
}

/// The load, and what came of it.
async fn load(base: &str) {
    let over = Arc::new(AtomicBool::new(false));
    let (report, mut reports) = mpsc::unbounded_channel();
    let mut pollers = JoinSet::new();
    for _ in 0..POLLERS {
        pollers.spawn(poll(format!("{base}/check_event"), report.clone(), over.clone()));
    }
    drop(report);

    let client = client();
    let mut calls = JoinSet::new();
    let began = Instant::now();
    let mut memory = Vec::new();
    let mut took = MIX.map(|_| Vec::new());
    for number in 0..CALLS_A_SECOND * SECONDS {
        let due = began + Duration::from_micros(number * 1_000_000 / CALLS_A_SECOND);
        tokio::time::sleep_until(due.into()).await;
        if number % (CALLS_A_SECOND * SECONDS / 4) == 0 {
            memory.push(resident_mib());
        }
        calls.spawn(call(client.clone(), base.to_owned(), number, due));
        // What is done must not pile up here: memory is looked at.
        while let Some(done) = calls.try_join_next() {
            let (kind, time) = done.unwrap();
            took[kind].push(time);
        }
    }
    while let Some(done) = calls.join_next().await {
        let (kind, time) = done.unwrap();
        took[kind].push(time);
    }
    memory.push(resident_mib());
    let seconds = began.elapsed().as_secs_f64();

    let sent = usize::try_from(CALLS_A_SECOND * SECONDS).unwrap() / MIX.len() * SENDS.len();
    let mut seen = HashSet::new();
    while seen.len() < sent {
        let content = tokio::time::timeout(PATIENCE, reports.recv()).await.unwrap_or_else(|_| {
            panic!("{} of {sent} messages were reported", seen.len());
        });
        let content: String = content.unwrap();
        assert!(seen.insert(content.clone()), "reported twice: {content}");
    }
    over.store(true, Ordering::Relaxed);
    pollers.shutdown().await;

    println!(
        "{} calls in {seconds:.1} s beside {POLLERS} long polls: no error; {sent} messages reported once each",
        CALLS_A_SECOND * SECONDS
    );
    println!("memory at the start and after each quarter, MiB: {memory:?}");
    let base = percentile(&mut took[0], 50);
    for (call, times) in MIX.iter().zip(&mut took) {
        let name = call.split('?').next().unwrap();
        let (p50, p99) = (percentile(times, 50), percentile(times, 99));
        println!("{name:22} p50 {p50:6.2} ms (x{:.1})   p99 {p99:6.2} ms", p50 / base);
    }
    // The journal grows on disk; what it takes of memory is bounded by its cache.
    assert!(memory[4] < memory[2] + 64, "the second half left memory behind: {memory:?}");
}

/// A client that trusts no certificates: it only calls this machine.
fn client() -> reqwest::Client {
    mynah_api::remote::install_crypto();
    reqwest::Client::builder().timeout(PATIENCE).tls_certs_only([]).build().unwrap()
}

/// One call: which of the mix, and how many milliseconds after its time it was answered.
async fn call(client: reqwest::Client, base: String, number: u64, due: Instant) -> (usize, f64) {
    let kind = usize::try_from(number).unwrap() % MIX.len();
    let url = format!("{base}/{}", MIX[kind].replace("{}", &number.to_string()));
    let answer = client.get(&url).send().await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
    assert!(answer.status().is_success(), "{url}: {}", answer.status());
    let answer: Json = answer.json().await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
    let time = due.elapsed().as_secs_f64() * 1e3;
    assert_eq!(answer.get("code").and_then(Json::as_i64), CODES[kind], "{url}: {answer}");
    (kind, time)
}

/// Waits for events again and again, as a bot does, and hands on what messages said.
async fn poll(url: String, report: mpsc::UnboundedSender<String>, over: Arc<AtomicBool>) {
    let client = client();
    while !over.load(Ordering::Relaxed) {
        let answer = client.get(&url).send().await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
        let events: Vec<Json> = answer.json().await.unwrap();
        for event in events {
            if event["post_type"] == "send_message" {
                // Nobody listens once all is counted.
                let _ = report.send(event["content"].as_str().unwrap().to_owned());
            }
        }
    }
}

fn percentile(times: &mut [f64], percent: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() - 1) * percent / 100]
}

/// What the process holds in memory.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() >> 10
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
