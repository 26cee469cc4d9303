//! A host inside the test: the embedded network, a clock that the test drives, scripts that are written to a folder.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use mynah_engine::{Engine, EngineConfig};
use mynah_model::clock::{UnixMs, VirtualClock};
use mynah_model::event::{AccountState, Event};
use mynah_model::names::Seq;
use mynah_model::roster::{Group, Person, Role, Roster, Table};
use mynah_networks::sim::{Say, Sim, SimConfig};
use mynah_runtime::grants::{Grants, Mode};
use mynah_runtime::scheduler::threads_for;
use mynah_runtime::{
    Account, AccountSetup, ApiKind, Host, HostConfig, OutboxEntry, ScriptSetup, ScriptSources, ScriptStatus,
};
use mynah_store::{Durability, Store};
use tempfile::TempDir;

/// When every test begins: 2026-01-01T00:00:00Z.
pub(crate) const BEGIN: i64 = 1_767_225_600_000;

/// The engine that all tests of the process share, as all scripts of a host do: its pool of address space is large.
pub(crate) fn engine() -> Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE
        .get_or_init(|| {
            // As many as the largest house of any test: several run at once.
            let workers = 2 * threads_for(4);
            Engine::new(EngineConfig { workers, ..EngineConfig::default() }).unwrap()
        })
        .clone()
}

/// Grants of a script that the operator trusts.
pub(crate) fn trusted() -> ScriptSetup {
    let allow = mynah_model::action::ActionBody::NAMES.iter().map(|name| (*name).to_owned()).collect();
    let grants = Grants { mode: Mode::Live, listed: true, allow, ..Grants::unlisted() };
    ScriptSetup { grants, ..ScriptSetup::default() }
}

/// A world with so many groups, named by their number from 0: the account `me` owns each, `admin` is an admin, and `m0` to
/// `m9` are members.
pub(crate) fn crowd(groups: usize) -> SimConfig {
    let person =
        |id: &str, role| Person { id: id.into(), name: id.into(), role: Some(role), ..Person::default() };
    let members: Table<Person> = [person("me", Role::Owner), person("admin", Role::Admin)]
        .into_iter()
        .chain((0..10).map(|number| person(&format!("m{number}"), Role::Member)))
        .collect();
    let groups = (0..groups).map(|number| Group {
        id: number.to_string(),
        name: format!("group {number}"),
        owner_id: Some("me".into()),
        role: Some(Role::Owner),
        members: members.clone(),
        ..Group::default()
    });
    let roster = Roster {
        user: Arc::new(Person { id: "me".into(), name: "me".into(), ..Person::default() }),
        groups: groups.collect(),
        ..Roster::default()
    };
    SimConfig { roster, ..SimConfig::default() }
}

/// What a house is built from.
pub(crate) struct Plan {
    data: TempDir,
    config: HostConfig,
    sim: SimConfig,
    begin: UnixMs,
}

impl Plan {
    pub(crate) fn script(self, name: &str, bytes: &[u8]) -> Self {
        std::fs::write(self.scripts_dir().join(format!("{name}.wasm")), bytes).unwrap();
        self
    }

    /// A script with these grants.
    pub(crate) fn granted(mut self, name: &str, bytes: &[u8], setup: ScriptSetup) -> Self {
        self.config.scripts.setups.insert(name.parse().unwrap(), setup);
        self.script(name, bytes)
    }

    /// A script that may do everything.
    pub(crate) fn trusted(mut self, name: &str, bytes: &[u8]) -> Self {
        self.config.scripts.setups.insert(name.parse().unwrap(), trusted());
        self.script(name, bytes)
    }

    /// A script that may do everything, in this chat only.
    pub(crate) fn trusted_in(mut self, name: &str, bytes: &[u8], chat: &str) -> Self {
        let mut setup = trusted();
        setup.grants.chats = vec![chat.parse().unwrap()];
        setup.imports = mynah_engine::ImportGrants::ALL;
        self.config.scripts.setups.insert(name.parse().unwrap(), setup);
        self.script(name, bytes)
    }

    /// The clock begins at this time.
    pub(crate) fn begin(mut self, at: UnixMs) -> Self {
        self.begin = at;
        self
    }

    pub(crate) fn workers(mut self, workers: usize) -> Self {
        self.config.workers = Some(workers);
        self
    }

    pub(crate) fn sim(mut self, sim: SimConfig) -> Self {
        self.sim = sim;
        self
    }

