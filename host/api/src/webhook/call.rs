//! One call of an endpoint, and what it says. Whatever that is, it costs bounded time and memory.

use std::fmt;
use std::fmt::Write as _;

use axum::http::{StatusCode, header};
use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use mynah_model::names::Seq;
use reqwest::{Client, Response};
use sha2::Sha256;
use tokio::time::{Instant, timeout_at};

use crate::remote::{self, Remote};
use crate::settings::{WEBHOOK_ANSWER, WebhookSecret, WebhookTimes};

/// What became of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Posted {
    /// The endpoint took the report (2xx). With its answer, if that is JSON by its type.
    Taken(Option<Vec<u8>>),
    /// It says no, and would say so again.
    Refused(String),
    /// It may go better another time.
    Failed {
        /// Why it did not this time.
        why: String,
        /// Whether there was a connection.
        reached: bool,
    },
}

/// An endpoint that reports are posted to.
pub(crate) struct Endpoint {
    http: Client,
    remote: Remote,
    signer: Option<Hmac<Sha256>>,
    times: WebhookTimes,
}

impl Endpoint {
    /// Reports are signed if there is a secret.
    ///
    /// # Errors
    /// Never, as far as HMAC is concerned: it takes keys of any length.
    pub(crate) fn new(
        http: Client,
        remote: Remote,
        secret: Option<&WebhookSecret>,
        times: WebhookTimes,
    ) -> Result<Self, InvalidLength> {
        let signer = secret.map(|secret| Hmac::new_from_slice(secret.bytes())).transpose()?;
        Ok(Self { http, remote, signer, times })
    }

    /// HMAC-SHA256 of a text as 64 hex digits; `None` without a secret.
    fn signature(&self, text: &str) -> Option<String> {
        let mut signer = self.signer.clone()?;
        signer.update(text.as_bytes());
        Some(signer.finalize().into_bytes().iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }

    /// Posts a report. `client` is the account, if the endpoint has to be told which.
    pub(super) async fn post(&self, seq: Seq, client: Option<&str>, report: &str) -> Posted {
        let mut url = self.remote.url().clone();
        if let Some(client) = client {
            url.query_pairs_mut().append_pair("client", client);
        }
        let mut request = self
            .http
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("X-Mynah-Event", seq.0)
            .body(report.to_owned());
        if let Some(signature) = self.signature(report) {
            request = request.header("X-Mynah-Signature", signature);
        }
        let deadline = Instant::now() + self.times.total;
        let response = match timeout_at(deadline, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let reached = !error.is_connect();
                return Posted::Failed { why: remote::reason(error), reached };
            }
            Err(_) => {
                let why = format!("no answer within {} s", self.times.total.as_secs_f64());
                return Posted::Failed { why, reached: true };
            }
        };
        let status = response.status();
        match judge(status) {
            Judgement::Taken if is_json(&response) => {
                let answer = timeout_at(deadline, read(response)).await;
                let answer = answer.unwrap_or_else(|_| Err("it does not end in time".to_owned()));
                let note =
                    |why| tracing::warn!(endpoint = %self, %seq, why, "the answer of a webhook is ignored");
                Posted::Taken(answer.map_err(note).ok())
            }
            Judgement::Taken => Posted::Taken(None),
            Judgement::No => {
                let redirected = if status.is_redirection() { ": redirects are not followed" } else { "" };
                Posted::Refused(format!("the endpoint answered {status}{redirected}"))
            }
            Judgement::NotNow => {
                Posted::Failed { why: format!("the endpoint answered {status}"), reached: true }
            }
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.remote.fmt(f)
    }
}

/// What a status says about a report.
enum Judgement {
    Taken,
    No,
    NotNow,
}

fn judge(status: StatusCode) -> Judgement {
    const LATER: [StatusCode; 3] =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    if status.is_success() {
        Judgement::Taken
    } else if status.is_server_error() || LATER.contains(&status) {
        Judgement::NotNow
    } else {
        Judgement::No
    }
}

/// Whether an answer says that it is JSON. The answer of most endpoints is anything, and means nothing.
fn is_json(response: &Response) -> bool {
    let given = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = given.and_then(|given| given.split(';').next()).unwrap_or_default().trim();
    ["application/json", "text/json"].iter().any(|json| kind.eq_ignore_ascii_case(json))
}

/// The body, if it is not too large.
async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(remote::reason)? {
        if bytes.len() + piece.len() > WEBHOOK_ANSWER {
            return Err(format!("it has more than {WEBHOOK_ANSWER} bytes"));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_others_compute() {
        let remote = "http://127.0.0.1/".parse().unwrap();
        let secret = WebhookSecret::new("key").unwrap();
        let http = remote::client(WebhookTimes::default().connect).unwrap();
        let endpoint = Endpoint::new(http, remote, Some(&secret), WebhookTimes::default()).unwrap();
        assert_eq!(
            endpoint.signature("The quick brown fox jumps over the lazy dog").as_deref(),
            Some("f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8")
        );
    }
}
