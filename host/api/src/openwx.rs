//! `/openwx/*`: the Openwx API.

use mynah_runtime::ApiKind;

use crate::answer::Answer;
use crate::call::{self, Call};
use crate::{check_event, client};

/// What can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    CheckEvent,
    GetClientInfo,
    StopClient,
}

/// Every endpoint by its name.
const ENDPOINTS: [(&str, Endpoint); 3] = [
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
        match self {
            Self::CheckEvent => check_event::answer(call).await,
            Self::GetClientInfo => client::info(&call.account),
            Self::StopClient => client::stop(&call.api.host, &call.account, call.api.settings.stop_delay),
        }
    }
}
