//! Stable codes for everything that the host does not do. A code never changes its meaning.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($(#[$doc:meta])* $case:ident = $text:literal, $explanation:literal;)+) => {
        /// Why the host did not do something.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* #[doc = $explanation] $case,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$case,)+];

            /// As it stands in answers, logs and the journal.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$case => $text,)+ }
            }

            /// What it means and what to do about it.
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$case => $explanation,)+ }
            }
        }
    };
}

codes! {
    GrantMissing = "grant.missing", "The script asked for an action that its grants do not allow. Add the action to `allow` under `[script.NAME]` in mynah.toml if you want it.";
    GrantChat = "grant.chat", "The script asked to act in a chat that its grants do not cover. Add the chat to `chats` under `[script.NAME]` in mynah.toml if you want it.";
    GrantFetch = "grant.fetch", "The script asked to fetch from a place that its grants do not cover, or a redirect led there. Add the place, as `scheme://host`, to `fetch` under `[script.NAME]` in mynah.toml if you want it.";
    GrantSecret = "grant.secret", "The script named a secret that it was not given, or not for the place that it fetches from. `secrets` under `[script.NAME]` in mynah.toml says which secret goes to which hosts.";
    GrantRoster = "grant.roster", "The script looked for people or a group in a chat that its grants do not cover, and found nothing there. Add the chat to `chats` under `[script.NAME]` in mynah.toml if it may look.";
    BudgetExhausted = "budget.exhausted", "The actor did this as often as its budget allows for now. The budget refills with time; raise `budget` under `[script.NAME]` in mynah.toml if it is too small.";
    BudgetCpu = "budget.cpu", "The script used its share of CPU time (5 % of one core over 10 s) and is skipped until it has some again.";
    LoopDepth = "loop.depth", "The action would be a reply to a reply to a reply to our own message. Chains of more than 3 are cut so that bots do not talk to each other for ever.";
    ActionExpired = "action.expired", "The action answers something that happened more than `max_action_age` (5 minutes) ago. Late floods after an outage mute nobody.";
    ActionInvalid = "action.invalid", "The action cannot be understood: a field is empty, too long or out of range. The text names the field and what would be right.";
    ModerationRole = "moderation.role", "The account is neither owner nor admin of the group, so the network would refuse.";
    ModerationTarget = "moderation.target", "The target is the account itself, the group's owner, or an admin: nobody moderates those through this host.";
    ModerationAbsent = "moderation.absent", "The target is not a member of the group as far as the account knows.";
    ModerationRate = "moderation.rate", "The account kicked as many members within a minute as one account ever does, counting everybody who asks: scripts, webhooks and API callers. Go on in a minute.";
    IdUnseen = "id.unseen", "The script named a message or a request that the account did not see in a chat that the script may see, or that is too long ago: the newest 10,000 messages and 1,000 requests of an account are remembered. What was said elsewhere is none of a script's business.";
    TargetUnknown = "target.unknown", "A caller of the API named a friend, a group, a member or a message that the account does not know, or that several match. The answer said so, and nothing was done.";
    ChatUnknown = "chat.unknown", "The account knows no such chat.";
    AccountUnknown = "account.unknown", "The host has no account of this name.";
    AccountNotRunning = "account.not-running", "The account is not logged in and working; look at `/api/v1/accounts`.";
    AccountLimit = "account.limit", "As many accounts run as `max_clients` in mynah.toml allows, or there are as many as one host takes. Stop one, or raise `max_clients`.";
    AccountNotStarted = "account.not-started", "The account could not be started; the text says what stood against it, for example another host that runs it.";
    OutboxFull = "outbox.full", "So many actions of this account wait to be delivered that no more are taken. The network is slow or gone.";
    Unsupported = "unsupported", "The network of this account, or this version of the host, has no such action.";
    NetworkRefused = "network.refused", "The network did not do it; its own words follow.";
    NetworkUnknown = "network.unknown", "The action was handed to the network and no answer came. It may have happened, so it is not repeated.";
    FetchAddress = "fetch.address", "The place leads to an address that is not on the public internet. If that is meant, write `{ origin = \"http://host:port\", private = true }` in `fetch` under `[script.NAME]`, or the address itself as `http://127.0.0.1:8080`.";
    FetchFailed = "fetch.failed", "No whole answer came: the name has no address, the connection failed, or the answer was too large or too slow; the text says which.";
    FetchUnknown = "fetch.unknown", "The host stopped while the fetch was under way. The request may have arrived, so it is not repeated; the script may ask again where that does no harm.";
    LimitDeadline = "limit.deadline", "The script used more CPU time for one event than its `deadline` allows. Make it do less, or raise `deadline` under `[script.NAME]`.";
    LimitMemory = "limit.memory", "The script asked for more memory than its `memory` allows (all its memories together). Raise `memory` under `[script.NAME]` if it deserves it.";
    LimitStack = "limit.stack", "The script recursed past its stack.";
    LimitTables = "limit.tables", "The script asked for more tables or table elements than a script may have.";
    LimitInstances = "limit.instances", "The component has more instances, memories or tables than a script may have.";
    LimitActions = "limit.actions", "The script returned more actions for one event than it may. None of them was done.";
    LimitText = "limit.text", "A text or an id in the script's answer is longer than it may be. None of its actions for this event was done.";
    LimitSegments = "limit.segments", "A message in the script's answer has more segments than it may have. None of its actions for this event was done.";
    LimitSize = "limit.size", "The component is larger than the host takes.";
    LimitHandles = "limit.handles", "The script has more handles (output streams and the like) at once than it may. It never closes them.";
    LimitLog = "limit.log", "The script wrote more log, standard output and standard error for one event than is kept, or more within a minute than the host's own log takes of one script. The rest is left out; its answer counts all the same.";
    LimitCompile = "limit.compile", "The component takes longer to compile than a script may, so that one which is made to be slow keeps no other from loading. Interpreters take some seconds; a rule takes less than one.";
    LimitHostCalls = "limit.host-calls", "The script handed the host more data in one event than it may, or in one call: random bytes, or a path in its settings.";
    LimitTimers = "limit.timers", "The script has as many timers as it may have, in the chat or in all chats together. It can cancel some, or use one of the same tag again.";
    LimitFetches = "limit.fetches", "So many fetches of the script wait or are under way that no more are taken. It is told when one is over.";
    LimitKvKey = "limit.kv-key", "A key of a script's state is longer than 512 bytes, or empty.";
    LimitKvValue = "limit.kv-value", "A value of a script's state is longer than 64 KiB.";
    LimitKvTotal = "limit.kv-total", "The script would hold more state than it may, in all its chats together. Raise `kv` (bytes) or `kv_keys` (keys) under `[script.NAME]` in mynah.toml, or remove some: `GET /api/v1/scripts/NAME/kv` lists it.";
    LimitQueue = "limit.queue", "So many events wait in this chat that no more are taken for now.";
    ScriptTrap = "script.trap", "The script ended with a fault: a panic, or an instruction that has no result. The text holds what it said.";
    ScriptExit = "script.exit", "The script called exit. Scripts return; only the host ends.";
    ScriptSleep = "script.sleep", "The script tried to sleep. Scripts never sleep: return a schedule action.";
    ScriptError = "script.error", "The script returned an error for this event. Nothing that it did for the event takes effect.";
    ScriptAnswer = "script.answer", "The script's answer is not what the contract says.";
    HostFailure = "host.failure", "The host could not do its part, for example because its storage failed; the text says what. It is not the script's fault.";
    HostDeferred = "host.deferred", "So many scripts take long at the moment that this call was ended; its event is handled again when there is room. Nothing of it took effect.";
    StoreStalled = "store.stalled", "Nothing can be recorded now: the disk is full, or another program keeps the database locked. Make room or end it; the host goes on by itself, and takes nothing new until then.";
    EventSetAside = "event.set-aside", "What was decided on the event could not be recorded, and never can be. It is set aside as handled, so that the chat goes on; the text says what the store said.";
    HostPaused = "host.paused", "An operator paused this: what is asked for is noted down and not done, whoever asks, and what waited in the outbox was called off. `/resume` in a chat, `mynah resume` or `POST /api/v1/resume` ends it.";
    ScriptBreaker = "script.breaker", "The script failed so often that it is left alone for a while. It is tried again by itself; a new release is tried at once.";
    ComponentInvalid = "component.invalid", "The file is not a WebAssembly component, or not all of one. `mynah build` makes components; a plain module (wasm32-wasip1, wasm32-unknown-unknown) is not one.";
    ContractMismatch = "contract.mismatch", "The component was built for another version of the script contract. Build it again with the SDK that fits this host.";
    ImportRefused = "import.refused", "The component imports something that scripts never have (files, sockets, HTTP). Use what stands in its place: kv, fetch, settings.";
    ImportNotGranted = "import.not-granted", "The component imports an interface that its grants do not allow. Add it to `imports` under `[script.NAME]` in mynah.toml.";
    ReleaseHeld = "release.held", "A new release of the script waits: it asks for more than the one before, or `update = \"hold\"` has every new one wait. The one before stays live. Look at `held` of `GET /api/v1/scripts/{name}`, then let it in with `POST /api/v1/scripts/{name}/accept`, or with `pin` under `[script.NAME]` in mynah.toml.";
    ReleasePinned = "release.pinned", "The file is not the release that `pin` under `[script.NAME]` in mynah.toml names. Write its own sha256 there if it is the one that you want, or take `pin` away.";
    ReleaseNone = "release.none", "No release of the script waits to be accepted, or another one does than was named. `held` of `GET /api/v1/scripts/{name}` says which.";
    ConfigRefused = "config.refused", "The newest mynah.toml cannot be used, so the grants before it stay in force. The text says what is wrong, with the line; `mynah check` says it too. It is read again when it is saved.";
    ImportUnknown = "import.unknown", "The component imports something that this host does not know.";
    ScriptUnknown = "script.unknown", "The host has no script of this name, and keeps no state of one; `GET /api/v1/scripts` lists them.";
    ScriptNameInvalid = "script.name", "The file's name cannot be a script's name: 1 to 64 lower case letters, digits or `-`, then `.wasm`; two names that differ in case only are one too many.";
    DescribeFailed = "describe.failed", "The component failed while it was asked what it is: in a start function, or in `describe`.";
    SettingsInvalid = "settings.invalid", "The settings of a script cannot be used; the text says which and why.";
    HttpHost = "http.host", "The request's Host is not a name of this host. Loopback names and IP addresses always are; add others to `hosts` at the top of mynah.toml.";
    HttpCrossSite = "http.cross-site", "A web page of another site made the request. Pages may call the Openqq and Openwx APIs only if their origin stands in `cors` under `[api]` in mynah.toml, and the administration never.";
    KeyMissing = "key.missing", "The host has keys, and the request carries none. Send the secret of a `[[key]]` as `Authorization: Bearer SECRET`, as `X-Auth-Token`, or as the parameter `key`.";
    KeyWrong = "key.wrong", "No `[[key]]` in mynah.toml has the secret that the request carries.";
    KeyScope = "key.scope", "The key is not for this part of the API. Add the part to `scopes` of its `[[key]]` in mynah.toml, or use another key.";
    KeyAccount = "key.account", "The key is for certain accounts, and what was asked for concerns the whole host. Use a key without `accounts`.";
    HttpBody = "http.body", "The request's body is too large, too slow, or not of the kind that its Content-Type says.";
    HttpParameter = "http.parameter", "A parameter or a field of the request is missing, unknown or not of the right form; the text names it.";
    HttpPath = "http.path", "There is nothing at this path for this method; `/api/v1/openapi.json` lists what there is.";
    WebhookRefused = "webhook.refused", "The endpoint of `post_api` answered a report with a status that says no (3xx or 4xx): redirects are not followed, and what was refused is not repeated. `GET /api/v1/dead-letters` lists such reports; `POST /api/v1/dead-letters/{id}/retry` sends one again.";
    WebhookUnreachable = "webhook.unreachable", "The endpoint of `post_api` could not be reached, or failed, until the host gave the report up. `GET /api/v1/dead-letters` lists such reports; `POST /api/v1/dead-letters/{id}/retry` sends one again.";
    HttpUnavailable = "http.unavailable", "The host could not do this now; its log says why.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Something that the host did not do: the code, one sentence, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}: {text}")]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// One sentence that names what was wrong.
    pub text: String,
    /// What to type or write, if that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without a hint of its own: the code's explanation says what to do.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), hint: None }
    }

    /// Adds what to type or write.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_its_own_and_explains_itself() {
        let texts: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| code.explanation().ends_with(['.'])));
    }
}
