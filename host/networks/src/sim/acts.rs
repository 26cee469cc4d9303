//! What the account does: an act becomes something that the network's rules allow, or a refusal.

use mynah_model::action::{Act, ActionBody};
use mynah_model::address::ChatRef;
use mynah_model::clock::UnixMs;

use super::moderation::refused;
use super::world::{Doer, World};
use crate::network::{Consequence, Happening, NetworkError, Receipt};

/// How error texts and the configuration call this network.
pub(super) const KIND: &str = "sim";

/// What came of an act: the answer to it, and what to report before the answer is given.
pub(super) type Performed = Result<(Receipt, Vec<Happening>), NetworkError>;

impl World {
    /// Does an act of the account.
    pub(super) fn act(&mut self, act: &Act, now: UnixMs) -> Performed {
        let Some(target) = &act.target else {
            return Err(NetworkError::Refused(format!("`{}` needs a chat", act.body.name())));
        };
        let chat = ChatRef { kind: target.kind, id: target.id.clone() };
        let place = self.place(&chat).map_err(NetworkError::from)?;
        let doer =
            Doer { consequence: Some(Consequence::of(act)), ..Doer::person(&self.own_person(&place), now) };
        let happenings = match &act.body {
            ActionBody::Send { segments } => return sent(self.send(target, segments, now)),
            ActionBody::SendMedia { media } => {
                if media.id.is_none() && media.url.is_none() && media.path.is_none() {
                    return Err(refused("the media is empty: it needs an id, a url or a path").into());
                }
                return sent(self.send(target, &[media.kind().segment(media.clone())], now));
            }
            ActionBody::Shutup { members, seconds } => self.mute(&doer, &chat, members, *seconds),
            ActionBody::Unshutup { members } => self.unmute(&doer, &chat, members),
            ActionBody::ShutupAll { on } => self.mute_all(&doer, &chat, *on),
            ActionBody::Kick { members, reject_again } => self.kick(&doer, &chat, members, *reject_again),
            ActionBody::Recall { message_id } => self.recall(&doer, &chat, message_id),
            ActionBody::SetCard { member, card } => self.set_card(&doer, &chat, member, card),
            ActionBody::SetGroupName { name } => self.rename(&doer, &chat, name),
            ActionBody::Invite { friends } => self.invite(&doer, &chat, friends),
            ActionBody::SetMarkname { member, markname } => {
                self.set_markname(&doer, &place, member.as_deref(), markname)
            }
            ActionBody::Stick { on } => self.stick(&place, *on),
            ActionBody::MakeFriend { text } => self.ask(&place, text),
            _ => return Err(unsupported(act)),
        };
        Ok((Receipt::default(), happenings?))
    }
}

/// Whether this network has such an act at all. The others are the host's to do, or nobody's.
pub(super) fn is_supported(body: &ActionBody) -> bool {
    matches!(
        body,
        ActionBody::Send { .. }
            | ActionBody::SendMedia { .. }
            | ActionBody::Shutup { .. }
            | ActionBody::Unshutup { .. }
            | ActionBody::ShutupAll { .. }
            | ActionBody::Kick { .. }
            | ActionBody::Recall { .. }
            | ActionBody::SetCard { .. }
            | ActionBody::SetGroupName { .. }
            | ActionBody::Invite { .. }
            | ActionBody::AnswerRequest { .. }
            | ActionBody::CreateGroup { .. }
            | ActionBody::SetMarkname { .. }
            | ActionBody::Stick { .. }
            | ActionBody::MakeFriend { .. }
    )
}

pub(super) fn unsupported(act: &Act) -> NetworkError {
    NetworkError::Unsupported { network: KIND, action: act.body.name().to_owned() }
}

fn sent(message_id: Result<String, super::SimError>) -> Performed {
    Ok((Receipt { message_id: Some(message_id?), ..Receipt::default() }, Vec::new()))
}
