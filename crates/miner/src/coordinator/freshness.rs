//! Whether work is current: the one answer to all questions about outdated work.

use super::seq::Seq;

/// How current work is, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Freshness {
    /// The update streams were open all the time and reported no change.
    Current,
    /// Nothing is known to outdate the work, but an update may have been missed.
    Unconfirmed {
        /// Only a cut requested after this can confirm the work.
        since: Seq,
    },
    /// A solution on the same parent is being submitted: which block will follow is open.
    Contested,
    /// The chain has a new tip, or the parent was solved after the work was requested.
    Outdated,
}
