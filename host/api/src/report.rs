//! Events in the shape of the API that their account is served through.

use mynah_model::event::Event;
use mynah_runtime::{Account, ApiKind};
use serde_json::Value;

use crate::{openqq, openwx};

/// The report of an event of this account, if it has one.
pub(crate) fn of(event: &Event, account: &Account) -> Option<Value> {
    match account.api() {
        ApiKind::Openqq => openqq::report::of(event, &account.roster()),
        ApiKind::Openwx => openwx::report::of(event, &account.roster()),
    }
}
