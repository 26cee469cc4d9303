//! From a configuration to a running host, and back down. `mynah run`, `mynah dev` and the tests all start here.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use mynah_api::{ApiSettings, Keys, Listening, Reporters, Server, Tls, WebhookSecret};
use mynah_engine::{Engine, EngineConfig};
use mynah_model::clock::{Clock, SystemClock};
use mynah_model::roster::Roster;
use mynah_networks::onebot::{OneBot, OneBotConfig, Token, Trust};
use mynah_networks::sim::{Sim, SimConfig, builtin};
use mynah_networks::{Network, roster_file};
use mynah_runtime::alerts::DiskWatch;
use mynah_runtime::host::default_workers;
use mynah_runtime::limits::DISK_LEAST_FREE;
use mynah_runtime::scheduler::threads_for;
use mynah_runtime::{
    AccountSetup, ApiKind, ClientFolder, Clients, Host, HostConfig, MediaConfig, ScriptSources,
};
use mynah_store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::allowed::Allowed;
use crate::config::{
    AccountConfig, Config, KeyConfig, ListenConfig, LiveFile, NetworkConfig, SecretSource, SimAccount,
    TlsFiles,
};
use crate::doors::Doors;
use crate::exit::{Exit, Failure};
use crate::{output, rules};

/// The journal's file in the data folder.
pub(crate) const DATABASE: &str = "mynah.db";

/// The accounts' files in the data folder, if `tmpdir` says nothing else.
const TMPDIR: &str = "tmp";

/// The folder of the data folder that media are kept in.
const MEDIA: &str = "media";

/// The folder of the data folder that the accepted releases of scripts are kept in.
const ACCEPTED: &str = "releases";

/// Runs until it is told to stop.
pub(crate) fn main(config: Config) -> Result<(), Failure> {
    output::log_to_stderr("info");
    tokio_runtime()?.block_on(async {
        let running = Running::start(config, Arc::new(SystemClock)).await?;
        tokio::select! {
            told = signal() => told?,
            () = running.over() => {}
        }
        tracing::info!("stopping");
        running.stop().await;
        Ok(())
    })
}

/// The threads that do the IO. Scripts have threads of their own.
pub(crate) fn tokio_runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    Ok(runtime.context("the IO threads cannot be started")?)
}

/// Resolves when the process is told to stop.
pub(crate) async fn signal() -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be listened to")?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => Ok(result.context("SIGINT cannot be listened to")?),
        _ = terminate.recv() => Ok(()),
    }
}

/// A host that runs and serves its API.
pub struct Running {
    /// The host.
    pub host: Host,
    /// Where the API listens, with the ports that were given.
    pub addresses: Vec<SocketAddr>,
    /// Whether each of them speaks TLS.
    with_tls: Vec<bool>,
    exit_with_last_account: bool,
    stop: watch::Sender<bool>,
    reporters: Reporters,
    servers: JoinSet<std::io::Result<()>>,
}

