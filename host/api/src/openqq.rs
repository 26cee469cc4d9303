//! `/openqq/*`: the Openqq API. Names of v1 and v2 are understood in requests; answers are v2 unless v1 is asked for.
//!
//! # Layout
//! - [`objects`]: users, friends, groups as JSON
//! - [`dialect`]: the same in v1
//! - `lookups`: what the account knows: get_user_info, search_friend and the like
//! - `report`: events in the shape of the Openqq API
//! - `send`: send_friend_message and the like
//! - `moderate`: shutup_group_member, kick_group_member

use mynah_runtime::ApiKind;

use crate::answer::Answer;
use crate::call::{self, Call};
use crate::keys::Scope;
use crate::{check_event, client};

pub mod dialect;
pub(crate) mod lookups;
pub(crate) mod moderate;
pub mod objects;
pub(crate) mod report;
pub(crate) mod send;

pub use dialect::Dialect;

use dialect::Shape;

/// The name of every endpoint, those of v1 too.
pub fn endpoints() -> impl Iterator<Item = &'static str> {
    ENDPOINTS.iter().map(|(name, _)| *name)
}

/// What can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    GetUserInfo,
    GetFriendInfo,
    GetGroupInfo,
    GetGroupBasicInfo,
    GetDiscussInfo,
    SearchFriend,
    SearchGroup,
    SendFriendMessage,
    SendGroupMessage,
    SendDiscussMessage,
    SendSessMessage,
    ShutupGroupMember,
    KickGroupMember,
    CheckEvent,
    GetClientInfo,
    StopClient,
    Relogin,
}

/// Every endpoint by its name, those of v1 at the end.
const ENDPOINTS: [(&str, Endpoint); 19] = [
    ("get_user_info", Endpoint::GetUserInfo),
    ("get_friend_info", Endpoint::GetFriendInfo),
    ("get_group_info", Endpoint::GetGroupInfo),
    ("get_group_basic_info", Endpoint::GetGroupBasicInfo),
    ("get_discuss_info", Endpoint::GetDiscussInfo),
    ("search_friend", Endpoint::SearchFriend),
    ("search_group", Endpoint::SearchGroup),
    ("send_friend_message", Endpoint::SendFriendMessage),
    ("send_group_message", Endpoint::SendGroupMessage),
    ("send_discuss_message", Endpoint::SendDiscussMessage),
    ("send_sess_message", Endpoint::SendSessMessage),
    ("shutup_group_member", Endpoint::ShutupGroupMember),
    ("kick_group_member", Endpoint::KickGroupMember),
    ("check_event", Endpoint::CheckEvent),
    ("get_client_info", Endpoint::GetClientInfo),
    ("stop_client", Endpoint::StopClient),
    ("relogin", Endpoint::Relogin),
    ("send_message", Endpoint::SendFriendMessage),
    ("shuthup_group_member", Endpoint::ShutupGroupMember),
];

impl Endpoint {
    fn shape(self) -> Shape {
        match self {
            Self::GetUserInfo => Shape::User,
            Self::GetFriendInfo | Self::SearchFriend => Shape::Friends,
            Self::GetGroupInfo | Self::GetGroupBasicInfo | Self::SearchGroup => Shape::Groups,
            Self::GetDiscussInfo => Shape::Discusses,
            Self::SendFriendMessage
            | Self::SendGroupMessage
            | Self::SendDiscussMessage
            | Self::SendSessMessage => Shape::Sent,
            _ => Shape::Plain,
        }
    }
}

impl call::Endpoint for Endpoint {
    const API: ApiKind = ApiKind::Openqq;
    const SCOPE: Scope = Scope::Openqq;
    const PREFIX: &'static str = "/openqq";

    fn named(name: &str) -> Option<Self> {
        ENDPOINTS.iter().find(|(known, _)| *known == name).map(|(_, endpoint)| *endpoint)
    }

    fn needs_running(self) -> bool {
        !matches!(self, Self::CheckEvent | Self::GetClientInfo | Self::StopClient)
    }

    async fn answer(self, call: Call) -> Answer {
        let Call { api, account, params, .. } = &call;
        let dialect = match Dialect::of(params, &api.settings, account) {
            Ok(dialect) => dialect,
            Err(answer) => return answer,
        };
        let roster = account.roster();
        let answer = match self {
            Self::GetUserInfo => lookups::user(&roster),
            Self::GetFriendInfo => lookups::friends(&roster),
            Self::GetGroupInfo => lookups::groups(&roster),
            Self::GetGroupBasicInfo => lookups::groups_basic(&roster),
            Self::GetDiscussInfo => lookups::discusses(&roster),
            Self::SearchFriend => lookups::search_friend(&roster, params),
            Self::SearchGroup => lookups::search_group(&roster, params),
            Self::SendFriendMessage => send::send(&call, send::friend(&roster, params)).await,
            Self::SendGroupMessage => send::send(&call, send::group(&roster, params)).await,
            Self::SendDiscussMessage => send::send(&call, send::discuss(&roster, params)).await,
            Self::SendSessMessage => send::send(&call, send::sess(&roster, params)).await,
            Self::ShutupGroupMember => {
                let asked = moderate::shutup(&roster, params, api.settings.shutup_time_unit);
                moderate::moderate(&call, "shutup", asked).await
            }
            Self::KickGroupMember => moderate::moderate(&call, "kick", moderate::kick(&roster, params)).await,
            Self::CheckEvent => check_event::answer(call).await,
            Self::GetClientInfo => client::info(account),
            Self::StopClient => client::stop(&api.host, account, api.settings.stop_delay).await,
            Self::Relogin => client::relogin(&api.host, account, api.settings.stop_delay),
        };
        dialect.answer(self.shape(), answer)
    }
}