    fn scripts_dir(&self) -> PathBuf {
        self.data.path().join("scripts.d")
    }

    pub(crate) async fn start(self) -> House {
        let clock = Arc::new(VirtualClock::new(self.begin));
        let sim = Sim::new(self.sim.clone(), clock.clone());
        House::open(self.data, self.config, sim, clock).await
    }
}

/// A running host.
pub(crate) struct House {
    pub(crate) host: Host,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) account: Arc<Account>,
    data: TempDir,
}

impl House {
    pub(crate) fn plan() -> Plan {
        let data = TempDir::new().unwrap();
        let scripts = data.path().join("scripts.d");
        std::fs::create_dir(&scripts).unwrap();
        let sources = ScriptSources { dir: Some(scripts), ..ScriptSources::default() };
        let config = HostConfig { scripts: sources, ..HostConfig::default() };
        Plan { data, config, sim: crowd(2), begin: BEGIN }
    }

    async fn open(data: TempDir, mut config: HostConfig, sim: Arc<Sim>, clock: Arc<VirtualClock>) -> Self {
        let (store, recovery) = Store::open(&data.path().join("mynah.db"), Durability::Process).unwrap();
        config.accounts =
            vec![AccountSetup { name: "sim".parse().unwrap(), api: ApiKind::Openqq, network: sim }];
        let host = Host::start(config, engine(), store, recovery, clock.clone()).unwrap();
        let account = host.account("sim").unwrap();
        account.watch_state().wait_for(|state| *state == AccountState::Running).await.unwrap();
        Self { host, clock, account, data }
    }

    pub(crate) fn sim(&self) -> &Sim {
        self.account.sim().unwrap()
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    pub(crate) fn script_file(&self, name: &str) -> PathBuf {
        self.data.path().join("scripts.d").join(format!("{name}.wasm"))
    }

    /// Replaces a script's file as a careful program does: written apart, then renamed.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) {
        let apart = self.data.path().join("apart");
        std::fs::write(&apart, bytes).unwrap();
        std::fs::rename(apart, self.script_file(name)).unwrap();
    }

    pub(crate) fn status(&self, name: &str) -> ScriptStatus {
        let scripts = self.host.scripts();
        scripts
            .iter()
            .find(|script| script.name == name)
            .cloned()
            .unwrap_or_else(|| panic!("no {name} in {scripts:?}"))
    }

    pub(crate) async fn say(&self, group: &str, member: &str, text: &str) -> Seq {
        self.sim().say(Say::group(group, member, text)).await.unwrap().seq
    }

    pub(crate) async fn outbox(&self) -> Vec<OutboxEntry> {
        self.host.settled().await.unwrap();
        self.host.outbox(&self.account).await.unwrap()
    }

    /// The texts that were sent, oldest first.
    pub(crate) async fn sent(&self) -> Vec<String> {
        self.outbox()
            .await
            .into_iter()
            .filter(|entry| entry.kind == "send")
            .filter_map(|entry| entry.text)
            .collect()
    }

    pub(crate) async fn events(&self) -> Vec<Arc<Event>> {
        self.host.settled().await.unwrap();
        self.host.events(Seq(0), u32::MAX).await.unwrap()
    }

    /// Ends the host and starts another one on the same data.
    pub(crate) async fn restart(self, config: HostConfig) -> Self {
        self.host.shutdown().await;
        let sim = Sim::new(crowd(2), self.clock.clone());
        Self::open(self.data, config, sim, self.clock).await
    }

    /// Ends the host and starts another one on what was committed at this moment, as a SIGKILL leaves it: nothing that is
    /// under way comes to its end there.
    pub(crate) async fn kill(self, config: HostConfig) -> Self {
        let left = TempDir::new().unwrap();
        let store = rusqlite::Connection::open(self.data.path().join("mynah.db")).unwrap();
        store.busy_timeout(Duration::from_secs(60)).unwrap();
        let file = left.path().join("mynah.db");
        store.execute("VACUUM INTO ?1", [file.to_str().unwrap()]).unwrap();
        drop(store);
        // The folder of the scripts may be ours, so it has to stay until they are loaded.
        let sim = Sim::new(crowd(2), self.clock.clone());
        let next = Self::open(left, config, sim, self.clock.clone()).await;
        self.host.shutdown().await;
        std::fs::create_dir(next.data.path().join("scripts.d")).unwrap();
        next
    }
}

/// Waits until a condition holds; fails after a time that no machine needs.
pub(crate) async fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
