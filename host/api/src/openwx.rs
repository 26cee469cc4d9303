//! `/openwx/*`: the Openwx API. `docs/openwx.md` lists every endpoint.
//!
//! # Layout
//! - [`objects`]: users, friends, groups as JSON
//! - `lookups`: what the account knows: get_user_info, search_friend and the like
//! - `targets`: the friends, groups and members that a call means
//! - `send`: send_friend_message, send_group_message; `consult`: the same, and what is answered
//! - `revoke`: revoke_message
//! - `groups`: create_group, invite_friend, kick_group_member, set_group_displayname
//! - `contacts`: set_markname, stick, make_friend, accept_friend_request
//! - `media`: upload_media; `avatar`: get_avatar
//! - `report`: events in the shape of the Openwx API

use mynah_runtime::ApiKind;

use crate::answer::Answer;
use crate::call::{self, Call};
use crate::keys::Scope;
use crate::{check_event, client};

mod avatar;
pub(crate) mod consult;
pub(crate) mod contacts;
pub(crate) mod groups;
pub(crate) mod lookups;
mod media;
pub mod objects;
pub(crate) mod report;
pub(crate) mod revoke;
pub(crate) mod send;
pub(crate) mod targets;

/// What can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    GetUserInfo,
    GetFriendInfo,
    GetGroupInfo,
    GetGroupBasicInfo,
    SearchFriend,
    SearchGroup,
    SendFriendMessage,
    SendGroupMessage,
    Consult,
    RevokeMessage,
    CreateGroup,
    InviteFriend,
    KickGroupMember,
    SetGroupDisplayname,
    SetMarkname,
    Stick,
    MakeFriend,
    AcceptFriendRequest,
    GetAvatar,
    UploadMedia,
    CheckEvent,
    GetClientInfo,
    StopClient,
}

/// Every endpoint by its name.
const ENDPOINTS: [(&str, Endpoint); 24] = [
    ("get_user_info", Endpoint::GetUserInfo),
    ("get_friend_info", Endpoint::GetFriendInfo),
    ("get_group_info", Endpoint::GetGroupInfo),
    ("get_group_basic_info", Endpoint::GetGroupBasicInfo),
    ("search_friend", Endpoint::SearchFriend),
    ("search_group", Endpoint::SearchGroup),
    ("send_friend_message", Endpoint::SendFriendMessage),
    ("send_group_message", Endpoint::SendGroupMessage),
    ("consult", Endpoint::Consult),
    ("revoke_message", Endpoint::RevokeMessage),
    ("create_group", Endpoint::CreateGroup),
    ("invite_friend", Endpoint::InviteFriend),
    ("kick_group_member", Endpoint::KickGroupMember),
    ("set_group_displayname", Endpoint::SetGroupDisplayname),
    ("set_friend_markname", Endpoint::SetMarkname),
    ("set_markname", Endpoint::SetMarkname),
    ("stick", Endpoint::Stick),
    ("make_friend", Endpoint::MakeFriend),
    ("accept_friend_request", Endpoint::AcceptFriendRequest),
    ("get_avatar", Endpoint::GetAvatar),
    ("upload_media", Endpoint::UploadMedia),
    ("check_event", Endpoint::CheckEvent),
    ("get_client_info", Endpoint::GetClientInfo),
    ("stop_client", Endpoint::StopClient),
];

impl call::Endpoint for Endpoint {
    const API: ApiKind = ApiKind::Openwx;
    const SCOPE: Scope = Scope::Openwx;
    const PREFIX: &'static str = "/openwx";

    fn named(name: &str) -> Option<Self> {
        ENDPOINTS.iter().find(|(known, _)| *known == name).map(|(_, endpoint)| *endpoint)
    }

    fn needs_running(self) -> bool {
        !matches!(self, Self::CheckEvent | Self::GetClientInfo | Self::StopClient)
    }

    fn takes_media(self) -> bool {
        matches!(self, Self::UploadMedia | Self::SendFriendMessage | Self::SendGroupMessage | Self::Consult)
    }

