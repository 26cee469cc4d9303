//! Every number that bounds a script or the engine: unit, default and the reason for it. Nothing else in
//! this crate holds a limit of its own.

use std::fmt::Display;
use std::time::Duration;

use mynah_model::refusal::Code;
use serde::Serialize;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What one script may use. [`Limits::default`] is what a script has that the operator says nothing about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// CPU time for one event. 50 ms: a thousand times what a rule needs, and still no delay that a person
    /// notices in another chat. Checked at every [`TICK`], so it is exact to about 2 ms.
    pub deadline: Duration,
    /// CPU time to start a component and ask it what it is. 2 s: an interpreter in a debug build takes a
    /// large part of a second, and this is off the event path.
    pub describe_deadline: Duration,
    /// Bytes of all linear memories together. 64 MiB: Python needs 20 to 30, everything else 1 or 2.
    pub memory: usize,
    /// How many linear memories. 4: JavaScript components have 2 or 3.
    pub memories: usize,
    /// How many tables. 8: components made of several modules have one or two for each.
    pub tables: usize,
    /// Elements of all tables together. 100,000: Python's libraries have about 20,000 functions.
    pub table_elements: usize,
    /// How many core instances. 128: Python is linked from some thirty modules with a shim for each.
    pub instances: usize,
    /// How many instances of components it may become, itself included, at all depths together. 64: JavaScript is composed of
    /// 24, most of them shims that rename what another gives.
    pub components: usize,
    /// Handles that are alive at once. 1,000: a script needs its output streams.
    pub handles: usize,
    /// Bytes of a component. 40 MiB: a Python component has 18 to 30.
    pub component: usize,
    /// Time on the wall to compile a component. 120 s: the largest interpreter takes 8 s on a core of its own, and the machine
    /// may be busy with everything else. Compiling cannot be ended, so one that takes longer goes on beside the host, is
    /// never used, and counts as one of [`COMPILES`] until it has come to its end.
    pub compile: Duration,
    /// Actions in one answer. 64: twenty is already a flood in any chat.
    pub actions: usize,
    /// Segments in one message. 100: more than any network shows.
    pub segments: usize,
    /// Bytes of one text in an answer. 16 KiB: QQ takes about 4,500 characters in a message.
    pub text: usize,
    /// Bytes of the id of a chat or a person in an answer. 128: the longest that networks give have some seventy, and whatever
    /// is noted down of an action names it.
    pub id: usize,
    /// Members in one action. 100: more than that at once is an accident.
    pub members: usize,
    /// Bytes of log in one event, standard output and error included. 16 KiB: a page or two of text. Each line counts as
    /// [`LOG_LINE`] more than its text.
    pub log: usize,
    /// Lines of log in one event, standard output and error included. 64: a panic with its backtrace has some thirty.
    pub log_lines: usize,
    /// Bytes that a script may hand to the host in one event, its answer included. 1 MiB: bounds what the
    /// host allocates for it.
    pub host_calls: usize,
    /// Bytes of a key. 512: a key is a name or two ids.
    pub kv_key: usize,
    /// Bytes of a value. 64 KiB: state, not files.
    pub kv_value: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_millis(50),
            describe_deadline: Duration::from_secs(2),
            memory: 64 * MIB,
            memories: 4,
            tables: 8,
            table_elements: 100_000,
            instances: 128,
            components: 64,
            handles: 1_000,
            component: 40 * MIB,
            compile: Duration::from_secs(120),
            actions: 64,
            segments: 100,
            text: 16 * KIB,
            id: 128,
            members: 100,
            log: 16 * KIB,
            log_lines: 64,
            host_calls: MIB,
            kv_key: 512,
            kv_value: 64 * KIB,
        }
    }
}

/// How much of the wall clock may pass for one event, as a multiple of the deadline. 20: a script that gets
/// a twentieth of a core is still heard; one that waits for longer is stuck.
pub const WALL_FACTOR: u32 = 20;

/// How often running scripts look at the time, and give way to others if they have run for long. 2 ms: a hundred times what
/// a rule takes, and short enough that sixteen scripts which spin are out of the way within half a deadline.
pub const TICK: Duration = Duration::from_millis(2);

/// Bytes of native stack that a script's calls may use. 512 KiB: a quarter of a thread's default stack.
pub const STACK: usize = 512 * KIB;

/// The most that [`Limits::memory`] may be raised to, in MiB. 4,096: a 32-bit memory ends there.
pub const MEMORY_MOST_MIB: u64 = 4096;

/// The most that [`Limits::deadline`] may be raised to, in ms. 10,000: a chat waits for it.
pub const DEADLINE_MOST_MS: u64 = 10_000;

/// Bytes of a linear memory, and of a table, that stay mapped when its slot is used again. 2 MiB: a rule's
/// whole memory, so that a fresh instance copies pages and does not fault them in.
pub const KEEP_RESIDENT: usize = 2 * MIB;

