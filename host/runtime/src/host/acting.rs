//! What callers ask to be done: their actions, through the same gate and outbox as those of scripts, and pauses.

use mynah_model::action::{Action, ActionBody, Actor, Outcome, Target};
use mynah_model::address::{Address, AddressPattern};
use mynah_model::event::Event;
use mynah_model::names::{ActNumber, ScriptName};
use mynah_model::refusal::{Code, Refusal};
use mynah_store::{AuditEntry, Batch, StoreError, Write};
use tokio::sync::oneshot;

use super::Host;
use crate::account::Account;
use crate::act_outcome::ActOutcome;
use crate::audit::{Asked, outcome_of, plain};
use crate::gate::Verdict;
use crate::host_error::HostError;
use crate::limits;
use crate::pause::{Changing, Pause, PauseError, Scope};

impl Host {
    /// Gates and delivers actions that answer an event, in one transaction with `also`. Resolves when that is
    /// committed, not when the acts are done; one result for each action.
    pub(crate) async fn answer(
        &self,
        event: &Event,
        actions: Vec<Action>,
        by: Actor,
        also: Vec<Write>,
    ) -> Result<Vec<Result<ActNumber, Refusal>>, HostError> {
        let handling = &self.inner.handling;
        let (mut writes, mut acts) = (also, Vec::new());
        let address = event.address();
        let mut results = Vec::with_capacity(actions.len());
        for action in actions {
            let name = action.body.name();
            let number = handling.next_act();
            let verdict = match self.account(event.account.as_str()) {
                Some(account) => {
                    handling.gate_others(&account, &by, Some(event), action.clone(), number, self.now())
                }
                None => Verdict::Refused(Refusal::new(
                    Code::AccountUnknown,
                    format!("the host has no account `{}`", event.account),
                )),
            };
            let asked =
                Asked { number, at: self.now(), actor: &by, address: Some(&address), seq: Some(event.seq) };
            writes.extend(asked.verdict(&action, &verdict));
            results.push(match verdict {
                Verdict::Granted(act) => {
                    let number = act.number;
                    self.inner.outbox.expect(&act);
                    writes.push(Write::OutboxDecided(act.clone()));
                    acts.push(act);
                    Ok(number)
                }
                Verdict::Refused(refusal) => Err(refusal),
                Verdict::DryRun(_)
                | Verdict::Paused(..)
                | Verdict::Schedule { .. }
                | Verdict::Cancel { .. }
                | Verdict::Stop => Err(scripts_only(name)),
            });
        }
        let (tell, committed) = oneshot::channel();
        let delivery = self.inner.outbox.clone();
        self.inner.store.write(Batch::from(writes), move |result| {
            match &result {
                Ok(()) => delivery.deliver(acts),
                Err(_) => delivery.forget(&acts),
            }
            // Whoever asked may have gone; the decision stands.
            let _ = tell.send(result);
        });
        committed.await.unwrap_or(Err(StoreError::Closed))?;
        Ok(results)
    }

    /// Notes down an action that a caller asked for and that the host did not take.
    fn note_refusal(&self, account: &Account, action: &Action, by: &Actor, refusal: &Refusal) {
        let (number, at) = (self.inner.handling.next_act(), self.now());
        let address = Address::account(account.name().clone());
        let asked = Asked { number, at, actor: by, address: Some(&address), seq: None };
        if let Some(write) = asked.refusal(action, refusal) {
            self.keep(write);
        }
    }

    /// Notes down that a caller asked for an action by its name, and that whom or what they named is not there: `text` says
    /// so as it was answered.
    pub fn note_missed(&self, account: &Account, action: &str, by: &Actor, text: &str) {
        let (number, at) = (self.inner.handling.next_act(), self.now());
        let address = Address::account(account.name().clone());
        let asked = Asked { number, at, actor: by, address: Some(&address), seq: None };
        let text = plain(text, limits::AUDIT_TEXT_BYTES);
        let code = Some(Code::TargetUnknown.as_str().to_owned());
        self.keep(Write::Audit(AuditEntry { code, ..asked.entry(action, Outcome::Refused, text) }));
    }

    fn keep(&self, entry: Write) {
        self.inner.store.write(Batch::from(entry), |result| {
            if let Err(error) = result {
                tracing::error!(%error, "a refusal could not be noted down");
            }
        });
    }

    /// Gates and delivers an action of an API caller; resolves with what became of it.
    pub async fn act(
        &self,
        account: &Account,
        target: Option<Target>,
        body: ActionBody,
        by: Actor,
    ) -> ActOutcome {
        if let Some(refusal) = self.stalled() {
            return ActOutcome::none(Outcome::Refused, refusal.code.as_str(), refusal.text);
        }
        let action = Action { target, ..Action::new(body) };
        let handling = &self.inner.handling;
        let number = handling.next_act();
        let verdict = handling.gate_others(account, &by, None, action.clone(), number, self.now());
        let act = match verdict {
            Verdict::Granted(act) => act,
            Verdict::Refused(refusal) => {
                self.note_refusal(account, &action, &by, &refusal);
                return ActOutcome::none(outcome_of(refusal.code), refusal.code.as_str(), refusal.text);
            }
            Verdict::DryRun(_)
            | Verdict::Paused(..)
            | Verdict::Schedule { .. }
            | Verdict::Cancel { .. }
            | Verdict::Stop => {
                let refusal = scripts_only(action.body.name());
                self.note_refusal(account, &action, &by, &refusal);
                return ActOutcome::none(Outcome::Unsupported, refusal.code.as_str(), refusal.text);
            }
        };
        let outcome = self.inner.outbox.outcome_of(act.number);
        handling.deliver_when_kept(act);
        outcome.await.unwrap_or_else(|_| {
            let text = "the host stopped before the outcome was known";
            ActOutcome::none(Outcome::Unknown, "host.stopping", text)
        })
    }

    /// Pauses something, at once; resolves when that will hold after a restart, too.
    pub async fn pause(&self, scope: Scope, by: &Actor) -> Result<(), PauseError> {
        let writes =
            self.inner.handling.pause(scope, &Changing { by, at: self.now(), address: None, seq: None })?;
        self.inner.store.write_durable(Batch::from(writes)).await.map_err(HostError::from)?;
        self.inner.handling.pauses.keep(&self.inner.store);
        Ok(())
    }

    /// Ends the pauses of this script, or in these chats; of a script in chats if both are named, and all if none is. What
    /// ended.
    pub async fn resume(
        &self,
        script: Option<ScriptName>,
        chats: Option<AddressPattern>,
        by: &Actor,
    ) -> Result<Vec<Pause>, HostError> {
        let ends = |pause: &Pause| {
            script.as_ref().is_none_or(|script| pause.scope.script.as_ref() == Some(script))
                && chats.as_ref().is_none_or(|chats| pause.scope.chats == *chats)
        };
        let occasion = Changing { by, at: self.now(), address: None, seq: None };
        let (ended, writes) = self.inner.handling.resume(ends, &occasion);
        self.inner.store.write_durable(Batch::from(writes)).await?;
        self.inner.handling.pauses.keep(&self.inner.store);
        Ok(ended)
    }
}

fn scripts_only(action: &str) -> Refusal {
    Refusal::new(Code::Unsupported, format!("`{action}` is for scripts only"))
}
