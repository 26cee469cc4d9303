//! Carrying out what operators say. The command, what it does and the answer are one transaction with the event being handled.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc;

use mynah_model::action::{Act, Action, ActionBody, Actor, Outcome};
use mynah_model::address::{Address, AddressPattern, ChatKind};
use mynah_model::clock::UnixMs;
use mynah_model::event::Event;
use mynah_model::message::Segment;
use mynah_model::names::{ActNumber, Seq};
use mynah_model::refusal::{Code, Refusal};
use mynah_store::{AuditEntry, AuditFilter, Batch, StoreError, Write};

use super::undo::undo;
use super::{COMMANDS, Order, order};
use crate::account::Account;
use crate::audit::{Asked, FAULT, cut, outcome_of, plain, summary};
use crate::gate::Verdict;
use crate::handling::{Handling, set_aside};
use crate::limits;
use crate::pause::{Changing, Pause, Scope};
use crate::record::Handled;
use crate::scheduler::Pace;
use crate::why::{self, COMMAND};

/// What comes of a command: the answer, and what is done.
#[derive(Default)]
struct Obeyed {
    text: String,
    writes: Vec<Write>,
    acts: Vec<Act>,
}

/// The message that is obeyed.
struct Message<'a> {
    event: &'a Event,
    account: &'a Account,
    address: Address,
    by: Actor,
    now: UnixMs,
}

impl Message<'_> {
    /// Whether an answer is for the operator alone: then it may tell of other chats.
    fn is_private(&self) -> bool {
        self.event.chat.as_ref().is_some_and(|chat| chat.kind == ChatKind::Friend)
    }

    /// Whether something that happened there may be spoken of here: in a chat with others only what happened in it.
    fn may_tell_of(&self, address: &Address) -> bool {
        *address == self.address || (self.is_private() && address.account == self.address.account)
    }

    /// Whether something that holds in such chats may be spoken of here: in a chat with others only what holds in it.
    fn concerns(&self, chats: &[AddressPattern]) -> bool {
        chats.iter().any(|pattern| match self.is_private() {
            true => pattern.account().is_none_or(|account| *account == self.address.account),
            false => pattern.matches(&self.address),
        })
    }
}

impl Handling {
    /// Does what an operator's message says and answers it: on return that is queued for the store.
    pub(crate) fn obey(&self, event: &Arc<Event>, account: &Account, order: &Order<'_>) -> Pace {
        let now = self.waiting.now();
        let by = Actor::Operator { id: order.operator.to_owned() };
        let message = Message { event, account, address: event.address(), by, now };
        let carried_out = match self.is_late(&message) && order.command != "pause" {
            true => {
                Err(Refusal::new(Code::ActionExpired, "the command came too late and was not carried out"))
            }
            false => self.carry_out(&message, order),
        };
        let (outcome, code, mut obeyed) = match carried_out {
            Ok(obeyed) => (Outcome::Done, None, obeyed),
            Err(refusal) => {
                let text = match &refusal.hint {
                    Some(hint) => format!("{}\n{hint}", refusal.text),
                    None => refusal.text.clone(),
                };
                (outcome_of(refusal.code), Some(refusal.code), Obeyed { text, ..Obeyed::default() })
            }
        };
        tracing::info!(seq = %event.seq, by = %message.by, outcome = outcome.as_str(), "operator: /{}", order.command);
        let said = plain(&format!("/{} {}", order.command, order.rest), limits::AUDIT_TEXT_BYTES);
        let asked = self.asked(&message, &message.by);
        obeyed.writes.push(Write::Audit(AuditEntry {
            code: code.map(|code| code.as_str().to_owned()),
            ..asked.entry(COMMAND, outcome, said.trim_end().to_owned())
        }));
        let text = cut(obeyed.text.trim_end(), limits::OPERATOR_ANSWER_BYTES);
        let answer = Action::new(ActionBody::Reply { segments: vec![Segment::text(text)], quote: false });
        // An answer that the gate refuses is in the audit; there is nobody else to tell.
        let _ = self.act_for(&message, &Actor::Host, answer, &mut obeyed);
        self.commit(event, now, obeyed);
        if matches!(order.command, "pause" | "resume") {
            self.pauses.keep(&self.store);
        }
        Pace::Normal
    }

