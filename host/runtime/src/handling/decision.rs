//! What a script's call comes to: its actions pass the gate, and what comes of them is put together for the transaction.

use std::sync::Arc;

use mynah_model::action::{Act, Action, ActionBody, Actor, Outcome, Target};
use mynah_model::address::Address;
use mynah_model::event::Event;
use mynah_model::names::{ActNumber, ScriptName};
use mynah_model::refusal::{Code, Refusal};
use mynah_networks::network::Receipt;
use mynah_store::Write;

use super::{Called, Handling};
use crate::account::Account;
use crate::alerts::Condition;
use crate::audit::{Asked, LOOKUP, outcome_of};
use crate::ended::Ended;
use crate::gate::{self, ActingAccount, Occasion, Verdict};
use crate::health::charged;
use crate::kv_usage::Extent;
use crate::limits;
use crate::record::{ActionRecord, CallRecord};
use crate::rules::LiveScript;
use crate::scheduler::Pace;
use crate::timers::HeldTimers;

/// What an event comes to, while it is put together.
#[derive(Default)]
pub(super) struct Decision<'a> {
    pub(super) writes: Vec<Write>,
    pub(super) acts: Vec<Act>,
    pub(super) told: Vec<(Act, Ended)>,
    pub(super) calls: Vec<CallRecord>,
    /// How much more state each script holds.
    pub(super) grown: Vec<(ScriptName, Extent)>,
    pub(super) pace: Option<Pace>,
    /// Once a timer is changed.
    pub(super) timers: Option<HeldTimers<'a>>,
}

