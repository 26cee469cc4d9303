//! Every bound of the runtime, with its unit and the reason for the number. The engine's are in its own `limits`.

use std::fmt::Display;
use std::time::Duration;

use mynah_engine::LimitRow;
use mynah_model::refusal::Code;

use crate::grants::Rate;

/// Events that may wait in one chat. A burst in a lively group fits; at 1 KiB an event this is 1 MiB a chat.
pub const CHAT_QUEUE: usize = 1_024;

/// Events that may wait in all chats together: 64 MiB at 1 KiB an event.
pub const TOTAL_QUEUE: usize = 65_536;

/// Decisions that are committed together while more events wait: a commit costs as much as a dozen of them, and the first
/// one waits less than a millisecond for the last.
pub const GATHERED: usize = 32;

/// Batches that may wait to be committed before whoever brings events waits for each to be journalled: a disk that is slow or
/// full is felt at the door. A lively second's.
pub const UNJOURNALLED: usize = 4_096;

/// Acts of one account that may wait for delivery. A network that takes two a second works an hour on these, and
/// they expire before that; more is a flood.
pub const OUTBOX: usize = 10_000;

/// Bytes of those acts. 64 MiB: 10,000 long messages, and an account that is offline holds no more of the host's memory.
pub const OUTBOX_BYTES: usize = 64 << 20;

/// Acts of one account among which a message that it sent is looked for. Messages can be taken back for two minutes,
/// in which a network takes far fewer.
pub const SENT: u32 = 10_000;

/// Messages of one account that are remembered with their chats, so that scripts take back and quote what they may see. Two
/// minutes, in which own messages can be taken back, of eighty a second; 300 KiB.
pub const SIGHTINGS: usize = 10_000;

/// Requests of one account that are remembered with their chats, so that scripts answer those that they may see: as many as
/// wait for an answer in a large group.
pub const SIGHTED_REQUESTS: usize = 1_000;

/// How deep a chain of our own messages may go: a reply to a reply to a reply (design invariant 7).
pub const LOOP_DEPTH: u32 = 3;

/// An action decided on an event older than this is of no use (design invariant 7); `max_action_age` changes it.
pub const MAX_ACTION_AGE: Duration = Duration::from_secs(300);

/// How long a network may take over one act before its outcome counts as unknown, unless the network says that it is longer.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an act that found no connection waits before it is tried again, should the account's state not change.
pub const OFFLINE_PAUSE: Duration = Duration::from_millis(250);

/// How long a host that stops handles what waits and delivers what is decided. The rest is taken up by the next start;
/// service managers kill after 10 s or later.
pub const SHUTDOWN_DRAIN: Duration = Duration::from_secs(5);

/// A worker that has been busy with one event for longer is taken for stuck and a spare thread is lent, whatever it is
/// that takes so long (design invariant 3).
pub const STUCK_AFTER: Duration = Duration::from_millis(5);

/// How often workers are looked at; the resolution of [`STUCK_AFTER`].
pub const STUCK_TICK: Duration = Duration::from_millis(5);

/// CPU time of one call after which its script waits for a turn with others that have run for as long. A hundred times what
/// a rule takes; sixteen spinning ones in a row before a chat cost it a third of a deadline on two cores.
pub const SLICE: Duration = Duration::from_millis(1);

/// How long such a script goes on when it is its turn, before it waits again for others: the default deadline, so that most
/// come to their end in one turn.
pub const TURN: Duration = Duration::from_millis(50);

/// Spare threads for each worker: with deadlines of 50 ms and wall caps of a second, eight stuck scripts a core are
/// an attack, and the breaker ends it.
pub const SPARES_PER_WORKER: usize = 8;

/// Every so many events one of the slow lane comes first, if there is one, however many others wait: without that a slow
/// chat would wait for as long as the host is busy.
pub const SLOW_TURN: u64 = 16;

/// All scripts of one event together may use this much CPU time; the rest of the chain is skipped then.
pub const CHAIN_DEADLINE: Duration = Duration::from_millis(250);

/// Faults within [`BREAKER_WINDOW_MS`] after which a script is left alone.
pub const BREAKER_FAULTS: usize = 5;

/// Milliseconds in which [`BREAKER_FAULTS`] open the breaker.
pub const BREAKER_WINDOW_MS: i64 = 60_000;

/// Milliseconds for which an open breaker rests a script the first time; doubles up to [`BREAKER_REST_MAX_MS`].
pub const BREAKER_REST_MS: i64 = 10_000;

/// The longest rest of a script, milliseconds.
pub const BREAKER_REST_MAX_MS: i64 = 600_000;