    fn is_late(&self, message: &Message<'_>) -> bool {
        message.now.saturating_sub(message.event.time) > self.max_action_age_ms
    }

    fn carry_out(&self, message: &Message<'_>, order: &Order<'_>) -> Result<Obeyed, Refusal> {
        match order.command {
            "scripts" => Ok(Obeyed { text: self.list_scripts(message)?, ..Obeyed::default() }),
            "why" => Ok(Obeyed { text: self.explain(message, order.rest)?, ..Obeyed::default() }),
            "undo" => self.undo(message, order.rest),
            "pause" => {
                let scope = self.scope(message, order.rest)?;
                let text = format!("paused: {scope}");
                let writes = self.pause(scope, &message.changing())?;
                Ok(Obeyed { text, writes, ..Obeyed::default() })
            }
            _ => self.end_pauses(message, order.rest),
        }
    }

    /// The scripts that may be called here: in a chat with others those of this chat and how they are; alone with the operator
    /// those of the account, and what went wrong with them in it.
    fn list_scripts(&self, message: &Message<'_>) -> Result<String, Refusal> {
        let mut scripts = self.catalog.status();
        let rules = self.rules.load();
        scripts.retain(|script| match script.name.parse().ok().and_then(|name| rules.get(&name).cloned()) {
            Some(live) => message.concerns(&live.script.chats),
            None => message.concerns(&self.catalog.covered(&script.name)),
        });
        let faults = if message.is_private() { self.faults_of(message.account)? } else { HashMap::new() };
        let line = |script: &crate::ScriptStatus| {
            let release: String = script.release.as_deref().unwrap_or("-").chars().take(12).collect();
            let mut line = format!("{} {release} {} {}", script.name, script.mode, script.state);
            if let Some(refused) = script.last_error.as_ref().filter(|_| script.state == "refused") {
                // By its code: the rest may speak of settings for another account.
                line += &format!(" ({})", refused.split(':').next().unwrap_or_default());
            }
            if let Some(fault) = faults.get(&script.name) {
                let on = fault.seq.map(|seq| format!(" on {seq}")).unwrap_or_default();
                let code = fault.code.as_deref().unwrap_or_default();
                line += &format!("; failed{on}: {code}: {}", plain(&fault.text, limits::WHY_TEXT_BYTES));
            }
            line + "\n"
        };
        let mut text: String = scripts.iter().take(limits::OPERATOR_SCRIPTS).map(line).collect();
        if scripts.is_empty() {
            text += "there is no script\n";
        }
        if let Some(more) = scripts.len().checked_sub(limits::OPERATOR_SCRIPTS).filter(|more| *more > 0) {
            text += &format!("and {more} more: GET /api/v1/scripts\n");
        }
        text += &paused(&self.pauses_here(message));
        for (word, script) in rules.commands() {
            let listed = scripts.iter().any(|listed| listed.name == script.as_str());
            if listed && COMMANDS.iter().any(|command| command.name == word) {
                text += &format!("/{word} of script `{script}` is for everybody but operators\n");
            }
        }
        Ok(text)
    }

    /// The last fault of each script on an event of an account, by the script's name.
    fn faults_of(&self, account: &Account) -> Result<HashMap<String, AuditEntry>, Refusal> {
        self.flush();
        let filter = AuditFilter {
            account: Some(account.name().clone()),
            action: Some(FAULT.to_owned()),
            ..AuditFilter::default()
        };
        let page =
            self.store.read(|reader| reader.audit(&filter, limits::OPERATOR_FAULTS)).map_err(failed)?;
        let mut last = HashMap::new();
        for entry in page.rows.into_iter().map(|row| row.entry) {
            if let Some(script) = &entry.script {
                last.entry(script.to_string()).or_insert(entry);
            }
        }
        Ok(last)
    }

