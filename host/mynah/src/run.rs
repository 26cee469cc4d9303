//! From a configuration to a running host, and back down. `mynah run`, `mynah dev` and the tests all start here.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use mynah_api::Reporters;
use mynah_engine::{Engine, EngineConfig};
use mynah_model::clock::{Clock, SystemClock};
use mynah_networks::sim::{Sim, SimConfig, builtin};
use mynah_networks::{Network, roster_file};
use mynah_runtime::host::default_workers;
use mynah_runtime::scheduler::threads_for;
use mynah_runtime::{AccountSetup, ApiKind, Host, HostConfig, ScriptSources};
use mynah_store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::allowed::Allowed;
use crate::config::{AccountConfig, Config};
use crate::exit::{Exit, Failure};
use crate::{output, rules};

/// The journal's file in the data folder.
const DATABASE: &str = "mynah.db";

/// Runs until it is told to stop.
pub(crate) fn main(config: Config) -> Result<(), Failure> {
    output::log_to_stderr("info");
    tokio_runtime()?.block_on(async {
        let running = Running::start(config, Arc::new(SystemClock)).await?;
        signal().await?;
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
    stop: watch::Sender<bool>,
    reporters: Reporters,
    servers: JoinSet<std::io::Result<()>>,
}

impl Running {
    /// Starts everything that a configuration says. Nothing is left behind if that fails.
    ///
    /// # Errors
    /// Exit code 2 for what the configuration says (a roster that cannot be read), 1 for what the machine says (a port
    /// in use, a database of a newer version).
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        config.check_exposure()?;
        // First what fails most, before anything is written.
        let listeners = listen(&config.listen).await?;
        let accounts = config
            .accounts
            .iter()
            .map(|account| set_up(account, clock.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let data_dir = config.data_dir.clone();
        let durability = config.durability;
        let opened = tokio::task::spawn_blocking(move || open(&data_dir, durability)).await;
        let (store, recovery, engine) = opened.context("opening the store was cut short")??;

        let host_config = HostConfig {
            workers: None,
            max_action_age: config.max_action_age,
            scripts: ScriptSources {
                dir: Some(config.scripts_dir),
                embedded: rules::embedded(),
                setups: config.scripts,
            },
            accounts,
        };
        // Loading scripts compiles them, which takes its time.
        let host =
            tokio::task::spawn_blocking(move || Host::start(host_config, engine, store, recovery, clock))
                .await;
        let host = host.context("starting the host was cut short")?.map_err(anyhow::Error::from)?;

        let router = mynah_api::router(host.clone(), config.api.clone());
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>();
        let addresses = addresses.context("a socket has no address")?;
        let reporters = match Reporters::start(&host, &config.api, &router, &addresses, std::io::stdout()) {
            Ok(reporters) => reporters,
            Err(error) => {
                host.shutdown().await;
                return Err(anyhow::Error::from(error).context("reports cannot be sent").into());
            }
        };
        let (stop, stopping) = watch::channel(false);
        let mut servers = JoinSet::new();
        for (listener, address) in listeners.into_iter().zip(&addresses) {
            tracing::info!("listening on http://{address}");
            let mut stopping = stopping.clone();
            let shutdown = async move {
                // An error is the end of the sender, which is an end too.
                let _ = stopping.wait_for(|stop| *stop).await;
            };
            let listener = Allowed::new(listener, config.allow_from.clone());
            servers.spawn(mynah_api::serve(listener, router.clone(), shutdown));
        }
        Ok(Self { host, addresses, stop, reporters, servers })
    }

    /// Where programs on this machine reach the API: `http://127.0.0.1:5000`.
    pub fn url(&self) -> String {
        let local = |address: &SocketAddr| match address.ip().is_unspecified() {
            true => SocketAddr::from(([127, 0, 0, 1], address.port())),
            false => *address,
        };
        self.addresses.first().map(local).map_or_else(String::new, |address| format!("http://{address}"))
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

async fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Failure> {
    let mut listeners = Vec::new();
    for address in addresses {
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

fn set_up(account: &AccountConfig, clock: Arc<dyn Clock>) -> Result<AccountSetup, Failure> {
    let roster = match &account.roster {
        Some(path) => roster_file::load(path).map_err(|error| {
            let failure = Failure { exit: Exit::Usage, error: anyhow::Error::from(error), hint: None };
            failure.hint(format!(
                "account `{}` can do without: leave `roster` away for the built-in one",
                account.name
            ))
        })?,
        None => match account.api {
            ApiKind::Openqq => builtin::roster(),
            ApiKind::Openwx => builtin::wechat_roster(),
        },
    };
    let network: Arc<dyn Network> =
        Sim::new(SimConfig { roster, seed: account.seed, login: account.login }, clock);
    Ok(AccountSetup { name: account.name.clone(), api: account.api, network })
}

/// The store and the engine; both work with the disk.
fn open(
    data_dir: &Path,
    durability: mynah_store::Durability,
) -> Result<(Store, mynah_store::Recovery, Engine), Failure> {
    let (store, recovery) = Store::open(&data_dir.join(DATABASE), durability).map_err(store_failure)?;
    let engine = EngineConfig {
        cache_dir: Some(data_dir.join("cache")),
        workers: threads_for(default_workers()),
        ..EngineConfig::default()
    };
    let engine = Engine::new(engine).map_err(anyhow::Error::from)?;
    Ok((store, recovery, engine))
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