/// CPU time that a script may use up at once beyond what [`CPU_SHARE`] gives back: 5 % of one core over 10 s (design
/// invariant 3).
pub const CPU_BUDGET: Duration = Duration::from_millis(500);

/// The part of real time that a script gets back as CPU time: one in 20, 5 % of one core.
pub const CPU_SHARE: u32 = 20;

/// Times that an event is run again because another one changed what it read in kv-shared.
pub const SHARED_RETRIES: usize = 16;

/// Timers of one script in one chat.
pub const TIMERS_PER_CHAT: usize = 64;

/// Milliseconds after which a timer is looked at again whose script or account was not there when it came due, or whose
/// script had used up its budget.
pub const TIMER_HELD_MS: i64 = 10_000;

/// Timers of one script in all chats: with the payload's bound 40 MiB.
pub const TIMERS_PER_SCRIPT: usize = 10_000;

/// Bytes of a timer's payload, which waits in memory: a hint of what to do; state belongs into kv.
pub const TIMER_PAYLOAD_BYTES: usize = 4_096;

/// Milliseconds from the firing of a timer to that of one that is set on it: scripts may go on for ever, not at once.
pub const TIMER_AGAIN_MS: i64 = 1_000;

/// Bytes of a cron pattern and of the name of its time zone.
pub const CRON_BYTES: usize = 128;

/// The furthest that a timer may lie ahead, milliseconds: a year and a day.
pub const TIMER_HORIZON_MS: i64 = 366 * 24 * 3_600_000;

/// The shortest time between two firings of one cron timer, milliseconds.
pub const CRON_MIN_INTERVAL_MS: i64 = 1_000;

/// Bytes of a timer's tag or of an action's tag.
pub const TAG_BYTES: usize = 128;

/// Seconds of a mute, least and most (QQ's limits; OneBot v11 set_group_ban clamps at 2_592_000).
pub const SHUTUP_SECONDS: std::ops::RangeInclusive<u32> = 60..=2_592_000;

/// What a script may do if the operator says nothing of it. Kicks: 6/min, ten times what a lively group needs, and
/// a rule that went mad empties nothing before somebody looks. Mutes: 30/min, enough for a raid, which `shutup-all` ends in
/// one act; a mute can be undone. Fetches: as often as people ask things in lively groups, and far from what hurts a server.
/// Timers that fire: in one chat all that a chat may have at once, or one every second; in all of them so many that the
/// journal of a script that fills its payloads grows by 2 MiB a minute and no more.
pub const BUDGETS: [(&str, Rate); 5] = [
    ("kick", Rate { count: 6, per_ms: 60_000 }),
    ("shutup", Rate { count: 30, per_ms: 60_000 }),
    ("fetch", Rate { count: 60, per_ms: 60_000 }),
    ("timer", Rate { count: 600, per_ms: 60_000 }),
    ("timer per chat", Rate { count: 64, per_ms: 60_000 }),
];

/// Members that one account kicks, whoever asks: scripts, webhooks and API callers together. 30/min: a person with a
/// list works no faster, and a stolen key does not empty a group of a thousand before somebody sees it.
pub const KICKS: Rate = Rate { count: 30, per_ms: 60_000 };

/// What one script is told of its actions: results it asked for, and fetches that were refused. 1,000/min: a message to five
/// hundred groups with all their results, and still an end to one that asks sixty-four times whenever it is told.
pub const TOLD: Rate = Rate { count: 1_000, per_ms: 60_000 };

/// Counts of budgets that are kept at once: a count for each script, action and chat that was not idle for long. 100,000 are
/// some 15 MiB; beyond it nothing more is granted until some are full again.
pub const BUDGET_COUNTS: usize = 100_000;

/// Milliseconds between two looks for counts that are full again and need not be kept.
pub const BUDGET_LOOK_MS: i64 = 1_000;

/// Members that one shutup or kick may name.
pub const MODERATED_AT_ONCE: usize = 100;

/// Events kept for subscribers that lag; whoever lags further reads the journal.
pub const BROADCAST: usize = 4_096;

/// Bytes of `mynah.toml`: thousands of scripts fit.
pub const CONFIG_BYTES: u64 = 4 << 20;

/// How long a file in the scripts folder, or `mynah.toml`, must have been left alone before it is looked at.
pub const RELOAD_DEBOUNCE: Duration = Duration::from_millis(150);

/// How long the text of `mynah.toml` must have been the same before it is put in force by itself. Somebody who writes it piece by
/// piece takes less between two of them.
pub const CONFIG_SETTLED: Duration = Duration::from_millis(300);

