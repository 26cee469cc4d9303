//! How long a call took, on the wall and of its thread's CPU.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Readings this close together are one reading: asking the kernel for a thread's CPU time costs as much as
/// a short call, and the scripts of one event are called one after the other.
const SAME: Duration = Duration::from_micros(2);

thread_local! {
    static LAST: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

/// CPU time that this thread has used.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanoseconds)
}

/// Started on a thread, read on the same one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        let wall = Instant::now();
        let cpu = match LAST.get() {
            Some((then, cpu)) if wall.saturating_duration_since(then) < SAME => cpu,
            _ => thread_cpu(),
        };
        Self { wall, cpu }
    }

    /// CPU time since the start.
    pub(crate) fn cpu(&self) -> Duration {
        thread_cpu().saturating_sub(self.cpu)
    }

    /// Wall-clock time since the start.
    pub(crate) fn wall(&self) -> Duration {
        self.wall.elapsed()
    }

    /// CPU and wall-clock time since the start, remembered for a start that follows at once.
    pub(crate) fn stop(self) -> (Duration, Duration) {
        let (wall, cpu) = (Instant::now(), thread_cpu());
        LAST.set(Some((wall, cpu)));
        (cpu.saturating_sub(self.cpu), wall.saturating_duration_since(self.wall))
    }
}
