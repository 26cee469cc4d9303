//! What a sandbox costs: ratios between ways of running the same rule, measured in one run in interleaved rounds.
//!
//! CPU time, not wall-clock time: machines are shared. The figures of one line compare with each other, not with those of
//! another machine or another day.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark prints its figures, and stops where something is not as it should be"
)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mynah::guest_build::GuestBuild;
use mynah_engine::{
    CallContext, Deferred, Engine, EngineConfig, HostServices, ImportGrants, InstancePolicy, KvRefusal,
    KvScope, KvValue, Limits, Release, RuleSet, Script, ServiceError, SettingsLayers,
};
use mynah_model::Attrs;
use mynah_model::address::{AddressPattern, ChatKind};
use mynah_model::clock::SystemClock;
use mynah_model::event::{AccountState, Chat, Event, EventBody};
use mynah_model::message::{Message, MessageClass, MessageSource, Segment};
use mynah_model::names::Seq;
use mynah_model::roster::{Group, Person, Roster};
use mynah_networks::sim::{Say, Sim, SimConfig};
use mynah_runtime::host::default_workers;
use mynah_runtime::scheduler::threads_for;
use mynah_runtime::{AccountSetup, ApiKind, Host, HostConfig, ScriptSources};
use mynah_sdk::types as guest;
use mynah_store::{Durability, Store};
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 7;
const CALLS: usize = 2_000;
const NATIVE_CALLS: usize = 200_000;
const DISPATCHED: usize = 6_400;

/// Hosts that are started for the delay beside spinning scripts: the breaker ends the spinning on each.
const HOSTS: usize = 5;

/// Chats that are talked in beside as many others whose script spins, and how often.
const NEIGHBOURS: usize = 16;
const PINGS: usize = 20;

/// Chats in which somebody talks at the same time, each waiting for its message to be journalled.
const CHATS: usize = 64;

/// Longer than most of what people say, and without any of the keywords.
const TALK: &str =
    "我觉得明天下午三点在老地方见面比较好, does that work for everybody? I can bring the projector.";

fn main() {
    let ping = release_of(Source::Package("ping"));
    let keywords = release_of(Source::Guest("guest-keywords"));
    let welcome = release_of(Source::Package("welcome"));
    let workers = threads_for(default_workers());
    let engine = Engine::new(EngineConfig { workers, ..EngineConfig::default() }).unwrap();
    let (ping, keywords, welcome) =
        (admit(&engine, &ping), admit(&engine, &keywords), admit(&engine, &welcome));

    println!(
        "CPU time per event, medians of {ROUNDS} interleaved rounds; x: ratio to the first of the line\n"
    );
    sandbox("ping", "/ping", &ping::rule(), &engine, &ping);
    sandbox("50 keywords, none found", TALK, &test_guests::keywords(), &engine, &keywords);
    crowd(&engine, &ping, &welcome);
    dispatch(&engine, &ping);
    neighbours(&engine);
}

/// The same source as native code, in an instance that stays, and in one made for the event.
fn sandbox(name: &str, text: &str, native: &mynah_sdk::Rule, engine: &Engine, release: &Arc<Release>) {
    let guest_event = guest_event(text);
    let event = event(text);
    let warm = script("warm", release, InstancePolicy::Warm { max_calls: u32::MAX });
    let fresh = script("fresh", release, InstancePolicy::Fresh);
    report(
        name,
        &mut [
            ("native", &mut || {
                for _ in 0..NATIVE_CALLS {
                    let _ = black_box(native.handle(black_box(&guest_event)));
                }
                NATIVE_CALLS
            }),
            ("warm", &mut || call(engine, &warm, &event)),
            ("fresh", &mut || call(engine, &fresh, &event)),
        ],
    );
}

