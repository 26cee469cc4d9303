//! The beginning of a connection: who is logged in, and whom they know.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mynah_model::Attrs;
use mynah_model::event::{AccountState, EventBody};
use serde_json::value::RawValue;

use super::actions::Call;
use super::back_off::Lost;
use super::session::{End, Session};
use super::{limits, people};
use crate::network::{Closed, Happening, NetworkError};

impl Session {
    /// Asks who is logged in and whom they know.
    pub(super) async fn log_in(&self) -> Result<(), End> {
        let onebot = &self.onebot;
        onebot.enter(&self.sink, AccountState::Updating).await?;
        let login = self
            .ask("get_login_info", limits::CALL)
            .await
            .map_err(|error| End::Lost(Lost::Cut(format!("it does not say who is logged in: {error}"))))?;
        let Some((id, user)) = people::login(login.as_deref()) else {
            return Err(End::Lost(Lost::Cut("it says that nobody is logged in".to_owned())));
        };
        onebot.identity.meet(id).map_err(|another| End::Lost(Lost::Another(another.to_string())))?;
        let friends = self.list("get_friend_list").await?;
        let groups = self.list("get_group_list").await?;
        let friends = friends.map(|data| people::friends(data.as_deref(), &onebot.oddities));
        let groups = groups.map(|data| people::groups(data.as_deref(), &onebot.oddities));
        let before = self.sink.known();
        let same = onebot.logged_in.swap(true, Ordering::SeqCst) && before.user.id == user.id;
        let roster = people::roster(user, friends, groups, &before);
        let (friends, groups) = (roster.friends.len(), roster.groups.len());
        tracing::info!(account = %onebot.account, friends, groups, "logged in over OneBot");
        onebot.members.begin(roster.groups.iter().filter_map(|group| group.id.parse().ok()));
        self.sink.roster(roster);
        if !same {
            self.report(EventBody::Login { scanned: false }).await?;
        }
        if let Some(gap) = onebot.end_gap() {
            self.report(gap).await?;
        }
        onebot.set_ready(self.presence.borrow().is_online());
        self.user.send_replace(Some(id));
        Ok(())
    }

    pub(super) async fn ask(
        &self,
        action: &'static str,
        within: Duration,
    ) -> Result<Option<Box<RawValue>>, NetworkError> {
        self.onebot.call(&Call::new(action, serde_json::json!({})), within).await
    }

    /// A list; `None`, with a word about it, if the peer refuses it. One that does not answer is as good as gone.
    async fn list(&self, action: &'static str) -> Result<Option<Option<Box<RawValue>>>, End> {
        match self.ask(action, limits::LIST).await {
            Ok(data) => Ok(Some(data)),
            Err(NetworkError::Refused(why)) => {
                tracing::warn!(account = %self.onebot.account, action, why, "a list is not to be had; what was known of it stays");
                Ok(None)
            }
            Err(error) => Err(End::Lost(Lost::Cut(format!("`{action}`: {error}")))),
        }
    }

    async fn report(&self, body: EventBody) -> Result<(), Closed> {
        let time = self.onebot.clock.now();
        let happening = Happening { time, chat: None, body, consequence: None, attrs: Attrs::new() };
        self.sink.report(happening).await.map(|_| ())
    }
}
