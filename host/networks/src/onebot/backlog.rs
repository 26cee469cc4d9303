//! Events that came and cannot be taken yet: before it is known who is logged in and whom they know, and while too much waits
//! for the host. They are the account's and outlive the connection that they came on: what was received is not lost.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::limits;
use super::post_box::Receipt;
use super::remembered::WayIn;

/// A frame as it came.
pub(super) struct KeptFrame {
    pub(super) text: String,
    pub(super) way: WayIn,
    /// Who waits until it is journalled, if it was posted.
    pub(super) receipt: Option<Receipt>,
}

#[derive(Default)]
struct Kept {
    frames: VecDeque<KeptFrame>,
    bytes: usize,
}

/// The frames of one account that wait, in their order.
#[derive(Default)]
pub(super) struct Backlog {
    kept: Mutex<Kept>,
}

impl Backlog {
    /// Keeps a frame behind the others; not if it is full: then its receipt is dropped. The last one may be larger than the room
    /// that was left.
    pub(super) fn keep(&self, text: &str, way: WayIn, receipt: Option<Receipt>) -> bool {
        let mut kept = self.kept.lock();
        if kept.is_full() {
            return false;
        }
        kept.bytes += text.len();
        kept.frames.push_back(KeptFrame { text: text.to_owned(), way, receipt });
        true
    }

    /// Takes the oldest frame.
    pub(super) fn take(&self) -> Option<KeptFrame> {
        let mut kept = self.kept.lock();
        let frame = kept.frames.pop_front()?;
        kept.bytes -= frame.text.len();
        Some(frame)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.lock().frames.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.kept.lock().is_full()
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        *self.kept.lock() = Kept::default();
    }
}

impl Kept {
    fn is_full(&self) -> bool {
        self.bytes >= limits::BACKLOG_BYTES || self.frames.len() >= limits::EVENTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_in_its_order_and_is_bounded() {
        let backlog = Backlog::default();
        let keep = |text: &str| backlog.keep(text, WayIn(1), None);
        assert!(keep("a") && keep(&" ".repeat(limits::BACKLOG_BYTES)));
        assert!(backlog.is_full() && !keep("b"), "bytes");
        assert_eq!(backlog.take().unwrap().text, "a");
        assert_eq!(backlog.take().unwrap().text.len(), limits::BACKLOG_BYTES);
        assert!(backlog.is_empty() && backlog.take().is_none());
        for _ in 0..limits::EVENTS {
            assert!(keep(""));
        }
        assert!(!keep(""), "frames");
        backlog.clear();
        assert!(backlog.is_empty() && keep("b"));
    }
}
