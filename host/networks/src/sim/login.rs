//! From loading to running, and back out.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mynah_model::Attrs;
use mynah_model::clock::UnixMs;
use mynah_model::event::{AccountState, EventBody};
use mynah_model::names::Seq;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::error::SimError;
use super::{LoginMode, Sim};
use crate::network::{Closed, Happening, NetworkError, Sink, StopSignal};

/// How long a QR code can be scanned and confirmed, in milliseconds; QQ's and WeChat's live about as long.
pub const CODE_LIFE_MS: i64 = 120_000;

/// How long a session can be gone on with without a scan, in milliseconds: a day, as long as web QQ's cookies.
pub const SESSION_LIFE_MS: i64 = 24 * 3_600_000;

/// What whoever scans does when their phone asks them to confirm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AtThePhone {
    /// Confirms at once.
    #[default]
    Confirm,
    /// Refuses.
    Refuse,
    /// Nothing yet: see [`Sim::confirm`].
    Wait,
}

/// Tells the person what came of it: the number of an event, or why there is none.
type Answer = oneshot::Sender<Result<Seq, SimError>>;

/// What a person does to log the account in.
struct Deed {
    /// When, by the network's clock: what is carried out later was done now.
    at: UnixMs,
    what: What,
    answer: Answer,
}

enum What {
    Scan(AtThePhone),
    Confirm(bool),
}

/// A QR code that is shown.
struct Code {
    /// What it says.
    text: String,
    shown_at: UnixMs,
    /// Whether it took the place of one that ran out and nobody was told so.
    in_silence: bool,
}

/// What becomes of a QR code.
enum Offered {
    /// Scanned and confirmed.
    Confirmed(Answer),
    /// Of no use any more. Whoever tried to use it is told so when there is a new one.
    Spent(Option<(Answer, SimError)>),
}

/// How far the account has come.
pub(super) struct Phase {
    state: AccountState,
    /// Where to report to; only while running.
    sink: Option<Arc<dyn Sink>>,
    /// Takes what a person does to log in; only while that is waited for.
    deeds: Option<mpsc::Sender<Deed>>,
}

impl Default for Phase {
    fn default() -> Self {
        Self { state: AccountState::Init, sink: None, deeds: None }
    }
}

/// One run; over when dropped, however it ends.
struct Run(Arc<Sim>);

impl Drop for Run {
    fn drop(&mut self) {
        *self.0.phase.lock() = Phase { state: AccountState::Stop, sink: None, deeds: None };
        self.0.runs.store(false, Ordering::SeqCst);
    }
}

/// See [`crate::Network::run`].
pub(super) async fn run(
    sim: Arc<Sim>,
    sink: Arc<dyn Sink>,
    mut stop: StopSignal,
) -> Result<(), NetworkError> {
    if sim.runs.swap(true, Ordering::SeqCst) {
        return Err(NetworkError::Refused("this account is logged in already".to_owned()));
    }
    let _run = Run(sim.clone());
    tokio::select! {
        biased;
        () = stop.wait() => Ok(()),
        Err(Closed) = log_in(&sim, &sink) => Ok(()),
    }
}

