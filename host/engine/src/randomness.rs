//! Random numbers that are the same for the same script and event, so that a replay draws them again.

use mynah_model::names::{ScriptName, Seq};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// ChaCha8 seeded from sha256(script name, 0, seq in little-endian bytes). Nothing is computed before the
/// first draw. The contract's `random` and wasi's draw from streams of their own: that a language's hash maps
/// want a seed must not change what a rule throws.
#[derive(Debug)]
pub(crate) struct Randomness {
    name: ScriptName,
    seq: Seq,
    contract: Option<Box<ChaCha8Rng>>,
    wasi: Option<Box<ChaCha8Rng>>,
}

impl Randomness {
    pub(crate) fn new(name: &ScriptName, seq: Seq) -> Self {
        Self { name: name.clone(), seq, contract: None, wasi: None }
    }

    /// For the contract's `random`.
    pub(crate) fn contract(&mut self) -> &mut impl Rng {
        let Self { name, seq, contract, .. } = self;
        contract.get_or_insert_with(|| generator(name, *seq, 0))
    }

    /// For `wasi:random`.
    pub(crate) fn wasi(&mut self) -> &mut impl Rng {
        let Self { name, seq, wasi, .. } = self;
        wasi.get_or_insert_with(|| generator(name, *seq, 1))
    }
}

fn generator(name: &ScriptName, seq: Seq, stream: u64) -> Box<ChaCha8Rng> {
    let seed = Sha256::new()
        .chain_update(name.as_str())
        .chain_update([0])
        .chain_update(seq.0.to_le_bytes())
        .finalize();
    let mut generator = ChaCha8Rng::from_seed(seed.into());
    generator.set_stream(stream);
    Box::new(generator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(name: &str, seq: u64) -> (u64, u64) {
        let mut random = Randomness::new(&name.parse().unwrap(), Seq(seq));
        (random.contract().next_u64(), random.wasi().next_u64())
    }

    #[test]
    fn the_same_event_draws_the_same_and_nothing_else_does() {
        assert_eq!(draw("dice", 7), draw("dice", 7));
        let all = [draw("dice", 7), draw("dice", 8), draw("die", 7)];
        let mut numbers: Vec<u64> = all.iter().flat_map(|(a, b)| [*a, *b]).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 6);
    }

    #[test]
    fn the_numbers_never_change_because_journals_hold_what_came_of_them() {
        // Computed from the algorithms' definitions by a program of its own.
        assert_eq!(draw("dice", 1).0, 14_852_166_598_182_954_799);
    }
}
