//! What the operator can set for the API, with every limit and time that it has.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use mynah_model::names::AccountName;
use mynah_runtime::{Account, ApiKind};

use crate::keys::Keys;
use crate::openqq::Dialect;

mod reports;

pub use reports::{ReportSettings, WebhookSecret};

/// Settings of the API: the `[api]` table of the configuration, and `hosts` above it. Every field has a default.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Names, without a port, that the `Host` header may carry besides loopback names and IP addresses.
    /// Any other name is refused: a page could make its own name point at this host (DNS rebinding).
    pub hosts: Vec<String>,
    /// Who may call. Without any, whoever reaches the host may do everything.
    pub keys: Keys,
    /// Origins (`https://panel.example`) whose pages may call `/openqq/*` and `/openwx/*`; `*` is every page.
    /// Empty by default: any page that a person visits could read their friends and speak for them.
    pub cors: Vec<String>,
    /// Whether `datatype=jsonp` is answered. Off by default, for the same reason.
    pub jsonp: bool,
    /// The version of the Openqq API that an account is answered and reported in; v2 if it is not named.
    pub dialects: BTreeMap<AccountName, Dialect>,
    /// The same of accounts that callers make.
    pub made_dialect: Dialect,
    /// What becomes of the reports of accounts that callers make.
    pub made_reports: ReportSettings,
    /// What the `time` of shutup_group_member counts.
    pub shutup_time_unit: TimeUnit,
    /// How many events check_event keeps for each account, newest last; the original's
    /// `check_event_list_max_size`.
    pub check_event_list_max_size: usize,
    /// How long check_event waits for an event before it answers `[]`.
    pub check_event_wait: Duration,
    /// How long after their answers stop_client and relogin act, so that the answer has left.
    pub stop_delay: Duration,
    /// How long a call waits for room in a chat's queue before it is answered busy (503).
    pub busy_after: Duration,
    /// The most bytes a request's body may have; 413 above it.
    pub body_limit: usize,
    /// How long a request's body may take to arrive; 408 after it.
    pub body_time: Duration,
    /// How many connections one listener serves at once; further ones wait.
    pub connections: usize,
    /// The most bytes of the body of a call that brings a picture or a file; 413 above it. A file of 20 MiB fits as
    /// base64, escaped for a form.
    pub media_body_limit: usize,
    /// How many bodies above `body_limit` may be under way at once, for the memory they take; 503 above it.
    pub media_bodies: usize,
    /// How many `async` sends may be under way at once; 503 above it.
    pub async_sends: usize,
    /// How many `consult` calls may wait for their answer at once; 503 above it. Each of them looks at every event.
    pub consults: usize,
    /// What the operator set about the reports of an account; an account that is not here has the defaults.
    pub reports: HashMap<AccountName, ReportSettings>,
    /// How webhooks are called.
    pub webhook: WebhookTimes,
}

impl ApiSettings {
    /// The version that an account's reports are in. Openwx has one.
    pub(crate) fn dialect_of_reports(&self, account: &Account) -> Dialect {
        match account.api() {
            ApiKind::Openqq => self.dialect_of(account.name()),
            ApiKind::Openwx => Dialect::V2,
        }
    }

    /// The settings of an account's reports.
    pub(crate) fn reports_of(&self, account: &AccountName) -> &ReportSettings {
        self.reports.get(account).unwrap_or(&self.made_reports)
    }
}

/// How long a webhook may take, and how often it is tried.
#[derive(Debug, Clone, Copy)]
pub struct WebhookTimes {
    /// How long connecting may take.
    pub connect: Duration,
    /// How long a call may take in all, its answer included.
    pub total: Duration,
    /// How long after the first failure a report is tried again. The time doubles with every failure; each is cut by up
    /// to half at random, so that the chats do not all come at once.
    pub first_pause: Duration,
    /// The longest time between two tries.
    pub longest_pause: Duration,
    /// A report that is older than this, and was tried at least four times since the host started, is given
    /// up.
    pub give_up_after: Duration,
}

impl Default for WebhookTimes {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(30),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            // Longer than an endpoint is away for an update; what it would answer after `max_action_age` is not
            // done anyway.
            give_up_after: Duration::from_secs(3_600),
        }
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            keys: Keys::default(),
            cors: Vec::new(),
            jsonp: false,
            dialects: BTreeMap::new(),
            made_dialect: Dialect::default(),
            made_reports: ReportSettings::default(),
            shutup_time_unit: TimeUnit::Second,
            check_event_list_max_size: 20,
            check_event_wait: Duration::from_secs(30),
            stop_delay: Duration::from_secs(3),
            busy_after: Duration::from_secs(1),
            body_limit: 1 << 20,
            body_time: Duration::from_secs(30),
            connections: CONNECTIONS,
            media_body_limit: 32 << 20,
            media_bodies: 4,
            async_sends: 256,
            consults: 256,
            reports: HashMap::new(),
            webhook: WebhookTimes::default(),
        }
    }
}

impl ApiSettings {
    /// The version of the Openqq API that an account is answered and reported in, unless a call asks for another.
    pub fn dialect_of(&self, account: &AccountName) -> Dialect {
        self.dialects.get(account).copied().unwrap_or(self.made_dialect)
    }
}

/// What a number of time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Seconds, as most public callers give.
    #[default]
    Second,
    /// Minutes, as scripts written for the original give.
    Minute,
}

