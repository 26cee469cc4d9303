//! Pictures of people and groups, as their network has them; kept for an hour, so that a page full of them does not ask
//! the network each time.

use std::collections::HashMap;

use mynah_model::clock::UnixMs;
use mynah_model::names::AccountName;
use mynah_networks::{AvatarOf, Network, NetworkError};
use parking_lot::Mutex;

use crate::{limits, media};

/// Types of pictures that browsers show and that run nothing. What a network hands out may be anything.
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// A picture of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Avatar {
    /// Media type, told by the bytes.
    pub mime: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AvatarError {
    /// The network took too long.
    #[error("the network did not hand out the picture within {} s", limits::AVATAR_TIME.as_secs())]
    Slow,
    /// The network has none, or could not be asked.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// What the network handed out is none.
    #[error("what the network handed out is no picture but {0}")]
    NoPicture(&'static str),
    /// It is too large.
    #[error("the picture has more than {} bytes", limits::AVATAR_BYTES)]
    TooLarge,
}

type Key = (AccountName, AvatarOf);

/// The pictures that were asked for within the last hour.
#[derive(Default)]
pub(crate) struct Avatars {
    kept: Mutex<HashMap<Key, (UnixMs, Avatar)>>,
}

impl Avatars {
    /// The picture that is kept, or else the network's.
    pub(crate) async fn get(
        &self,
        account: &AccountName,
        network: &dyn Network,
        of: AvatarOf,
        now: UnixMs,
    ) -> Result<Avatar, AvatarError> {
        let key = (account.clone(), of);
        if let Some(kept) = self.kept(&key, now) {
            return Ok(kept);
        }
        let asked = tokio::time::timeout(limits::AVATAR_TIME, network.avatar(&key.1)).await;
        let bytes = asked.map_err(|_| AvatarError::Slow)??;
        if bytes.len() > limits::AVATAR_BYTES {
            return Err(AvatarError::TooLarge);
        }
        let mime = media::sniff(&bytes);
        if !PICTURES.contains(&mime) {
            return Err(AvatarError::NoPicture(mime));
        }
        let avatar = Avatar { mime, bytes };
        self.keep(key, avatar.clone(), now);
        Ok(avatar)
    }

    fn kept(&self, key: &Key, now: UnixMs) -> Option<Avatar> {
        let kept = self.kept.lock();
        kept.get(key).filter(|(at, _)| is_fresh(*at, now)).map(|(_, avatar)| avatar.clone())
    }

    fn keep(&self, key: Key, avatar: Avatar, now: UnixMs) {
        let mut kept = self.kept.lock();
        kept.retain(|_, (at, _)| is_fresh(*at, now));
        if kept.len() >= limits::AVATARS
            && let Some(oldest) = kept.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone())
        {
            kept.remove(&oldest);
        }
        kept.insert(key, (now, avatar));
    }
}

fn is_fresh(at: UnixMs, now: UnixMs) -> bool {
    now.saturating_sub(at) < limits::AVATAR_KEEP_MS
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use mynah_model::action::Act;
    use mynah_networks::{Boxed, Receipt, Redelivery, Sink, StopSignal};

    use super::*;

    /// Hands out these bytes, or nothing for ever, and counts how often it is asked.
    struct Gallery {
        bytes: Option<Vec<u8>>,
        asked: AtomicUsize,
    }

    impl Gallery {
        fn of(bytes: &[u8]) -> Self {
            Self { bytes: Some(bytes.to_vec()), asked: AtomicUsize::new(0) }
        }
    }

    impl Network for Gallery {
        fn kind(&self) -> &'static str {
            "gallery"
        }

        fn run(self: Arc<Self>, _: Arc<dyn Sink>, _: StopSignal) -> Boxed<'static, Result<(), NetworkError>> {
            Box::pin(async { Ok(()) })
        }

        fn perform<'a>(&'a self, _: &'a Act) -> Boxed<'a, Result<Receipt, NetworkError>> {
            Box::pin(async { Ok(Receipt::default()) })
        }

        fn avatar<'a>(&'a self, _: &'a AvatarOf) -> Boxed<'a, Result<Vec<u8>, NetworkError>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            Box::pin(async {
                match &self.bytes {
                    Some(bytes) => Ok(bytes.clone()),
                    None => std::future::pending().await,
                }
            })
        }

        fn redelivery(&self) -> Redelivery {
            Redelivery::Safe
        }
    }

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    async fn ask(avatars: &Avatars, gallery: &Gallery, id: &str, now: UnixMs) -> Result<Avatar, AvatarError> {
        let of = AvatarOf::Person { id: id.into(), group: None };
        avatars.get(&"a".parse().unwrap(), gallery, of, now).await
    }

    #[tokio::test]
    async fn a_picture_is_asked_for_once_an_hour() {
        let (avatars, gallery) = (Avatars::default(), Gallery::of(PNG));
        for (now, asked) in [(0, 1), (limits::AVATAR_KEEP_MS - 1, 1), (limits::AVATAR_KEEP_MS, 2)] {
            let avatar = ask(&avatars, &gallery, "1", now).await.unwrap();
            assert_eq!((avatar.mime, avatar.bytes.as_slice()), ("image/png", PNG));
            assert_eq!(gallery.asked.load(Ordering::Relaxed), asked, "at {now}");
        }
        ask(&avatars, &gallery, "2", limits::AVATAR_KEEP_MS).await.unwrap();
        assert_eq!(gallery.asked.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn no_more_pictures_are_kept_than_there_is_room_for() {
        let (avatars, gallery) = (Avatars::default(), Gallery::of(PNG));
        for number in 0..=limits::AVATARS {
            ask(&avatars, &gallery, &number.to_string(), number as UnixMs).await.unwrap();
        }
        assert_eq!(avatars.kept.lock().len(), limits::AVATARS);
    }

    #[tokio::test]
    async fn what_is_no_picture_is_not_handed_on() {
        for (bytes, expected) in [
            (&b"<html><script>"[..], AvatarError::NoPicture("text/html")),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", AvatarError::NoPicture("text/plain")),
            (b"", AvatarError::NoPicture("text/plain")),
            (&[0; limits::AVATAR_BYTES + 1], AvatarError::TooLarge),
        ] {
            let refused = ask(&Avatars::default(), &Gallery::of(bytes), "1", 0).await;
            assert_eq!(refused, Err(expected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_that_hands_out_nothing_is_given_up_after_three_seconds() {
        let gallery = Gallery { bytes: None, asked: AtomicUsize::new(0) };
        let began = tokio::time::Instant::now();
        assert_eq!(ask(&Avatars::default(), &gallery, "1", 0).await, Err(AvatarError::Slow));
        assert_eq!(began.elapsed().as_secs(), 3);
    }
}
