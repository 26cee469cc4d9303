//! What happens, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::response::sse::{Event as Line, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use mynah_model::names::Seq;

use super::answers::Wrong;
use super::query::Query;
use crate::access::Caller;
use crate::feed::Feed;
use crate::problem::Failure;
use crate::server::Closing;
use crate::settings::KEEP_ALIVE;
use crate::state::Api;

/// Every event of every account that the key is for, in the order of its number, without gap or repeat: `id` is the number, `data` the
/// event as JSON. From `from` on, first those of the journal; without it, from now on. A client that connects again with
/// `Last-Event-ID` goes on behind that one.
#[utoipa::path(
    get, operation_id = "stream_events",
    path = "/api/v1/events",
    tag = "events",
    params(
        ("from" = Option<u64>, Query, description = "the number of the first event"),
        ("Last-Event-ID" = Option<u64>, Header, description = "the number of the last event that was read; stands above `from`"),
    ),
    responses(
        (status = 200, description = "the events", content_type = "text/event-stream", body = String),
        Wrong,
    ),
)]
pub(super) async fn stream(
    State(api): State<Arc<Api>>,
    request: Request,
) -> Result<Sse<impl Stream<Item = Result<Line, Infallible>>>, Failure> {
    let closing = Closing::of(&request);
    let last_read = request.headers().get("last-event-id");
    let feed = match first(last_read, request.uri().query().unwrap_or_default())? {
        Some(seq) => Feed::from(&api.host, seq),
        None => Feed::from_now(&api.host),
    };
    let caller = Caller::of(request.extensions());
    let lines = stream::unfold((feed, closing, caller), |(mut feed, mut closing, caller)| async move {
        let event = loop {
            let event = tokio::select! {
                next = feed.next() => match next {
                    Ok(event) => event?,
                    Err(error) => {
                        // The client comes back with `Last-Event-ID` and loses nothing.
                        tracing::error!(%error, "a reader of events is cut off");
                        return None;
                    }
                },
                () = closing.wait() => return None,
            };
            if caller.may_use(&event.account) {
                break event;
            }
        };
        let data =
            serde_json::to_string(&*event).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
        let line = Line::default().id(event.seq.to_string()).data(data);
        Some((Ok(line), (feed, closing, caller)))
    });
    Ok(Sse::new(lines).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The number of the first event that a client wants; `None` is the next that happens.
fn first(last_read: Option<&HeaderValue>, query: &str) -> Result<Option<Seq>, Failure> {
    let from = Query::read(query, &["from"])?.number("from", "the number of an event")?;
    let behind = match last_read.map(|value| value.to_str().unwrap_or("?")) {
        None | Some("") => None,
        Some(text) => {
            let read = text.parse::<u64>();
            let read =
                read.map_err(|_| Failure::parameter("`Last-Event-ID` is not the number of an event"))?;
            Some(read.saturating_add(1))
        }
    };
    Ok(behind.or(from).map(Seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_goes_on_behind_the_last_event_it_read() {
        for (last_read, query, expected) in [
            (None, "", Ok(None)),
            (None, "from=7", Ok(Some(7))),
            (Some("9"), "from=7", Ok(Some(10))),
            (Some(""), "from=7", Ok(Some(7))),
            (Some("18446744073709551615"), "", Ok(Some(u64::MAX))),
            (None, "from=-1", Err("`from` is not the number of an event")),
            (None, "from=x", Err("`from` is not the number of an event")),
            (Some("x"), "from=7", Err("`Last-Event-ID` is not the number of an event")),
            (None, "form=7", Err("there is no parameter `form` here; there is `from`")),
            (None, "from=%ff", Err("parameter `from` is not valid UTF-8")),
        ] {
            let last_read = last_read.map(HeaderValue::from_static);
            let found = first(last_read.as_ref(), query).map(|seq| seq.map(|seq| seq.0));
            let found = found.map_err(|failure| failure.refusal.text);
            assert_eq!(found, expected.map_err(str::to_owned), "{query}");
        }
    }
}
