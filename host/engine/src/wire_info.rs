//! What a script says of itself, checked once when it is admitted.

use mynah_model::event::EventKind;
use mynah_model::roster::Role;
use mynah_model::script::{Ask, Command, Filter, ScriptInfo};

use crate::bindings::mynah::script::types as wire;
use crate::fault::cut;
use crate::limits::{INFO_ITEMS, INFO_SCHEMA, INFO_TEXT};
use crate::wire_answer::{attrs, chat_kind};

/// The answer of `describe`. The error says what is wrong with it.
pub(crate) fn script_info(info: wire::ScriptInfo) -> Result<ScriptInfo, String> {
    check_sizes(&info)?;
    if let Some(schema) = &info.settings_schema {
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(schema)
            .map_err(|error| format!("its settings-schema is not a JSON object: {error}"))?;
    }
    let commands: Vec<Command> = info.commands.into_iter().map(command).collect();
    for word in commands.iter().flat_map(words) {
        if word.is_empty() || word.contains(|c: char| c.is_whitespace() || c == '/' || c == '／') {
            let word = cut(word.to_owned(), 80);
            return Err(format!("its command `{word}` is not one word without `/`"));
        }
    }
    let wants: Vec<Filter> = info.wants.into_iter().map(filter).collect();
    for word in wants.iter().flat_map(|filter| &filter.commands) {
        if !commands.iter().flat_map(words).any(|known| known == word) {
            let word = cut(word.clone(), 80);
            return Err(format!("it wants the command `{word}`, which is not among its commands"));
        }
    }
    Ok(ScriptInfo {
        name: info.name,
        version: info.version,
        summary: info.summary,
        settings_schema: info.settings_schema,
        commands,
        wants,
        asks: info.asks.into_iter().map(|ask| Ask { name: ask.name, reason: ask.reason }).collect(),
        attrs: attrs(info.attrs),
    })
}

/// People read these texts, and the host keeps them for as long as it runs.
fn check_sizes(info: &wire::ScriptInfo) -> Result<(), String> {
    let lists = [
        ("commands", info.commands.len()),
        ("wants", info.wants.len()),
        ("asks", info.asks.len()),
        ("attrs", info.attrs.len()),
        ("aliases of a command", info.commands.iter().map(|it| it.aliases.len()).max().unwrap_or_default()),
        ("commands that it wants", info.wants.iter().map(|it| it.commands.len()).max().unwrap_or_default()),
        ("events of a filter", info.wants.iter().map(|it| it.events.len()).max().unwrap_or_default()),
        ("chats of a filter", info.wants.iter().map(|it| it.chats.len()).max().unwrap_or_default()),
        ("pattern-sets", info.wants.iter().map(|it| it.pattern_sets.len()).max().unwrap_or_default()),
    ];
    if let Some((name, len)) = lists.into_iter().find(|(_, len)| *len > INFO_ITEMS) {
        return Err(format!("its {name} are {len}; there may be {INFO_ITEMS}"));
    }
    if let Some(schema) = info.settings_schema.as_ref().filter(|schema| schema.len() > INFO_SCHEMA) {
        return Err(format!("its settings-schema has {} bytes; it may have {INFO_SCHEMA}", schema.len()));
    }
    let commands = info.commands.iter().flat_map(|it| {
        [("command's name", &it.name), ("command's usage", &it.usage), ("command's help", &it.help)]
            .into_iter()
            .chain(it.aliases.iter().map(|alias| ("command's alias", alias)))
    });
    let asks = info.asks.iter().flat_map(|it| [("ask's name", &it.name), ("ask's reason", &it.reason)]);
    let attrs = info.attrs.iter().flat_map(|it| [("attr's name", &it.name), ("attr's value", &it.value)]);
    let own = [("name", &info.name), ("version", &info.version), ("summary", &info.summary)];
    let mut texts = own.into_iter().chain(commands).chain(asks).chain(attrs);
    match texts.find(|(_, text)| text.len() > INFO_TEXT) {
        Some((name, text)) => Err(format!("its {name} has {} bytes; it may have {INFO_TEXT}", text.len())),
        None => Ok(()),
    }
}

fn words(command: &Command) -> impl Iterator<Item = &String> {
    std::iter::once(&command.name).chain(&command.aliases)
}

fn command(command: wire::Command) -> Command {
    Command {
        name: command.name,
        aliases: command.aliases,
        usage: command.usage,
        help: command.help,
        role: match command.role {
            wire::Role::Member => Role::Member,
            wire::Role::Admin => Role::Admin,
            wire::Role::Owner => Role::Owner,
        },
    }
}

fn filter(filter: wire::Filter) -> Filter {
    Filter {
        events: filter.events.into_iter().map(event_kind).collect(),
        chats: filter.chats.into_iter().map(chat_kind).collect(),
        commands: filter.commands,
        pattern_sets: filter.pattern_sets,
        attrs: attrs(filter.attrs),
    }
}

fn event_kind(kind: wire::EventKind) -> EventKind {
    match kind {
        wire::EventKind::MessageReceived => EventKind::MessageReceived,
        wire::EventKind::MessageSent => EventKind::MessageSent,
        wire::EventKind::GroupNotice => EventKind::GroupNotice,
        wire::EventKind::FriendJoined => EventKind::FriendJoined,
        wire::EventKind::FriendLost => EventKind::FriendLost,
        wire::EventKind::GroupJoined => EventKind::GroupJoined,
        wire::EventKind::GroupLost => EventKind::GroupLost,
        wire::EventKind::DiscussJoined => EventKind::DiscussJoined,
        wire::EventKind::DiscussLost => EventKind::DiscussLost,
        wire::EventKind::MemberJoined => EventKind::MemberJoined,
        wire::EventKind::MemberLost => EventKind::MemberLost,
        wire::EventKind::PropertyChanged => EventKind::PropertyChanged,
        wire::EventKind::Muted => EventKind::Muted,
        wire::EventKind::Unmuted => EventKind::Unmuted,
        wire::EventKind::Recalled => EventKind::Recalled,
        wire::EventKind::FriendRequest => EventKind::FriendRequest,
        wire::EventKind::GroupRequest => EventKind::GroupRequest,
        wire::EventKind::GroupInvite => EventKind::GroupInvite,
        wire::EventKind::AccountState => EventKind::AccountState,
        wire::EventKind::Login => EventKind::Login,
        wire::EventKind::Stopped => EventKind::Stopped,
        wire::EventKind::QrCode => EventKind::QrCode,
        wire::EventKind::TimerFired => EventKind::TimerFired,
        wire::EventKind::FetchFinished => EventKind::FetchFinished,
        wire::EventKind::ActionResult => EventKind::ActionResult,
        wire::EventKind::Other => EventKind::Other,
    }
}
