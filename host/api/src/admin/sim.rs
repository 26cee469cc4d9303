//! The embedded network: making people do things, and seeing what the account did.
//!
//! Chats and people are named by id or uid. What people do is answered with the number of its event, when that is
//! in the journal.
//!
//! # Layout
//! - `people`: they talk, come and go
//! - `login`: the phone that an account logs in with
//! - `deeds`: what the account did, and beginning anew

pub(super) mod deeds;
pub(super) mod login;
pub(super) mod people;

use axum::http::StatusCode;
use mynah_model::refusal::{Code, Refusal};
use mynah_networks::sim::SimError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Failure;

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DoneAnswer {
    /// The number of the event.
    seq: u64,
}

fn refused(error: SimError) -> Failure {
    let (status, code) = match &error {
        SimError::ChatUnknown { .. } => (StatusCode::NOT_FOUND, Code::ChatUnknown),
        SimError::PersonUnknown { .. } => (StatusCode::NOT_FOUND, Code::ModerationAbsent),
        SimError::SenderMissing { .. } => (StatusCode::BAD_REQUEST, Code::HttpParameter),
        SimError::NotRunning { .. } | SimError::Closed(_) => (StatusCode::CONFLICT, Code::AccountNotRunning),
        SimError::Muted { .. }
        | SimError::AllMuted { .. }
        | SimError::NothingToScan { .. }
        | SimError::QrExpired
        | SimError::ScannedAlready
        | SimError::NotScanned
        | SimError::LoginRefused
        | SimError::Refused(_) => (StatusCode::CONFLICT, Code::NetworkRefused),
    };
    Failure::new(status, Refusal::new(code, error.to_string()))
}
