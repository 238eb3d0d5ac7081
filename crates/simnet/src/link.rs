//! The link of a node to the other nodes.

/// Whether a node exchanges cuts with the other nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// It does. A node that is connected again first sends its cut and receives those of the
    /// others; the heaviest wins.
    #[default]
    Connected,
    /// It does not, and mines on: its chains fork.
    Partitioned,
    /// It does not, and its own cut stands, too: it responds to solutions with 200 and drops them.
    Frozen,
}
