//! What is to be done: from the host's acts to the protocol's calls.

use mynah_model::action::{Act, ActionBody, Target};
use mynah_model::address::ChatKind;
use serde_json::{Value, json};

use super::KIND;
use super::limits;
use super::request_id::RequestId;
use super::speech::{self, Files};
use crate::network::NetworkError;

/// One call of the protocol.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    /// The action: `send_group_msg`.
    pub(super) action: &'static str,
    /// Its parameters.
    pub(super) params: Value,
}

impl Call {
    pub(super) fn new(action: &'static str, params: Value) -> Self {
        Self { action, params }
    }

    /// Whether it only asks, so that it makes no difference whether it was done.
    pub(super) fn only_asks(&self) -> bool {
        self.action.starts_with("get_")
    }
}

/// How many calls an act takes.
pub(super) fn calls_of(act: &Act) -> usize {
    match &act.body {
        ActionBody::Shutup { members, .. }
        | ActionBody::Unshutup { members }
        | ActionBody::Kick { members, .. } => members.len(),
        _ => 1,
    }
}

/// The calls that an act takes: one, or one for each member. `files` has those of the media folder that it sends.
pub(super) fn calls(act: &Act, files: &Files) -> Result<Vec<Call>, NetworkError> {
    let refused = NetworkError::Refused;
    if let ActionBody::AnswerRequest { request_id, from, approve, text } = &act.body {
        let answer = answer(request_id, from.as_deref(), *approve, text.as_deref());
        return answer.map(|call| vec![call]).map_err(refused);
    }
    let unsupported = || NetworkError::Unsupported { network: KIND, action: act.body.name().to_owned() };
    let Some(target) = &act.target else {
        if matches!(act.body, ActionBody::CreateGroup { .. } | ActionBody::Other { .. }) {
            return Err(unsupported());
        }
        return Err(refused(format!("`{}` needs a chat", act.body.name())));
    };
    let of_group = || match target.kind {
        ChatKind::Group => number("the group's id", &target.id).map_err(refused),
        _ => Err(refused(format!("`{}` works in groups only", act.body.name()))),
    };
    match &act.body {
        ActionBody::Send { segments } => {
            let message = speech::write(segments, target.kind != ChatKind::Group, files).map_err(refused)?;
            send(target, message).map(|call| vec![call])
        }
        ActionBody::SendMedia { media } => {
            let message = speech::write_media(media, files).map_err(refused)?;
            send(target, message).map(|call| vec![call])
        }
        ActionBody::Shutup { members, seconds } => {
            // Some implementations unmute where the duration is left out.
            mutes(of_group()?, members, (*seconds).min(limits::MUTE_SECONDS_MAX)).map_err(refused)
        }
        ActionBody::Unshutup { members } => mutes(of_group()?, members, 0).map_err(refused),
        ActionBody::ShutupAll { on } => {
            let params = json!({ "group_id": of_group()?, "enable": on });
            Ok(vec![Call::new("set_group_whole_ban", params)])
        }
        ActionBody::Kick { members, reject_again } => {
            let group = of_group()?;
            let kick = |member: &String| {
                let user = number("a member's id", member)?;
                let params =
                    json!({ "group_id": group, "user_id": user, "reject_add_request": reject_again });
                Ok(Call::new("set_group_kick", params))
            };
            members.iter().map(kick).collect::<Result<_, String>>().map_err(refused)
        }
        ActionBody::Recall { message_id } => {
            let id: i64 = message_id
                .parse()
                .map_err(|_| refused(format!("no message has the id `{}`", excerpt(message_id))))?;
            Ok(vec![Call::new("delete_msg", json!({ "message_id": id }))])
        }
        ActionBody::SetCard { member, card } => {
            let user = number("the member's id", member).map_err(refused)?;
            let params = json!({ "group_id": of_group()?, "user_id": user, "card": card });
            Ok(vec![Call::new("set_group_card", params)])
        }
        ActionBody::SetGroupName { name } => {
            let params = json!({ "group_id": of_group()?, "group_name": name });
            Ok(vec![Call::new("set_group_name", params)])
        }
        _ => Err(unsupported()),
    }
}

