//! Operators in chat: people whom an account's `operators` name may use commands of the host in a chat.
//!
//! Who they are is told by the network's id, never by a name. To everybody else the same words are ordinary text, and the host
//! says nothing. A message that is an operator's command is seen by no script; a script's command of the same name is for
//! everybody else.

use mynah_model::address::ChatKind;
use mynah_model::event::{Event, EventBody};
use mynah_model::message::Invocation;

use crate::account::Account;

mod obey;
mod undo;

/// A command of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// Without `/`.
    pub name: &'static str,
    /// What follows the name.
    pub usage: &'static str,
    /// One sentence.
    pub help: &'static str,
}

/// The commands that operators may use.
pub const COMMANDS: [Command; 5] = [
    Command {
        name: "scripts",
        usage: "",
        help: "which scripts there are, how they are doing, and what is paused",
    },
    Command {
        name: "why",
        usage: "[SEQ]",
        help: "who was called for an event, what came of it and why not; without a number for the last one of this chat",
    },
    Command {
        name: "undo",
        usage: "ACT",
        help: "take an act back: a mute, a message, a card or name, a chat on top of the list",
    },
    Command {
        name: "pause",
        usage: "[SCRIPT | here | CHAT]",
        help: "from now on nothing is done, by that script, in that chat, or at all; what waits is called off",
    },
    Command {
        name: "resume",
        usage: "[SCRIPT | here | CHAT]",
        help: "end that, or every pause of this account",
    },
];

/// What an operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order<'a> {
    /// The command's name.
    command: &'static str,
    /// What follows it.
    rest: &'a str,
    /// Who it is, by the network's id.
    operator: &'a str,
}

/// The command that an event is, if an operator of its account gives one.
pub(crate) fn order<'a>(account: &Account, event: &'a Event) -> Option<Order<'a>> {
    let operators = account.operators();
    if operators.is_empty() {
        return None;
    }
    let EventBody::MessageReceived(message) = &event.body else { return None };
    let chat = event.chat.as_ref().filter(|chat| chat.kind != ChatKind::Other);
    if chat.is_none() || message.sender.id.is_empty() || !operators.contains(&message.sender.id) {
        return None;
    }
    let call = Invocation::parse(&message.text)?;
    let command = COMMANDS.iter().find(|command| command.name.eq_ignore_ascii_case(call.name))?;
    Some(Order { command: command.name, rest: call.rest, operator: &message.sender.id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_says_what_the_commands_are() {
        let page = include_str!("../../../docs/operators.md");
        for Command { name, usage, help } in COMMANDS {
            let typed = format!("/{name} {}", usage.replace('|', "\\|"));
            let row = format!("| `{}` | {help} |", typed.trim_end());
            assert!(page.contains(&row), "{row}");
        }
    }
}