impl Running {
    /// Starts everything that a configuration says. Nothing is left behind if that fails.
    ///
    /// # Errors
    /// Exit code 2 for what the configuration says (a roster, a secret or a certificate that cannot be read), 1 for what the machine says (a port
    /// in use, a database of a newer version).
    pub async fn start(mut config: Config, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        config.check_exposure()?;
        mynah_runtime::crypto::install();
        let config_file = Arc::new(LiveFile::of(&config));
        let keys = config.keys.iter().map(KeyConfig::open).collect::<Result<Vec<_>, _>>()?;
        let keys = Keys::new(keys).map_err(Failure::usage)?;
        let certificates = config.listen.iter().map(certificate).collect::<Result<Vec<_>, _>>()?;
        warn_of_open_secrets(&config);
        open_webhook_secrets(&mut config)?;
        config.open_script_secrets()?;
        // First what fails most, before anything is written.
        let listeners = listen(&config.listen).await?;
        let mut doors = Doors::default();
        let accounts = config
            .accounts
            .iter()
            .map(|account| set_up(account, clock.clone(), &mut doors))
            .collect::<Result<Vec<_>, _>>()?;
        let operators =
            config.accounts.iter().map(|account| (account.name.clone(), operators(account))).collect();
        let data_dir = config.data_dir.clone();
        let tmpdir = config.tmpdir.unwrap_or_else(|| data_dir.join(TMPDIR));
        let durability = config.durability;
        let opened = tokio::task::spawn_blocking(move || open(&data_dir, &tmpdir, durability)).await;
        let (store, recovery, engine, folder) = opened.context("opening the store was cut short")??;

        let host_config = HostConfig {
            workers: None,
            max_action_age: config.max_action_age,
            config_file: Some(config_file),
            scripts: ScriptSources {
                dir: Some(config.scripts_dir),
                embedded: rules::embedded(),
                setups: config.scripts,
                accepted: Some(config.data_dir.join(ACCEPTED)),
                own_builds: config.own_builds,
            },
            journal: config.journal,
            media: MediaConfig { dir: Some(config.data_dir.join(MEDIA)), ..config.media },
            accounts,
            operators,
            disk: Some(DiskWatch { folder: config.data_dir.clone(), least_free: DISK_LEAST_FREE }),
            clients: Clients {
                folder: Some(folder),
                port: listeners.first().and_then(|listener| Some(listener.local_addr().ok()?.port())),
                max_clients: config.max_clients,
            },
        };
        // Loading scripts compiles them, which takes its time.
        let host =
            tokio::task::spawn_blocking(move || Host::start(host_config, engine, store, recovery, clock))
                .await;
        let host = host.context("starting the host was cut short")?.map_err(anyhow::Error::from)?;

        let connections = config.api.connections;
        let api = ApiSettings { keys, ..config.api };
        let router = mynah_api::router(host.clone(), api.clone());
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>();
        let addresses = addresses.context("a socket has no address")?;
        let served: Vec<Listening> = addresses
            .iter()
            .zip(&config.listen)
            .map(|(address, wanted)| Listening {
                address: *address,
                apis: wanted.apis,
                tls: wanted.tls.is_some(),
            })
            .collect();
        let reporters = match Reporters::start(&host, &api, &router, &served, std::io::stdout()) {
            Ok(reporters) => reporters,
            Err(error) => {
                host.shutdown().await;
                return Err(anyhow::Error::from(error).context("reports cannot be sent").into());
            }
        };
        // Reports may ask for what the API serves, and for nothing else.
        let router = router.merge(doors.into_router());
        let (stop, stopping) = watch::channel(false);
        let mut servers = JoinSet::new();
        let with_tls = certificates.iter().map(Option::is_some).collect();
        let listeners = listeners.into_iter().zip(&addresses).zip(&config.listen).zip(certificates);
        for (((listener, address), wanted), tls) in listeners {
            tracing::info!("listening on {}://{address}", scheme(tls.is_some()));
            let mut stopping = stopping.clone();
            let shutdown = async move {
                // An error is the end of the sender, which is an end too.
                let _ = stopping.wait_for(|stop| *stop).await;
            };
            let listener = Allowed::new(listener, config.allow_from.clone());
            let server = Server::new(router.clone()).tls(tls).apis(wanted.apis).connections(connections);
            servers.spawn(server.serve(listener, shutdown));
        }
        let exit_with_last_account = config.exit_with_last_account;
        Ok(Self { host, addresses, with_tls, exit_with_last_account, stop, reporters, servers })
    }

    /// Where programs on this machine reach the API: `http://127.0.0.1:5000`.
    pub fn url(&self) -> String {
        let local = |address: &SocketAddr| match address.ip().is_unspecified() {
            true => SocketAddr::from(([127, 0, 0, 1], address.port())),
            false => *address,
        };
        let tls = self.with_tls.first().is_some_and(|tls| *tls);
        let first = self.addresses.first().map(local);
        first.map_or_else(String::new, |address| format!("{}://{address}", scheme(tls)))
    }