    async fn answer(self, call: Call) -> Answer {
        let roster = call.account.roster();
        let params = &call.params;
        match self {
            Self::GetUserInfo => lookups::user(&roster),
            Self::GetFriendInfo => lookups::friends(&roster),
            Self::GetGroupInfo => lookups::groups(&roster),
            Self::GetGroupBasicInfo => lookups::groups_basic(&roster),
            Self::SearchFriend => lookups::search_friend(&roster, params),
            Self::SearchGroup => lookups::search_group(&roster, params),
            Self::SendFriendMessage => send::friend(&call, &roster).await,
            Self::SendGroupMessage => send::group(&call, &roster).await,
            Self::Consult => consult::answer(call, &roster).await,
            Self::RevokeMessage => revoke::answer(&call, &roster).await,
            Self::CreateGroup => groups::create(&call, &roster).await,
            Self::InviteFriend => groups::act(&call, "invite", groups::invite(&roster, params)).await,
            Self::KickGroupMember => groups::act(&call, "kick", groups::kick(&roster, params)).await,
            Self::SetGroupDisplayname => {
                groups::act(&call, "set-group-name", groups::rename(&roster, params)).await
            }
            Self::SetMarkname => {
                groups::act(&call, "set-markname", contacts::set_markname(&roster, params)).await
            }
            Self::Stick => groups::act(&call, "stick", contacts::stick(&roster, params)).await,
            Self::MakeFriend => {
                groups::act(&call, "make-friend", contacts::make_friend(&roster, params)).await
            }
            Self::AcceptFriendRequest => contacts::accept_friend_request(&call).await,
            Self::GetAvatar => avatar::get(&call).await,
            Self::UploadMedia => media::upload(&call).await,
            Self::CheckEvent => check_event::answer(call).await,
            Self::GetClientInfo => client::info(&call.account),
            Self::StopClient => {
                client::stop(&call.api.host, &call.account, call.api.settings.stop_delay).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::objects::{JsonType, Object};

    fn document() -> String {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openwx.md")).unwrap()
    }

    /// The texts of all files of Rust in a folder and the folders in it.
    fn sources(folder: &Path) -> String {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let read = |path: std::path::PathBuf| match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(extension) if extension == "rs" => std::fs::read_to_string(path).unwrap(),
            _ => String::new(),
        };
        entries.map(read).collect()
    }

    /// What stands between backticks.
    fn code(cell: &str) -> Vec<&str> {
        cell.split('`').skip(1).step_by(2).collect()
    }

    /// The rows of the table of endpoints: the name, the names of the tests.
    fn rows(document: &str) -> Vec<(&str, Vec<&str>)> {
        let (_, chapter) = document.split_once("\n## Endpoints\n").unwrap();
        let (chapter, _) = chapter.split_once("\n## ").unwrap();
        let rows = chapter.lines().filter(|line| line.starts_with("| `"));
        rows.map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
            assert_eq!(cells.len(), 5, "{line}");
            (code(cells[0])[0], code(cells[4]))
        })
        .collect()
    }

    #[test]
    fn every_endpoint_is_documented_with_tests_that_there_are() {
        let document = document();
        let rows = rows(&document);
        let documented: BTreeSet<&str> = rows.iter().map(|(name, _)| *name).collect();
        let offered: BTreeSet<&str> = ENDPOINTS.iter().map(|(name, _)| *name).collect();
        assert_eq!(documented, offered);
        assert_eq!(rows.len(), offered.len(), "each once");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources = sources(&folder.join("src")) + &sources(&folder.join("tests"));
        for (name, tests) in rows {
            assert!(!tests.is_empty(), "{name} names no test");
            for test in tests {
                assert!(sources.contains(&format!("fn {test}()")), "{name}: there is no test `{test}`");
            }
        }
    }

    fn row(object: &Object) -> String {
        let fields = object.fields.iter().map(|field| match field.json {
            JsonType::Text => format!("`{}` text", field.name),
            JsonType::Number => format!("`{}` number", field.name),
            JsonType::TextOrNull => format!("`{}` text or null", field.name),
            JsonType::List(of) => format!("`{}` list of {}", field.name, of.name),
        });
        format!("| {} | {} |", object.name, fields.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn every_object_is_documented_with_its_fields_and_types() {
        let document = document();
        for object in objects::OBJECTS {
            let row = row(object);
            assert!(document.lines().any(|line| line == row), "docs/openwx.md needs this row:\n{row}");
        }
    }
}
