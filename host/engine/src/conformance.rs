//! What a guest in any language must do to show that its bindings carry the whole contract: every case of
//! every variant in, every action out. `cargo run -p mynah-engine --example conformance -- FILE.wasm` runs it.
//!
//! # The guest
//!
//! A conformance guest imports nothing of the contract's interfaces but `types` (what its language's
//! standard library imports of wasi is its own affair) and does three things:
//!
//! ## 1. `describe`
//! It returns exactly this `script-info`:
//! - `name` `conformance`, `version` `0.1.0`, `summary` `echoes every event`, `settings-schema`
//!   `{"type":"object"}`
//! - `commands`: one: `name` `actions`, `aliases` `["动作"]`, `usage` `[count]`, `help` `returns every action`,
//!   `role` `admin`
//! - `wants`: two filters. The first lists all 26 kinds in `events`, in the order of the contract; its other
//!   lists are empty. The second has no `events`; `chats` are all 5 kinds in the order of the contract,
//!   `commands` `["actions"]`, `pattern-sets` `["words"]`, `attrs` `[{name: "note", value: "1"}]`
//! - `asks`: one: `name` `kick`, `reason` `to show that asks arrive`
//! - `attrs`: one: `name` `contract`, `value` `"0.1"` (a JSON text: with its quotation marks)
//!
//! ## 2. `handle` of any event but the one of point 3
//! It returns `ok` with one action: `body` is a `reply` with `quote` false and one `text` segment; `tag` and
//! `reason` are `none`, `tell-result` is false, `attrs` is empty. The text is, with one space between:
//!
//! ```text
//! KIND SEQ ACCOUNT CHAT EVENT
//! ```
//!
//! - `KIND`: the name of the case of `body`, as the contract spells it, for example `message-received`
//! - `SEQ`: the event's number in decimal. It is above 2^32 and below 2^53
//! - `ACCOUNT`: the event's account
//! - `CHAT`: `KIND/ID` of the event's chat, for example `group/552603`; `-` if it has none
//! - `EVENT`: the whole event, flattened as follows
//!
//! | value | flattened |
//! |---|---|
//! | text | as it stands: no quotation marks, nothing escaped, an empty text is nothing |
//! | integer | decimal |
//! | boolean | `true` or `false` |
//! | enum | the name of the case as the contract spells it (`group-member`) |
//! | option | `-` if it is `none`, else its value |
//! | list | `[a b c]`, `[]` if it is empty; so is `list<u8>`: `[0 10 255]` |
//! | record | `(a b c)`: the values of all fields in the order of the contract |
//! | variant | `case`, or `case:VALUE` if the case has a value |
//! | result | as a variant with the cases `ok` and `err` |
//!
//! What each event must give stands, one per line, in `host/engine/conformance/events.txt`.
//!
//! ## 3. `handle` of a `message-received` whose command is `actions`
//! It returns `ok` with these 20 actions. The action numbered N (from 1) has `tag` `tag-N`, `reason`
//! `reason N`, `tell-result` true if N is even, `attrs` empty. A field that is not listed is `none`, false or
//! empty. `HERE` is the target {account `none`, kind `group`, id `552603`, via `none`}, `THERE` is the target
//! {account `wx`, kind `temporary`, id `20005`, via `group/552603`}, `PICTURE` is the media {id `m1`, url
//! `https://example.org/a.png`, path `a.png`, name `a.png`, mime `image/png`, size 9007199254740991, attrs
//! `[{name: "width", value: "640"}]`}.
//!
//! 1. `reply`: quote true; segments text `你好 👋`, mention {id `20001`, name `灰灰`}, mention-all, image
//!    `PICTURE`, face {id `14`, name `微笑`}, voice {path `v.silk`}, video {url `https://example.org/v.mp4`},
//!    file {id `f1`, size 0}, reply-to `m-0`, app-card `{"app":1}`, other {kind `poke`, json `{}`}
//! 2. `send`: to `THERE`; segments text `hi`
//! 3. `send-media`: media `PICTURE`
//! 4. `shutup`: in `HERE`; members `20001` `20002`; seconds 600
//! 5. `unshutup`: members `20001`
//! 6. `shutup-all`: on true
//! 7. `kick`: members `20001`; reject-again true
//! 8. `recall`: message-id `m-1`
//! 9. `set-card`: member `20001`; card the empty text
//! 10. `set-group-name`: name `新群名`
//! 11. `invite`: in `HERE`; friends `20003`
//! 12. `answer-request`: request-id `r-1`; approve false; text `no`
//! 13. `schedule`: when cron {pattern `*/5 * * * *`, zone `Asia/Shanghai`}; tag `t1`; payload `p`
//! 14. `cancel`: `t1`
//! 15. `fetch`: tag `f1`; method `POST`; url `https://example.org/x`; headers {name `content-type`, value
//!     `text/plain`}; body the bytes 0 1 255
//! 16. `stop`
//! 17. `other`: kind `poke`; json `{"id":1}`
//! 18. `schedule`: when after-ms 90000; tag `t2`
//! 19. `schedule`: when at 1700000060000; tag `t3`
//! 20. `schedule`: when other {kind `lunar`, json `{}`}; tag `t4`

