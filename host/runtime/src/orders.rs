//! What an account is to do: the last order counts, whoever gave it, and one keeper carries it out.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// What an account is to do from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Be logged out.
    Rest,
    /// Be logged in; with a session that is kept unless it says anew.
    Run {
        /// Whether it is to log in as for the first time.
        anew: bool,
    },
    /// Be logged out, because the host stops.
    End,
}

/// A wish and its number; numbers grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) number: u64,
    pub(crate) wish: Wish,
}

/// The orders of one account.
#[derive(Debug)]
pub(crate) struct Orders {
    last: watch::Sender<Order>,
    /// The number of the last order that was carried out: the account is logged out, or on its way in.
    done: watch::Sender<u64>,
    starts: AtomicU64,
}

impl Default for Orders {
    fn default() -> Self {
        let rest = Order { number: 0, wish: Wish::Rest };
        Self { last: watch::Sender::new(rest), done: watch::Sender::new(0), starts: AtomicU64::new(0) }
    }
}

impl Orders {
    /// The order that counts now.
    pub(crate) fn last(&self) -> Order {
        *self.last.borrow()
    }

    /// Whether the account is to be logged in.
    pub(crate) fn wants_to_run(&self) -> bool {
        matches!(self.last().wish, Wish::Run { .. })
    }

    /// Gives an order unless a wish stands against it; its number. Nothing goes against [`Wish::End`].
    pub(crate) fn give(&self, wish: Wish, unless: impl FnOnce(Wish) -> bool) -> Option<u64> {
        let mut given = None;
        self.last.send_if_modified(|last| {
            if last.wish == Wish::End || unless(last.wish) {
                return false;
            }
            *last = Order { number: last.number + 1, wish };
            given = Some(last.number);
            true
        });
        given
    }

    /// An account whose network gave up rests, unless it got another order meanwhile; whether it rests.
    pub(crate) fn gave_up(&self, order: Order) -> bool {
        self.last.send_if_modified(|last| {
            let gave_up = *last == order;
            if gave_up {
                last.wish = Wish::Rest;
            }
            gave_up
        })
    }

    /// Somebody started the account: a stop that was asked for before is off.
    pub(crate) fn note_start(&self) {
        self.starts.fetch_add(1, Ordering::Relaxed);
    }

    /// How often somebody started the account.
    pub(crate) fn starts(&self) -> u64 {
        self.starts.load(Ordering::Relaxed)
    }

    /// Resolves when there is an order after this one.
    pub(crate) async fn after(&self, order: Order) -> Order {
        let mut orders = self.last.subscribe();
        // The sender lives as long as `self`.
        orders.wait_for(|last| last.number > order.number).await.map_or(order, |last| *last)
    }

    /// Notes that an order was carried out.
    pub(crate) fn done(&self, order: Order) {
        self.done.send_replace(order.number);
    }

    /// Resolves when this order, or a later one, was carried out.
    pub(crate) async fn until_done(&self, number: u64) {
        // The sender lives as long as `self`.
        let _ = self.done.subscribe().wait_for(|done| *done >= number).await;
    }
}