/// Elements of one table in the pool; see [`Limits::table_elements`].
pub const POOL_TABLE_ELEMENTS: usize = 100_000;

/// Address space that one pooled memory reserves: 4 GiB, so that no access needs a check, and a guard.
pub const POOL_MEMORY_BYTES: u64 = (4 << 30) + (32 << 20);

/// Address space reserved for a memory where address space is scarce: 64 MiB; larger memories move.
pub const SCARCE_MEMORY_BYTES: u64 = 64 << 20;

/// Frames in a backtrace. 20: the panic machinery takes five.
pub const BACKTRACE_FRAMES: usize = 20;

/// Attrs of one picture or file in an answer. 64: networks know a handful.
pub const MEDIA_ATTRS: usize = 64;

/// Entries in one list of what a script says of itself. 200: a script with more commands than that is several.
pub const INFO_ITEMS: usize = 200;

/// Bytes of one text of what a script says of itself. 2 KiB: a paragraph.
pub const INFO_TEXT: usize = 2 * KIB;

/// Bytes of a script's JSON Schema for its settings. 64 KiB: some hundred settings with their descriptions.
pub const INFO_SCHEMA: usize = 64 * KIB;

/// Pairs of a local and a branch in one function. 2,000,000: the heaviest function of Python, of QuickJS and of a large rule in
/// Rust have 140,000, 60,000 and 210,000. This many take about a second and 100 MiB to compile.
pub const FUNCTION_WEIGHT: u64 = 2_000_000;

/// The same of all functions together. 20,000,000: Python has 3,200,000.
pub const CODE_WEIGHT: u64 = 20_000_000;

/// How deep components, modules and types of instances may stand within each other. 16: tools write two or three levels; at
/// some hundred the parser runs out of stack, which nothing survives.
pub const NESTING: usize = 16;

/// How many components may stand within a component, itself included. 128: JavaScript has 24.
pub const COMPONENTS: usize = 128;

/// In how many places the types of a component may speak of instances or components. 12: no tool writes one. Each may hold
/// several of another, so that forty in a row would become a million million; of 12 there come 81 at most.
pub const TYPE_INSTANCES: usize = 12;

/// How often a component may name types of a component around it. 64: no tool does. Whoever validates it walks through all of
/// the type each time, which takes up to 30 ms.
pub const TYPES_AROUND: usize = 64;

/// How many things (instances, components, functions, types) a component's instances may unfold into, each counted once for
/// every instance that holds it. 100,000: JavaScript has 1,300. Each takes some hundred bytes and as many nanoseconds.
pub const UNFOLDED: u64 = 100_000;

/// Bytes of the name of an import. 200: `wasi:clocks/monotonic-clock@0.2.6` has 34.
pub const IMPORT_NAME: usize = 200;

/// How many things a component may import. 200: Python imports some thirty.
pub const IMPORTS: usize = 200;

/// Bytes of a function's name in a backtrace. 200: a line or two.
pub const FRAME_NAME: usize = 200;

/// Bytes of the text of a fault. 2 KiB: a sentence, or a panic message of some lines.
pub const FAULT_TEXT: usize = 2 * KIB;

/// Bytes that one `random.bytes` call may ask for (the contract's number).
pub const RANDOM_BYTES: u64 = 65_536;

/// Entries that one `kv.list` call may ask for (the contract's number).
pub const KV_PAGE: u32 = 100;

/// Members that one `roster.members` call may ask for (the contract's number).
pub const ROSTER_PAGE: u32 = 500;

/// What a line of log counts beside its text, bytes. 64: the host's log says of each whose it is, and when, so that many
/// short lines would become far more than they seem.
pub const LOG_LINE: usize = 64;

/// Bytes of a path in the settings that a script may ask for. 512: a path is some keys.
pub const SETTINGS_PATH: usize = 512;

/// Rows of a pattern set. 10,000: beyond the longest blocklists in use.
pub const PATTERN_ROWS: usize = 10_000;

/// Regular expressions in a pattern set. 200: each is run over the text by itself.
pub const PATTERN_REGEXES: usize = 200;

/// Bytes that one compiled regular expression may take. 256 KiB: `.{1,500}` fits, `.{1,500}{1,500}` not.
pub const PATTERN_REGEX_BYTES: usize = 256 * KIB;

/// Bytes of a text that pattern sets are looked for in. 64 KiB: longer than any message.
pub const PATTERN_TEXT: usize = 64 * KIB;

/// Different settings views and rendered paths that are kept. 256 of each, then they are made anew. Nothing is kept of a path
/// where nothing stands.
pub const SETTINGS_CACHED: usize = 256;

/// Bytes of compiled components kept on disk. 1 GiB: some ten interpreters or thousands of rules.
pub const CACHE_BYTES: u64 = 1 << 30;

