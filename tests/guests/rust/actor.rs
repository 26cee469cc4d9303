//! Asks for each action of the contract, by its name.

use mynah_sdk::prelude::*;
use mynah_sdk::types::Other;

mynah_sdk::rule!(
    Rule::new("actor", "Does what it is told to.")
        .command(Command::new("do").usage("<action> <argument>"), act)
        .on_friend_request(|_, request| answer(request, true).because("told to").tell_result())
        .on_timer(|_, timer| reply(format!("timer {}", timer.tag)))
        .on_fetched(|_, fetched| reply(format!("fetched {}", fetched.code().unwrap_or("an answer"))))
);

fn act(call: &CommandCall) -> Result<Action> {
    let action: String = call.arg(0)?;
    let argument: String = call.optional_arg(1)?.unwrap_or_default();
    let action: Action = match action.as_str() {
        "reply" => reply("replied").into(),
        "send" => send(Target::group("1"), "sent").into(),
        "send-media" => send_media(Media {
            id: None,
            url: Some("https://example.org/a.png".into()),
            path: None,
            name: Some("a.png".into()),
            mime: Some("image/png".into()),
            size: None,
            attrs: Vec::new(),
        })
        .into(),
        "shutup" => shutup(argument, minutes(10)).into(),
        "unshutup" => unshutup(argument).into(),
        "shutup-all" => shutup_all(true).into(),
        "kick" => kick(argument).into(),
        "recall" if argument.is_empty() => recall(call.message.id.as_str()).into(),
        "recall" => recall(argument).into(),
        "set-card" => set_card(argument, "a card").into(),
        "set-group-name" => set_group_name("another name").into(),
        "invite" => invite(argument).into(),
        "schedule" => schedule("soon", seconds(1)).into(),
        "cancel" => cancel("soon"),
        "fetch" => fetch("page", argument).into(),
        "stop" => stop(),
        _ => ActionBody::Other(Other { kind: "dance".into(), json: "{}".into() }).into(),
    };
    Ok(action.because("told to").tell_result())
}
