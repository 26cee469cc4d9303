//! What takes back what was granted, until it is with the network: a pause, and what the operator wrote anew.

use std::sync::Arc;

use mynah_model::action::Act;
use mynah_model::refusal::Refusal;

use crate::grants::Grants;
use crate::pause::Pauses;
use crate::script_setup::SharedSetups;

/// Everything by which acts that wait may be called off.
#[derive(Default)]
pub(crate) struct Revocations {
    pauses: Arc<Pauses>,
    setups: SharedSetups,
}

impl Revocations {
    pub(crate) fn new(pauses: Arc<Pauses>, setups: SharedSetups) -> Self {
        Self { pauses, setups }
    }

    /// Why an act that was granted is not done any more, if it is not. `embedded`: on the embedded network.
    pub(crate) fn refusal_of(&self, act: &Act, embedded: bool) -> Option<Refusal> {
        self.pauses.refusal_of(act).or_else(|| {
            let setups = self.setups.load();
            match setups.get(act.by.script()?) {
                Some(setup) => setup.grants.taken_away(act, embedded),
                // What those have that nothing is said of depends on their release; on the embedded network it does no harm.
                None if embedded => None,
                None => Grants::unlisted().taken_away(act, embedded),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::action::{ActionBody, Actor, Target};
    use mynah_model::address::{Address, ChatKind};
    use mynah_model::message::Segment;
    use mynah_model::names::{ActNumber, ReleaseId, ScriptName};
    use mynah_model::refusal::Code;

    use super::*;
    use crate::grants::Mode;
    use crate::script_setup::ScriptSetup;

    fn act(id: &str, body: ActionBody) -> Act {
        Act {
            number: ActNumber(1),
            account: "qq".parse().unwrap(),
            target: Some(Target { account: None, kind: ChatKind::Group, id: id.into(), via: None }),
            body,
            by: Actor::Script { name: "guard".parse().unwrap(), release: ReleaseId([0; 32]) },
            cause: None,
            origin: Some(Address::chat("qq".parse().unwrap(), ChatKind::Group, "1")),
            depth: 1,
            reason: None,
            before: None,
            tag: None,
            tell_result: false,
            decided_at: 0,
            expires_at: i64::MAX,
        }
    }

    /// What is said of an act after the operator wrote this.
    fn said(act: &Act, embedded: bool, write: impl FnOnce(&mut Grants)) -> Option<Code> {
        let mut setup = ScriptSetup::default();
        setup.grants.listed = true;
        write(&mut setup.grants);
        let revocations = Revocations::default();
        let guard: ScriptName = "guard".parse().unwrap();
        revocations.setups.store(Arc::new([(guard, setup)].into()));
        revocations.refusal_of(act, embedded).map(|refusal| refusal.code)
    }

    #[test]
    fn what_waits_is_held_against_what_the_operator_says_now() {
        let says = || ActionBody::Send { segments: vec![Segment::text("hi")] };
        let kick = || ActionBody::Kick { members: vec!["7".into()], reject_again: false };
        let missing = Some(Code::GrantMissing);
        assert_eq!(said(&act("1", says()), false, |_| {}), None, "a reply is a send by then");
        assert_eq!(said(&act("1", kick()), false, |_| {}), missing);
        assert_eq!(said(&act("1", kick()), false, |grants| _ = grants.allow.insert("kick".into())), None);
        assert_eq!(said(&act("1", says()), false, |grants| grants.allow.clear()), missing);
        assert_eq!(said(&act("1", says()), false, |grants| grants.mode = Mode::DryRun), missing);
        assert_eq!(said(&act("1", says()), true, |grants| grants.mode = Mode::Off), missing);
        assert_eq!(said(&act("1", says()), false, |grants| grants.listed = false), missing);
        assert_eq!(said(&act("1", says()), true, |grants| grants.listed = false), None);
        let unlisted = Revocations::default();
        assert_eq!(
            unlisted.refusal_of(&act("1", kick()), true),
            None,
            "a shipped rule may do what it asks for"
        );
        assert_eq!(unlisted.refusal_of(&act("1", says()), false).map(|refusal| refusal.code), missing);
        let chats = |text: &str| {
            let chats = vec![text.parse().unwrap()];
            move |grants: &mut Grants| {
                grants.chats = chats;
                grants.allow.insert("send".into());
            }
        };
        assert_eq!(said(&act("2", says()), false, chats("qq/group/2")), None);
        assert_eq!(said(&act("2", says()), false, chats("qq/group/1")), Some(Code::GrantChat));
        assert_eq!(said(&act("1", says()), false, chats("qq/group/2")), Some(Code::GrantChat));
    }
}
