//! What the host shows of itself.
use mynah_model::clock::UnixMs;
use serde::Serialize;

/// A script as `GET /api/v1/scripts` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScriptStatus {
    /// Its name.
    pub name: String,
    /// The live release, 64 hex digits; `None` if none ever loaded.
    pub release: Option<String>,
    /// `live`, `dry-run` or `off`.
    pub mode: String,
    /// `running`, `refused` (the newest file was refused; an older release may be live) or `resting` (breaker open).
    pub state: String,
    /// Events it was called for since it was loaded.
    pub events: u64,
    /// Calls that failed since it was loaded.
    pub faults: u64,
    /// Why the last call failed or the last file was refused: `code: sentence`.
    pub last_error: Option<String>,
    /// When the live release was loaded, unix ms.
    pub since: Option<UnixMs>,
}

/// What an account did, as `GET .../sim/outbox` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutboxEntry {
    /// The action: `send`, `shutup`, `kick` ...
    pub kind: String,
    /// The chat's address.
    pub chat: String,
    /// The text of what was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The members that were acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<String>>,
    /// For how long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// Who asked: `script:NAME`, `api` or `webhook`.
    pub by: String,
    /// The seq of the event that it was decided on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
}
