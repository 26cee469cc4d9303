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
        ActionBody::SetCard { member, card } => {
            Ok(ActionBody::SetCard { member: member.clone(), card: before(row, "card", card)? })
        }
        ActionBody::SetGroupName { name } => {
            Ok(ActionBody::SetGroupName { name: before(row, "name", name)? })
        }
        ActionBody::SetMarkname { member, markname } => Ok(ActionBody::SetMarkname {
            member: member.clone(),
            markname: before(row, "mark name", markname)?,
        }),
        ActionBody::Send { .. } | ActionBody::SendMedia { .. } => match &row.message_id {
            Some(id) => Ok(ActionBody::Recall { message_id: id.clone() }),
            None => Err("the network gave its message no id".to_owned()),
        },
        ActionBody::Kick { .. } => Err("a kick has no undo: invite them again".to_owned()),
        body => Err(format!("a {} has no undo", body.name())),
    }
}

/// What was there before an act replaced it.
fn before(row: &OutboxRow, what: &str, now: &str) -> Result<String, String> {
    match &row.act.before {
        Some(before) if before == now => Err(format!("the {what} was the same before")),
        Some(before) => Ok(before.clone()),
        None => Err(format!("which {what} was there before is not known")),
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
            before: None,
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
        let replaced = |before: Option<&str>, body: ActionBody| {
            let mut row = row(body, OutboxState::Ended(Outcome::Done));
            row.act.before = before.map(str::to_owned);
            undo(&row)
        };
        let card = |card: &str| ActionBody::SetCard { member: "1".into(), card: card.into() };
        assert_eq!(replaced(Some("old"), card("new")), Ok(card("old")));
        assert_eq!(replaced(Some(""), card("new")), Ok(card("")));
        assert_eq!(replaced(Some("old"), card("")), Ok(card("old")));
        assert_eq!(replaced(Some("new"), card("new")).unwrap_err(), "the card was the same before");
        assert_eq!(replaced(None, card("new")).unwrap_err(), "which card was there before is not known");
        let name = |name: &str| ActionBody::SetGroupName { name: name.into() };
        assert_eq!(replaced(Some("old"), name("new")), Ok(name("old")));
        for (state, expected) in [
            (OutboxState::Decided, "it waits for delivery: `/pause` calls off what waits"),
            (OutboxState::Ended(Outcome::Failed), "it was not done: failed"),
        ] {
            assert_eq!(undo(&row(send.clone(), state)).unwrap_err(), expected);
        }
    }
}