impl Handling {
    #[expect(clippy::too_many_arguments, reason = "one step of `decide`, apart for its length")]
    pub(super) fn decide_call<'a>(
        &'a self,
        event: &Event,
        address: &Address,
        account: &Arc<Account>,
        called: Called,
        ticket: u64,
        now: i64,
        decision: &mut Decision<'a>,
    ) {
        let Called { live, report, state } = called;
        let script = &live.script;
        let actor = live.actor();
        let mut record = CallRecord::new(script.name.clone(), script.release.id);
        let report = match report {
            Ok(report) => report,
            Err(refusal) => {
                if refusal.code == Code::BudgetCpu {
                    self.alert_of_budget(&live, &refusal, now);
                }
                record.fail(refusal.code, &refusal.text);
                decision.calls.push(record);
                return;
            }
        };
        record.cpu_us = u64::try_from(report.cpu.as_micros()).unwrap_or(u64::MAX);
        if let Some(refusal) = &report.refused_lookup {
            live.voice.say(&script.name, refusal.text.len(), || {
                tracing::info!(script = %script.name, seq = %event.seq, code = %refusal.code, "look-up refused: {}", refusal.text);
            });
            live.refusals.count(LOOKUP, refusal.code);
            let number = self.next_act();
            let asked =
                Asked { number, at: now, actor: &actor, address: Some(address), seq: Some(event.seq) };
            decision.writes.push(asked.lookup(refusal));
        }
        for line in &report.log {
            live.voice.say(&script.name, line.text.len(), || {
                tracing::info!(target: "mynah::script", script = %script.name, seq = %event.seq, level = ?line.level, "{}", line.text);
            });
        }
        if report.log_cut > 0 {
            live.refusals.count("log", Code::LimitLog);
            live.voice.say(&script.name, 0, || {
                tracing::warn!(script = %script.name, seq = %event.seq, code = %Code::LimitLog, "{} lines of the script's log were left out or cut: it may write {} lines of {} bytes together for one event", report.log_cut, script.limits.log_lines, script.limits.log);
            });
        }
        let actions = match report.result {
            Ok(actions) => {
                live.health.called(now, charged(event, report.cpu), None);
                actions
            }
            Err(fault) => {
                // Where the host failed, the script is not to blame.
                let blamed =
                    (fault.code != Code::HostFailure).then(|| format!("{}: {}", fault.code, fault.text));
                if live.health.called(now, charged(event, report.cpu), blamed) {
                    tracing::warn!(script = %script.name, "the script failed too often and is left alone for a while");
                    self.alerts.wake();
                }
                tracing::warn!(script = %script.name, seq = %event.seq, code = %fault.code, "script failed: {}", fault.text);
                let number = self.next_act();
                let asked =
                    Asked { number, at: now, actor: &actor, address: Some(address), seq: Some(event.seq) };
                decision.writes.push(asked.fault(&fault));
                if fault.code == Code::LimitDeadline {
                    decision.pace = Some(Pace::Slow);
                }
                record.fail(fault.code, &fault.text);
                decision.calls.push(record);
                return;
            }
        };
        let written = std::mem::take(&mut *state.lock());
        decision.grown.push((script.name.clone(), written.growth()));
        decision.writes.extend(self.uncommitted.stage(&script.name, address, written, ticket));
        for mut action in actions {
            let name = action.body.name();
            // A script that tries again whenever it is told what became of it would be told for ever, and one that tries
            // many times for each would be told of nothing else.
            let is_fetch = matches!(action.body, ActionBody::Fetch { .. });
            action.tell_result =
                action.tell_result && event.depth <= limits::LOOP_DEPTH && self.may_be_told(&live, now);
            let is_told = |action: &Action| match is_fetch && !action.tell_result {
                true => event.depth <= limits::LOOP_DEPTH && self.may_be_told(&live, now),
                false => action.tell_result,
            };
            let number = self.next_act();
            let mut verdict = self.gate(event, account, &live, &actor, action.clone(), number, now);
            match &verdict {
                Verdict::Schedule { when, tag, payload } => {
                    let timers = decision.timers.get_or_insert_with(|| self.timers.hold());
                    let (when, tag, payload) = (when.clone(), tag.clone(), payload.clone());
                    match timers.set(&script.name, event, when, tag, payload) {
                        Ok(write) => decision.writes.push(write),
                        Err(refusal) => verdict = Verdict::Refused(refusal),
                    }
                }
                Verdict::Cancel { tag } => {
                    let timers = decision.timers.get_or_insert_with(|| self.timers.hold());
                    decision.writes.extend(timers.cancel(&script.name, address, tag));
                }
                Verdict::Granted(act) => {
                    if let Err(refusal) = self.outbox.admit(act) {
                        verdict = Verdict::Refused(refusal);
                    }
                }
                _ => {}
            }
            record.actions.push(ActionRecord::of(name, &verdict, number));
            let asked =
                Asked { number, at: now, actor: &actor, address: Some(address), seq: Some(event.seq) };
            decision.writes.extend(asked.verdict(&action, &verdict));
            match verdict {
                Verdict::Granted(act) => decision.acts.push(act),
                Verdict::DryRun(act) => {
                    if is_told(&action) {
                        let text = "the script runs dry: noted down and not done";
                        decision.told.push((act, Ended::refused(Outcome::DryRun, Code::GrantMissing, text)));
                    }
                }
                Verdict::Paused(act, refusal) => {
                    if is_told(&action) {
                        let ended = Ended::refused(Outcome::DryRun, refusal.code, &refusal.text);
                        decision.told.push((act, ended));
                    }
                }
                // The host has done it by then, and no network will tell.
                Verdict::Schedule { .. } | Verdict::Cancel { .. } | Verdict::Stop => {
                    if is_told(&action) {
                        let act = self.told_act(event, account, &actor, action, now);
                        decision.told.push((act, Ended::done(Receipt::default())));
                    }
                }
                Verdict::Refused(refusal) => {
                    if refusal.code == Code::BudgetExhausted {
                        self.alert_of_budget(&live, &refusal, now);
                    }
                    live.refusals.count(name, refusal.code);
                    live.voice.say(&script.name, refusal.text.len(), || {
                        tracing::info!(script = %script.name, seq = %event.seq, action = name, code = %refusal.code, "action refused: {}", refusal.text);
                    });
                    if is_told(&action) {
                        let act = self.told_act(event, account, &actor, action, now);
                        let ended = Ended::refused(outcome_of(refusal.code), refusal.code, &refusal.text);
                        decision.told.push((act, ended));
                    }
                }
            }
        }
        decision.calls.push(record);
    }

    /// Whether a script may be told of one more of its actions; that it was not is counted.
    fn may_be_told(&self, live: &LiveScript, now: i64) -> bool {
        let told = self.budgets.told.take(&[(live.script.name.clone(), limits::TOLD)], 1, now).is_ok();
        if !told {
            live.refusals.count("result", Code::BudgetExhausted);
        }
        told
    }

    #[expect(clippy::too_many_arguments, reason = "everything that the gate looks at")]
    fn gate(
        &self,
        event: &Event,
        account: &Arc<Account>,
        live: &LiveScript,
        actor: &Actor,
        action: Action,
        number: ActNumber,
        now: i64,
    ) -> Verdict {
        let other = action.target.as_ref().and_then(|target| target.account.as_ref());
        let acting = match other {
            Some(name) if name != account.name() => self.accounts.get(name.as_str()),
            _ => Some(account.clone()),
        };
        let roster = acting.as_ref().map(|account| account.roster()).unwrap_or_default();
        let acting = acting.as_ref().map(|account| ActingAccount::of(account, &roster));
        let occasion = Occasion {
            actor,
            grants: Some(&live.grants),
            event: Some(event),
            now,
            max_action_age_ms: self.max_action_age_ms,
            pauses: &self.pauses,
        };
        gate::decide(&occasion, acting.as_ref(), &self.budgets, number, action)
    }

    pub(crate) fn alert_of_budget(&self, live: &LiveScript, refusal: &Refusal, now: i64) {
        let script = live.script.name.clone();
        self.alerts.raise(Condition::BudgetExhausted { script }, &refusal.text, now);
    }

    /// An action that goes no further, to tell its script what became of it.
    fn told_act(&self, event: &Event, account: &Account, actor: &Actor, action: Action, now: i64) -> Act {
        Act {
            number: self.next_act(),
            account: account.name().clone(),
            target: event.chat.as_ref().map(|chat| Target {
                account: None,
                kind: chat.kind,
                id: chat.id.clone(),
                via: chat.via.clone(),
            }),
            body: action.body,
            by: actor.clone(),
            cause: Some(event.seq),
            origin: Some(event.address()),
            depth: event.depth.saturating_add(1),
            reason: action.reason,
            before: None,
            tag: action.tag,
            tell_result: action.tell_result,
            decided_at: now,
            expires_at: now,
        }
    }
}
