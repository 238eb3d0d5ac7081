//! Blocks that no client submitted: those of foreign miners, and reorganisations.

use chainweb::{BlockHash, BlockHeader, ChainId, CreationTime, PayloadHash, next_header};

use super::Network;
use super::consensus::creation_time;
use super::outcome::MoveError;
use super::payload::payload_hash;

impl Network {
    /// Extends a chain with a foreign block.
    pub(crate) fn mine_foreign(
        &mut self,
        chain: ChainId,
        now: CreationTime,
    ) -> Result<BlockHash, MoveError> {
        if !self.slots.contains_key(&chain) {
            return Err(MoveError::UnknownChain(chain));
        }
        let block = self
            .foreign_block(chain, now)
            .ok_or(MoveError::Blocked(chain))?;
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
        let slot = self
            .slots
            .get(&chain)
            .ok_or(MoveError::UnknownChain(chain))?;
        let height = slot.chain.height();
        let builds_on_tip = |n: &ChainId| self.slots[n].chain.height() > height;
        let old = slot.chain.tip().hash();
        let parent_height = height.checked_sub(1);
        let parents = parent_height
            .filter(|_| !self.graph().adjacents(chain).iter().any(builds_on_tip))
            .and_then(|height| {
                let parent = slot.chain.at(height)?;
                Some((parent, self.adjacent_parents(chain, height)?))
            });
        let (parent, adjacent) = parents.ok_or(MoveError::PinnedTip(chain))?;
        let (parent, adjacent): (BlockHeader, Vec<BlockHeader>) =
            (parent.clone(), adjacent.into_iter().cloned().collect());
        let block = self.seal_foreign(&parent, &adjacent.iter().collect::<Vec<_>>(), now);
        let hash = block.hash();
        if self.own_blocks.iter().rev().any(|block| block.hash == old) {
            self.tally.orphaned_later += 1;
        }
        self.slot_mut(chain).chain.replace_tip(block);
        self.tally.foreign_blocks += 1;
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
        let chain = self
            .foreign
            .chain()
            .expect("their timer is set while they mine");
        match self.foreign_block(chain, now) {
            Some(block) => self.extend(block, None, now),
            None => self.restart_foreign_miners(now),
        }
    }

    fn foreign_block(&mut self, chain: ChainId, now: CreationTime) -> Option<BlockHeader> {
        let parent = self.slots.get(&chain)?.chain.tip().clone();
        let adjacent: Vec<_> = self
            .adjacent_parents(chain, parent.work().height())?
            .into_iter()
            .cloned()
            .collect();
        Some(self.seal_foreign(&parent, &adjacent.iter().collect::<Vec<_>>(), now))
    }

    fn seal_foreign(
        &mut self,
        parent: &BlockHeader,
        adjacent: &[&BlockHeader],
        now: CreationTime,
    ) -> BlockHeader {
        let (number, nonce) = self.foreign.next_block();
        let payload = payload_hash(
            self.config.seed,
            [b"foreign".as_slice(), &number.to_le_bytes()],
        );
        let time = creation_time(parent, adjacent, now);
        let header = next_header(&self.rules, parent, adjacent, 0, payload, time);
        BlockHeader::seal(header.with_nonce(nonce))
            .expect("simulated headers record their adjacents")
    }
}