/// The most parameters in one request, in query and body together: no endpoint has more than a dozen.
pub(crate) const PARAMETERS: usize = 256;

/// The most members that one call may name: more than QQ's largest group has.
pub(crate) const MEMBERS: usize = 5_000;

/// How long `consult` waits for a reply if the call does not say, as the original does.
pub(crate) const CONSULT_WAIT: Duration = Duration::from_secs(30);

/// The longest time that a `consult` call may ask for, in seconds: proxies give up on an answer before that.
pub(crate) const CONSULT_SECONDS: std::ops::RangeInclusive<u64> = 1..=600;

/// How many messages of one `id=@all` are handed to the network at once.
pub(crate) const BROADCAST_AT_ONCE: usize = 16;

/// How long the answer to `id=@all` waits for all the messages to be sent. They are sent to the last one anyway.
pub(crate) const BROADCAST_WAIT: Duration = Duration::from_secs(3);

/// The most bytes of a picture or file that a report carries as `media_data`: check_event holds 20 reports, and its
/// answer is made as a whole. Larger ones are read where `media_path` says.
pub(crate) const REPORTED_MEDIA: u64 = 2 << 20;

/// How many events are read from the journal at once while a reader catches up.
pub(crate) const JOURNAL_PAGE: u32 = 256;

/// How often a line goes to a reader of events when nothing happens, so that it and what lies between know
/// that the connection stands.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long answers that are under way may take after the host was told to stop.
pub(crate) const DRAIN: Duration = Duration::from_secs(5);

/// The fewest characters of a secret: 16 random letters and digits cannot be guessed over a network.
pub(crate) const SECRET_LEAST: usize = 16;

/// The most characters of a secret, so that it fits a header.
pub(crate) const SECRET_MOST: usize = 1024;

/// The most seconds that a signature may hold: enough for clocks that differ, too little for a log that somebody
/// reads later.
pub(crate) const SIGNATURE_AHEAD: i64 = 900;

/// The most connections of one listener. Further ones wait in the system's queue: a listener that is full must not
/// take the files that the others and the store need, of which a process often has 1,024.
pub(crate) const CONNECTIONS: usize = 800;

/// How long a TLS handshake may take: two round trips over a bad line.
pub(crate) const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// How long a connection may take to send the head of its next request, and so how long it may be idle. Long
/// enough for programs that keep their connections, short enough that those who only hold them lose them.
pub(crate) const HEAD_TIME: Duration = Duration::from_secs(30);

/// The most calls with an `Idempotency-Key` that are under way at a time: each holds a task and an answer.
pub(crate) const IDEMPOTENT_CALLS: usize = 10_000;

/// The most characters of an `Idempotency-Key`; a UUID has 36.
pub(crate) const IDEMPOTENT_KEY: usize = 255;

/// The most bytes of a request's head: a GET may carry as long a message as there is, escaped.
pub(crate) const HEAD_SIZE: usize = 128 << 10;

/// The most bytes of the secret of a webhook: longer than any that a person or a program makes.
pub(crate) const WEBHOOK_SECRET: usize = 4_096;

/// The most bytes of a webhook's answer that are read: as much as a call may have in its body.
pub(crate) const WEBHOOK_ANSWER: usize = 1 << 20;

/// The most messages that one answer of a webhook may send: what scripts may return is of this order.
pub(crate) const WEBHOOK_REPLIES: usize = 16;

/// How often a report is tried at least before it is given up, however old it is: after a night without network the
/// first try may come a moment too early.
pub(crate) const WEBHOOK_TRIES: u32 = 4;

/// Calls of one account's webhook that may be under way at once. Each webhook has room of its own, so that an endpoint that
/// hangs holds up no other, and so much of it that many of its chats may hang before its others wait for them. With the
/// bound of an answer this is 128 MiB for a webhook at the very most.
pub(crate) const WEBHOOK_CALLS: usize = 128;

/// Chats of one account whose reports are under way or wait to be tried again at once. Those of further chats wait in
/// the store.
pub(crate) const WEBHOOK_CHATS: usize = 1_024;

/// How long after the store failed it is tried again.
pub(crate) const STORE_PAUSE: Duration = Duration::from_secs(1);

/// The most bytes of the picture of a QR code: they have some ten thousand.
pub(crate) const QR_PICTURE: u64 = 1 << 20;

/// How long an answer of `poll_api` is waited for. The servers that it was made for hold the call until they want
/// something; what lies between them and us cuts connections that are silent for longer.
pub(crate) const POLL_WAIT: Duration = Duration::from_secs(300);

/// Dead letters that are listed at once.
pub(crate) const DEAD_LETTER_PAGE: u32 = 100;

/// Entries of the audit that are listed at once if nobody says how many: a screenful or three.
pub(crate) const AUDIT_PAGE: u32 = 100;

/// The most that may be asked for at once: with 5 KB each at the very most, 2.5 MB.
pub(crate) const AUDIT_PAGE_MOST: u32 = 500;

/// Entries of a script's state that are listed at once if nobody says how many.
pub(crate) const KV_PAGE: u32 = 100;

/// Entries that are listed at once at most; an export is put together from so many at a time.
pub(crate) const KV_PAGE_MOST: u32 = 1_000;

/// Bytes of an import: four times what a script may hold by default, as JSON.
pub(crate) const KV_IMPORT_BYTES: usize = 16 << 20;
