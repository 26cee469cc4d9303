//! From init to running, and to stop.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mynah_model::Attrs;
use mynah_model::clock::UnixMs;
use mynah_model::event::{AccountState, EventBody};
use mynah_model::names::Seq;
use tokio::sync::oneshot;

use super::error::SimError;
use super::{LoginMode, Sim};
use crate::network::{Closed, Happening, NetworkError, Sink};

/// How long a QR code can be scanned, in milliseconds; QQ's and WeChat's live about as long.
const CODE_LIFE_MS: i64 = 120_000;

/// Answers a scan: with the number of the login event, or why there was none.
type Answer = oneshot::Sender<Result<Seq, SimError>>;

/// A QR code and who scans it.
struct Code {
    text: String,
    shown_at: UnixMs,
    scan: oneshot::Receiver<Answer>,
}

/// How far the account has come.
pub(super) struct Phase {
    state: AccountState,
    /// Where to report to; only while running.
    sink: Option<Arc<dyn Sink>>,
    /// Somebody scans the code that is shown.
    scans: Option<oneshot::Sender<Answer>>,
}

impl Default for Phase {
    fn default() -> Self {
        Self { state: AccountState::Init, sink: None, scans: None }
    }
}

/// One run; over when dropped, however it ends.
struct Run(Arc<Sim>);

impl Drop for Run {
    fn drop(&mut self) {
        *self.0.phase.lock() = Phase { state: AccountState::Stop, sink: None, scans: None };
        self.0.runs.store(false, Ordering::SeqCst);
    }
}

/// See [`crate::Network::run`].
pub(super) async fn run(sim: Arc<Sim>, sink: Arc<dyn Sink>) -> Result<(), NetworkError> {
    if sim.runs.swap(true, Ordering::SeqCst) {
        return Err(NetworkError::Refused("this account is logged in already".to_owned()));
    }
    let run = Run(sim.clone());
    let mut stop = sim.stop.subscribe();
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => {}
        Err(Closed) = log_in(&sim, &sink) => {}
    }
    drop(run);
    sim.stop.send_replace(false);
    // If the account takes nothing more it knows that it is stopped.
    let _ = sink.enter(AccountState::Stop).await;
    Ok(())
}

/// Logs in and stays so; ends only if the account takes nothing more.
async fn log_in(sim: &Sim, sink: &Arc<dyn Sink>) -> Result<Infallible, Closed> {
    sim.enter(sink, AccountState::Loading).await?;
    let scanned = match sim.login {
        LoginMode::Immediate => None,
        LoginMode::QrCode => Some(sim.wait_for_scan(sink).await?),
    };
    if scanned.is_some() {
        sim.enter(sink, AccountState::Confirming).await?;
    }
    sim.enter(sink, AccountState::Updating).await?;
    let all = sim.turns.take_all().await;
    sink.roster(sim.roster());
    sim.phase.lock().sink = Some(sink.clone());
    drop(all);
    let login = EventBody::Login { scanned: scanned.is_some() };
    let seq = sink.report(sim.of_the_account(login)).await?;
    sim.enter(sink, AccountState::Running).await?;
    if let Some(answer) = scanned {
        // Whoever scanned may be gone.
        let _ = answer.send(Ok(seq));
    }
    std::future::pending().await
}

impl Sim {
    /// Scans the QR code that is shown and confirms on the phone; resolves when the account is running, with the
    /// number of the login event. A code older than two minutes has expired: a new one is shown instead.
    pub async fn scan(&self) -> Result<Seq, SimError> {
        let (answer, answered) = oneshot::channel();
        let scans = {
            let mut phase = self.phase.lock();
            phase.scans.take().ok_or(SimError::NothingToScan { state: phase.state })?
        };
        scans.send(answer).map_err(|_| SimError::Closed(Closed))?;
        answered.await.map_err(|_| SimError::Closed(Closed))?
    }

    /// Where reports go, if the account is running.
    pub(super) fn sink(&self) -> Result<Arc<dyn Sink>, SimError> {
        let phase = self.phase.lock();
        phase.sink.clone().ok_or(SimError::NotRunning { state: phase.state })
    }

    async fn enter(&self, sink: &Arc<dyn Sink>, state: AccountState) -> Result<Seq, Closed> {
        self.phase.lock().state = state;
        sink.enter(state).await
    }

    async fn wait_for_scan(&self, sink: &Arc<dyn Sink>) -> Result<Answer, Closed> {
        // The code can be scanned as soon as anybody can see that one is waited for.
        let mut code = self.new_code();
        self.enter(sink, AccountState::Scaning).await?;
        let mut too_late: Option<Answer> = None;
        loop {
            let Code { text, shown_at, scan } = code;
            sink.report(self.of_the_account(EventBody::QrCode { text, path: None })).await?;
            if let Some(answer) = too_late.take() {
                let _ = answer.send(Err(SimError::QrExpired));
            }
            // The phase holds the other end until somebody scans.
            let answer = scan.await.map_err(|_| Closed)?;
            if self.clock.now().saturating_sub(shown_at) < CODE_LIFE_MS {
                return Ok(answer);
            }
            too_late = Some(answer);
            code = self.new_code();
        }
    }

    fn new_code(&self) -> Code {
        let (scans, scan) = oneshot::channel();
        let text = self.world.lock().chance.login_code();
        self.phase.lock().scans = Some(scans);
        Code { text, shown_at: self.clock.now(), scan }
    }

    /// Something that happens in no chat.
    fn of_the_account(&self, body: EventBody) -> Happening {
        Happening { time: self.clock.now(), chat: None, body, consequence: None, attrs: Attrs::new() }
    }
}
