//! Blocks that no client submitted: those of foreign miners, and reorganisations.

use std::sync::Arc;

use chainweb::{BlockHash, BlockHeader, ChainId, CreationTime, PayloadHash};

use super::Network;
use super::outcome::MoveError;
use super::payload::payload_hash;

impl Network {
    /// Extends a chain with a foreign block.
    pub(crate) fn mine_foreign(
        &mut self,
        chain: ChainId,
        now: CreationTime,
    ) -> Result<BlockHash, MoveError> {
        let known = self.chain(chain).ok_or(MoveError::UnknownChain(chain))?;
        let height = known.height();
        if !self.is_mineable(chain) {
            return Err(MoveError::Blocked(chain));
        }
        let block = self.foreign_block(chain, height, now);
        let hash = block.hash();
        self.extend(block, None, now);
        Ok(hash)
    }

    /// Replaces the tip of a chain with a foreign sibling. The adjacent chains' parents change
    /// without an update.
    pub(crate) fn reorganise(
        &mut self,
        chain: ChainId,
        now: CreationTime,
    ) -> Result<BlockHash, MoveError> {
        let known = self.chain(chain).ok_or(MoveError::UnknownChain(chain))?;
        let (height, old) = (known.height(), known.tip().hash());
        let builds_on_tip = |n: &ChainId| self.slots[n].chain.height() > height;
        let is_pinned = self.graph().adjacents(chain).iter().any(builds_on_tip);
        let parent_height = height.checked_sub(1).filter(|_| !is_pinned);
        let parent_height = parent_height.ok_or(MoveError::PinnedTip(chain))?;
        let block = self.foreign_block(chain, parent_height, now);
        let hash = block.hash();
        self.count_orphans(&[old]);
        self.slot_mut(chain).chain.replace_tip(Arc::new(block));
        self.tally.foreign_blocks += 1;
        self.extended = true;
        self.tip_changed(chain, None, now);
        Ok(hash)
    }

    /// Lets the foreign miners choose a chain and start on its next block.
    pub(super) fn restart_foreign_miners(&mut self, now: CreationTime) {
        let mineable: Vec<_> = self
            .graph()
            .chains()
            .filter(|chain| self.is_mineable(*chain))
            .collect();
        let Some(chain) = self.foreign.choose(&mineable) else {
            return;
        };
        let any_payload = PayloadHash::new([0; 32]);
        let header = self.next_header(chain, any_payload, now);
        let target = header.expect("the chain is mineable").target();
        self.foreign.mine(chain, target, now, &mut self.timers);
    }

    /// Adds the block that the foreign miners have just found.
    pub(super) fn find_foreign_block(&mut self, now: CreationTime) {
        if self.frozen {
            return self.restart_foreign_miners(now);
        }
        let chain = self
            .foreign
            .chain()
            .expect("their timer is set while they mine");
        if self.mine_foreign(chain, now).is_err() {
            self.restart_foreign_miners(now);
        }
    }

    /// Returns a foreign block after the one at `height`. The chain and its adjacent chains must
    /// have blocks at this height.
    pub(super) fn foreign_block(
        &mut self,
        chain: ChainId,
        height: u64,
        now: CreationTime,
    ) -> BlockHeader {
        let (number, nonce) = self.foreign.next_block();
        // Different numbers at different nodes.
        let number = number * self.config.nodes as u64 + self.index as u64;
        let payload = payload_hash(
            self.config.seed,
            [b"foreign".as_slice(), &number.to_le_bytes()],
        );
        let header = self.header_after(chain, height, payload, now);
        let header = header.expect("all parents exist");
        BlockHeader::seal(header.with_nonce(nonce))
            .expect("simulated headers record their adjacents")
    }
}
