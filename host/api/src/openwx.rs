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
//! - `report`: events in the shape of the Openwx API

use mynah_runtime::ApiKind;

use crate::answer::Answer;
use crate::call::{self, Call};
use crate::{check_event, client};

pub(crate) mod consult;
pub(crate) mod contacts;
pub(crate) mod groups;
pub(crate) mod lookups;
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
    CheckEvent,
    GetClientInfo,
    StopClient,
}

/// Every endpoint by its name.
const ENDPOINTS: [(&str, Endpoint); 22] = [
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
    ("check_event", Endpoint::CheckEvent),
    ("get_client_info", Endpoint::GetClientInfo),
    ("stop_client", Endpoint::StopClient),
];

impl call::Endpoint for Endpoint {
    const API: ApiKind = ApiKind::Openwx;
    const PREFIX: &'static str = "/openwx";

    fn named(name: &str) -> Option<Self> {
        ENDPOINTS.iter().find(|(known, _)| *known == name).map(|(_, endpoint)| *endpoint)
    }

    fn needs_running(self) -> bool {
        !matches!(self, Self::CheckEvent | Self::GetClientInfo | Self::StopClient)
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
            Self::InviteFriend => groups::act(&call, groups::invite(&roster, params)).await,
            Self::KickGroupMember => groups::act(&call, groups::kick(&roster, params)).await,
            Self::SetGroupDisplayname => groups::act(&call, groups::rename(&roster, params)).await,
            Self::SetMarkname => groups::act(&call, contacts::set_markname(&roster, params)).await,
            Self::Stick => groups::act(&call, contacts::stick(&roster, params)).await,
            Self::MakeFriend => groups::act(&call, contacts::make_friend(&roster, params)).await,
            Self::AcceptFriendRequest => contacts::accept_friend_request(&call).await,
            Self::CheckEvent => check_event::answer(call).await,
            Self::GetClientInfo => client::info(&call.account),
            Self::StopClient => client::stop(&call.api.host, &call.account, call.api.settings.stop_delay),
        }
    }
}
