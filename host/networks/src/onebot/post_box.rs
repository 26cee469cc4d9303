//! Where an implementation that is called over HTTP posts its events.
//!
//! Anybody who reaches the host can knock here. What can be refused by its headers is refused before its body is read; a body
//! is read in little time, and few large ones at once, so that whoever does not know the token gets little of the host's
//! memory and no event of the implementation is kept out. What waits to be taken is bounded in bytes.

use std::pin::pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::http::header::{CONTENT_LENGTH, HeaderName, ORIGIN};
use tokio_tungstenite::tungstenite::http::{HeaderMap, StatusCode};

use super::door::Refused;
use super::limits;
use super::oddity::{Oddities, Oddity};
use super::token::Token;

const SIGNATURE: HeaderName = HeaderName::from_static("x-signature");

/// Told once an event is journalled, or there is nothing in it to be journalled; if it is dropped, the event was lost.
pub(super) type Receipt = oneshot::Sender<()>;

/// An event that was posted and waits to be taken, and who waits until it is kept.
pub(super) struct Posted {
    pub(super) text: String,
    pub(super) receipt: Receipt,
    /// Its room among all that wait.
    _room: OwnedSemaphorePermit,
}

/// Where the implementation posts its events. Clones are the same box.
#[derive(Clone)]
pub struct PostBox {
    token: Token,
    oddities: Arc<Oddities>,
    posts: mpsc::Sender<Posted>,
    /// Bytes that may still wait.
    room: Arc<Semaphore>,
    /// Large bodies that may still be read.
    large: Arc<Semaphore>,
}

/// What a body is signed with, as it was given.
struct Signature([u8; 20]);

/// A body that was read; what it takes of the room for large ones is free again when this is dropped.
struct Body<'a> {
    bytes: Vec<u8>,
    _large: Option<SemaphorePermit<'a>>,
}

fn refuse<T>(status: StatusCode, why: &'static str) -> Result<T, Refused> {
    Err(Refused { status, why })
}

impl PostBox {
    pub(super) fn new(token: Token, oddities: Arc<Oddities>) -> (Self, mpsc::Receiver<Posted>) {
        let (posts, taken) = mpsc::channel(limits::POSTS);
        let room = Arc::new(Semaphore::new(limits::POSTS_BYTES));
        let large = Arc::new(Semaphore::new(limits::LARGE_POSTS));
        (Self { token, oddities, posts, room, large }, taken)
    }

    /// Takes an event in; resolves when it is journalled. Only who knows the token can have signed it; the signature is that of
    /// the bytes as they came.
    pub async fn take_in<B: AsRef<[u8]>, E>(
        &self,
        headers: &HeaderMap,
        body: impl Stream<Item = Result<B, E>>,
    ) -> Result<(), Refused> {
        let signature = self.admit(headers)?;
        let Ok(read) = timeout(limits::POST_TIME, self.read(body)).await else {
            return refuse(StatusCode::REQUEST_TIMEOUT, "the event did not arrive within 10 s");
        };
        let body = read?;
        if !self.is_signed(&signature, &body.bytes) {
            return refuse(StatusCode::FORBIDDEN, "`X-Signature` is not that of the access token");
        }
        let Ok(text) = String::from_utf8(body.bytes) else {
            self.oddities.note(Oddity::Malformed, "a posted event that is no UTF-8");
            return refuse(StatusCode::BAD_REQUEST, "an event is JSON in UTF-8");
        };
        let kept = async {
            match self.put(text).await {
                Some(kept) => kept.await.is_ok(),
                None => false,
            }
        };
        match timeout(limits::POST_WAIT, kept).await {
            Ok(true) => Ok(()),
            Ok(false) => refuse(StatusCode::SERVICE_UNAVAILABLE, "the account takes no events now"),
            Err(_) => refuse(StatusCode::SERVICE_UNAVAILABLE, "too many events wait"),
        }
    }

