//! One call of one script for one event.

use std::time::Duration;

use mynah_model::action::Action;
use mynah_model::event::Event;
use mynah_model::refusal::{Code, Refusal};

use crate::engine::Engine;
use crate::fault::Fault;
use crate::sandbox::{Sandbox, Turn};
use crate::script::{InstancePolicy, Script};
use crate::script_log::LogLine;
use crate::services::CallContext;
use crate::sight::Sight;
use crate::trusted::Answer;
use crate::warm::WarmInstance;
use crate::{wire_answer, wire_event};

/// What came of a call.
#[derive(Debug)]
pub struct CallReport {
    /// What the script asks for, within the structural limits; nothing of it is granted yet. Or why there is
    /// nothing: then none of the call's writes may take effect.
    pub result: Result<Vec<Action>, Fault>,
    /// CPU time of the call, starting the instance included.
    pub cpu: Duration,
    /// Wall-clock time of the call, waiting for a free slot not included.
    pub wall: Duration,
    /// What the script logged, in order.
    pub log: Vec<LogLine>,
    /// Lines of the log that were cut off or left out because it was full.
    pub log_cut: u32,
    /// The first look-up in the roster that was refused, whatever came of the call: it found nothing.
    pub refused_lookup: Option<Refusal>,
}

impl Engine {
    /// Calls a script for an event, on the caller's thread, and comes back within the script's deadline.
    ///
    /// Whether the script wants the event is not asked here; see [`RuleSet`](crate::RuleSet). The thread
    /// needs 1 MiB of stack.
    pub fn call(&self, script: &Script, event: &Event, context: CallContext) -> CallReport {
        let turn = Turn {
            time: event.time,
            settings: script.settings.view_of(event),
            roster: context.roster,
            sight: Sight::of(script, &event.account),
            services: context.services,
        };
        match script.policy {
            InstancePolicy::Fresh => self.call_fresh(script, event, turn),
            InstancePolicy::Warm { max_calls } => self.call_warm(script, event, turn, max_calls),
        }
    }

    fn call_fresh(&self, script: &Script, event: &Event, turn: Turn) -> CallReport {
        let slot = self.slots().take();
        let sandbox = Sandbox::handling(&script.name, event, &script.limits, turn);
        let component = &script.release.component;
        let mut store = sandbox.into_store(component.engine());
        let answer = component
            .instantiate(&mut store)
            .and_then(|handler| handler.call(&mut store, &wire_event::event(event)));
        // Taking the data out drops the instance, which is part of what the call costs.
        let mut sandbox = store.into_data();
        let report = report(script, &mut sandbox, answer);
        drop(slot);
        report
    }

    fn call_warm(&self, script: &Script, event: &Event, turn: Turn, max_calls: u32) -> CallReport {
        let kept = script.warm.lock().pop();
        let mut instance = match kept {
            Some(mut kept) => {
                kept.store.data_mut().begin(&script.name, event, turn);
                kept.store.set_epoch_deadline(1);
                kept
            }
            None => match self.start(script, event, turn) {
                Ok(started) => started,
                Err(report) => return *report,
            },
        };
        let answer = instance.handler.call(&mut instance.store, &wire_event::event(event));
        let report = report(script, instance.store.data_mut(), answer);
        instance.calls += 1;
        if report.result.is_ok() && instance.calls < max_calls {
            self.keep(script, instance);
        }
        report
    }

    fn start(&self, script: &Script, event: &Event, turn: Turn) -> Result<WarmInstance, Box<CallReport>> {
        let slot = self.slots().take();
        let sandbox = Sandbox::handling(&script.name, event, &script.limits, turn);
        let component = &script.release.component;
        let mut store = sandbox.into_store(component.engine());
        match component.instantiate(&mut store) {
            Ok(handler) => Ok(WarmInstance { store, handler, calls: 0, slot }),
            Err(error) => Err(Box::new(report(script, &mut store.into_data(), Err(error)))),
        }
    }

    /// Keeps an instance for the script's next event, if there is room for it: never in a slot that a call
    /// may be waiting for.
    fn keep(&self, script: &Script, mut instance: WarmInstance) {
        if !instance.slot.is_one_of(self.warm_slots()) {
            let Some(slot) = self.warm_slots().try_take() else { return };
            instance.slot = slot;
        }
        script.warm.lock().push(instance);
    }
}

fn report(script: &Script, sandbox: &mut Sandbox, answer: wasmtime::Result<Answer>) -> CallReport {
    let result = match answer {
        Ok(Ok(actions)) => wire_answer::actions(actions, &script.limits),
        Ok(Err(reason)) => Err(Fault::new(Code::ScriptError, reason)),
        Err(error) => Err(Fault::from_error(&error, &sandbox.log)),
    };
    let (log, log_cut) = std::mem::take(&mut sandbox.log).finish();
    let (cpu, wall) = sandbox.stop_watch();
    let refused_lookup = sandbox.turn.take().and_then(|turn| turn.sight.into_refused());
    CallReport { result, cpu, wall, log, log_cut, refused_lookup }
}