/// Times that it is read until two in a row are the same; then whoever writes it is told.
pub const CONFIG_READS: usize = 5;

/// How often whoever waits for everything to be delivered looks again.
pub const SETTLE_POLL: Duration = Duration::from_millis(2);

/// How long a network may take to log an account out before it is left behind.
pub const LOGOUT: Duration = Duration::from_secs(10);

/// How long all accounts together may take to end when the host stops: those that log out, and a moment to record it.
pub const ACCOUNTS_END: Duration = Duration::from_secs(12);

/// Accounts that may run at a time; `max_clients` changes it (the original's Controller has as many ports).
pub const MAX_CLIENTS: usize = 100;

/// Accounts that may be known, running or not: callers make new ones, and each has a roster in memory.
pub const KNOWN_ACCOUNTS: usize = 1_000;

/// Times that a pid file is opened again because it was removed while it was to be locked.
pub const PID_FILE_TRIES: usize = 16;

/// Bytes that are read of a pid file: a number fits.
pub const PID_FILE_BYTES: u64 = 32;

/// Bytes of a network's session, for example its cookies.
pub const SESSION_BYTES: u64 = 1 << 20;

/// Bytes of one picture or file: what WeChat takes of pictures, and ruled for all media.
pub const MEDIA_FILE_BYTES: usize = 20 << 20;

/// Milliseconds for which media are kept: a week, in which people come back to what was sent.
pub const MEDIA_KEEP_MS: i64 = 7 * 24 * 3_600_000;

/// Bytes of all media together; the oldest go when there are more. A phone's pictures of a lively week.
pub const MEDIA_TOTAL_BYTES: u64 = 1 << 30;

/// How many files the media folder holds at most, so that a flood of tiny ones costs no more than large ones do.
pub const MEDIA_FILES: usize = 20_000;

/// Bytes of a file's name: what file systems take, less the room for an ending.
pub const MEDIA_NAME_BYTES: usize = 200;

/// Bytes from the beginning of a file by which its type is told; what tells a type lies within the first few KiB.
pub const MEDIA_SNIFFED_BYTES: usize = 8_192;

/// How often the host looks for media that are too old, milliseconds.
pub const MEDIA_LOOK_MS: i64 = 3_600_000;

/// How long a network may take over somebody's picture, as in the original.
pub const AVATAR_TIME: Duration = Duration::from_secs(3);

/// Milliseconds for which a picture of somebody is kept: an hour, as in the original.
pub const AVATAR_KEEP_MS: i64 = 3_600_000;

/// Bytes of a picture of somebody: WeChat's largest have a tenth.
pub const AVATAR_BYTES: usize = 1 << 20;

/// Pictures of people that are kept at once: 8 MiB at the usual 32 KiB, 256 MiB at the very most.
pub const AVATARS: usize = 256;

/// Bytes of something that is fetched: a file of the largest size.
pub const FETCH_BYTES: usize = MEDIA_FILE_BYTES;

/// From asking to the last byte. A caller waits for it: 20 MiB in that time is a slow line's.
pub const FETCH_TIME: Duration = Duration::from_secs(30);

/// For a connection to stand. Who needs longer is not there.
pub const FETCH_CONNECT_TIME: Duration = Duration::from_secs(5);

/// Redirects that are followed: to https, to `www`, to a store of files.
pub const FETCH_REDIRECTS: usize = 3;

/// Fetches that are under way at once, so that they hold at most 160 MiB; others wait for room.
pub const FETCHES: usize = 8;

/// Bytes of an answer to a script: it goes through the journal and into the script's memory. A page of an API has a tenth.
pub const FETCH_SCRIPT_BYTES: usize = 256 << 10;

/// Bytes of all headers of such an answer.
pub const FETCH_HEADER_BYTES: usize = 32 << 10;

/// From the question of a script to the last byte: somebody in a chat waits for it.
pub const FETCH_SCRIPT_TIME: Duration = Duration::from_secs(20);

/// Bytes of what a script sends; it stands in the outbox.
pub const FETCH_SENT_BYTES: usize = 64 << 10;

/// Headers that a script may send.
pub const FETCH_SENT_HEADERS: usize = 32;

/// Bytes of all of them: what servers take.
pub const FETCH_SENT_HEADER_BYTES: usize = 8 << 10;

/// Fetches of all scripts that are under way at once: they hold at most 4 MiB, and others wait.
pub const FETCHES_OF_SCRIPTS: usize = 16;

