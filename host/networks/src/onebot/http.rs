//! The HTTP way: we call the implementation, and it posts its events to us.
//!
//! There is no connection that could be lost: that the implementation is there is asked for again and again.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, StatusCode, Url};
use sha1::Sha1;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::http::header::{HeaderName, ORIGIN};
use tokio_tungstenite::tungstenite::http::{HeaderMap, StatusCode as PostStatus};

use super::answers::{Answer, Answers};
use super::back_off::Lost;
use super::door::Refused;
use super::frame::Turn;
use super::oddity::{Oddities, Oddity};
use super::socket::{Outgoing, Request};
use super::token::Token;
use super::trust::Trust;
use super::{frame, limits};

const SIGNATURE: HeaderName = HeaderName::from_static("x-signature");

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

/// An event that was posted, and who waits until it is kept.
pub(super) struct Posted {
    pub(super) text: String,
    pub(super) receipt: Receipt,
}

/// Told once an event is journalled, or there is nothing in it to be journalled; if it is dropped, the event was lost.
pub(super) type Receipt = oneshot::Sender<()>;

/// Where the implementation posts its events. Clones are the same box.
#[derive(Clone)]
pub struct PostBox {
    token: Token,
    oddities: Arc<Oddities>,
    posts: mpsc::Sender<Posted>,
}

impl PostBox {
    pub(super) fn new(token: Token, oddities: Arc<Oddities>) -> (Self, mpsc::Receiver<Posted>) {
        let (posts, taken) = mpsc::channel(limits::POSTS);
        (Self { token, oddities, posts }, taken)
    }

    /// Notes that an event was refused before it was read, because it has more than [`limits::POST_BYTES`].
    pub fn note_too_large(&self) {
        self.oddities.note(Oddity::TooLarge, "a posted event");
    }