fn send(target: &Target, message: Vec<Value>) -> Result<Call, NetworkError> {
    // Lists have nothing to escape; some implementations want to be told all the same.
    let id = number("the chat's id", &target.id).map_err(NetworkError::Refused)?;
    match target.kind {
        ChatKind::Group => Ok(Call::new(
            "send_group_msg",
            json!({ "group_id": id, "message": message, "auto_escape": false }),
        )),
        ChatKind::Friend | ChatKind::Other => Ok(Call::new(
            "send_private_msg",
            json!({ "user_id": id, "message": message, "auto_escape": false }),
        )),
        ChatKind::Temporary => {
            let group = target.via.as_deref().and_then(|via| via.strip_prefix("group/"));
            let group = group.ok_or_else(|| {
                NetworkError::Refused("a temporary chat needs the group it comes from: `group/ID`".to_owned())
            })?;
            let group = number("the group's id", group).map_err(NetworkError::Refused)?;
            let params =
                json!({ "user_id": id, "group_id": group, "message": message, "auto_escape": false });
            Ok(Call::new("send_private_msg", params))
        }
        ChatKind::Discuss => {
            Err(NetworkError::Unsupported { network: KIND, action: "send to a discuss".to_owned() })
        }
    }
}

fn mutes(group: i64, members: &[String], seconds: u32) -> Result<Vec<Call>, String> {
    let mute = |member: &String| {
        let user = number("a member's id", member)?;
        let params = json!({ "group_id": group, "user_id": user, "duration": seconds });
        Ok(Call::new("set_group_ban", params))
    };
    members.iter().map(mute).collect()
}

fn answer(request_id: &str, from: Option<&str>, approve: bool, text: Option<&str>) -> Result<Call, String> {
    let Some((kind, user, flag)) = RequestId::parse(request_id) else {
        return Err(format!("`{}` is no request of this network", excerpt(request_id)));
    };
    if let Some(from) = from.filter(|from| *from != user) {
        return Err(format!("request `{}` is not of `{}`", excerpt(request_id), excerpt(from)));
    }
    let text = text.unwrap_or_default();
    Ok(match kind {
        RequestId::Friend => {
            let mut params = json!({ "flag": flag, "approve": approve });
            // An empty one would take the friend's name away on some implementations.
            if let Some(params) = params.as_object_mut().filter(|_| !text.is_empty()) {
                params.insert("remark".to_owned(), json!(text));
            }
            Call::new("set_friend_add_request", params)
        }
        RequestId::Join | RequestId::Invite => {
            let word = if kind == RequestId::Join { "add" } else { "invite" };
            // `type` is what go-cqhttp called `sub_type` at first.
            let params = json!({
                "flag": flag, "sub_type": word, "type": word, "approve": approve, "reason": text,
            });
            Call::new("set_group_add_request", params)
        }
    })
}

/// An id as the number that the protocol wants: some implementations take no text. One number has one name: `007` would be
/// another chat than `7` to budgets and pauses.
pub(super) fn number(what: &str, id: &str) -> Result<i64, String> {
    let number = id.parse::<i64>().ok().filter(|number| *number > 0 && number.to_string() == id);
    number.ok_or_else(|| format!("{what} is a QQ number, not `{}`", excerpt(id)))
}

fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use mynah_model::action::Actor;
    use mynah_model::message::Segment;
    use mynah_model::names::ActNumber;

    use super::*;

    fn act(kind: ChatKind, id: &str, via: Option<&str>, body: ActionBody) -> Act {
        Act {
            number: ActNumber(1),
            account: "qq".parse().unwrap(),
            target: Some(Target { account: None, kind, id: id.into(), via: via.map(str::to_owned) }),
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
        }
    }

    fn calls_of(act: &Act) -> Result<Vec<Call>, NetworkError> {
        calls(act, &Files::default())
    }

    fn in_group(body: ActionBody) -> Vec<(&'static str, Value)> {
        let calls = calls_of(&act(ChatKind::Group, "100", None, body)).unwrap();
        calls.into_iter().map(|call| (call.action, call.params)).collect()
    }

    fn hi() -> ActionBody {
        ActionBody::Send { segments: vec![Segment::text("hi")] }
    }

    #[test]
    fn ids_go_out_as_numbers() {
        let message = json!([{ "type": "text", "data": { "text": "hi" } }]);
        assert_eq!(
            in_group(hi()),
            [("send_group_msg", json!({ "group_id": 100, "message": message, "auto_escape": false }))]
        );
        for (kind, via, params) in [
            (ChatKind::Friend, None, json!({ "user_id": 7, "message": message, "auto_escape": false })),
            (ChatKind::Other, None, json!({ "user_id": 7, "message": message, "auto_escape": false })),
            (
                ChatKind::Temporary,
                Some("group/100"),
                json!({ "user_id": 7, "group_id": 100, "message": message, "auto_escape": false }),
            ),
        ] {
            let calls = calls_of(&act(kind, "7", via, hi())).unwrap();
            assert_eq!(calls, [Call::new("send_private_msg", params)]);
        }
        let recall = ActionBody::Recall { message_id: "-13".into() };
        assert_eq!(in_group(recall), [("delete_msg", json!({ "message_id": -13 }))]);
    }

    #[test]
    fn a_mute_always_says_for_how_long_and_is_one_call_for_each_member() {
        let members = vec!["7".to_owned(), "8".to_owned()];
        let ban = |user: i64, duration: u32| {
            ("set_group_ban", json!({ "group_id": 100, "user_id": user, "duration": duration }))
        };
        let shutup = |seconds| in_group(ActionBody::Shutup { members: members.clone(), seconds });
        assert_eq!(shutup(60), [ban(7, 60), ban(8, 60)]);
        assert_eq!(shutup(2_592_000)[0], ban(7, 2_591_999));
        assert_eq!(in_group(ActionBody::Unshutup { members: members.clone() }), [ban(7, 0), ban(8, 0)]);
        let kick = in_group(ActionBody::Kick { members, reject_again: true });
        let params = json!({ "group_id": 100, "user_id": 8, "reject_add_request": true });
        assert_eq!(kick[1], ("set_group_kick", params));
    }

    #[test]
    fn requests_are_answered_by_the_action_that_fits() {
        let answer = |id: &str, approve| ActionBody::AnswerRequest {
            request_id: id.into(),
            from: None,
            approve,
            text: None,
        };
        let friend = in_group(answer("friend:7:f:1", true));
        assert_eq!(friend[0].0, "set_friend_add_request");
        assert_eq!(friend[0].1["flag"], "f:1");
        let invite = in_group(answer("invite:7:9", false));
        assert_eq!(invite[0].0, "set_group_add_request");
        assert_eq!((&invite[0].1["sub_type"], &invite[0].1["approve"]), (&json!("invite"), &json!(false)));
        assert!(calls_of(&act(ChatKind::Group, "100", None, answer("9", true))).is_err());
        let whose = |from: &str| ActionBody::AnswerRequest {
            request_id: "add:7:9".into(),
            from: Some(from.into()),
            approve: true,
            text: None,
        };
        assert!(calls_of(&act(ChatKind::Group, "100", None, whose("7"))).is_ok());
        assert!(calls_of(&act(ChatKind::Group, "100", None, whose("8"))).is_err());
    }

    #[test]
    fn what_the_protocol_cannot_do_is_said() {
        let invite =
            calls_of(&act(ChatKind::Group, "100", None, ActionBody::Invite { friends: vec!["7".into()] }));
        assert!(matches!(invite, Err(NetworkError::Unsupported { network: "onebot", .. })), "{invite:?}");
        let mut group =
            act(ChatKind::Group, "100", None, ActionBody::CreateGroup { friends: Vec::new(), name: None });
        group.target = None;
        assert!(matches!(calls_of(&group), Err(NetworkError::Unsupported { .. })));
        let discuss = calls_of(&act(ChatKind::Discuss, "100", None, hi()));
        assert!(matches!(discuss, Err(NetworkError::Unsupported { .. })), "{discuss:?}");
        for (kind, id) in [(ChatKind::Group, "abc"), (ChatKind::Friend, "-7"), (ChatKind::Temporary, "7")] {
            assert!(matches!(calls_of(&act(kind, id, None, hi())), Err(NetworkError::Refused(_))), "{id}");
        }
    }
}
