//! Chance, drawn from the script's name and the event's number: the same event draws the same.

pub use crate::host::random::{bytes, next};

/// A number from 0 up to, not including, `end`; 0 if `end` is 0.
pub fn below(end: u64) -> u64 {
    // The high half of the product is even enough for any `end` that a chat rule draws below.
    ((u128::from(next()) * u128::from(end)) >> 64) as u64
}

/// One of them; `None` if there are none.
pub fn choose<T>(from: &[T]) -> Option<&T> {
    from.get(usize::try_from(below(from.len() as u64)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_numbers_stay_below_their_end() {
        assert!((0..1000).all(|_| below(6) < 6));
        assert_eq!(below(0), 0);
    }

    #[test]
    fn every_item_is_chosen_now_and_then_and_none_from_nothing() {
        let chosen: std::collections::BTreeSet<_> =
            (0..100).filter_map(|_| choose(&["a", "b", "c"])).collect();
        assert_eq!(chosen.len(), 3);
        assert_eq!(choose::<u8>(&[]), None);
    }
}