/// Fetches of one script that are under way at once: four slow servers of one script leave room for three others.
pub const FETCHES_PER_SCRIPT: usize = 4;

/// Fetches of one script that wait or are under way. With a server that takes a second this is a quarter of a minute.
pub const FETCHES_OPEN: usize = 64;

/// Bytes of a place that a script may fetch from: a host's name has 253.
pub const FETCH_ORIGIN_BYTES: usize = 300;

/// Characters of an address that is shown in the audit.
pub const FETCH_SHOWN_CHARS: usize = 200;

/// Addresses of one name that are tried.
pub const FETCH_ADDRESSES: usize = 4;

/// Ports that the web uses; others are for services that would take a request for something else.
pub const FETCH_PORTS: [u16; 6] = [80, 443, 8000, 8080, 8443, 8888];

/// Bytes of a URL: what servers take.
pub const URL_BYTES: usize = 8_192;

/// For how long a call with an `Idempotency-Key` is remembered, milliseconds: a day, longer than any program goes on
/// trying.
pub const IDEMPOTENCY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Bytes of a text that are kept of an action that was not done: what a person reads to see what it would have said.
pub const AUDIT_TEXT_BYTES: usize = 400;

/// Bytes of the id of a chat that are kept of such an action: all of it, if there can be such a chat.
pub const AUDIT_ID_BYTES: usize = 128;

/// Bytes of JSON that are kept of such an action: a hundred members with ids of fifteen characters.
pub const AUDIT_BODY_BYTES: usize = 2_000;

/// Bytes of the line that says what an action does; two lines of a terminal.
pub const SUMMARY_BYTES: usize = 160;

/// Bytes that the host's own log takes within a minute of what one script says and is refused: a page of forty lines every
/// second, and 400 MB in a day at the very most.
pub const VOICE_BYTES: usize = 256 << 10;

/// What a line of that counts beside its text, bytes: the time, the script, the event.
pub const VOICE_LINE: usize = 128;

/// Things that may be paused at once; each is looked at for every action.
pub const PAUSES: usize = 64;

/// Rows of an event that an explanation looks at: what scripts, webhook and operators together may ask for in earnest.
pub const WHY_ROWS: u32 = 500;

/// Bytes of a message or a name that an explanation shows: enough to know which one it is.
pub const WHY_TEXT_BYTES: usize = 120;

/// Bytes of anything else that an explanation quotes.
pub const WHY_LINE_BYTES: usize = 400;

/// Hints of one explanation; the first ones say the most.
pub const WHY_HINTS: usize = 5;

/// Bytes of the answer to an operator: a message of 1,500 Chinese characters; QQ takes three times as many.
pub const OPERATOR_ANSWER_BYTES: usize = 4_500;

/// Scripts that an operator is told of in a chat.
pub const OPERATOR_SCRIPTS: usize = 30;

/// Newest faults on events of an account among which the last one of each script is looked for.
pub const OPERATOR_FAULTS: u32 = 200;

/// Events of a chat among which the one is looked for that `/why` without a number explains: the others are commands.
pub const OPERATOR_LAST: u32 = 20;

/// How long an operator's command waits for what was decided before it to be kept.
pub const OPERATOR_FLUSH: Duration = Duration::from_secs(2);

/// How often the conditions of alerts are looked at, milliseconds; what cannot wait is looked at at once.
pub const ALERT_LOOK_MS: i64 = 10_000;

/// The shortest time between two messages about the same thing, milliseconds: what comes and goes is one message.
pub const ALERT_AGAIN_MS: i64 = 600_000;

/// For how long a budget must not have been used up before that is over, milliseconds.
pub const ALERT_QUIET_MS: i64 = 600_000;

/// For how long an account may be without a connection before operators hear of it, milliseconds: connections are lost and
/// made again.
pub const ALERT_OFFLINE_MS: i64 = 60_000;

/// Alerts at once: more than this nobody reads.
pub const ALERTS: usize = 256;

/// Bytes that should be free where the journal lies: a day of a lively host, and the write-ahead log.
pub const DISK_LEAST_FREE: u64 = 512 << 20;
/// Bytes of state that a script may hold in all its chats; `kv` changes it. Counters of 50,000 members fit.
pub const KV_BYTES: u64 = 4 << 20;

/// Keys that a script may hold in all its chats; `kv_keys` changes it. At 40 bytes each they are [`KV_BYTES`].
pub const KV_KEYS: u64 = 100_000;

/// Bytes that `kv` may be raised to: state that has not expired is never pruned, and this is a quarter of what the database
/// may hold by default before its oldest events go.
pub const KV_BYTES_MOST: u64 = 256 << 20;