/// A hundred scripts of which one wants the event, against that one alone.
fn crowd(engine: &Engine, ping: &Arc<Release>, welcome: &Arc<Release>) {
    let wants = Arc::new(script("ping", ping, InstancePolicy::Fresh));
    let others =
        (0..99).map(|number| Arc::new(script(&format!("other-{number}"), welcome, InstancePolicy::Fresh)));
    let alone = RuleSet::new(vec![wants.clone()]);
    let crowd = RuleSet::new(others.chain([wants]).collect());
    let event = event("/ping");
    let mut run = |rules: &RuleSet| {
        for _ in 0..CALLS {
            for script in rules.route(&event) {
                call_once(engine, script, &event);
            }
        }
        CALLS
    };
    let run = std::cell::RefCell::new(&mut run);
    report(
        "one script of 100 wants it",
        &mut [("alone", &mut || (run.borrow_mut())(&alone)), ("of 100", &mut || (run.borrow_mut())(&crowd))],
    );
}

/// The whole way of a message: network, journal, sandbox, gate, transaction, outbox, network, and the event of what was
/// sent; against the sandbox alone. All threads' time.
fn dispatch(engine: &Engine, ping: &Arc<Release>) {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let data = tempfile::tempdir().unwrap();
    let fresh = script("fresh", ping, InstancePolicy::Fresh);
    let event = event("/ping");
    tokio.block_on(async {
        let host = start(engine, data.path(), &[Source::Package("ping")]).await;
        let account = host.account("sim").unwrap();
        let chats: Vec<_> = account.roster().groups.iter().map(|group| group.id.clone()).collect();
        let (mut alone, mut whole) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let before = cpu(ClockId::ThreadCPUTime);
            let calls = call(engine, &fresh, &event);
            alone.push((cpu(ClockId::ThreadCPUTime) - before) / calls as f64);
            let before = cpu(ClockId::ProcessCPUTime);
            let talkers: Vec<_> = chats
                .iter()
                .map(|chat| {
                    let (host, chat) = (host.clone(), chat.clone());
                    tokio::spawn(async move {
                        let account = host.account("sim").unwrap();
                        for _ in 0..DISPATCHED / CHATS {
                            account.sim().unwrap().say(Say::group(&chat, "alice", "/ping")).await.unwrap();
                        }
                        DISPATCHED / CHATS
                    })
                })
                .collect();
            let mut said = 0;
            for talker in talkers {
                said += talker.await.unwrap();
            }
            host.settled().await.unwrap();
            whole.push((cpu(ClockId::ProcessCPUTime) - before) / said as f64);
        }
        print_line("whole dispatch of /ping, with the store", &[("sandbox", alone), ("dispatch", whole)]);
        host.shutdown().await;
    });
}

/// How long a pong takes on the wall, in chats beside others in which a script spins until it is cut off.
fn neighbours(engine: &Engine) {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..HOSTS {
        let data = tempfile::tempdir().unwrap();
        tokio.block_on(async {
            let host =
                start(engine, data.path(), &[Source::Package("ping"), Source::Guest("guest-hostile")]).await;
            alone.push(pongs(&host).await);
            let spinners: Vec<_> = (NEIGHBOURS..2 * NEIGHBOURS)
                .map(|chat| {
                    let host = host.clone();
                    tokio::spawn(async move {
                        let account = host.account("sim").unwrap();
                        for _ in 0..5 {
                            let said = Say::group(chat.to_string(), "alice", "loop");
                            account.sim().unwrap().say(said).await.unwrap();
                        }
                    })
                })
                .collect();
            beside.push(pongs(&host).await);
            for spinner in spinners {
                spinner.await.unwrap();
            }
            host.settled().await.unwrap();
            assert!(host.scripts().iter().any(|script| script.faults > 0), "the spinners did spin");
            host.shutdown().await;
        });
    }
    let at = |rounds: &[Vec<f64>], percent: usize| -> Vec<f64> {
        rounds.iter().map(|round| round[(round.len() - 1) * percent / 100]).collect()
    };
    for percent in [50, 99] {
        let name = format!("pong beside {NEIGHBOURS} spinners, wall, p{percent}");
        print_line(&name, &[("alone", at(&alone, percent)), ("beside", at(&beside, percent))]);
    }
}

