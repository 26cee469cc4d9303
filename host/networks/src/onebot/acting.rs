//! Doing an act: its calls, their answers, and what of it is reported.

use std::sync::Arc;
use std::time::Duration;

use mynah_model::action::Act;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::actions::{self, Call};
use super::answers::Answer;
use super::own_acts::Deed;
use super::own_messages::{Said, Saying};
use super::socket::{Outgoing, Request};
use super::speech::{self, Files};
use super::{OneBot, limits, values};
use crate::network::{NetworkError, Receipt, Sink};

impl OneBot {
    /// Makes one call and waits for its answer.
    pub(super) async fn call(
        &self,
        call: &Call,
        within: Duration,
    ) -> Result<Option<Box<RawValue>>, NetworkError> {
        let gone = || NetworkError::Offline("there is no connection to OneBot".to_owned());
        let outgoing = self.link.lock().as_ref().map(|link| link.outgoing.clone()).ok_or_else(gone)?;
        let mut waiting = self.answers.expect();
        let until = Instant::now() + within;
        let (action, params) = (call.action, call.params.clone());
        let request = Request { action, params, echo: waiting.echo(), until };
        match timeout_at(until, outgoing.send(Outgoing::Call(request))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Err(gone()),
        }
        match timeout_at(until, waiting.answer()).await {
            Ok(Some(Answer::Done(data))) => Ok(data),
            Ok(Some(Answer::Failed(why))) => Err(NetworkError::Refused(format!("`{action}`: {why}"))),
            // A question that was not understood in time was answered all the same.
            Ok(Some(Answer::Unsure(why))) if call.only_asks() => {
                Err(NetworkError::Refused(format!("`{action}`: {why}")))
            }
            Ok(Some(Answer::Unsure(why) | Answer::Lost(why))) => {
                Err(NetworkError::Unknown(format!("`{action}`: {why}")))
            }
            Ok(Some(Answer::NotAsked(why))) => Err(NetworkError::Offline(why)),
            Ok(None) => {
                Err(NetworkError::Unknown(format!("the connection was lost before `{action}` was answered")))
            }
            Err(_) => Err(NetworkError::Unknown(format!(
                "`{action}` was not answered within {} s",
                within.as_secs()
            ))),
        }
    }

    /// Does an act, call by call. Its turn was the first call's; each of the others waits for one of its own.
    pub(super) async fn act(&self, act: &Act) -> Result<Receipt, NetworkError> {
        let calls = actions::calls(act, &self.files(act).await?)?;
        let sink = self.online()?;
        if let (Some(saying), [call]) = (Saying::of(act), calls.as_slice()) {
            return self.say(call, saying, &sink).await;
        }
        let deeds = Deed::of(act);
        let (most, mut done) = (calls.len(), 0_usize);
        let (mut refusals, mut cut) = (Vec::new(), None);
        let until = Instant::now() + limits::ACT;
        for (place, call) in calls.iter().enumerate() {
            if place > 0 && timeout_at(until, self.bucket.take()).await.is_err() {
                let (left, seconds) = (most - place, limits::ACT.as_secs());
                cut = Some(format!("{left} were not tried: at this `pace` {seconds} s were not enough"));
                break;
            }
            let result = match deeds.get(place) {
                Some(deed) => self.do_deed(call, deed, act, &sink).await,
                None => self.call(call, limits::CALL).await,
            };
            match result {
                Ok(_) => done += 1,
                Err(NetworkError::Refused(why)) => refusals.push(why),
                Err(error) if done == 0 && refusals.is_empty() => return Err(error),
                // Not all of it happened, and not nothing.
                Err(NetworkError::Offline(why)) => {
                    cut = Some(format!("{} were not tried: {why}", most - place));
                    break;
                }
                Err(error) => {
                    return Err(NetworkError::Unknown(format!("{done} of {most} were done, then: {error}")));
                }
            }
        }
        match (refusals.into_iter().next(), cut) {
            (None, None) => Ok(Receipt::default()),
            (Some(why), None) if most == 1 => Err(NetworkError::Refused(why)),
            (refused, cut) => {
                let refused = refused.map(|why| format!("refused: {why}"));
                let why: Vec<_> = refused.into_iter().chain(cut).collect();
                Err(NetworkError::Refused(format!("{done} of {most} were done; {}", why.join("; "))))
            }
        }
    }