    fn explain(&self, message: &Message<'_>, given: &str) -> Result<String, Refusal> {
        self.flush();
        let seq = match given.trim_start_matches('#') {
            "" => self.last_event(message)?,
            given => Seq(number(
                given,
                "/why SEQ: the number of an event, which `mynah journal` shows after `on`",
            )?),
        };
        let explained = self.store.read(|reader| {
            let event = reader.event(seq)?.filter(|event| message.may_tell_of(&event.address()));
            match event {
                Some(_) => why::explain(reader, &self.catalog, seq),
                None => Ok(None),
            }
        });
        match explained.map_err(failed)? {
            Some(why) => Ok(why.lines(false).join("\n")),
            None => Err(Refusal::new(Code::ActionInvalid, format!("no event {seq} happened in this chat"))
                .hint("what happened elsewhere is told in a chat with me alone")),
        }
    }

    /// The last thing that happened in the chat and was no command of an operator.
    fn last_event(&self, message: &Message<'_>) -> Result<Seq, Refusal> {
        let (address, before) = (&message.address, message.event.seq);
        let events = self.store.read(|reader| reader.events_before(address, before, limits::OPERATOR_LAST));
        let events = events.map_err(failed)?;
        let last = events.iter().find(|event| order(message.account, event).is_none());
        last.map(|event| event.seq)
            .ok_or_else(|| Refusal::new(Code::ActionInvalid, "nothing happened in this chat lately"))
    }

    fn undo(&self, message: &Message<'_>, given: &str) -> Result<Obeyed, Refusal> {
        let number = number(
            given.trim_start_matches('#'),
            "/undo ACT: the number of an act, which `/why` and `mynah journal` show",
        )?;
        self.flush();
        let row = self.store.read(|reader| reader.act(ActNumber(number))).map_err(failed)?;
        let row = row.filter(|row| message.may_tell_of(&row.act.address())).ok_or_else(|| {
            Refusal::new(Code::ActionInvalid, format!("no act {number} was done in this chat"))
                .hint("acts in other chats are undone in a chat with me alone")
        })?;
        let body = undo(&row)
            .map_err(|why| Refusal::new(Code::ActionInvalid, format!("act {number} is not undone: {why}")))?;
        let what = summary(&body);
        let action = Action {
            target: row.act.target.clone(),
            reason: Some(format!("undo of act {number}")),
            ..Action::new(body)
        };
        let mut obeyed = Obeyed::default();
        match self.act_for(message, &message.by, action, &mut obeyed) {
            Ok(act) => {
                obeyed.text = format!("undo of act {number}: {what} (act {act})");
                Ok(obeyed)
            }
            Err(refusal) => {
                Err(Refusal { text: format!("act {number} is not undone: {}", refusal.text), ..refusal })
            }
        }
    }

    fn end_pauses(&self, message: &Message<'_>, given: &str) -> Result<Obeyed, Refusal> {
        let wanted = match given {
            "" => None,
            given => Some(self.scope(message, given)?),
        };
        let account = message.account.name();
        let ends = |pause: &Pause| match &wanted {
            Some(scope) => pause.scope == *scope,
            None => pause.scope.chats.account() == Some(account),
        };
        let (ended, writes) = self.resume(ends, &message.changing());
        let mut text: String = ended.iter().map(|pause| format!("resumed: {}\n", pause.scope)).collect();
        if ended.is_empty() {
            text += "nothing is resumed\n";
        }
        text += &paused(&self.pauses_here(message));
        Ok(Obeyed { text, writes, ..Obeyed::default() })
    }

    fn pauses_here(&self, message: &Message<'_>) -> Vec<Pause> {
        let here = |pause: &&Pause| message.concerns(std::slice::from_ref(&pause.scope.chats));
        self.pauses.all().iter().filter(here).cloned().collect()
    }

