//! What an answer over OneBot v11 costs: mynah with a fresh sandbox per event and its journal on, against a bot on kovi
//! (native Rust, no sandbox, no journal, no logs) and a bare WebSocket loop. Each bot is a process of its own, and so is
//! the peer that says `ping` in 5,000 groups and counts the right answers; all bots are given the same by the same peer.
//!
//! CPU time is that of the bot's process, all threads, kernel included, from before the first message until everything
//! that comes after the last answer is done. Rounds are interleaved and medians are printed: machines are shared.
//!
//! `cargo run --release --manifest-path benches/onebot/Cargo.toml` builds mynah, too. `-- mynah bare` runs these alone;
//! `ROUNDS=1` makes it quick, `MYNAH=target/release/mynah` takes one that is there.

mod bots;
mod peer;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::time::ClockId;
use nix::unistd::Pid;
use peer::{Load, Peer};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

/// Messages in a round, each in a group that the bot has not heard of.
const MESSAGES: usize = 5_000;

/// Messages before it, in groups of their own.
const WARM_UP: usize = 1_000;

/// Unanswered messages at a time, at most.
const WINDOWS: [usize; 2] = [64, 1];

/// After which nothing is left to be done: what comes after an answer takes milliseconds.
const SETTLED: Duration = Duration::from_millis(300);

/// The bots, the one that is compared first.
const BOTS: [&str; 3] = ["mynah", "kovi", "bare"];

/// As fast as an account can be allowed to act; the shipped rule `ping` alone, as the others have one rule.
const CONFIG: &str = r#"
listen = "127.0.0.1:0"
[[account]]
name = "qq"
network = "onebot"
url = "ws://127.0.0.1:PORT"
pace = "1000000/s"
[script.ping]
allow = ["reply"]
[script.group-guard]
mode = "off"
[script.keyword-reply]
mode = "off"
[script.welcome]
mode = "off"
"#;

/// What one window of one round comes to.
#[derive(Debug, Clone, Copy)]
struct Figures {
    per_second: f64,
    /// Milliseconds.
    p50: f64,
    p99: f64,
    /// Microseconds of CPU time per message.
    cpu: f64,
    /// MiB in memory afterwards.
    memory: f64,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let port = || args[1].parse().expect("a port");
    match args.first().map(String::as_str) {
        Some("be-kovi") => bots::kovi(port()),
        Some("be-bare") => bots::bare(port()),
        _ => compare(&args),
    }
}

fn compare(wanted: &[String]) {
    let wanted: Vec<_> =
        BOTS.into_iter().filter(|bot| wanted.is_empty() || wanted.iter().any(|word| word == bot)).collect();
    let rounds = std::env::var("ROUNDS").map_or(5, |rounds| rounds.parse().expect("a number of rounds"));
    let mynah = std::env::var_os("MYNAH").map_or_else(build, PathBuf::from);
    let mut figures = vec![[(); WINDOWS.len()].map(|()| Vec::new()); wanted.len()];
    for _ in 0..rounds {
        for (bot, figures) in wanted.iter().zip(&mut figures) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let round = LocalSet::new().block_on(&runtime, round(bot, &mynah));
            figures.iter_mut().zip(round).for_each(|(all, round)| all.push(round));
        }
    }
    println!(
        "{MESSAGES} messages, each in its own group, over one WebSocket; medians of {rounds} interleaved rounds"
    );
    for (place, window) in WINDOWS.into_iter().enumerate() {
        println!(
            "\nwindow {window:<11} events/s    p50 ms    p99 ms  CPU us/event   RSS MiB   CPU: mynah's to this"
        );
        let medians: Vec<_> = figures.iter().map(|windows| median(&windows[place])).collect();
        for (bot, figures) in wanted.iter().zip(&medians) {
            let Figures { per_second, p50, p99, cpu, memory } = figures;
            let ratio = medians[0].cpu / cpu;
            println!(
                "  {bot:<12} {per_second:>12.0} {p50:>9.3} {p99:>9.3} {cpu:>13.1} {memory:>9.1} {ratio:>12.2}"
            );
        }
    }
}

/// One bot, from its start to its end.
async fn round(bot: &str, mynah: &Path) -> [Figures; WINDOWS.len()] {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = Peer::listen(listener);
    let bot = start(bot, mynah, folder.path(), port);
    peer.connected().await;
    // A plugin may be set up after the connection is.
    tokio::time::sleep(SETTLED).await;
    let mut first = 100_000;
    let mut load = |groups, window| {
        first += 100_000;
        Load { first, groups, window }
    };
    peer.say(load(WARM_UP, WINDOWS[0])).await;
    tokio::time::sleep(SETTLED).await;
    let mut figures = Vec::new();
    for window in WINDOWS {
        let before = bot.cpu();
        let answers = peer.say(load(MESSAGES, window)).await;
        tokio::time::sleep(SETTLED).await;
        let at = |percent: usize| answers.delays[(MESSAGES - 1) * percent / 100].as_secs_f64() * 1e3;
        figures.push(Figures {
            per_second: MESSAGES as f64 / answers.took.as_secs_f64(),
            p50: at(50),
            p99: at(99),
            cpu: (bot.cpu() - before).as_secs_f64() * 1e6 / MESSAGES as f64,
            memory: bot.memory(),
        });
    }
    figures.try_into().unwrap()
}

/// A bot that runs; it is ended when dropped.
struct Bot(Child);

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bot {
    fn cpu(&self) -> Duration {
        let id = Pid::from_raw(self.0.id().try_into().unwrap());
        ClockId::pid_cpu_clock_id(id).unwrap().now().unwrap().into()
    }

    fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap() / 1024.0
    }
}

fn start(bot: &str, mynah: &Path, folder: &Path, port: u16) -> Bot {
    let mut command = if bot == "mynah" {
        std::fs::write(folder.join("mynah.toml"), CONFIG.replace("PORT", &port.to_string())).unwrap();
        let mut command = Command::new(mynah);
        command.arg("run");
        command
    } else {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([format!("be-{bot}"), port.to_string()]);
        command
    };
    let log = std::fs::File::create(folder.join("log")).unwrap();
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    Bot(command.spawn().unwrap())
}

/// The binary as it is shipped, built from the sources beside this.
fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--package", "mynah", "--bin", "mynah"]).current_dir(&root);
    // What this package is called is not for that build: with it half of the dependencies would be built anew.
    let names = std::env::vars().map(|(name, _)| name);
    let ours = |name: &String| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_");
    for name in names.filter(ours) {
        cargo.env_remove(name);
    }
    assert!(cargo.status().unwrap().success(), "mynah does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("release/mynah")
}

fn median(rounds: &[Figures]) -> Figures {
    let of = |field: fn(&Figures) -> f64| {
        let mut values: Vec<_> = rounds.iter().map(field).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Figures {
        per_second: of(|round| round.per_second),
        p50: of(|round| round.p50),
        p99: of(|round| round.p99),
        cpu: of(|round| round.cpu),
        memory: of(|round| round.memory),
    }
}
