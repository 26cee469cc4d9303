//! How an act is taken back, where that can be done.

use mynah_model::action::{ActionBody, Outcome};
use mynah_store::{OutboxRow, OutboxState};

/// The action that takes an act back, or why there is none.
pub(super) fn undo(row: &OutboxRow) -> Result<ActionBody, String> {
    match row.state {
        OutboxState::Ended(Outcome::Done | Outcome::Unknown) => {}
        OutboxState::Ended(_) => return Err(format!("it was not done: {}", row.state)),
        OutboxState::Decided | OutboxState::Sending => {
            return Err("it waits for delivery: `/pause` calls off what waits".to_owned());
        }
    }
    match &row.act.body {
        ActionBody::Shutup { members, .. } => Ok(ActionBody::Unshutup { members: members.clone() }),
        ActionBody::ShutupAll { on: true } => Ok(ActionBody::ShutupAll { on: false }),
        ActionBody::Stick { on } => Ok(ActionBody::Stick { on: !on }),
        // The card before it is not known; without one the member's own name shows.
        ActionBody::SetCard { member, card } if !card.is_empty() => {
            Ok(ActionBody::SetCard { member: member.clone(), card: String::new() })
        }
        ActionBody::Send { .. } | ActionBody::SendMedia { .. } => match &row.message_id {
            Some(id) => Ok(ActionBody::Recall { message_id: id.clone() }),
            None => Err("the network gave its message no id".to_owned()),
        },
        ActionBody::Kick { .. } => Err("a kick has no undo: invite them again".to_owned()),
        body => Err(format!("a {} has no undo", body.name())),
    }
}

#[cfg(test)]
mod tests {
    use mynah_model::action::{Act, Actor};
    use mynah_model::message::Segment;
    use mynah_model::names::ActNumber;

    use super::*;

    fn row(body: ActionBody, state: OutboxState) -> OutboxRow {
        let act = Act {
            number: ActNumber(1),
            account: "qq".parse().unwrap(),
            target: None,
            body,
            by: Actor::Api,
            cause: None,
            origin: None,
            depth: 1,
            reason: None,
            tag: None,
            tell_result: false,
            decided_at: 0,
            expires_at: 0,
        };
        OutboxRow {
            act,
            state,
            ended_at: None,
            code: None,
            text: None,
            message_id: Some("m1".into()),
            done_order: None,
        }
    }

    #[test]
    fn what_can_be_taken_back_is_and_what_cannot_says_so() {
        let done = |body| undo(&row(body, OutboxState::Ended(Outcome::Done)));
        let members = vec!["1".to_owned()];
        assert_eq!(
            done(ActionBody::Shutup { members: members.clone(), seconds: 60 }),
            Ok(ActionBody::Unshutup { members: members.clone() })
        );
        assert_eq!(done(ActionBody::ShutupAll { on: true }), Ok(ActionBody::ShutupAll { on: false }));
        let send = ActionBody::Send { segments: vec![Segment::text("x")] };
        assert_eq!(done(send.clone()), Ok(ActionBody::Recall { message_id: "m1".into() }));
        assert!(done(ActionBody::Kick { members, reject_again: false }).unwrap_err().contains("no undo"));
        assert_eq!(done(ActionBody::Recall { message_id: "x".into() }).unwrap_err(), "a recall has no undo");
        for (state, expected) in [
            (OutboxState::Decided, "it waits for delivery: `/pause` calls off what waits"),
            (OutboxState::Ended(Outcome::Failed), "it was not done: failed"),
        ] {
            assert_eq!(undo(&row(send.clone(), state)).unwrap_err(), expected);
        }
    }
}
