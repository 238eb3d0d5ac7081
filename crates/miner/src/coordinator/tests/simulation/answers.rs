//! How a model of a node answers requests.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Instant;

use chainweb::{BlockHash, ChainId, CreationTime, HeaderFields, Level, Weight, Work, WorkHeader};
use node::{Ancestor, Cut, Error, Info, Mined, Refusal, Tip, Version};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus as Chance;
use rand::seq::IndexedRandom;

use super::super::super::{Event, Request};
use super::super::pieces::{
    broken, busy, connect, invalid_pow, not_served, stale, timeout, unauthorized,
};
use super::model::{Chain, Model, unique};

/// A chain outside the model.
fn unknown_chain(chain: u32) -> (ChainId, BlockHash) {
    (ChainId::new(chain), BlockHash::new([9; 32]))
}

/// Returns the hash of a block of ours. If its adjacents are hashed, only nodes know it.
pub(super) fn block_hash(header: &WorkHeader) -> BlockHash {
    header.block_hash().unwrap_or_else(|| {
        let mut hash = *header.payload_hash().as_bytes();
        hash[8..16].copy_from_slice(&header.creation_time().to_le_bytes());
        hash[16..24].copy_from_slice(&header.nonce().to_le_bytes());
        BlockHash::new(hash)
    })
}

impl Model {
    /// Returns a fault that a request meets by chance.
    pub(super) fn fault(&self, rng: &mut Chance) -> Option<Error> {
        if self.is_down {
            return Some(connect());
        }
        let faults = [
            timeout(),
            broken(),
            busy(),
            busy(),
            not_served(),
            unauthorized(),
        ];
        let weighted = rng.random_range(0..100) < self.faults;
        weighted.then(|| faults.choose(rng).expect("there are some").clone())
    }

    fn serves(&self, version: &Version) -> Result<(), Error> {
        if *version == self.version {
            Ok(())
        } else {
            Err(not_served())
        }
    }

    /// Acts on a request, which meets a fault or not, and returns the event that answers it.
    #[expect(clippy::too_many_lines, reason = "one arm for each request")]
    pub(super) fn answer(
        &mut self,
        now: Instant,
        rng: &mut Chance,
        request: &Request,
        fault: Option<&Error>,
    ) -> Event {
        let node = self.id;
        // A fault can hit the answer as well as the request.
        let is_lost = fault.is_some_and(|fault| {
            matches!(fault, Error::NoAnswer(_)) && !self.is_down && rng.random_bool(0.5)
        });
        let ok = match fault {
            Some(fault) if !is_lost => Err(fault.clone()),
            _ => Ok(()),
        };
        let lost = || fault.cloned().map_or(Ok(()), Err);
        match request.clone() {
            Request::Identify => Event::Identified {
                node,
                result: ok.and_then(|()| lost()).map(|()| Info {
                    version: self.version.clone(),
                    chains: self
                        .chains
                        .keys()
                        .copied()
                        .take(self.named.unwrap_or(usize::MAX))
                        .collect(),
                    graph: self.graph.as_deref().cloned(),
                    block_delay: None,
                    package_version: None,
                    fork_number: None,
                    is_evm: self.is_evm,
                }),
            },
            Request::Work {
                version,
                seq,
                chain,
            } => {
                let refusal = self.refuses_work.clone().map_or(Ok(()), Err);
                let result = ok
                    .and_then(|()| self.serves(&version))
                    .and(refusal)
                    .map(|()| self.work(now, rng, chain));
                Event::Work {
                    node,
                    seq,
                    result: result.and_then(|work| lost().map(|()| work)),
                }
            }
            Request::Cut { version, seq, .. } => {
                let refusal = self.refuses_cut.clone().map_or(Ok(()), Err);
                let result = ok
                    .and_then(|()| self.serves(&version))
                    .and(refusal)
                    .and_then(|()| lost());
                Event::Cut {
                    node,
                    seq,
                    result: result.map(|()| self.cut()),
                }
            }
            Request::Ancestors {
                version,
                seq,
                chain,
                tip,
                heights,
                purpose,
            } => {
                let result = ok
                    .and_then(|()| self.serves(&version))
                    .and_then(|()| lost());
                Event::Ancestors {
                    node,
                    seq,
                    chain,
                    tip_height: tip.height,
                    purpose,
                    result: result.and_then(|()| self.ancestors(chain, tip, heights)),
                }
            }
            Request::Headers {
                version,
                seq,
                chain,
                tip,
                heights,
            } => {
                let result = ok
                    .and_then(|()| self.serves(&version))
                    .and_then(|()| lost());
                Event::Headers {
                    node,
                    seq,
                    chain,
                    tip_height: tip.height,
                    result: result.and_then(|()| self.headers(chain, tip, heights)),
                }
            }
            Request::Siblings {
                version,
                job,
                chain,
                height,
            } => {
                let result = ok
                    .and_then(|()| self.serves(&version))
                    .and_then(|()| lost());
                Event::Siblings {
                    node,
                    job,
                    result: result.map(|()| self.siblings(chain, height)),
                }
            }
            Request::Submit {
                version,
                job,
                header,
                ..
            } => {
                let result = ok
                    .and_then(|()| self.serves(&version))
                    .and_then(|()| self.take(now, &Work::new(header).expect("it was work")));
                Event::Submitted {
                    node,
                    job,
                    result: result.and_then(|()| lost()),
                }
            }
        }
    }

