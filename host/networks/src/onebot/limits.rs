//! Every bound of the driver, with its unit and the reason for the number.

use std::time::Duration;

/// Bytes of one frame. The largest honest ones are member lists, 2 MB for 3,000 members; NapCat itself takes 50 MB.
/// A larger one ends the connection, before it is read.
pub const FRAME_BYTES: usize = 16 << 20;

/// Segments of one message; what follows is left out. QQ shows some hundred pictures at most.
pub const SEGMENTS: usize = 1_000;

/// Bytes of what is handed on as it came: unknown events and segments. More is left out.
pub const OTHER_BYTES: usize = 64 << 10;

/// Characters of a sentence that a peer says about a failure.
pub const SENTENCE_CHARS: usize = 300;

/// How long dialling may take: name, TCP, TLS and the upgrade.
pub const CONNECT: Duration = Duration::from_secs(10);

/// How long an action may take. NapCat gives up by itself after 10 s; the runtime counts an act as unknown after 30 s.
pub const CALL: Duration = Duration::from_secs(20);

/// How long an act of several calls may take. 300 s: 100 members at the default pace take 50. As long as an act may wait for its
/// turn: whoever asked for it has no use for what comes later.
pub const ACT: Duration = Duration::from_secs(300);

/// How long a list of friends, groups or members may take: NapCat fetches large groups from QQ page by page.
pub const LIST: Duration = Duration::from_secs(60);

/// How long the news of somebody waits for their name.
pub const NAME: Duration = Duration::from_secs(3);

/// Calls that wait to be written.
pub const OUTGOING: usize = 64;

/// Bytes of calls that are written before it is waited for that they are out: some hundred messages.
pub const WRITTEN_AT_ONCE: usize = 128 << 10;

/// Events that wait to be taken by the host, minutes of the liveliest account. What comes then is set aside, as much again; the
/// socket is not read while there is more than that.
pub const EVENTS: usize = 16_384;

/// Bytes of the frames of events that wait to be taken by the host: 2 KiB for each.
pub const EVENTS_BYTES: usize = 32 << 20;

/// Events that are remembered, so that one that comes twice is taken once. What is sent on two ways comes within seconds.
pub const EVENTS_REMEMBERED: usize = 8_192;

/// The first wait before dialling again; doubles up to [`BACK_OFF_MAX`]. Each is shortened by up to half at random, so
/// that many hosts do not come at once.
pub const BACK_OFF: Duration = Duration::from_secs(1);

/// The longest wait before dialling again.
pub const BACK_OFF_MAX: Duration = Duration::from_secs(30);

/// The first wait after a token was refused; doubles up to [`REFUSED_MAX`]. Only a person can mend it.
pub const REFUSED: Duration = Duration::from_secs(60);

/// The longest wait after a token was refused.
pub const REFUSED_MAX: Duration = Duration::from_secs(600);

/// How long a connection that cannot be written to is still read: what was received is not lost.
pub const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long somebody who came in may wait to be taken. Implementations that were not taken dial again after 3 to 5 s.
pub const ARRIVAL_WAIT: Duration = Duration::from_secs(10);

/// Silence after which the peer is pinged.
pub const PING_AFTER: Duration = Duration::from_secs(30);

/// Silence after which the connection counts as dead, where no heartbeat was heard.
pub const SILENCE: Duration = Duration::from_secs(75);

/// How long a peer that is asked whether it is there may take to say so, at least.
pub const PING_WAIT: Duration = Duration::from_secs(10);

/// Silence that is nothing yet, however often heartbeats come: a large answer takes some seconds of a slow line.
pub const SILENCE_MIN: Duration = Duration::from_secs(10);

/// The longest interval of heartbeats that is believed.
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(300);

/// The pause between two lists of members: a hundred groups are known after 20 s, and QQ sees no burst.
pub const MEMBERS_PAUSE: Duration = Duration::from_millis(200);

/// Groups whose members are fetched during one connection. An account is in 3,000 at most; a peer may say anything.
pub const GROUPS_SEEN: usize = 10_000;

/// Characters of a name, a card or a title. QQ has 60 at most; a peer may say anything, and the roster keeps it.
pub const NAME_CHARS: usize = 200;

/// What we do and say belongs to what the network tells of it for so long.
pub const ECHO_LIFE: Duration = Duration::from_secs(60);

/// Messages of ours in one chat whose echoes are waited for, and own messages that wait for the end of a call. Acts of one
/// chat follow each other, so there are seldom two.
pub const ECHOES: usize = 64;

/// Bytes of the files of the host's media folder that one message may have: what the folder takes of one file. As base64 in a
/// frame they are a third more, which NapCat takes up to 50 MB.
pub const MEDIA_BYTES: usize = 20 << 20;

/// Seconds of a mute, at most: QQ refuses a full 30 days.
pub const MUTE_SECONDS_MAX: u32 = 2_591_999;

/// How far a peer's clock may be from ours before it is said.
pub const CLOCK_SKEW_MS: i64 = 60_000;

/// How long nobody is asked for names after a question was not answered in time.
pub const NAMELESS: Duration = Duration::from_secs(60);

/// Bytes of events that are set aside until the roster is there, or the host has room. Logging in takes seconds.
pub const BACKLOG_BYTES: usize = 16 << 20;

/// Calls over HTTP that may be under way at once.
pub const HTTP_CALLS: usize = 8;

/// Events that were posted and wait to be read.
pub const POSTS: usize = 1_024;

/// How long whoever posts an event waits for room; implementations give up after some seconds and do not try again.
pub const POST_WAIT: Duration = Duration::from_secs(5);

/// Bytes of an event that is posted.
pub const POST_BYTES: usize = 4 << 20;

/// Bytes of all events that were posted and wait to be read: four of the largest, and some ten thousand of the usual ones.
pub const POSTS_BYTES: usize = 16 << 20;

/// How long an event may take to arrive. 10 s: whoever posts gives up after some seconds.
pub const POST_TIME: Duration = Duration::from_secs(10);

/// Bytes that any posted event may have before it is known who signed it; messages have some hundred. More than
/// [`LARGE_POSTS`] larger ones wait for each other.
pub const SMALL_POST_BYTES: usize = 64 << 10;

/// Larger events that are read at once: 32 MiB, whoever sends them.
pub const LARGE_POSTS: usize = 8;

/// How often an implementation that is called over HTTP is asked how the account is.
pub const STATUS_EVERY: Duration = Duration::from_secs(30);