/// Logs in and stays so; ends only if the account takes nothing more.
async fn log_in(sim: &Sim, sink: &Arc<dyn Sink>) -> Result<Infallible, Closed> {
    sim.phase.lock().state = AccountState::Loading;
    let scanned = match sim.login {
        LoginMode::QrCode if !sim.knows(sink.session().await.as_deref()) => {
            Some(sim.wait_for_person(sink).await?)
        }
        LoginMode::QrCode | LoginMode::Immediate => None,
    };
    sim.enter(sink, AccountState::Updating).await?;
    sink.keep_session(&sim.session()).await;
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
    /// number of the login event. A code that is two minutes old has expired: a new one is shown instead.
    pub async fn scan(&self) -> Result<Seq, SimError> {
        self.scan_and(AtThePhone::Confirm).await
    }

    /// Scans the QR code that is shown, and says what happens at the phone then. With [`AtThePhone::Wait`] it resolves
    /// when the account is confirming, with the number of that event.
    pub async fn scan_and(&self, then: AtThePhone) -> Result<Seq, SimError> {
        self.do_to_log_in(What::Scan(then)).await
    }

    /// Answers the question of the phone after a scan: confirms, or refuses. Resolves as [`Sim::scan`] does.
    pub async fn confirm(&self, confirmed: bool) -> Result<Seq, SimError> {
        self.do_to_log_in(What::Confirm(confirmed)).await
    }

    async fn do_to_log_in(&self, what: What) -> Result<Seq, SimError> {
        let (answer, answered) = oneshot::channel();
        let deeds = {
            let phase = self.phase.lock();
            phase.deeds.clone().ok_or(SimError::NothingToScan { state: phase.state })?
        };
        let deed = Deed { at: self.clock.now(), what, answer };
        // If nobody takes it or answers it, the login was over before.
        let over = || SimError::NothingToScan { state: self.phase.lock().state };
        deeds.send(deed).await.map_err(|_| over())?;
        answered.await.map_err(|_| over())?
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

    /// Shows codes until one is scanned and confirmed.
    async fn wait_for_person(&self, sink: &Arc<dyn Sink>) -> Result<Answer, Closed> {
        // A code can be scanned as soon as anybody can see that one is waited for.
        let (deeds, mut done) = mpsc::channel(1);
        self.phase.lock().deeds = Some(deeds);
        let mut code = self.new_code(false);
        let mut failed: Option<(Answer, SimError)> = None;
        loop {
            if self.phase.lock().state != AccountState::Scaning {
                self.enter(sink, AccountState::Scaning).await?;
            }
            let text = code.text.clone();
            sink.report(self.of_the_account(EventBody::QrCode { text, path: None })).await?;
            if let Some((answer, why)) = failed.take() {
                let _ = answer.send(Err(why));
            }
            match self.offer(sink, code, &mut done).await? {
                Offered::Confirmed(answer) => {
                    self.phase.lock().deeds = None;
                    return Ok(answer);
                }
                Offered::Spent(told) => failed = told,
            }
            code = self.new_code(failed.is_none());
        }
    }

    /// Waits for somebody to scan and confirm a code, for as long as it is of use.
    async fn offer(
        &self,
        sink: &Arc<dyn Sink>,
        mut code: Code,
        done: &mut mpsc::Receiver<Deed>,
    ) -> Result<Offered, Closed> {
        let expires_at = code.shown_at.saturating_add(CODE_LIFE_MS);
        let mut scanned = false;
        loop {
            let deed = tokio::select! {
                biased;
                deed = done.recv() => deed.ok_or(Closed)?,
                () = self.waiting.until(expires_at) => return Ok(Offered::Spent(None)),
            };
            let Deed { at, what, answer } = deed;
            if at >= expires_at {
                return Ok(Offered::Spent(Some((answer, SimError::QrExpired))));
            }
            // Done before the new code could be seen, so it was done to the old one.
            if std::mem::take(&mut code.in_silence) && at <= code.shown_at {
                let _ = answer.send(Err(SimError::QrExpired));
                continue;
            }
            let confirmed = match (what, scanned) {
                (What::Scan(then), false) => {
                    let seq = self.enter(sink, AccountState::Confirming).await?;
                    scanned = true;
                    match then {
                        AtThePhone::Confirm => true,
                        AtThePhone::Refuse => false,
                        AtThePhone::Wait => {
                            let _ = answer.send(Ok(seq));
                            continue;
                        }
                    }
                }
                (What::Confirm(confirmed), true) => confirmed,
                (What::Scan(_), true) => {
                    let _ = answer.send(Err(SimError::ScannedAlready));
                    continue;
                }
                (What::Confirm(_), false) => {
                    let _ = answer.send(Err(SimError::NotScanned));
                    continue;
                }
            };
            return Ok(match confirmed {
                true => Offered::Confirmed(answer),
                false => Offered::Spent(Some((answer, SimError::LoginRefused))),
            });
        }
    }

    fn new_code(&self, in_silence: bool) -> Code {
        let text = self.world.lock().chance.login_code();
        Code { text, shown_at: self.clock.now(), in_silence }
    }

    /// What the account can log in with again for a while without a scan.
    fn session(&self) -> Vec<u8> {
        let user = self.world.lock().roster.user.id.clone();
        json!({ "user": user, "since": self.clock.now() }).to_string().into_bytes()
    }

    fn knows(&self, session: Option<&[u8]>) -> bool {
        let Some(session) = session.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok()) else {
            return false;
        };
        let user = session.get("user").and_then(Value::as_str);
        let since = session.get("since").and_then(Value::as_i64);
        let age = since.map(|since| self.clock.now().saturating_sub(since));
        user == Some(self.world.lock().roster.user.id.as_str())
            && age.is_some_and(|age| (0..SESSION_LIFE_MS).contains(&age))
    }

    /// Something that happens in no chat.
    fn of_the_account(&self, body: EventBody) -> Happening {
        Happening { time: self.clock.now(), chat: None, body, consequence: None, attrs: Attrs::new() }
    }
}
