//! How many instances there may be at once. The pool that they are made from refuses one too many, so that
//! callers wait here first.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// A number of slots. A clone counts the same ones.
#[derive(Debug, Clone)]
pub(crate) struct Slots(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    free: Mutex<u32>,
    freed: Condvar,
}

/// One slot, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Inner>);

impl Slots {
    pub(crate) fn new(count: u32) -> Self {
        Self(Arc::new(Inner { free: Mutex::new(count), freed: Condvar::new() }))
    }

    /// Waits for a slot.
    pub(crate) fn take(&self) -> Slot {
        let mut free = self.0.free.lock();
        while *free == 0 {
            self.0.freed.wait(&mut free);
        }
        *free -= 1;
        Slot(Arc::clone(&self.0))
    }

    /// A slot, if one is free.
    pub(crate) fn try_take(&self) -> Option<Slot> {
        let mut free = self.0.free.lock();
        *free = free.checked_sub(1)?;
        Some(Slot(Arc::clone(&self.0)))
    }
}

impl Slot {
    /// Whether this slot is one of these.
    pub(crate) fn is_one_of(&self, slots: &Slots) -> bool {
        Arc::ptr_eq(&self.0, &slots.0)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_waited_for_and_given_on() {
        let slots = Slots::new(1);
        let slot = slots.take();
        assert!(slots.try_take().is_none());
        let waiting = std::thread::spawn({
            let slots = slots.clone();
            move || drop(slots.take())
        });
        drop(slot);
        waiting.join().unwrap();
        assert!(slots.try_take().is_some());
    }
}
