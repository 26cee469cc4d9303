//! Answers that many paths have in common, for the OpenAPI document. What a path means by one of them alone, it says itself.

#![expect(dead_code, reason = "what is answered is a `Failure`; these only describe it")]

use utoipa::IntoResponses;

use crate::problem::Problem;

/// Of paths that take parameters or a body.
#[derive(IntoResponses)]
#[response(status = 400, description = "a parameter or a field is wrong")]
pub(super) struct Wrong(Problem);

/// Of paths that read or write what the host keeps.
#[derive(IntoResponses)]
#[response(status = 503, description = "the host stops, or could not read or write what it needs")]
pub(super) struct Unavailable(Problem);

/// Of paths that name a script.
#[derive(IntoResponses)]
#[response(status = 404, description = "there is no such script")]
pub(super) struct NoScript(Problem);

/// Of paths that name an account.
#[derive(IntoResponses)]
pub(super) enum NoAccount {
    #[response(status = 400, description = "the account's name is not text, or a field is wrong")]
    Wrong(Problem),
    #[response(status = 404, description = "there is no such account")]
    Unknown(Problem),
}

/// Of paths that set or import state.
#[derive(IntoResponses)]
#[response(status = 409, description = "the script would hold more than it may")]
pub(super) struct Full(Problem);
