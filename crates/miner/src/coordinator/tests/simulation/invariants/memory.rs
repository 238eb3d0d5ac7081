//! Of what outlives the program.

use std::collections::{BTreeMap, BTreeSet};

use super::super::World;
use crate::history::Fate;
use crate::job::JobId;

impl World {
    /// A block is reported as found once its header is on the disk, unless the disk is slow or
    /// fails.
    pub(in super::super) fn a_reported_block_is_on_the_disk(&self, job: JobId) {
        let memory = self.memory.as_ref().expect("it was passed on");
        assert!(
            memory.on_disk.contains(&job) || self.is_excused(job),
            "reported before it is on the disk: {job:?}"
        );
    }

    /// Each block on the disk is in the totals, once, when the next run starts.
    pub(in super::super) fn blocks_are_counted_once(&self) {
        let memory = self.memory.as_ref().expect("it was killed");
        let (in_totals, rows) = memory.disk.counts();
        assert_eq!(in_totals, rows, "blocks in totals, and rows");
    }

    /// In the end every block on the disk has one row with its true fate, and every block in the
    /// cut is on the disk, unless the disk did not take it before the program was killed. Branches
    /// of nodes that were apart may have replaced a final block.
    pub(in super::super) fn rows_are_true(&self, is_apart: bool) {
        let node = &self.nodes[0];
        let chains = node.chains.values();
        let in_cut: BTreeSet<_> = chains
            .flat_map(|chain| &chain.blocks)
            .filter(|block| self.ours.contains(block))
            .collect();
        let mut known = BTreeMap::new();
        for (row, fate, network, hash) in self.rows() {
            let twin = known.insert(hash, row);
            assert_eq!(twin, None, "two rows of one block: {row}");
            if network != node.version.as_str() {
                continue;
            }
            let is_in_cut = in_cut.contains(&hash);
            let expected = match fate {
                Fate::Accepted | Fate::Confirmed => Some(true),
                Fate::Displaced | Fate::Orphaned | Fate::Rejected | Fate::Stale | Fate::Lost => {
                    Some(false)
                }
                Fate::Untracked => None,
                Fate::Found | Fate::Submitted | Fate::Uncertain => {
                    panic!("row {row} has no fate: {fate:?}, in the cut: {is_in_cut}")
                }
            };
            assert!(
                is_apart || expected.is_none_or(|expected| expected == is_in_cut),
                "row {row} is {fate:?}, in the cut: {is_in_cut}"
            );
        }
        let forgotten = &self.memory.as_ref().expect("it has a disk").forgotten;
        for block in in_cut {
            let is_known = known.contains_key(block) || forgotten.contains(block);
            assert!(is_known, "a block of ours is on no disk: {block:?}");
        }
    }
}