    /// Resolves when there is nothing left to do: the last account has stopped, and the configuration says that the host
    /// ends with it.
    pub async fn over(&self) {
        self.host.all_stopped().await;
        if !self.exit_with_last_account {
            std::future::pending().await
        }
        tracing::info!("the last account has stopped");
    }

    /// Answers what is under way, handles what waits, and ends. What waits in the outbox is taken up by the next start.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let served = async {
            while let Some(served) = self.servers.join_next().await {
                if let Err(error) = served.map_err(std::io::Error::other).and_then(|result| result) {
                    tracing::error!(%error, "the API did not end well");
                }
            }
        };
        // Both before the store closes: what was posted is noted down.
        tokio::join!(served, self.reporters.stop());
        self.host.shutdown().await;
    }
}

/// Whether a host could start with a configuration, as far as files, secrets and certificates go; nothing is started.
pub(crate) fn verify(config: &Config) -> Result<(), Failure> {
    config.check_exposure()?;
    let keys = config.keys.iter().map(KeyConfig::open).collect::<Result<Vec<_>, _>>()?;
    Keys::new(keys).map_err(Failure::usage)?;
    config.listen.iter().map(certificate).collect::<Result<Vec<_>, _>>()?;
    open_webhook_secrets(&mut config.clone())?;
    config.clone().open_script_secrets()?;
    let mut doors = Doors::default();
    for account in &config.accounts {
        set_up(account, Arc::new(SystemClock), &mut doors)?;
    }
    Ok(())
}

fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}

fn certificate(listener: &ListenConfig) -> Result<Option<Tls>, Failure> {
    let load = |files: &TlsFiles| Tls::load(&files.certificate, &files.key);
    listener.tls.as_ref().map(load).transpose().map_err(|error| {
        let failure = Failure { exit: Exit::Usage, error: error.into(), hint: None };
        failure.hint(format!(
            "`tls` of the listener {} needs a certificate and its private key as PEM files that this user can read",
            listener.address
        ))
    })
}

/// Whoever is on the way of a request without TLS reads the key in it.
fn open_webhook_secrets(config: &mut Config) -> Result<(), Failure> {
    let open = |source: &SecretSource, whose: &str| source.open(whose, WebhookSecret::new);
    for account in &config.accounts {
        let whose = format!("the webhook of account `{}`", account.name);
        if let (Some(source), Some(reports)) =
            (&account.webhook_secret, config.api.reports.get_mut(&account.name))
        {
            reports.webhook_secret = Some(open(source, &whose)?);
        }
    }
    if let Some(source) = &config.made_webhook_secret {
        config.api.made_reports.webhook_secret = Some(open(source, "`[client]`")?);
    }
    Ok(())
}

fn warn_of_open_secrets(config: &Config) {
    let open = |listener: &&ListenConfig| {
        listener.tls.is_none() && !listener.address.ip().to_canonical().is_loopback()
    };
    let exposed = config.listen.iter().any(|listener| !listener.address.ip().to_canonical().is_loopback());
    if exposed && config.keys.is_empty() {
        tracing::warn!(
            "whatever runs on the machines of `allow_from` can speak as your accounts, pages in their browsers included: add a `[[key]]`"
        );
    }
    for listener in config.listen.iter().filter(open).filter(|_| !config.keys.is_empty()) {
        tracing::warn!(address = %listener.address, "keys cross the network in the clear: add `tls`, or let callers sign");
    }
}

