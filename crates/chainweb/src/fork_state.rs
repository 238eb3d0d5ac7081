//! The fork number of a block and the votes for the next one, in the flags of its header.
//!
//! Miners decide on hard forks: a block may add one vote to those of its parent. The heights are
//! divided into epochs. In all but the last heights of an epoch votes are cast; in the last ones
//! each block takes the mean of its parents, so that all chains agree. The first block of the next
//! epoch has the next fork number if two thirds of the heights have voted for it.
//!
//! Source: kda-community/chainweb-node, `src/Chainweb/ForkState.hs`, and `newForkState` in
//! `src/Chainweb/BlockHeader/Internal.hs`.

/// A vote, in the units of the header.
const VOTE: u32 = 1000;

/// The fork number and the votes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkState {
    number: u32,
    /// In thousandths of a vote.
    millivotes: u32,
}

impl ForkState {
    /// The number of heights in an epoch of votes: five days.
    pub const EPOCH: u64 = 14_400;
    /// The number of heights of an epoch at which votes are cast, the first ones.
    pub const CASTING: u64 = 14_280;
    /// The votes that a fork needs.
    pub const NEEDED: u64 = Self::CASTING * 2 / 3;

    /// Reads the flags of a header.
    pub fn from_flags(flags: [u8; 8]) -> Self {
        let (halves, _) = flags.as_chunks();
        let [number, millivotes] = [0, 1].map(|half: usize| u32::from_le_bytes(halves[half]));
        Self { number, millivotes }
    }

    /// Returns the fork number: the rules by which the block was made.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// Returns the votes for the next fork in this epoch, in thousandths. Means keep them.
    pub const fn millivotes(self) -> u32 {
        self.millivotes
    }

    /// Returns the votes for the next fork in this epoch, rounded as for the decision: to the
    /// nearest number, and from halfway to the even one.
    pub fn votes(self) -> u64 {
        let (whole, rest) = (self.millivotes / VOTE, self.millivotes % VOTE);
        let is_up = rest > VOTE / 2 || rest == VOTE / 2 && whole % 2 == 1;
        u64::from(whole) + u64::from(is_up)
    }

    /// Whether the votes decide for the next fork, if the epoch ends with them.
    pub fn is_decided(self) -> bool {
        self.votes() >= Self::NEEDED
    }

    /// Whether the block has voted for the next fork, by the state of its parent and its height.
    /// `None` if it could not vote.
    pub fn has_voted(self, parent: Self, height: u64) -> Option<bool> {
        match height % Self::EPOCH {
            0 => Some(self.millivotes > 0),
            place if place < Self::CASTING => Some(self.millivotes > parent.millivotes),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(number: u32, millivotes: u32) -> ForkState {
        ForkState { number, millivotes }
    }

    #[test]
    fn the_low_half_is_the_number_and_the_high_half_the_votes() {
        let flags = (7 | 3_500_u64 << 32).to_le_bytes();
        assert_eq!(ForkState::from_flags(flags), state(7, 3500));
        let most = ForkState::from_flags([0xff; 8]);
        assert_eq!((most.number(), most.votes()), (u32::MAX, 4_294_967));
    }

    /// As `round` does in Haskell, and at the threshold.
    #[test]
    fn votes_are_rounded_to_even_and_two_thirds_decide() {
        #[track_caller]
        fn check(millivotes: u32, votes: u64, is_decided: bool) {
            let state = state(0, millivotes);
            assert_eq!((state.votes(), state.is_decided()), (votes, is_decided));
        }
        check(0, 0, false);
        check(500, 0, false);
        check(501, 1, false);
        check(1500, 2, false);
        check(2500, 2, false);
        check(9_519_499, 9519, false);
        check(9_519_500, 9520, true);
        check(14_280_000, 14_280, true);
    }

    #[test]
    fn a_block_votes_by_one_more_than_its_parent() {
        let (none, one) = (state(0, 0), state(0, 1000));
        assert_eq!(one.has_voted(none, 5), Some(true));
        assert_eq!(one.has_voted(one, 5), Some(false));
        // The first block of an epoch drops the votes of its parent.
        let many = state(0, 9_000_000);
        assert_eq!(one.has_voted(many, 14_400), Some(true));
        assert_eq!(none.has_voted(many, 14_400), Some(false));
        assert_eq!(one.has_voted(none, 14_279), Some(true));
        assert_eq!(one.has_voted(none, 14_280), None);
        assert_eq!(one.has_voted(none, 2 * 14_400 - 1), None);
    }
}
