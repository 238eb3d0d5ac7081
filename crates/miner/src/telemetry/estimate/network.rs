//! The hash rate of the network, from the difficulty of its chains.
//!
//! A network adjusts the difficulty of each chain so that it has a block once in the block delay.
//! The miners of a chain with difficulty `D` compute `D / block delay` hashes per second then. The
//! difficulty follows the hash rate with a delay, and so does this estimate.

use std::collections::BTreeMap;
use std::time::Duration;

use chainweb::{ChainId, Difficulty};

use crate::units::HashRate;

/// The block delay of every public network: the time between two blocks of a chain, assumed if a
/// node does not report one.
pub const BLOCK_DELAY: Duration = Duration::from_secs(30);

/// The difficulty and hash rate of each chain of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkRates {
    chains: usize,
    each: BTreeMap<ChainId, (Difficulty, HashRate)>,
}

impl NetworkRates {
    /// Creates the rates of a network with this number of chains from the known difficulties of
    /// the next blocks. A block delay that is absent or zero is [`BLOCK_DELAY`].
    pub fn new(
        chains: usize,
        difficulties: impl IntoIterator<Item = (ChainId, Difficulty)>,
        block_delay: Option<Duration>,
    ) -> Self {
        let delay = block_delay.filter(|delay| !delay.is_zero());
        let seconds = delay.unwrap_or(BLOCK_DELAY).as_secs_f64();
        let rate = |(chain, difficulty): (_, Difficulty)| {
            (chain, (difficulty, HashRate(difficulty.as_f64() / seconds)))
        };
        Self {
            chains,
            each: difficulties.into_iter().map(rate).collect(),
        }
    }

    /// Returns the difficulty and hash rate of each chain as far as they are known.
    pub fn each(&self) -> impl Iterator<Item = (ChainId, Difficulty, HashRate)> {
        self.each
            .iter()
            .map(|(chain, (difficulty, rate))| (*chain, *difficulty, *rate))
    }

    /// Returns the hash rate of all chains together; `None` until the difficulty of each is known.
    pub fn total(&self) -> Option<HashRate> {
        (self.chains > 0 && self.each.len() == self.chains)
            .then(|| HashRate(self.each.values().map(|(_, rate)| rate.0).sum()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chainweb::{ChainId, Difficulty};

    use super::NetworkRates;
    use crate::units::HashRate;

    fn rates(chains: usize, hashes: &[u128], seconds: Option<u64>) -> NetworkRates {
        let chain =
            |(number, hashes): (u32, &u128)| (ChainId::new(number), Difficulty::from_u128(*hashes));
        NetworkRates::new(
            chains,
            (0..).zip(hashes).map(chain),
            seconds.map(Duration::from_secs),
        )
    }

    #[test]
    fn the_total_is_the_sum_of_difficulty_over_block_delay() {
        let network = rates(2, &[3000, 6000], None);
        assert_eq!(network.total(), Some(HashRate(300.0)));
        let each: Vec<_> = network
            .each()
            .map(|(chain, _, rate)| (chain.get(), rate.0))
            .collect();
        assert_eq!(each, [(0, 100.0), (1, 200.0)]);
        assert_eq!(rates(1, &[3000], Some(10)).total(), Some(HashRate(300.0)));
        assert_eq!(rates(1, &[3000], Some(0)).total(), Some(HashRate(100.0)));
    }

    #[test]
    fn the_total_is_unknown_while_a_chain_is() {
        assert_eq!(rates(3, &[3000, 6000], None).total(), None);
        // A node that does not list its chains.
        assert_eq!(rates(0, &[], None).total(), None);
    }
}