/// Components that are compiled at the same time, those that took too long and cannot be ended included. 4: one is the rule,
/// and each takes a core and, for an interpreter, some hundred MiB.
pub const COMPILES: usize = 4;

/// One limit as it is shown to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitRow {
    /// What is limited.
    pub limit: &'static str,
    /// What it allows, with its unit.
    pub allows: String,
    /// The key under `[script.NAME]` in mynah.toml that changes it, if one does.
    pub key: Option<&'static str>,
    /// The stable code of what is said past it; `None` where no more is given and nothing is wrong.
    pub code: Option<&'static str>,
}

impl LimitRow {
    /// A limit that no key changes.
    pub fn fixed(limit: &'static str, allows: impl Display, code: Code) -> Self {
        Self { limit, allows: allows.to_string(), key: None, code: Some(code.as_str()) }
    }

    /// A page of a list: who asks for more gets so many, and where the next one begins.
    fn page(limit: &'static str, entries: u32) -> Self {
        Self { limit, allows: entries.to_string(), key: None, code: None }
    }

    fn with_key(self, key: &'static str) -> Self {
        Self { key: Some(key), ..self }
    }
}

impl Limits {
    /// How much of the wall clock may pass for one event.
    pub fn wall(&self) -> Duration {
        self.deadline.saturating_mul(WALL_FACTOR)
    }

    /// All of them, and the constants that bound a script beside them.
    pub fn rows(&self) -> Vec<LimitRow> {
        let row = |limit, allows: String, code| LimitRow::fixed(limit, allows, code);
        vec![
            row("CPU time for one event", time(self.deadline), Code::LimitDeadline).with_key("deadline"),
            row("time on the wall for one event", time(self.wall()), Code::LimitDeadline)
                .with_key("deadline"),
            row("CPU time to start and describe itself", time(self.describe_deadline), Code::DescribeFailed),
            row("all linear memories together", size(self.memory), Code::LimitMemory).with_key("memory"),
            row("linear memories", self.memories.to_string(), Code::LimitInstances),
            row("tables", self.tables.to_string(), Code::LimitTables),
            row("elements of all tables together", self.table_elements.to_string(), Code::LimitTables),
            row("native stack", size(STACK), Code::LimitStack),
            row("core instances", self.instances.to_string(), Code::LimitInstances),
            row("instances of components", self.components.to_string(), Code::LimitInstances),
            row("components within components", COMPONENTS.to_string(), Code::LimitInstances),
            row("things in instances of components", UNFOLDED.to_string(), Code::LimitInstances),
            row("instances in types", TYPE_INSTANCES.to_string(), Code::LimitInstances),
            row("types of components around", TYPES_AROUND.to_string(), Code::LimitInstances),
            row("handles at once", self.handles.to_string(), Code::LimitHandles),
            row("the component", size(self.component), Code::LimitSize),
            row("time to compile the component", time(self.compile), Code::LimitCompile),
            row("components compiled at once", COMPILES.to_string(), Code::LimitCompile),
            row("actions for one event", self.actions.to_string(), Code::LimitActions),
            row("one text in an answer", size(self.text), Code::LimitText),
            row("the id of a chat or a person in an answer", size(self.id), Code::LimitText),
            row("segments of one message", self.segments.to_string(), Code::LimitSegments),
            row("members in one action", self.members.to_string(), Code::ScriptAnswer),
            row("log for one event, output included", size(self.log), Code::LimitLog),
            row("lines of log for one event", self.log_lines.to_string(), Code::LimitLog),
            row("data handed to the host for one event", size(self.host_calls), Code::LimitHostCalls),
            row("random bytes of one call", size(bytes(RANDOM_BYTES)), Code::LimitHostCalls),
            row("a path in the settings", size(SETTINGS_PATH), Code::LimitHostCalls),
            row("a key of kv", size(self.kv_key), Code::LimitKvKey),
            row("a value of kv", size(self.kv_value), Code::LimitKvValue),
            LimitRow::page("keys of one kv list", KV_PAGE),
            LimitRow::page("members of one roster page", ROSTER_PAGE),
        ]
    }
}

fn time(duration: Duration) -> String {
    match duration.as_millis() {
        ms if ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms => format!("{ms} ms"),
    }
}

fn size(bytes: usize) -> String {
    match bytes {
        bytes if bytes >= MIB && bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        bytes if bytes >= KIB && bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        bytes => format!("{bytes} bytes"),
    }
}

fn bytes(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_shown_with_their_units() {
        let limits = Limits { deadline: Duration::from_millis(1_500), memory: 96 * KIB, ..Limits::default() };
        let shown: Vec<_> = limits.rows().into_iter().map(|row| row.allows).collect();
        assert_eq!(shown[..4], ["1500 ms", "30 s", "2 s", "96 KiB"]);
        assert!(shown.contains(&"512 bytes".to_owned()));
    }
}
