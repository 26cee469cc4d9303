//! The HTTP way: we call the implementation. `post_box` is where it posts its events.
//!
//! There is no connection that could be lost: that the implementation is there is asked for again and again.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::{Client, StatusCode, Url};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use super::answers::{Answer, Answers};
use super::back_off::Lost;
use super::frame::Turn;
use super::oddity::{Oddities, Oddity};
use super::socket::{Outgoing, Request};
use super::token::Token;
use super::trust::Trust;
use super::{frame, limits};

/// Where an implementation takes calls: `http://127.0.0.1:3000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl(Url);

/// A text that is no address of an HTTP API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpUrlError {
    /// Another scheme, or no URL at all.
    #[error("write `http://HOST:PORT` or `https://HOST:PORT`")]
    Form,
    /// A token or password in the URL, where it would be printed.
    #[error("a secret does not belong into a URL: write `access_token`")]
    Secret,
}

impl FromStr for HttpUrl {
    type Err = HttpUrlError;

    fn from_str(text: &str) -> Result<Self, HttpUrlError> {
        let mut url: Url = text.parse().map_err(|_| HttpUrlError::Form)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(HttpUrlError::Form);
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(HttpUrlError::Secret);
        }
        // Actions are below it.
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        url.set_fragment(None);
        Ok(Self(url))
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Calls one implementation.
pub(super) struct Caller {
    url: HttpUrl,
    token: Token,
    client: Client,
}

impl Caller {
    /// Somebody who calls; no proxy and no redirect, which would show the token to others.
    pub(super) fn new(url: HttpUrl, token: Token, trust: &Trust) -> Result<Self, Lost> {
        crate::crypto::install();
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(limits::CONNECT);
        if url.0.scheme() == "https" {
            builder = builder.tls_backend_preconfigured(trust.config()?.as_ref().clone());
        }
        let client = builder.build().map_err(|error| Lost::Cut(error.to_string()))?;
        Ok(Self { url, token, client })
    }

    /// Makes the calls that come, several at once, until the implementation cannot be reached or refuses the token.
    pub(super) async fn serve(
        &self,
        mut calls: mpsc::Receiver<Outgoing>,
        answers: &Arc<Answers>,
        oddities: &Oddities,
    ) -> Lost {
        let mut under_way = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(ended) = under_way.next() => if let Err(lost) = ended {
                    return lost;
                },
                call = calls.recv(), if under_way.len() < limits::HTTP_CALLS => match call {
                    Some(Outgoing::Call(request)) => under_way.push(self.call(request, answers, oddities)),
                    // Here a question whether it is there is a call like any other.
                    Some(Outgoing::Ping) => {}
                    None => return Lost::Cut("the session ended".to_owned()),
                },
            }
        }
    }

    async fn call(&self, request: Request, answers: &Arc<Answers>, oddities: &Oddities) -> Result<(), Lost> {
        if !answers.is_awaited(&request.echo) {
            return Ok(());
        }
        let (echo, until) = (request.echo.clone(), request.until);
        // Nobody waits any longer; whoever did knows it by then.
        let Ok(asked) = timeout_at(until, self.ask(request)).await else { return Ok(()) };
        let answer = match asked {
            Ok((status, Some(text))) => read_answer(status, &text, oddities),
            Ok((_, None)) => {
                oddities.note(Oddity::TooLarge, "an answer");
                Answer::Lost("its answer is too large".to_owned())
            }
            Err(error) if error.is_connect() => {
                let why = why_not(error);
                answers.resolve(&echo, Answer::NotAsked(why.clone()));
                return Err(Lost::Cut(why));
            }
            Err(error) => Answer::Lost(why_not(error)),
        };
        let refused = match &answer {
            Answer::NotAsked(why) => Some(Lost::Refused(why.clone())),
            _ => None,
        };
        answers.resolve(&echo, answer);
        refused.map_or(Ok(()), Err)
    }

    /// The answer to a call; without its text if that is too large.
    async fn ask(&self, request: Request) -> Result<(StatusCode, Option<String>), reqwest::Error> {
        // Names of actions are ours: they join without surprise, or the address as it is answers for them.
        let url = self.url.0.join(request.action).unwrap_or_else(|_| self.url.0.clone());
        let mut call = self.client.post(url).json(&request.params);
        if let Some(secret) = self.token.secret() {
            call = call.bearer_auth(secret);
        }
        let mut response = call.send().await?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len().saturating_add(chunk.len()) > limits::FRAME_BYTES {
                return Ok((status, None));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, Some(String::from_utf8_lossy(&body).into_owned())))
    }
}

/// Why a call came to nothing, down to the cause: what reqwest says by itself is that it did.
fn why_not(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut causes = vec![error.to_string()];
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    // Some say what caused them, too.
    causes.dedup();
    causes.join(": ")
}

fn read_answer(status: StatusCode, text: &str, oddities: &Oddities) -> Answer {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Answer::NotAsked(format!("it answered HTTP {status}"))
        }
        StatusCode::OK => match frame::read_leniently(text, &mut String::new()) {
            Ok(frame) if frame.turn() == Turn::Answer => Answer::read(&frame),
            Ok(_) => {
                oddities.note(Oddity::Neither, "an answer over HTTP");
                Answer::Lost("its answer is none of OneBot".to_owned())
            }
            Err(error) => {
                oddities.note(Oddity::Malformed, &error);
                Answer::Lost(format!("its answer {error}"))
            }
        },
        status if status.is_server_error() => Answer::Lost(format!("it answered HTTP {status}")),
        status => Answer::Failed(format!("it answered HTTP {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_s_and_holds_no_secret() {
        let url: HttpUrl = "http://127.0.0.1:3000".parse().unwrap();
        assert_eq!(url.0.join("send_msg").unwrap().as_str(), "http://127.0.0.1:3000/send_msg");
        let below: HttpUrl = "https://h/onebot".parse().unwrap();
        assert_eq!(below.0.join("send_msg").unwrap().as_str(), "https://h/onebot/send_msg");
        for (wrong, error) in [
            ("ws://h", HttpUrlError::Form),
            ("h:1", HttpUrlError::Form),
            ("http://u:p@h", HttpUrlError::Secret),
            ("http://h/?access_token=x", HttpUrlError::Secret),
        ] {
            assert_eq!(wrong.parse::<HttpUrl>(), Err(error), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_answer_leaves_it_open_what_happened() {
        let oddities = Oddities::unheard();
        let read = |status, text| read_answer(status, text, &oddities);
        assert!(matches!(read(StatusCode::OK, r#"{"status":"ok","retcode":0}"#), Answer::Done(None)));
        assert!(matches!(read(StatusCode::OK, "<html>"), Answer::Lost(_)));
        assert!(matches!(read(StatusCode::OK, "{}"), Answer::Lost(_)));
        assert_eq!(oddities.noted(), [Oddity::Malformed, Oddity::Neither]);
        assert!(matches!(read(StatusCode::BAD_GATEWAY, ""), Answer::Lost(_)));
        assert!(matches!(read(StatusCode::NOT_FOUND, ""), Answer::Failed(_)));
        assert!(matches!(read(StatusCode::FORBIDDEN, ""), Answer::NotAsked(_)));
    }
}