/// Keys that `kv_keys` may be raised to.
pub const KV_KEYS_MOST: u64 = 10_000_000;

/// Keys that callers may change at once. Events wait while that is decided: some 50 ms for these.
pub const KV_CHANGED_AT_ONCE: usize = 10_000;

/// Milliseconds for which a value is still there after it expired, at least: an event that comes late finds it by its own
/// time. Nothing is done on events that are twice as old as [`MAX_ACTION_AGE`].
pub const KV_GRACE_MS: i64 = 600_000;

/// Values that have expired and are removed in one step. No event is decided meanwhile: a millisecond for these.
pub const KV_PRUNED_AT_ONCE: u32 = 200;

/// How often the host looks for what is old, milliseconds.
pub const HOUSEKEEPING_MS: i64 = 60_000;

/// How soon it goes on if there was more than one round may do, milliseconds.
pub const HOUSEKEEPING_AGAIN_MS: i64 = 1_000;

/// Steps of one kind in one round.
pub const HOUSEKEEPING_STEPS: usize = 40;

/// Milliseconds for which the journal is kept: a month, in which people ask why something was done.
pub const JOURNAL_KEEP_MS: i64 = 30 * 24 * 3_600_000;

/// Bytes of the database above which the oldest of the journal goes before its time: a million events.
pub const JOURNAL_TOTAL_BYTES: u64 = 1 << 30;

/// Milliseconds for which the journal is kept although the database is too large: what answers `why` for what was just seen.
pub const JOURNAL_LEAST_MS: i64 = 3_600_000;

/// So many times too large a database keeps nothing for that: what fills it within the hour must not fill the disk.
pub const JOURNAL_LEAST_UP_TO: u64 = 2;

/// What bounds scripts beside the engine's limits, as it is shown to people.
pub fn rows() -> Vec<LimitRow> {
    let row = |limit, allows: &dyn Display, code| LimitRow::fixed(limit, allows, code);
    let time = |duration: Duration| format!("{} ms", duration.as_millis());
    let budgets = BUDGETS.map(|(action, rate)| {
        let limit = match action {
            "kick" => "kicks of one script",
            "shutup" => "mutes of one script",
            "fetch" => "fetches of one script",
            "timer" => "timers of one script that fire",
            _ => "timers of one script that fire in one chat",
        };
        let row = LimitRow::fixed(limit, String::from(rate), Code::BudgetExhausted);
        LimitRow { key: Some("budget"), ..row }
    });
    let mut rows = vec![
        row("CPU time of all scripts for one event", &time(CHAIN_DEADLINE), Code::LimitDeadline),
        row("CPU time of one script at once", &time(CPU_BUDGET), Code::BudgetCpu),
        row("share of a core that one script gets back", &format!("1/{CPU_SHARE}"), Code::BudgetCpu),
        row("faults within a minute", &BREAKER_FAULTS, Code::ScriptBreaker),
        row("events queued in one chat", &CHAT_QUEUE, Code::LimitQueue),
        row("events queued in all chats", &TOTAL_QUEUE, Code::LimitQueue),
        row("acts of one account that wait", &OUTBOX, Code::OutboxFull),
        row("bytes of acts of one account that wait", &OUTBOX_BYTES, Code::OutboxFull),
        row("timers of one script in one chat", &TIMERS_PER_CHAT, Code::LimitTimers),
        row("timers of one script", &TIMERS_PER_SCRIPT, Code::LimitTimers),
        row("fetches of one script that wait", &FETCHES_OPEN, Code::LimitFetches),
        row("bytes of a timer's payload", &TIMER_PAYLOAD_BYTES, Code::ActionInvalid),
        row(
            "what one script may put in the host's log",
            &format!("{} KiB/min", VOICE_BYTES >> 10),
            Code::LimitLog,
        ),
        row("depth of answers to our own messages", &LOOP_DEPTH, Code::LoopDepth),
    ];
    let kv = [
        ("bytes of state of one script", "kv", KV_BYTES),
        ("keys of state of one script", "kv_keys", KV_KEYS),
    ];
    rows.extend(kv.map(|(limit, key, allows)| LimitRow {
        key: Some(key),
        ..LimitRow::fixed(limit, allows, Code::LimitKvTotal)
    }));
    rows.extend(budgets);
    rows.push(row("results told to one script", &String::from(TOLD), Code::BudgetExhausted));
    rows.push(row("kicks of one account, whoever asks", &String::from(KICKS), Code::ModerationRate));
    rows
}