/// Microseconds from saying `/ping` to the event of the pong, in several chats at a time; shortest first.
async fn pongs(host: &Host) -> Vec<f64> {
    let chats: Vec<_> = (0..NEIGHBOURS)
        .map(|chat| {
            let host = host.clone();
            tokio::spawn(async move {
                let (account, chat) = (host.account("sim").unwrap(), chat.to_string());
                let mut delays = Vec::new();
                for _ in 0..PINGS {
                    let mut events = host.subscribe();
                    let began = Instant::now();
                    account.sim().unwrap().say(Say::group(&chat, "alice", "/ping")).await.unwrap();
                    loop {
                        let event = events.recv().await.unwrap();
                        let here = event.chat.as_ref().is_some_and(|of| of.id == chat);
                        if here && event.body.message().is_some_and(|message| message.text == "pong") {
                            break;
                        }
                    }
                    delays.push(began.elapsed().as_secs_f64() * 1e6);
                }
                delays
            })
        })
        .collect();
    let mut delays = Vec::new();
    for chat in chats {
        delays.extend(chat.await.unwrap());
    }
    delays.sort_by(f64::total_cmp);
    delays
}

/// A host whose account is running, with a store on disk and these scripts.
async fn start(engine: &Engine, data: &Path, scripts: &[Source]) -> Host {
    let dir = data.join("scripts.d");
    std::fs::create_dir(&dir).unwrap();
    for script in scripts {
        let (Source::Package(name) | Source::Guest(name)) = script;
        std::fs::copy(component(*script), dir.join(format!("{name}.wasm"))).unwrap();
    }
    let (store, recovery) = Store::open(&data.join("mynah.db"), Durability::Process).unwrap();
    let clock = Arc::new(SystemClock);
    let config = HostConfig {
        scripts: ScriptSources { dir: Some(dir), ..ScriptSources::default() },
        accounts: vec![AccountSetup {
            name: "sim".parse().unwrap(),
            api: ApiKind::Openqq,
            network: Sim::new(SimConfig { roster: many_groups(), ..SimConfig::default() }, clock.clone()),
        }],
        ..HostConfig::default()
    };
    let host = Host::start(config, engine.clone(), store, recovery, clock).unwrap();
    let account = host.account("sim").unwrap();
    account.watch_state().wait_for(|state| *state == AccountState::Running).await.unwrap();
    host
}

fn many_groups() -> Roster {
    let person = |id: &str| Person { id: id.into(), name: id.into(), ..Person::default() };
    let groups = (0..CHATS).map(|number| Group {
        id: number.to_string(),
        members: ["me", "alice"].into_iter().map(person).collect(),
        ..Group::default()
    });
    Roster { user: Arc::new(person("me")), groups: groups.collect(), ..Roster::default() }
}

type Way<'a> = (&'a str, &'a mut dyn FnMut() -> usize);