async fn listen(wanted: &[ListenConfig]) -> Result<Vec<TcpListener>, Failure> {
    let mut listeners = Vec::new();
    for ListenConfig { address, .. } in wanted {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let failure = Failure::failed(format!("cannot listen on {address}: {error}"));
            match error.kind() {
                ErrorKind::AddrInUse => failure.hint(
                    "another program (another mynah?) has this port: stop it, or choose another with `--listen 127.0.0.1:5001`",
                ),
                ErrorKind::PermissionDenied => failure.hint("ports below 1024 are for root: choose a higher one"),
                ErrorKind::AddrNotAvailable => failure.hint("this machine has no such address; 127.0.0.1 is always there"),
                _ => failure,
            }
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn set_up(
    account: &AccountConfig,
    clock: Arc<dyn Clock>,
    doors: &mut Doors,
) -> Result<AccountSetup, Failure> {
    let network: Arc<dyn Network> = match &account.network {
        NetworkConfig::Sim(sim) => {
            let roster = read_roster(account, sim)?;
            Sim::new(SimConfig { roster, seed: sim.seed, login: sim.login }, clock)
        }
        NetworkConfig::OneBot(onebot) => {
            let whose = format!("OneBot for account `{}`", account.name);
            let open = |source: &SecretSource| source.open(&whose, Token::new);
            let token = onebot.token.as_ref().map(open).transpose()?.unwrap_or_default();
            let trust = match &onebot.certificate {
                Some(path) => Trust::load(path).map_err(|error| {
                    let failure = Failure { exit: Exit::Usage, error: error.into(), hint: None };
                    failure.hint("`certificate` is what the implementation shows, or the authority's it was issued by, as PEM")
                })?,
                None => Trust::default(),
            };
            let config = OneBotConfig {
                account: account.name.clone(),
                way: onebot.way.clone(),
                token,
                trust,
                pace: onebot.pace,
                self_id: onebot.qq,
            };
            let network = OneBot::new(config, clock);
            if let Some(path) = &onebot.listen {
                doors.open(path, &network);
            }
            network
        }
    };
    Ok(AccountSetup { name: account.name.clone(), api: account.api, network })
}

/// Who may use the host's commands in an account's chats. Among the built-in people somebody may, so that a newcomer can try.
fn operators(account: &AccountConfig) -> BTreeSet<String> {
    match (&account.operators, &account.network) {
        (Some(operators), _) => operators.clone(),
        (None, NetworkConfig::Sim(SimAccount { roster: None, .. })) => {
            let roster = built_in(account.api);
            let operator = roster.friends.iter().find(|one| one.uid.as_deref() == Some(builtin::OPERATOR));
            operator.map(|one| one.id.clone()).into_iter().collect()
        }
        (None, _) => BTreeSet::new(),
    }
}

fn built_in(api: ApiKind) -> Roster {
    match api {
        ApiKind::Openqq => builtin::roster(),
        ApiKind::Openwx => builtin::wechat_roster(),
    }
}

fn read_roster(account: &AccountConfig, sim: &SimAccount) -> Result<Roster, Failure> {
    let Some(path) = &sim.roster else {
        return Ok(built_in(account.api));
    };
    roster_file::load(path).map_err(|error| {
        let failure = Failure { exit: Exit::Usage, error: anyhow::Error::from(error), hint: None };
        failure.hint(format!(
            "account `{}` can do without: leave `roster` away for the built-in one",
            account.name
        ))
    })
}

/// What works with the disk: the store, the engine, the folder of the accounts' files.
fn open(
    data_dir: &Path,
    tmpdir: &Path,
    durability: mynah_store::Durability,
) -> Result<(Store, mynah_store::Recovery, Engine, ClientFolder), Failure> {
    let (store, recovery) = Store::open(&data_dir.join(DATABASE), durability).map_err(store_failure)?;
    let folder = ClientFolder::open(tmpdir).map_err(|error| {
        let failure = Failure { exit: Exit::Failed, error: error.into(), hint: None };
        failure.hint("`tmpdir` in mynah.toml names another folder")
    })?;
    let engine = EngineConfig {
        cache_dir: Some(data_dir.join("cache")),
        workers: threads_for(default_workers()),
        ..EngineConfig::default()
    };
    let engine = Engine::new(engine).map_err(anyhow::Error::from)?;
    Ok((store, recovery, engine, folder))
}

fn store_failure(error: StoreError) -> Failure {
    let hint = match &error {
        StoreError::InUse { .. } => Some("`--data-dir DIR` starts another host beside it"),
        StoreError::NewerVersion { .. } => Some("`--data-dir DIR` starts anew without touching this one"),
        _ => None,
    };
    let failure = Failure { exit: Exit::Failed, error: error.into(), hint: None };
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
