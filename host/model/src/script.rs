//! What a script says of itself: the answer of `describe`.

use serde::{Deserialize, Serialize};

use crate::Attrs;
use crate::address::ChatKind;
use crate::event::EventKind;
use crate::roster::Role;

/// A command that people can type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Without `/`.
    pub name: String,
    /// Other names of it.
    pub aliases: Vec<String>,
    /// What follows the name.
    pub usage: String,
    /// One sentence.
    pub help: String,
    /// The least role that may use it in a group.
    pub role: Role,
}

/// Which events a script wants. All the lists that are not empty must match.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// Kinds of event.
    pub events: Vec<EventKind>,
    /// Kinds of chat.
    pub chats: Vec<ChatKind>,
    /// Names or aliases of the script's commands.
    pub commands: Vec<String>,
    /// Pattern sets in the settings.
    pub pattern_sets: Vec<String>,
    /// What has no field of its own.
    pub attrs: Attrs,
}

/// Something a script needs, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// An action or an import.
    pub name: String,
    /// One sentence for the operator.
    pub reason: String,
}

/// What a script says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScriptInfo {
    /// For display.
    pub name: String,
    /// For display.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// A JSON Schema of its settings.
    pub settings_schema: Option<String>,
    /// The commands it knows.
    pub commands: Vec<Command>,
    /// The events it wants: any filter may match; empty is every event but `message-sent`.
    pub wants: Vec<Filter>,
    /// What it needs.
    pub asks: Vec<Ask>,
    /// What has no field of its own.
    pub attrs: Attrs,
}
