//! What is left to chance in the sim network. One seed is one history.

use mynah_model::clock::UnixMs;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Draws from one seed. Each purpose draws from a stream of its own, so that more chatter does not change
/// what the messages are called.
#[derive(Debug)]
pub(super) struct Chance {
    ids: ChaCha8Rng,
    codes: ChaCha8Rng,
    chatter: ChaCha8Rng,
    groups: ChaCha8Rng,
    last_message: u64,
}

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        let stream = |number| {
            let mut draws = ChaCha8Rng::seed_from_u64(seed);
            draws.set_stream(number);
            draws
        };
        Self { ids: stream(1), codes: stream(2), chatter: stream(3), groups: stream(4), last_message: 0 }
    }

    /// Begins again, except that no message gets an id that another one had.
    pub(super) fn restart(&mut self, seed: u64) {
        *self = Self { last_message: self.last_message, ..Self::new(seed) };
    }

    /// The id of a new message: a number below 2^53 that grows with time, so that it does not repeat when the
    /// host is started again.
    pub(super) fn message_id(&mut self, now: UnixMs) -> String {
        const LARGEST: u64 = (1 << 53) - 1;
        let draw = u64::from(self.ids.next_u32()) % 1_000;
        let by_time = u64::try_from(now).unwrap_or_default().saturating_mul(1_000).saturating_add(draw);
        self.last_message = by_time.min(LARGEST).max(self.last_message + 1);
        self.last_message.to_string()
    }

    /// The id of a friend request or group request.
    pub(super) fn request_id(&mut self) -> String {
        format!("{:016x}", self.ids.next_u64())
    }

    /// The id of a new group: as in web WeChat, or ten digits as in QQ. It may be taken already.
    pub(super) fn group_id(&mut self, wechat: bool) -> String {
        if !wechat {
            return (1_000_000_000 + self.groups.next_u64() % 3_000_000_000).to_string();
        }
        let digits: String = (0..4).map(|_| format!("{:016x}", self.groups.next_u64())).collect();
        format!("@@{digits}")
    }

    /// What a login QR code says. The address leads nowhere.
    pub(super) fn login_code(&mut self) -> String {
        format!("https://sim.invalid/login?code={:016x}{:016x}", self.codes.next_u64(), self.codes.next_u64())
    }

    /// One of several, for chatter. `None` if there are none.
    pub(super) fn pick<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        let place = self.chatter.next_u64().checked_rem(u64::try_from(among.len()).ok()?)?;
        among.get(usize::try_from(place).ok()?)
    }
}

/// The id, as in web WeChat, of the person with this number or account: whoever comes back has it again.
pub(super) fn person_id(seed: u64, given: &str) -> String {
    // FNV-1a: the standard library's hashes are not the same in every version of it.
    let hash = given.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut draws = ChaCha8Rng::seed_from_u64(seed ^ hash);
    format!("@{:016x}{:016x}", draws.next_u64(), draws.next_u64())
}