    /// What an operator means, within the account: nothing is all of it.
    fn scope(&self, message: &Message<'_>, given: &str) -> Result<Scope, Refusal> {
        let account = message.account.name();
        let all = AddressPattern::account_wide(account.clone());
        let known = self.catalog.known();
        if let Some(script) = known.iter().find(|known| known.name == given) {
            let script = script.name.parse().ok();
            return Ok(Scope { script, chats: all });
        }
        let chats = match given {
            "" => Some(all),
            "here" => Some(AddressPattern::from(&message.address)),
            given => [given.to_owned(), format!("{account}/{given}")]
                .iter()
                .filter_map(|text| text.parse::<AddressPattern>().ok())
                .find(|pattern| pattern.account() == Some(account)),
        };
        let chats = chats.ok_or_else(|| {
            let shown = plain(given, limits::WHY_TEXT_BYTES);
            Refusal::new(Code::ActionInvalid, format!("there is no script and no chat of this account `{shown}`"))
                .hint("say nothing more for everything, `here` for this chat, a script's name, or a chat: `group/552603`")
        })?;
        Ok(Scope { script: None, chats })
    }

    /// Has somebody who is no script do something on the occasion of the message, through the gate.
    fn act_for(
        &self,
        message: &Message<'_>,
        actor: &Actor,
        action: Action,
        obeyed: &mut Obeyed,
    ) -> Result<ActNumber, Refusal> {
        let asked = self.asked(message, actor);
        let event = Some(message.event);
        let verdict =
            self.gate_others(message.account, actor, event, action.clone(), asked.number, message.now);
        obeyed.writes.extend(asked.verdict(&action, &verdict));
        match verdict {
            Verdict::Granted(act) => {
                obeyed.writes.push(Write::OutboxDecided(act.clone()));
                obeyed.acts.push(act);
                Ok(asked.number)
            }
            Verdict::Refused(refusal) => Err(refusal),
            _ => Err(Refusal::new(Code::Unsupported, "this is for scripts only")),
        }
    }

    fn asked<'a>(&self, message: &'a Message<'_>, actor: &'a Actor) -> Asked<'a> {
        let (number, at, seq) = (self.next_act(), message.now, Some(message.event.seq));
        Asked { number, at, actor, address: Some(&message.address), seq }
    }

    /// Waits until what was decided before is in the store, so that it can be told; not for long.
    fn flush(&self) {
        let (tell, told) = mpsc::channel();
        self.store.write(Batch::new(), move |_| {
            // Whoever waited may have given up.
            let _ = tell.send(());
        });
        if told.recv_timeout(limits::OPERATOR_FLUSH).is_err() {
            tracing::warn!("the store is slow: an operator may be told what was known before");
        }
    }

    fn commit(&self, event: &Arc<Event>, now: UnixMs, obeyed: Obeyed) {
        let Obeyed { mut writes, acts, .. } = obeyed;
        writes.push(Write::Handled { seq: event.seq, at: now, calls: "[]".to_owned() });
        for act in &acts {
            self.outbox.expect(act);
        }
        let (outbox, records, store) = (self.outbox.clone(), self.records.clone(), self.store.clone());
        let (seq, record) = (event.seq, Arc::new(Handled { event: event.clone(), calls: Vec::new() }));
        self.store.write(Batch::from(writes), move |result| match result {
            Ok(()) => {
                records.publish(record);
                outbox.deliver(acts);
            }
            Err(error) => {
                outbox.forget(&acts);
                set_aside(&store, seq, now, &error);
            }
        });
    }
}

impl Message<'_> {
    fn changing(&self) -> Changing<'_> {
        Changing { by: &self.by, at: self.now, address: Some(&self.address), seq: Some(self.event.seq) }
    }
}

fn paused(pauses: &[Pause]) -> String {
    pauses.iter().map(|pause| format!("paused: {}, by {}\n", pause.scope, pause.by)).collect()
}

fn number(given: &str, usage: &str) -> Result<u64, Refusal> {
    let number = given.parse().ok().filter(|number| i64::try_from(*number).is_ok());
    number.ok_or_else(|| Refusal::new(Code::ActionInvalid, usage))
}

fn failed(error: StoreError) -> Refusal {
    Refusal::new(Code::HostFailure, error.to_string())
}