    /// Takes an event in; resolves when it is journalled. Only who knows the token can have signed it; the signature is that of
    /// the bytes as they came.
    pub async fn take_in(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Refused> {
        let refuse = |status, why| Err(Refused { status, why });
        if headers.contains_key(ORIGIN) {
            return refuse(PostStatus::FORBIDDEN, "pages of a browser do not post here");
        }
        let Some(signature) = headers.get(SIGNATURE) else {
            return refuse(
                PostStatus::UNAUTHORIZED,
                "`X-Signature` is missing: set the token as the webhook's secret",
            );
        };
        if !self.is_signed(signature.as_bytes(), body) {
            return refuse(PostStatus::FORBIDDEN, "`X-Signature` is not that of the access token");
        }
        let Ok(text) = std::str::from_utf8(body) else {
            self.oddities.note(Oddity::Malformed, "a posted event that is no UTF-8");
            return refuse(PostStatus::BAD_REQUEST, "an event is JSON in UTF-8");
        };
        let (receipt, kept) = oneshot::channel();
        let posted = Posted { text: text.to_owned(), receipt };
        let kept = async { self.posts.send(posted).await.is_ok() && kept.await.is_ok() };
        match tokio::time::timeout(limits::POST_WAIT, kept).await {
            Ok(true) => Ok(()),
            Ok(false) => refuse(PostStatus::SERVICE_UNAVAILABLE, "the account takes no events now"),
            Err(_) => refuse(PostStatus::SERVICE_UNAVAILABLE, "too many events wait"),
        }
    }

    fn is_signed(&self, signature: &[u8], body: &[u8]) -> bool {
        let given = signature.strip_prefix(b"sha1=").and_then(unhex);
        let mac = self.token.secret().and_then(|secret| Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok());
        match (mac, given) {
            (Some(mac), Some(given)) => mac.chain_update(body).verify_slice(&given).is_ok(),
            _ => false,
        }
    }
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() != 40 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.chunks_exact(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
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
            .connect_timeout(limits::CONNECT)
            .timeout(limits::LIST);
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
        let echo = request.echo.clone();
        let answer = match self.ask(request).await {
            Ok((status, Some(text))) => read_answer(status, &text, oddities),
            Ok((_, None)) => {
                oddities.note(Oddity::TooLarge, "an answer");
                Answer::Unsure("its answer is too large".to_owned())
            }
            Err(error) if error.is_connect() => {
                let why = why_not(error);
                answers.resolve(&echo, Answer::NotAsked(why.clone()));
                return Err(Lost::Cut(why));
            }
            Err(error) => Answer::Unsure(why_not(error)),
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
                Answer::Unsure("its answer is none of OneBot".to_owned())
            }
            Err(error) => {
                oddities.note(Oddity::Malformed, &error);
                Answer::Unsure(format!("its answer {error}"))
            }
        },
        status if status.is_server_error() => Answer::Unsure(format!("it answered HTTP {status}")),
        status => Answer::Failed(format!("it answered HTTP {status}")),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio_tungstenite::tungstenite::http::HeaderValue;

    use super::*;

    async fn post(signature: Option<&str>, origin: Option<&'static str>, body: &[u8]) -> Result<(), u16> {
        let (post_box, mut taken) =
            PostBox::new(Token::new("secret").unwrap(), Arc::new(Oddities::unheard()));
        let mut headers = HeaderMap::new();
        if let Some(signature) = signature {
            headers.insert(SIGNATURE, HeaderValue::from_str(signature).unwrap());
        }
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        let keep = async {
            if let Some(posted) = taken.recv().await {
                posted.receipt.send(()).unwrap();
            }
            std::future::pending().await
        };
        tokio::select! {
            taken = post_box.take_in(&headers, body) => taken.map_err(|refused| refused.status.as_u16()),
            never = keep => never,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_posted_is_answered_when_it_is_kept_and_refused_if_it_is_not() {
        let (post_box, mut taken) =
            PostBox::new(Token::new("secret").unwrap(), Arc::new(Oddities::unheard()));
        let mut headers = HeaderMap::new();
        // printf '{"a": 1}' | openssl dgst -sha1 -hmac secret
        let signature = "sha1=3a11128db5d52967b47b427b632d43eb6a71391c";
        headers.insert(SIGNATURE, HeaderValue::from_static(signature));
        let post = || post_box.take_in(&headers, br#"{"a": 1}"#);
        let mut answer = pin!(post());
        let posted = tokio::select! {
            answer = &mut answer => panic!("{answer:?} before anybody took it"),
            posted = taken.recv() => posted.unwrap(),
        };
        assert_eq!(posted.text, r#"{"a": 1}"#);
        assert!(tokio::time::timeout(limits::POST_WAIT / 2, &mut answer).await.is_err());
        posted.receipt.send(()).unwrap();
        assert_eq!(answer.await, Ok(()));

        let (lost, _) = tokio::join!(post(), async { drop(taken.recv().await) });
        assert_eq!(lost.unwrap_err().status.as_u16(), 503, "it was lost");
        assert_eq!(post().await.unwrap_err().status.as_u16(), 503, "nobody took it in time");
    }

    #[tokio::test]
    async fn only_what_is_signed_as_it_came_is_taken_in() {
        // printf '{"a": 1}' | openssl dgst -sha1 -hmac secret
        let right = "sha1=3a11128db5d52967b47b427b632d43eb6a71391c";
        assert_eq!(post(Some(right), None, br#"{"a": 1}"#).await, Ok(()));
        assert_eq!(post(Some(right), None, br#"{"a":1}"#).await, Err(403), "other bytes of the same JSON");
        assert_eq!(post(None, None, br#"{"a": 1}"#).await, Err(401));
        assert_eq!(post(Some(right), Some("null"), br#"{"a": 1}"#).await, Err(403));
        for wrong in [
            "",
            "sha1=",
            "3a11128db5d52967b47b427b632d43eb6a71391c",
            "sha1=zz",
            &right.replace("sha1", "md5"),
            &right[..44],
        ] {
            assert_eq!(post(Some(wrong), None, br#"{"a": 1}"#).await, Err(403), "{wrong}");
        }
    }

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
        assert!(matches!(read(StatusCode::OK, "<html>"), Answer::Unsure(_)));
        assert!(matches!(read(StatusCode::OK, "{}"), Answer::Unsure(_)));
        assert_eq!(oddities.noted(), [Oddity::Malformed, Oddity::Neither]);
        assert!(matches!(read(StatusCode::BAD_GATEWAY, ""), Answer::Unsure(_)));
        assert!(matches!(read(StatusCode::NOT_FOUND, ""), Answer::Failed(_)));
        assert!(matches!(read(StatusCode::FORBIDDEN, ""), Answer::NotAsked(_)));
    }
}