    /// Where to report to, if the account is logged in and online.
    fn online(&self) -> Result<Arc<dyn Sink>, NetworkError> {
        let sink = self.link.lock().as_ref().filter(|link| link.ready).map(|link| link.sink.clone());
        sink.ok_or_else(|| NetworkError::Offline("the account is not online".to_owned()))
    }

    /// The files of the media folder that an act sends.
    async fn files(&self, act: &Act) -> Result<Files, NetworkError> {
        let (mut files, mut bytes) = (Files::default(), 0_usize);
        for media in speech::held(act) {
            let name = media.path.as_deref().unwrap_or_default();
            let file = self.online()?.file(media).await.map_err(NetworkError::Refused)?;
            bytes = bytes.saturating_add(file.len());
            if bytes > limits::MEDIA_BYTES {
                let most = limits::MEDIA_BYTES >> 20;
                return Err(NetworkError::Refused(format!(
                    "the files of one message have more than {most} MiB"
                )));
            }
            files.put(name, &file);
        }
        Ok(files)
    }

    /// A call that says something.
    async fn say(&self, call: &Call, saying: Saying, sink: &Arc<dyn Sink>) -> Result<Receipt, NetworkError> {
        self.own_messages.begin(&saying);
        let mut speaking = Speaking { onebot: self, saying, sink, settled: false };
        match self.call(call, limits::CALL).await {
            Ok(data) => {
                let message_id = message_id(data.as_deref());
                speaking.settle(Said::Done(message_id.as_deref()));
                Ok(Receipt { message_id, ..Receipt::default() })
            }
            // The echo is as good as an answer.
            Err(NetworkError::Unknown(why)) => match speaking.settle(Said::Unknown) {
                Some(id) => Ok(Receipt { message_id: Some(id), ..Receipt::default() }),
                None => Err(NetworkError::Unknown(why)),
            },
            Err(error) => {
                speaking.settle(Said::Not);
                Err(error)
            }
        }
    }

    /// A call whose doing is reported.
    async fn do_deed(
        &self,
        call: &Call,
        deed: &Deed,
        act: &Act,
        sink: &Arc<dyn Sink>,
    ) -> Result<Option<Box<RawValue>>, NetworkError> {
        self.own_acts.begin(deed);
        let mut under_way = UnderWay { onebot: self, deed, sink, reported: false };
        let result = match self.call(call, limits::CALL).await {
            // The notice is as good as an answer.
            Err(NetworkError::Unknown(_)) if self.own_acts.is_told(deed) => Ok(None),
            result => result,
        };
        if result.is_ok() {
            let happening = deed.happening(act, &sink.known(), self.clock.now());
            self.own_acts.report(deed);
            under_way.reported = true;
            // An account that takes nothing more needs not know.
            let _ = sink.report(happening).await;
        }
        result
    }
}

/// A deed whose call is under way. If it comes to nothing, or nobody waits any more, what was told of it is reported as
/// anybody's.
struct UnderWay<'a> {
    onebot: &'a OneBot,
    deed: &'a Deed,
    sink: &'a Arc<dyn Sink>,
    reported: bool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        if let (Some(told), Some(me)) = (self.onebot.own_acts.give_up(self.deed), self.onebot.me.upgrade()) {
            me.queue(self.sink, told, None, None);
        }
    }
}

/// A call that says something is under way. Whether it was said is not known if nobody waits any more.
struct Speaking<'a> {
    onebot: &'a OneBot,
    saying: Saying,
    sink: &'a Arc<dyn Sink>,
    settled: bool,
}

impl Speaking<'_> {
    /// The call ended: what is no echo of it is reported. The id of the echo, if it came.
    fn settle(&mut self, said: Said<'_>) -> Option<String> {
        self.settled = true;
        let settled = self.onebot.own_messages.end(&self.saying, said);
        if let Some(me) = self.onebot.me.upgrade() {
            settled.others.into_iter().for_each(|message| me.queue(self.sink, Box::new(message), None, None));
        }
        settled.proof
    }
}

impl Drop for Speaking<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(Said::Unknown);
        }
    }
}

/// The id of a message that was sent.
fn message_id(data: Option<&RawValue>) -> Option<String> {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Sent<'a> {
        #[serde(borrow)]
        message_id: values::Text<'a>,
    }
    values::object::<Sent<'_>>(data).message_id.owned()
}