    /// What can be said by the headers alone.
    fn admit(&self, headers: &HeaderMap) -> Result<Signature, Refused> {
        if headers.contains_key(ORIGIN) {
            return refuse(StatusCode::FORBIDDEN, "pages of a browser do not post here");
        }
        let Some(signature) = headers.get(SIGNATURE) else {
            return refuse(
                StatusCode::UNAUTHORIZED,
                "`X-Signature` is missing: set the token as the webhook's secret",
            );
        };
        let Some(signature) = signature.as_bytes().strip_prefix(b"sha1=").and_then(unhex) else {
            return refuse(
                StatusCode::FORBIDDEN,
                "`X-Signature` is not of the form `sha1=` and 40 hexadecimal digits",
            );
        };
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: u64| length > limits::POST_BYTES as u64) {
            return self.refuse_large();
        }
        Ok(Signature(signature))
    }

    fn refuse_large<T>(&self) -> Result<T, Refused> {
        self.oddities.note(Oddity::TooLarge, "a posted event");
        refuse(StatusCode::PAYLOAD_TOO_LARGE, "an event has at most 4 MiB")
    }

    async fn read<B: AsRef<[u8]>, E>(
        &self,
        body: impl Stream<Item = Result<B, E>>,
    ) -> Result<Body<'_>, Refused> {
        let mut body = pin!(body);
        let (mut bytes, mut large) = (Vec::new(), None);
        while let Some(piece) = body.next().await {
            let Ok(piece) = piece else {
                return refuse(StatusCode::BAD_REQUEST, "the event did not arrive whole");
            };
            let piece = piece.as_ref();
            let length = bytes.len().saturating_add(piece.len());
            if length > limits::POST_BYTES {
                return self.refuse_large();
            }
            if length > limits::SMALL_POST_BYTES && large.is_none() {
                // Never closed.
                large = self.large.acquire().await.ok();
            }
            bytes.extend_from_slice(piece);
        }
        Ok(Body { bytes, _large: large })
    }

    fn is_signed(&self, signature: &Signature, body: &[u8]) -> bool {
        let mac = self.token.secret().and_then(|secret| Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok());
        mac.is_some_and(|mac| mac.chain_update(body).verify_slice(&signature.0).is_ok())
    }

    /// Puts an event behind those that wait, as soon as there is room; what resolves when it is kept. `None` if nobody takes
    /// any more.
    async fn put(&self, text: String) -> Option<oneshot::Receiver<()>> {
        let bytes = u32::try_from(text.len()).ok()?;
        let room = self.room.clone().acquire_many_owned(bytes).await.ok()?;
        let (receipt, kept) = oneshot::channel();
        self.posts.send(Posted { text, receipt, _room: room }).await.ok()?;
        Some(kept)
    }
}

