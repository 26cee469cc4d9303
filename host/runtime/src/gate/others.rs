//! The gate for whoever is no script: callers of the API, webhooks, operators, and the host itself. They have no grants:
//! their rights were checked where they came in.

use mynah_model::action::{Act, Action, Actor};
use mynah_model::clock::UnixMs;
use mynah_model::event::Event;
use mynah_model::names::ActNumber;
use mynah_model::roster::Roster;
use mynah_store::{Batch, Write};

use super::{ActingAccount, Occasion, Verdict, decide};
use crate::account::Account;
use crate::handling::Handling;

impl<'a> ActingAccount<'a> {
    /// An account as it is now, with what it knows.
    pub(crate) fn of(account: &'a Account, roster: &'a Roster) -> Self {
        Self {
            name: account.name(),
            roster,
            sightings: account.sightings(),
            state: account.state(),
            embedded: account.sim().is_some(),
            outbox: account.acts_waiting(),
            outbox_bytes: account.act_bytes_waiting(),
        }
    }
}

impl Handling {
    /// Decides on an action of somebody who is no script, on the occasion of an event if it answers one.
    pub(crate) fn gate_others(
        &self,
        account: &Account,
        actor: &Actor,
        event: Option<&Event>,
        action: Action,
        number: ActNumber,
        now: UnixMs,
    ) -> Verdict {
        let roster = account.roster();
        let acting = ActingAccount::of(account, &roster);
        let occasion = Occasion {
            actor,
            grants: None,
            event,
            now,
            max_action_age_ms: self.max_action_age_ms,
            pauses: &self.pauses,
        };
        decide(&occasion, Some(&acting), &self.budgets, number, action)
    }

    /// Hands an act to the outbox as soon as it is kept. Who wants to know what becomes of it asks before that.
    pub(crate) fn deliver_when_kept(&self, act: Act) {
        self.outbox.expect(&act);
        let outbox = self.outbox.clone();
        self.store.write(Batch::from(Write::OutboxDecided(act.clone())), move |result| match result {
            Ok(()) => outbox.deliver(vec![act]),
            Err(error) => {
                tracing::error!(%error, "an act could not be kept");
                outbox.forget(&[act]);
            }
        });
    }
}
