//! What media there are, oldest first, and how many bytes. Plain bookkeeping: no file is touched here.

use std::collections::{BTreeSet, HashMap};

use mynah_model::clock::UnixMs;
use mynah_model::media_kind::MediaKind;
use serde::{Deserialize, Serialize};

use super::id::Hash;

/// What is known of a file besides its bytes; lies beside it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// What people call it: as whoever brought it last did.
    pub(super) name: String,
    /// Bytes.
    pub(super) size: u64,
    /// What it is sent as.
    pub(super) kind: MediaKind,
    /// Media type, told by the bytes.
    pub(super) mime: String,
    /// The ending of its file, told by the bytes.
    pub(super) ext: String,
    /// When it was brought last.
    pub(super) stored_at: UnixMs,
}

impl Held {
    /// What its file is called.
    pub(super) fn file_name(&self, hash: Hash) -> String {
        format!("{hash}.{}", self.ext)
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, std::io::Error> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Read back from a file, which somebody may have changed.
    pub(super) fn of_json(bytes: &[u8]) -> Option<Self> {
        let held: Self = serde_json::from_slice(bytes).ok()?;
        let is_plain =
            (1..=8).contains(&held.ext.len()) && held.ext.bytes().all(|b| b.is_ascii_alphanumeric());
        is_plain.then_some(held)
    }
}

/// All that is held.
#[derive(Debug, Default)]
pub(super) struct Index {
    held: HashMap<Hash, Held>,
    oldest_first: BTreeSet<(UnixMs, Hash)>,
    bytes: u64,
}

impl Index {
    pub(super) fn get(&self, hash: Hash) -> Option<&Held> {
        self.held.get(&hash)
    }

    /// Something is held from now on, or anew.
    pub(super) fn put(&mut self, hash: Hash, held: Held) {
        self.take(hash);
        self.bytes += held.size;
        self.oldest_first.insert((held.stored_at, hash));
        self.held.insert(hash, held);
    }

    fn take(&mut self, hash: Hash) -> Option<(Hash, Held)> {
        let held = self.held.remove(&hash)?;
        self.oldest_first.remove(&(held.stored_at, hash));
        self.bytes -= held.size;
        Some((hash, held))
    }

    /// Takes out the oldest for as long as this holds for the time they were stored.
    pub(super) fn take_while(&mut self, is_old: impl Fn(UnixMs) -> bool) -> Vec<(Hash, Held)> {
        let mut gone = Vec::new();
        while let Some((stored_at, hash)) = self.oldest_first.first().copied() {
            if !is_old(stored_at) {
                break;
            }
            gone.extend(self.take(hash));
        }
        gone
    }

    /// Takes out the oldest until no more than this is left; the newest one stays.
    pub(super) fn take_beyond(&mut self, bytes: u64, files: usize) -> Vec<(Hash, Held)> {
        let mut gone = Vec::new();
        while (self.bytes > bytes || self.held.len() > files) && self.held.len() > 1 {
            let Some((_, hash)) = self.oldest_first.first().copied() else { break };
            gone.extend(self.take(hash));
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(size: u64, stored_at: UnixMs) -> Held {
        Held {
            name: "a.png".into(),
            size,
            kind: MediaKind::Image,
            mime: "image/png".into(),
            ext: "png".into(),
            stored_at,
        }
    }

    #[test]
    fn the_oldest_go_first_and_what_is_brought_again_is_new() {
        let mut index = Index::default();
        let [a, b, c] = [b"a", b"b", b"c"].map(|bytes| Hash::of(bytes));
        for (hash, size, at) in [(a, 10, 1), (b, 20, 2), (a, 10, 3), (c, 30, 4)] {
            index.put(hash, held(size, at));
        }
        assert_eq!(index.bytes, 60);
        let names = |gone: Vec<(Hash, Held)>| gone.into_iter().map(|(hash, _)| hash).collect::<Vec<_>>();
        assert_eq!(names(index.take_beyond(45, 9)), [b]);
        assert_eq!(names(index.take_beyond(45, 1)), [a]);
        assert_eq!(names(index.take_beyond(1, 0)), [], "the newest stays");
        assert_eq!(names(index.take_while(|at| at < 4)), []);
        assert_eq!(names(index.take_while(|at| at <= 4)), [c]);
        assert_eq!(index.bytes, 0);
    }

    #[test]
    fn an_ending_that_leads_elsewhere_is_not_read() {
        assert_eq!(Held::of_json(&held(1, 1).to_json().unwrap()), Some(held(1, 1)));
        for ext in ["", "../x", "p/g", "a.b", "endless123"] {
            let odd = Held { ext: ext.into(), ..held(1, 1) };
            assert_eq!(Held::of_json(&odd.to_json().unwrap()), None, "{ext}");
        }
    }
}