fn unhex(text: &[u8]) -> Option<[u8; 20]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use tokio::time::Instant;
    use tokio_tungstenite::tungstenite::http::HeaderValue;

    use super::*;

    /// Of `{"a": 1}`: `printf '{"a": 1}' | openssl dgst -sha1 -hmac secret`.
    const RIGHT: &str = "sha1=3a11128db5d52967b47b427b632d43eb6a71391c";

    fn post_box() -> (PostBox, mpsc::Receiver<Posted>) {
        PostBox::new(Token::new("secret").unwrap(), Arc::new(Oddities::unheard()))
    }

    fn headers(signature: Option<&str>, origin: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(signature) = signature {
            headers.insert(SIGNATURE, HeaderValue::from_str(signature).unwrap());
        }
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        headers
    }

    fn piece(bytes: &[u8]) -> impl Stream<Item = Result<Vec<u8>, Infallible>> + use<> {
        stream::iter([Ok(bytes.to_vec())])
    }

    /// A body that begins with so many bytes and never ends.
    fn endless(bytes: usize) -> impl Stream<Item = Result<Vec<u8>, Infallible>> {
        stream::iter([Ok(vec![b' '; bytes])]).chain(stream::pending())
    }

    /// Keeps all that comes.
    async fn keep(mut taken: mpsc::Receiver<Posted>) -> Infallible {
        while let Some(posted) = taken.recv().await {
            posted.receipt.send(()).unwrap();
        }
        std::future::pending().await
    }

    async fn post(headers: HeaderMap, body: &[u8]) -> Result<(), u16> {
        let (post_box, taken) = post_box();
        tokio::select! {
            taken = post_box.take_in(&headers, piece(body)) => taken.map_err(|refused| refused.status.as_u16()),
            never = keep(taken) => match never {},
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_posted_is_answered_when_it_is_kept_and_refused_if_it_is_not() {
        let (post_box, mut taken) = post_box();
        let signed = headers(Some(RIGHT), None);
        let post = || post_box.take_in(&signed, piece(br#"{"a": 1}"#));
        let mut answer = pin!(post());
        let posted = tokio::select! {
            answer = &mut answer => panic!("{answer:?} before anybody took it"),
            posted = taken.recv() => posted.unwrap(),
        };
        assert_eq!(posted.text, r#"{"a": 1}"#);
        assert!(timeout(limits::POST_WAIT / 2, &mut answer).await.is_err());
        posted.receipt.send(()).unwrap();
        assert_eq!(answer.await, Ok(()));

        let (lost, _) = tokio::join!(post(), async { drop(taken.recv().await) });
        assert_eq!(lost.unwrap_err().status.as_u16(), 503, "it was lost");
        assert_eq!(post().await.unwrap_err().status.as_u16(), 503, "nobody took it in time");
    }

    #[tokio::test]
    async fn only_what_is_signed_as_it_came_is_taken_in() {
        assert_eq!(post(headers(Some(RIGHT), None), br#"{"a": 1}"#).await, Ok(()));
        assert_eq!(post(headers(Some(RIGHT), None), br#"{"a":1}"#).await, Err(403), "the same JSON");
    }

    #[tokio::test]
    async fn what_its_headers_refuse_is_not_read() {
        let short = &RIGHT[..44];
        let md5 = RIGHT.replace("sha1", "md5");
        for (signature, origin, status) in [
            (None, None, 401),
            (Some(RIGHT), Some("null"), 403),
            (Some(""), None, 403),
            (Some("sha1="), None, 403),
            (Some("3a11128db5d52967b47b427b632d43eb6a71391c"), None, 403),
            (Some("sha1=zz"), None, 403),
            (Some(md5.as_str()), None, 403),
            (Some(short), None, 403),
        ] {
            let (post_box, _taken) = post_box();
            let unread = stream::poll_fn(|_| -> std::task::Poll<Option<Result<Vec<u8>, Infallible>>> {
                panic!("it is read")
            });
            let refused = post_box.take_in(&headers(signature, origin), unread).await.unwrap_err();
            assert_eq!(refused.status.as_u16(), status, "{signature:?} {origin:?}");
        }
        let mut large = headers(Some(RIGHT), None);
        large.insert(CONTENT_LENGTH, HeaderValue::from_static("4194305"));
        assert_eq!(post(large, b"").await, Err(413));
    }

    #[tokio::test]
    async fn a_body_that_does_not_say_how_large_it_is_ends_at_the_limit() {
        let (post_box, _taken) = post_box();
        let body = piece(&vec![b' '; limits::POST_BYTES + 1]);
        let refused = post_box.take_in(&headers(Some(RIGHT), None), body).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(post_box.oddities.count(Oddity::TooLarge), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_and_large_bodies_keep_no_small_one_out_and_are_given_up() {
        let (post_box, taken) = post_box();
        let signed = headers(Some(RIGHT), None);
        let began = Instant::now();
        let slow = futures_util::future::join_all(
            (0..3 * limits::LARGE_POSTS)
                .map(|_| post_box.take_in(&signed, endless(limits::SMALL_POST_BYTES + 1))),
        );
        let (slow, ()) = tokio::join!(slow, async {
            tokio::task::yield_now().await;
            assert_eq!(post_box.large.available_permits(), 0, "no more of them are held at once");
            tokio::select! {
                taken = post_box.take_in(&signed, piece(br#"{"a": 1}"#)) => taken.unwrap(),
                never = keep(taken) => match never {},
            }
            assert_eq!(began.elapsed().as_millis(), 0);
        });
        assert!(slow.iter().all(|ended| ended.unwrap_err().status == StatusCode::REQUEST_TIMEOUT));
        assert_eq!(began.elapsed(), limits::POST_TIME);
        assert_eq!(post_box.large.available_permits(), limits::LARGE_POSTS);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_bounded_in_bytes() {
        let (post_box, mut taken) = post_box();
        let mut put = 0;
        while timeout(limits::POST_WAIT, post_box.put(" ".repeat(limits::POST_BYTES))).await.is_ok() {
            put += limits::POST_BYTES;
        }
        assert_eq!(put, limits::POSTS_BYTES);
        drop(taken.recv().await);
        assert!(post_box.put("{}".into()).await.is_some());
    }
}
