//! One WebSocket: what is written to it, what is read from it, and when it counts as lost.

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::answers::Answers;
use super::arrivals::Came;
use super::back_off::Lost;
use super::limits;
use super::oddity::Oddity;
use super::session::Session;
use super::watchdog::Watchdog;

/// Something to be written.
pub(super) enum Outgoing {
    /// A call.
    Call(Request),
    /// A question whether the peer is there.
    Ping,
}

/// A call as it is written.
#[derive(Debug, serde::Serialize)]
pub(super) struct Request {
    pub(super) action: &'static str,
    pub(super) params: serde_json::Value,
    /// What its answer names.
    pub(super) echo: String,
    /// Until when whoever asks waits.
    #[serde(skip)]
    pub(super) until: Instant,
}

/// What goes over a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    /// Calls, their answers, and events.
    All,
    /// Calls and their answers. Some implementations send events here, too: those are on their way on the other socket.
    Calls,
    /// Events.
    Events,
}

/// A socket, and what waits to be written to it.
pub(super) struct Wire<S> {
    pub(super) socket: WebSocketStream<S>,
    pub(super) carries: Carries,
    /// Where what is to be written is put.
    pub(super) outgoing: mpsc::Sender<Outgoing>,
    pub(super) to_write: mpsc::Receiver<Outgoing>,
}

impl Session {
    /// Reads and writes until the socket is lost.
    pub(super) async fn serve<S>(&self, wire: Wire<S>) -> Lost
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Wire { socket, carries, outgoing, to_write } = wire;
        let (write, read) = socket.split();
        tokio::select! {
            lost = self.read(read, carries, &outgoing) => lost,
            lost = async {
                let lost = write_all(write, to_write, &self.onebot.answers).await;
                // What the peer said before is still read; the reader will find the end, too.
                tokio::time::sleep(limits::LAST_WORDS).await;
                lost
            } => lost,
        }
    }

    /// Reads until the connection is lost.
    async fn read<S>(
        &self,
        mut socket: SplitStream<WebSocketStream<S>>,
        carries: Carries,
        outgoing: &mpsc::Sender<Outgoing>,
    ) -> Lost
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut watchdog = Watchdog::new();
        loop {
            self.take_backlog();
            // No events come here that would have to be set aside.
            let reads = carries == Carries::Calls || self.may_read();
            if !reads {
                // It is not the peer that is silent.
                watchdog.heard();
            }
            let message = tokio::select! {
                biased;
                () = self.until_takeable(), if !self.onebot.backlog.is_empty() => continue,
                // Before the timer: while there is something to read, none is set, and what was said before a stall of ours counts.
                message = socket.next(), if reads => message,
                () = tokio::time::sleep_until(watchdog.due()), if reads => {
                    if watchdog.is_over() {
                        return Lost::Cut(format!("nothing was heard for {} s", watchdog.silence().as_secs()));
                    }
                    watchdog.ask();
                    // With a full queue the peer takes nothing, and the silence will tell.
                    let _ = outgoing.try_send(Outgoing::Ping);
                    continue;
                }
            };
            watchdog.heard();
            self.note_heard();
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(close))) => {
                    let why = close.map(|close| (close.code, close.reason));
                    return match why {
                        Some((CloseCode::Policy, why)) => {
                            Lost::Refused(format!("it closed the connection: {why}"))
                        }
                        Some((code, why)) => Lost::Cut(format!("it closed the connection: {code} {why}")),
                        None => Lost::Cut("it closed the connection".to_owned()),
                    };
                }
                Some(Ok(Message::Binary(bytes))) => {
                    self.onebot.oddities.note(Oddity::Binary, format!("{} bytes", bytes.len()));
                    continue;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(error)) => {
                    match &error {
                        Error::Capacity(_) => self.onebot.oddities.note(Oddity::TooLarge, &error),
                        // A connection that just ends is no nonsense.
                        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {}
                        Error::Utf8(_) | Error::Protocol(_) => {
                            self.onebot.oddities.note(Oddity::Malformed, &error);
                        }
                        _ => {}
                    }
                    return Lost::Cut(error.to_string());
                }
                None => return Lost::Cut("the connection ended".to_owned()),
            };
            match self.take_frame(&text, Came { carries, way: self.way, receipt: None }) {
                Ok(Some(interval)) => watchdog.expect_every(interval),
                Ok(None) => {}
                Err(lost) => return lost,
            }
        }
    }
}

async fn write_all<S>(
    mut socket: SplitSink<WebSocketStream<S>, Message>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    answers: &Answers,
) -> Lost
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(first) = outgoing.recv().await {
        // All that is there goes out at once, unless it is much: on a line that is slow some of it may not be wanted any more.
        let written = async {
            let (mut next, mut bytes) = (Some(first), 0);
            while let Some(one) = next {
                // Whoever gave up was told that it may have happened; it need not.
                if one.is_wanted(answers) {
                    let message = message(&one)?;
                    bytes += message.len();
                    socket.feed(message).await.map_err(|error| error.to_string())?;
                }
                if bytes > limits::WRITTEN_AT_ONCE {
                    socket.flush().await.map_err(|error| error.to_string())?;
                    bytes = 0;
                }
                next = outgoing.try_recv().ok();
            }
            socket.flush().await.map_err(|error| error.to_string())
        };
        match tokio::time::timeout(limits::CALL, written).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => return Lost::Cut(why),
            Err(_) => return Lost::Cut("it takes nothing any more".to_owned()),
        }
    }
    Lost::Cut("the session ended".to_owned())
}

impl Outgoing {
    /// Whether anybody waits for what comes of it.
    fn is_wanted(&self, answers: &Answers) -> bool {
        match self {
            Self::Call(request) => answers.is_awaited(&request.echo),
            Self::Ping => true,
        }
    }
}

fn message(outgoing: &Outgoing) -> Result<Message, String> {
    match outgoing {
        Outgoing::Call(request) => {
            serde_json::to_string(request).map(Message::text).map_err(|error| error.to_string())
        }
        Outgoing::Ping => Ok(Message::Ping(Default::default())),
    }
}
