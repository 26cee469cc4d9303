//! `post_stdout`: reports as lines of JSON.
//!
//! A reader that is slow holds up nobody: lines are written by a thread of their own, one at a time, and what happens
//! meanwhile is read from the journal when the reader has caught up. Reports of the time when the host did not run are
//! not written.

use std::io::{self, ErrorKind, Write};

use mynah_runtime::Host;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::feed::Feed;
use crate::media;
use crate::report::{self, picture};
use crate::server::Closing;
use crate::settings::{ApiSettings, STORE_PAUSE};

/// The lines of a host.
pub(crate) struct Lines {
    pub(crate) host: Host,
    /// Which accounts' reports are written, which of them, and in which words.
    pub(crate) settings: ApiSettings,
}

impl Lines {
    /// Writes until the host closes, or nobody reads any more.
    pub(crate) async fn run(self, out: impl Write + Send + 'static, mut closing: Closing) {
        let written = async {
            if let Err(error) = self.write(out).await {
                tracing::warn!(%error, "`post_stdout` ends: stdout cannot be written");
            }
        };
        tokio::select! {
            () = written => {}
            () = closing.wait() => {}
        }
    }

    async fn write(&self, out: impl Write + Send + 'static) -> io::Result<()> {
        let writer = Writer::start(out)?;
        let mut feed = Feed::from(&self.host, self.host.first_seq());
        loop {
            let event = match feed.next().await {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(()),
                Err(error) => {
                    tracing::error!(%error, "`post_stdout` cannot read the journal");
                    tokio::time::sleep(STORE_PAUSE).await;
                    continue;
                }
            };
            let settings = self.settings.reports_of(&event.account);
            if !settings.post_stdout {
                continue;
            }
            let Some(account) = self.host.account(event.account.as_str()) else { continue };
            let Some(mut report) = report::of(&event, &account, self.host.media()) else { continue };
            if !settings.wants(&report, account.api()) {
                continue;
            }
            picture::add(&mut report).await;
            if settings.post_media_data {
                media::put_data(&mut report, self.host.media()).await;
            }
            report = self.settings.dialect_of_reports(&account).report(report);
            if self.host.accounts().len() > 1
                && let Value::Object(fields) = &mut report
            {
                fields.insert("client".to_owned(), event.account.as_str().into());
            }
            match writer.line(report.to_string()).await {
                // Whoever read has seen enough: `| head`.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                written => written?,
            }
        }
    }
}

/// A thread that writes: a reader that stands still stops nothing else, not even the end of the host.
struct Writer {
    lines: mpsc::Sender<(String, oneshot::Sender<io::Result<()>>)>,
}

impl Writer {
    fn start(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, mut taken) = mpsc::channel::<(String, oneshot::Sender<io::Result<()>>)>(1);
        std::thread::Builder::new().name("mynah-stdout".into()).spawn(move || {
            while let Some((mut line, done)) = taken.blocking_recv() {
                line.push('\n');
                let written = out.write_all(line.as_bytes()).and_then(|()| out.flush());
                // Whoever waited may be gone with the host.
                let _ = done.send(written);
            }
        })?;
        Ok(Self { lines })
    }

    /// Resolves when the line is written.
    async fn line(&self, line: String) -> io::Result<()> {
        let gone = || io::Error::other("the thread that writes is gone");
        let (done, written) = oneshot::channel();
        self.lines.send((line, done)).await.map_err(|_| gone())?;
        written.await.map_err(|_| gone())?
    }
}