/// Runs each way in turn, round after round, and prints the medians and their ratios.
fn report(name: &str, ways: &mut [Way<'_>]) {
    let mut rounds: Vec<(&str, Vec<f64>)> = ways.iter().map(|(way, _)| (*way, Vec::new())).collect();
    for (_, run) in ways.iter_mut() {
        run();
    }
    for _ in 0..ROUNDS {
        for ((_, run), (_, round)) in ways.iter_mut().zip(&mut rounds) {
            let before = cpu(ClockId::ThreadCPUTime);
            let calls = run();
            round.push((cpu(ClockId::ThreadCPUTime) - before) / calls as f64);
        }
    }
    print_line(name, &rounds);
}

fn print_line(name: &str, rounds: &[(&str, Vec<f64>)]) {
    let median = |round: &[f64]| {
        let mut round = round.to_vec();
        round.sort_by(f64::total_cmp);
        round[round.len() / 2]
    };
    let base = median(&rounds[0].1);
    let ways: Vec<_> = rounds
        .iter()
        .map(|(way, round)| format!("{way} {:.2} us (x{:.2})", median(round), median(round) / base))
        .collect();
    println!("{name:42} {}", ways.join("   "));
}

/// Microseconds of CPU time.
fn cpu(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn call(engine: &Engine, script: &Script, event: &Event) -> usize {
    for _ in 0..CALLS {
        call_once(engine, script, event);
    }
    CALLS
}

fn call_once(engine: &Engine, script: &Script, event: &Event) {
    let context = CallContext { roster: Arc::default(), services: Box::new(NoState) };
    let report = engine.call(script, black_box(event), context);
    assert!(report.result.is_ok(), "{:?}", report.result);
}

fn script(name: &str, release: &Arc<Release>, policy: InstancePolicy) -> Script {
    let name = name.parse().unwrap();
    let everywhere = vec![AddressPattern::all()];
    Script::new(name, release.clone(), 0, policy, Limits::default(), everywhere, SettingsLayers::default())
}

fn admit(engine: &Engine, bytes: &[u8]) -> Arc<Release> {
    engine.admit(&"bench".parse().unwrap(), bytes, &ImportGrants::ALL, &Limits::default()).unwrap()
}

/// Where a script of the benchmarks comes from.
#[derive(Clone, Copy)]
enum Source {
    Package(&'static str),
    Guest(&'static str),
}

fn release_of(script: Source) -> Vec<u8> {
    std::fs::read(component(script)).unwrap()
}

fn component(script: Source) -> std::path::PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (package, examples, name) = match script {
        Source::Package(name) => (name, false, name),
        Source::Guest(name) => ("test-guests", true, name),
    };
    let target = Path::new(env!("CARGO_BIN_EXE_mynah")).ancestors().nth(2).unwrap();
    let build = GuestBuild {
        manifest: root.join("Cargo.toml"),
        packages: vec![package.to_owned()],
        examples,
        target_dir: target.join("guests"),
        color: false,
    };
    let built = build.run(|_| ()).unwrap_or_else(|error| panic!("{error}"));
    built.into_iter().find(|built| built.name == name).unwrap_or_else(|| panic!("no {name}")).file
}

fn event(text: &str) -> Event {
    let sender = Person { id: "10001".into(), name: "alice".into(), ..Person::default() };
    Event {
        seq: Seq(1),
        account: "sim".parse().unwrap(),
        network: "sim".into(),
        self_id: "me".into(),
        time: 1,
        received_at: 1,
        cause: None,
        depth: 0,
        by_script: None,
        chat: Some(Chat {
            kind: ChatKind::Group,
            id: "552603".into(),
            name: "PERL".into(),
            via: None,
            attrs: Attrs::new(),
        }),
        body: EventBody::MessageReceived(Message {
            id: "1".into(),
            sender,
            segments: vec![Segment::text(text)],
            text: text.into(),
            class: MessageClass::Recv,
            source: MessageSource::Person,
            attrs: Attrs::new(),
        }),
        attrs: Attrs::new(),
    }
}

/// The same event as a rule sees it.
fn guest_event(text: &str) -> guest::Event {
    let command =
        text.strip_prefix('/').map(|name| guest::Invocation { name: name.into(), rest: String::new() });
    guest::Event {
        seq: 1,
        account: "sim".into(),
        network: "sim".into(),
        self_id: "me".into(),
        time: 1,
        received_at: 1,
        cause: None,
        depth: 0,
        chat: Some(guest::Chat {
            kind: guest::ChatKind::Group,
            id: "552603".into(),
            name: "PERL".into(),
            via: None,
            attrs: Vec::new(),
        }),
        body: guest::EventBody::MessageReceived(guest::Message {
            id: "1".into(),
            sender: guest::Person {
                id: "10001".into(),
                uid: None,
                name: "alice".into(),
                markname: None,
                card: None,
                role: None,
                attrs: Vec::new(),
            },
            segments: vec![guest::Segment::Text(text.into())],
            text: text.into(),
            command,
            class: guest::MessageClass::Recv,
            source: guest::MessageSource::Person,
            attrs: Vec::new(),
        }),
        attrs: Vec::new(),
    }
}

/// State for rules that have none.
struct NoState;

impl HostServices for NoState {
    fn kv_get(&mut self, _: KvScope, _: &str) -> Result<Option<KvValue>, ServiceError> {
        Ok(None)
    }

    fn kv_put(&mut self, _: KvScope, _: &str, _: Option<KvValue>) -> Result<(), KvRefusal> {
        Ok(())
    }

    fn kv_list(
        &mut self,
        _: KvScope,
        _: &str,
        _: Option<&str>,
        _: u32,
    ) -> Result<Vec<(String, KvValue)>, ServiceError> {
        Ok(Vec::new())
    }

    fn give_way(&mut self, _: Duration) -> Result<(), Deferred> {
        Ok(())
    }
}