mod samples;

use std::sync::Arc;
use std::time::Duration;

use mynah_model::action::{Action, ActionBody};
use mynah_model::event::{Event, EventBody, EventKind};
use mynah_model::message::Segment;
use mynah_model::names::ScriptName;
use mynah_model::refusal::{Code, Refusal};
use mynah_model::roster::Roster;

use crate::services::{Deferred, HostServices, KvRefusal, KvScope, KvValue, ServiceError};
use crate::{
    CallContext, Engine, EngineConfig, ImportGrants, InstancePolicy, Limits, Script, SettingsLayers,
};

/// What each event must give, one line for each kind, in the order of [`EventKind::ALL`].
const EXPECTED: &str = include_str!("../conformance/events.txt");

/// One thing that the guest was asked, and whether it did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it was asked: `describe`, a kind of event, or `actions`.
    pub name: String,
    /// What it should have given.
    pub expected: String,
    /// What it gave.
    pub given: String,
}

impl Check {
    /// Whether the guest did what was asked.
    pub fn passed(&self) -> bool {
        self.expected == self.given
    }
}

/// Runs a conformance guest.
///
/// # Errors
/// If the component is not admitted. A guest that answers wrongly is not an error but checks that failed.
pub fn check(component: &[u8]) -> Result<Vec<Check>, Refusal> {
    let failed = |error: &dyn std::error::Error| Refusal::new(Code::HostFailure, error.to_string());
    let engine = Engine::new(EngineConfig::default()).map_err(|error| failed(&error))?;
    let name: ScriptName = "conformance".parse().map_err(|error| failed(&error))?;
    let limits = Limits::default();
    let release =
        engine.admit(&name, component, &ImportGrants { kv: false, ..ImportGrants::default() }, &limits)?;
    let mut checks = vec![Check {
        name: "describe".to_owned(),
        expected: format!("{:#?}", samples::info()),
        given: format!("{:#?}", release.info),
    }];
    // Warm: an interpreter would take seconds to start for every event.
    let policy = InstancePolicy::Warm { max_calls: u32::MAX };
    let settings = SettingsLayers::default();
    let script = Script::new(name, release, 0, policy, limits, Vec::new(), settings);
    for (event, expected) in samples::events().map_err(|error| failed(&error))?.iter().zip(EXPECTED.lines()) {
        let given = match call(&engine, &script, event) {
            Ok(actions) => text_of_reply(&actions).unwrap_or_else(|| format!("{actions:#?}")),
            Err(fault) => fault,
        };
        checks.push(Check { name: kind_name(event.body.kind()), expected: expected.to_owned(), given });
    }
    let mut command = samples::events().map_err(|error| failed(&error))?.swap_remove(0);
    if let EventBody::MessageReceived(message) = &mut command.body {
        message.segments = vec![Segment::text("/actions")];
        message.text = "/actions".to_owned();
    }
    let expected = samples::actions().map_err(|error| failed(&error))?;
    let given = call(&engine, &script, &command);
    let given = given.map_or_else(|fault| fault, |actions| format!("{actions:#?}"));
    checks.push(Check { name: "actions".to_owned(), expected: format!("{expected:#?}"), given });
    Ok(checks)
}

fn call(engine: &Engine, script: &Script, event: &Event) -> Result<Vec<Action>, String> {
    let context = CallContext { roster: Arc::new(Roster::default()), services: Box::new(NoState) };
    let report = engine.call(script, event, context);
    report.result.map_err(|fault| {
        let backtrace = fault.backtrace.as_ref().map(|trace| format!("\n{trace}")).unwrap_or_default();
        format!("{fault}{backtrace}")
    })
}

/// The text, if the answer is one plain reply with nothing else to it.
fn text_of_reply(actions: &[Action]) -> Option<String> {
    let [action] = actions else { return None };
    let ActionBody::Reply { segments, .. } = &action.body else { return None };
    let [Segment::Text { text }] = segments.as_slice() else { return None };
    let plain = ActionBody::Reply { segments: segments.clone(), quote: false };
    (*action == Action::new(plain)).then(|| text.clone())
}

fn kind_name(kind: EventKind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(name)) => name,
        _ => format!("{kind:?}"),
    }
}

/// A conformance guest has no grants, so nobody asks.
struct NoState;

impl HostServices for NoState {
    fn kv_get(&mut self, _: KvScope, _: &str) -> Result<Option<KvValue>, ServiceError> {
        Ok(None)
    }

    fn kv_put(&mut self, _: KvScope, _: &str, _: Option<KvValue>) -> Result<(), KvRefusal> {
        Ok(())
    }

    fn kv_list(
        &mut self,
        _: KvScope,
        _: &str,
        _: Option<&str>,
        _: u32,
    ) -> Result<Vec<(String, KvValue)>, ServiceError> {
        Ok(Vec::new())
    }

    fn give_way(&mut self, _: Duration) -> Result<(), Deferred> {
        Ok(())
    }
}