    fn cut(&self) -> Cut {
        let tips = self.chains.iter().map(|(chain, Chain { blocks, .. })| {
            let height = blocks.len() as u64 - 1;
            let hash = *blocks.last().expect("there is a genesis block");
            (*chain, Tip { height, hash })
        });
        let tips: BTreeMap<_, Tip> = tips.collect();
        let height: u64 = tips.values().map(|tip| tip.height).sum();
        let weight = Weight::from_le_bytes(unique(height * self.block_weight));
        Cut {
            tips,
            weight: Some(weight),
        }
    }

    fn work(&mut self, now: Instant, rng: &mut Chance, hint: Option<ChainId>) -> Work {
        let hint = hint.filter(|chain| {
            self.chains.contains_key(chain)
                && self.is_extendable(*chain)
                && (self.obeys_hints || rng.random_bool(0.8))
        });
        let number = hint.unwrap_or_else(|| {
            // One of the lowest chains can always grow.
            let any: Vec<_> = self.extendable().collect();
            *any.choose(rng).expect("there are chains")
        });
        let micros = i64::try_from((now - self.started).as_micros()).expect("short");
        // No two works have the same time.
        self.last_micros = micros.max(self.last_micros + 1);
        let chain = &self.chains[&number];
        let level = Level::new((self.level_of)(number));
        let fields = HeaderFields {
            creation_time: CreationTime::from_micros(self.last_micros + self.clock_ahead_micros),
            parent: *chain.blocks.last().expect("there is a genesis block"),
            adjacents: self.recorded(number),
            target: level.expect("at most 256").target(),
            payload_hash: chain.payload,
            chain: number,
            height: chain.blocks.len() as u64 + self.work_above,
            version_code: self.networks,
            ..fixtures::fields()
        };
        self.payloads.insert(chain.payload, now);
        let header = fields.encode();
        let header = if self.is_evm {
            fixtures::hash_adjacents(&header)
        } else {
            header
        };
        Work::new(header).expect("its target is not zero")
    }

    /// Returns the adjacent blocks recorded in work on the chain.
    fn recorded(&self, chain: ChainId) -> BTreeMap<ChainId, BlockHash> {
        let height = self.length(chain) - 1;
        let block = |adjacent: ChainId| (adjacent, self.chains[&adjacent].blocks[height]);
        if self.graph.is_some() {
            return self.adjacents(chain).iter().copied().map(block).collect();
        }
        let mut higher = self.chains.range(chain..).skip(1);
        let adjacent = higher
            .next()
            .and_then(|(adjacent, found)| Some((*adjacent, *found.blocks.get(height)?)));
        let first = adjacent.unwrap_or(unknown_chain(100));
        [first, unknown_chain(101), unknown_chain(102)].into()
    }

    fn ancestors(
        &self,
        chain: ChainId,
        tip: Tip,
        heights: RangeInclusive<u64>,
    ) -> Result<BTreeMap<u64, BlockHash>, Error> {
        let blocks = &self.chains[&chain].blocks;
        let at = |height: u64| blocks.get(usize::try_from(height).ok()?).copied();
        if at(tip.height) != Some(tip.hash) {
            return Err(Refusal::UnknownBlock(tip.hash).into());
        }
        assert!(*heights.end() <= tip.height, "above the tip there are none");
        Ok(heights
            .filter_map(|height| Some((height, at(height)?)))
            .collect())
    }

    fn headers(
        &self,
        chain: ChainId,
        tip: Tip,
        heights: RangeInclusive<u64>,
    ) -> Result<BTreeMap<u64, Ancestor>, Error> {
        let of_others = Mined::from(&fixtures::fields().encode());
        let blocks = self.ancestors(chain, tip, heights)?.into_iter();
        let ours = self.ours.borrow();
        let headers = blocks.map(|(height, hash)| {
            let mined = ours.get(&hash).map_or(of_others, |(_, mined)| *mined);
            (height, Ancestor { hash, mined })
        });
        Ok(headers.collect())
    }

    fn siblings(&self, chain: ChainId, height: u64) -> Vec<Ancestor> {
        let place = (chain, height);
        let ours = self.ours.borrow();
        let there = ours.iter().filter(|(_, (of, _))| *of == place);
        there
            .map(|(hash, (_, mined))| Ancestor {
                hash: *hash,
                mined: *mined,
            })
            .collect()
    }

    fn take(&mut self, now: Instant, solved: &Work) -> Result<(), Error> {
        let header = solved.header();
        if !self.is_known(now, header.payload_hash()) {
            return if self.is_evm { Ok(()) } else { Err(stale()) };
        }
        let becomes_block = self.would_take(now, solved);
        self.payloads.remove(&header.payload_hash());
        if self.checks_proof && !pow::verify(header, &header.target()) {
            return if self.is_evm {
                Ok(())
            } else {
                Err(invalid_pow())
            };
        }
        if becomes_block {
            let hash = block_hash(header);
            let place = (header.chain(), header.height());
            let mined = Mined::from(header);
            self.ours.borrow_mut().insert(hash, (place, mined));
            self.extend(solved.chain(), hash);
        }
        Ok(())
    }
}
