//! What a store holds besides the script's memory: the call it is in, and what bounds it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mynah_model::clock::UnixMs;
use mynah_model::event::Event;
use mynah_model::names::{ScriptName, Seq};
use mynah_model::refusal::Code;
use mynah_model::roster::Roster;
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use crate::fault::Stop;
use crate::limits::{Limits, WALL_FACTOR};
use crate::randomness::Randomness;
use crate::script_log::ScriptLog;
use crate::services::HostServices;
use crate::settings::SettingsView;
use crate::sight::Sight;
use crate::stopwatch::Stopwatch;

/// The event that is handled, and what the host gives for it. Absent while a script describes itself.
pub(crate) struct Turn {
    pub(crate) time: UnixMs,
    pub(crate) settings: Arc<SettingsView>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) sight: Sight,
    pub(crate) services: Box<dyn HostServices>,
}

/// The data of a store.
pub(crate) struct Sandbox {
    pub(crate) log: ScriptLog,
    pub(crate) random: Randomness,
    pub(crate) turn: Option<Turn>,
    pub(crate) limits: Arc<Limits>,
    host_calls_left: usize,
    deadline: Duration,
    watch: Stopwatch,
    /// Time in which the call was made to wait for others.
    gave_way: Duration,
    meter: Meter,
}

impl Sandbox {
    /// A sandbox in which a script describes itself.
    pub(crate) fn describing(name: &ScriptName, limits: &Arc<Limits>) -> Self {
        Self::new(name, Seq(0), limits, limits.describe_deadline, None)
    }

    /// A sandbox in which a script handles an event.
    pub(crate) fn handling(name: &ScriptName, event: &Event, limits: &Arc<Limits>, turn: Turn) -> Self {
        Self::new(name, event.seq, limits, limits.deadline, Some(turn))
    }

    fn new(
        name: &ScriptName,
        seq: Seq,
        limits: &Arc<Limits>,
        deadline: Duration,
        turn: Option<Turn>,
    ) -> Self {
        Self {
            log: ScriptLog::new(limits),
            random: Randomness::new(name, seq),
            turn,
            limits: Arc::clone(limits),
            host_calls_left: limits.host_calls,
            deadline,
            watch: Stopwatch::start(),
            gave_way: Duration::ZERO,
            meter: Meter::new(limits),
        }
    }

    /// Makes a sandbox that handled an event ready for the next one. Its memory stays as it is.
    pub(crate) fn begin(&mut self, name: &ScriptName, event: &Event, turn: Turn) {
        self.log = ScriptLog::new(&self.limits);
        self.random = Randomness::new(name, event.seq);
        self.turn = Some(turn);
        self.host_calls_left = self.limits.host_calls;
        self.deadline = self.limits.deadline;
        self.watch = Stopwatch::start();
        self.gave_way = Duration::ZERO;
    }

    /// A store for this sandbox that keeps its limits. What runs in it must run on the calling thread, now:
    /// the deadline is already counted.
    pub(crate) fn into_store(self, engine: &wasmtime::Engine) -> Store<Self> {
        let (fuel, handles) = (self.limits.host_calls, self.limits.handles);
        let mut store = Store::new(engine, self);
        store.set_hostcall_fuel(fuel);
        store.set_max_component_handles(handles);
        store.limiter(|sandbox| &mut sandbox.meter);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| context.data_mut().check_deadline());
        store
    }

    /// CPU and wall-clock time of the call.
    pub(crate) fn stop_watch(&self) -> (Duration, Duration) {
        self.watch.stop()
    }

    /// Counts what the script hands to the host.
    pub(crate) fn charge(&mut self, bytes: usize) -> wasmtime::Result<()> {
        match self.host_calls_left.checked_sub(bytes) {
            Some(left) => {
                self.host_calls_left = left;
                Ok(())
            }
            None => Err(Stop::error(
                Code::LimitHostCalls,
                format!("the script handed the host more than {} bytes in one event", self.limits.host_calls),
            )),
        }
    }

    /// The turn, for host calls that need one.
    pub(crate) fn turn(&mut self, import: &str) -> wasmtime::Result<&mut Turn> {
        self.turn.as_mut().ok_or_else(|| {
            Stop::error(
                Code::DescribeFailed,
                format!(
                    "`{import}` is not there in `describe`, nor before `handle` is called: there is no event"
                ),
            )
        })
    }

    /// The event's time; 0 while the script describes itself.
    pub(crate) fn time(&self) -> UnixMs {
        self.turn.as_ref().map_or(0, |turn| turn.time)
    }

    fn check_deadline(&mut self) -> wasmtime::Result<UpdateDeadline> {
        let cpu = self.watch.cpu();
        if cpu >= self.deadline {
            let text = format!("the script used {} of CPU time; it may use {}", ms(cpu), ms(self.deadline));
            return Err(Stop::error(Code::LimitDeadline, text));
        }
        let wall = self.deadline.saturating_mul(WALL_FACTOR);
        if self.watch.wall().saturating_sub(self.gave_way) >= wall {
            let text =
                format!("the script did not answer within {} (it had {} of CPU time)", ms(wall), ms(cpu));
            return Err(Stop::error(Code::LimitDeadline, text));
        }
        if let Some(turn) = &mut self.turn {
            let began = Instant::now();
            if turn.services.give_way(cpu).is_err() {
                let text = "too many scripts take long now; the event is handled again later";
                return Err(Stop::error(Code::HostDeferred, text));
            }
            self.gave_way += began.elapsed();
        }
        Ok(UpdateDeadline::Continue(1))
    }
}

fn ms(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

/// Sums what a store holds, over all its memories and tables.
#[derive(Debug)]
struct Meter {
    memory: usize,
    memory_limit: usize,
    elements: usize,
    elements_limit: usize,
    instances: usize,
    tables: usize,
    memories: usize,
}

impl Meter {
    fn new(limits: &Limits) -> Self {
        Self {
            memory: 0,
            memory_limit: limits.memory,
            elements: 0,
            elements_limit: limits.table_elements,
            instances: limits.instances,
            tables: limits.tables,
            memories: limits.memories,
        }
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let sum = self.memory.saturating_add(desired.saturating_sub(current));
        if sum > self.memory_limit {
            let text = format!(
                "the script asked for {} KiB of memory in all; it may have {} KiB",
                sum / 1024,
                self.memory_limit / 1024
            );
            return Err(Stop::error(Code::LimitMemory, text));
        }
        self.memory = sum;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let sum = self.elements.saturating_add(desired.saturating_sub(current));
        if sum > self.elements_limit {
            let text = format!(
                "the script asked for {sum} table elements in all; it may have {}",
                self.elements_limit
            );
            return Err(Stop::error(Code::LimitTables, text));
        }
        self.elements = sum;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}
