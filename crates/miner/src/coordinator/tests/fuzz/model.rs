//! A model of a node as the coordinator sees it: growing chains, expiring payloads, breaking
//! streams.
//!
//! Chains are hardly braided here: work records a block of one adjacent chain, which grows freely.
//! A submitted block is the new tip at once if its parent is the tip, and silently no block
//! otherwise, as on a real node.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use chainweb::{
    Adjacents, BlockHash, ChainId, CreationTime, HeaderFields, Level, PayloadHash, Weight, Work,
};
use node::{Cut, Error, Info, Lost, Refusal, Tip, UpdateEvent, Version};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::super::super::event::Seq;
use super::super::super::{Event, Request};
use super::super::pieces::{
    broken, busy, connect, invalid_pow, not_served, stale, timeout, unauthorized,
};
use crate::job::NodeId;
use crate::timing::Timing;

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub(in super::super) struct Model {
    pub(in super::super) id: NodeId,
    pub(in super::super) version: Version,
    pub(in super::super) is_down: bool,
    /// Whether it reads requests and never answers.
    pub(in super::super) hangs: bool,
    /// Whether it never answers requests for work, as a node without work does.
    pub(in super::super) holds_work: bool,
    /// Whether it answers, but exchanges no blocks with other nodes.
    pub(in super::super) is_frozen: bool,
    /// The difficulty of its blocks.
    pub(in super::super) block_weight: u64,
    /// Whether payloads depend on the parent only, and are the same on all nodes.
    pub(in super::super) shares_payloads: bool,
    /// The answer to all requests for the cut.
    pub(in super::super) refuses_cut: Option<Error>,
    /// The answer to all requests for work.
    pub(in super::super) refuses_work: Option<Error>,
    /// Whether its streams stay open without a sign when it is restarted.
    pub(in super::super) dies_silently: bool,
    /// The percentage of requests that meet a fault.
    pub(in super::super) faults: u32,
    /// Whether a solution needs proof of work.
    pub(in super::super) checks_proof: bool,
    pub(in super::super) chains: BTreeMap<ChainId, Chain>,
    pub(in super::super) streams: BTreeMap<ChainId, Stream>,
    /// The issued payloads and when they were issued.
    payloads: BTreeMap<PayloadHash, Instant>,
    newest_payload: u64,
    pub(in super::super) networks: u32,
    /// The chains that it names, if not all.
    pub(in super::super) named: Option<usize>,
    /// How far its clock is ahead of that of this machine, in microseconds.
    pub(in super::super) clock_ahead_micros: i64,
    started: Instant,
}

#[derive(Debug)]
pub(in super::super) struct Chain {
    /// By height.
    pub(in super::super) blocks: Vec<BlockHash>,
    pub(in super::super) payload: PayloadHash,
}

#[derive(Debug)]
pub(in super::super) struct Stream {
    pub(in super::super) subscription: Seq,
    version: Version,
    pub(in super::super) is_open: bool,
    /// Whether the connection is dead, which the client does not notice.
    pub(in super::super) is_dead: bool,
    pub(in super::super) queue: VecDeque<UpdateEvent>,
}

fn unique(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// A chain outside the model.
fn unknown_chain(chain: u32) -> (ChainId, BlockHash) {
    (ChainId::new(chain), BlockHash::new([9; 32]))
}

impl Model {
    pub(in super::super) fn new(id: usize, chains: u32, now: Instant) -> Self {
        let mut model = Self {
            id: NodeId(id),
            version: "net-0".parse().expect("it is a name"),
            is_down: false,
            hangs: false,
            holds_work: false,
            is_frozen: false,
            block_weight: 10,
            shares_payloads: false,
            refuses_cut: None,
            refuses_work: None,
            dies_silently: false,
            faults: 0,
            checks_proof: true,
            chains: BTreeMap::new(),
            streams: BTreeMap::new(),
            payloads: BTreeMap::new(),
            newest_payload: 1_000_000 * id as u64,
            networks: 0,
            named: None,
            clock_ahead_micros: 0,
            started: now,
        };
        for chain in 0..chains {
            let payload = model.payload();
            // The same on all nodes.
            let blocks = vec![BlockHash::new(unique(u64::MAX - u64::from(chain)))];
            model
                .chains
                .insert(ChainId::new(chain), Chain { blocks, payload });
        }
        model
    }

    fn payload(&mut self) -> PayloadHash {
        self.newest_payload += 1;
        PayloadHash::new(unique(self.newest_payload))
    }

    /// Returns the payload of the block on top of this one.
    fn payload_on(&mut self, parent: BlockHash) -> PayloadHash {
        if self.shares_payloads {
            PayloadHash::new(*parent.as_bytes())
        } else {
            self.payload()
        }
    }

    fn tell(&mut self, chain: ChainId, event: UpdateEvent) {
        if let Some(stream) = self.streams.get_mut(&chain)
            && stream.is_open
            && !stream.is_dead
        {
            stream.queue.push_back(event);
        }
    }

    /// Adds a block on top of a chain's tip.
    fn extend(&mut self, chain: ChainId, block: BlockHash) {
        let payload = self.payload_on(block);
        let extended = self.chains.get_mut(&chain).expect("a chain of this node");
        extended.blocks.push(block);
        extended.payload = payload;
        // A real node reports a block up to three times.
        self.tell(chain, UpdateEvent::NewCut);
        self.tell(chain, UpdateEvent::NewCut);
    }

    pub(in super::super) fn foreign_block(&mut self, chain: ChainId) {
        self.newest_payload += 1;
        let block = BlockHash::new(unique(self.newest_payload));
        self.extend(chain, block);
    }

    /// Replaces the tip by another block.
    pub(in super::super) fn replace_tip(&mut self, chain: ChainId) {
        let blocks = &mut self
            .chains
            .get_mut(&chain)
            .expect("a chain of this node")
            .blocks;
        if blocks.len() > 1 {
            blocks.pop();
            self.foreign_block(chain);
        }
    }

    /// Takes over the blocks of a chain from the other nodes, if they are as many.
    pub(in super::super) fn follow(&mut self, chain: ChainId, blocks: &[BlockHash]) {
        if self.is_frozen {
            return;
        }
        let Some(tip) = blocks.last() else {
            return;
        };
        let payload = self.payload_on(*tip);
        let followed = self.chains.get_mut(&chain).expect("a chain of this node");
        if followed.blocks != blocks && followed.blocks.len() <= blocks.len() {
            followed.blocks = blocks.to_vec();
            followed.payload = payload;
            self.tell(chain, UpdateEvent::NewCut);
        }
    }

    pub(in super::super) fn refresh(&mut self, chain: ChainId) {
        let payload = self.payload();
        self.chains
            .get_mut(&chain)
            .expect("a chain of this node")
            .payload = payload;
        self.tell(chain, UpdateEvent::RefreshedBlock);
    }

    pub(in super::super) fn subscribe(
        &mut self,
        version: Version,
        subscription: Seq,
        chain: ChainId,
    ) {
        let stream = Stream {
            subscription,
            version,
            is_open: false,
            is_dead: false,
            queue: VecDeque::new(),
        };
        // It takes the place of an earlier one.
        self.streams.insert(chain, stream);
    }

    /// A closed stream of the client tries to open.
    pub(in super::super) fn open_stream(&mut self, chain: ChainId) {
        let (is_down, serving) = (self.is_down, self.version.clone());
        let known = self.chains.contains_key(&chain);
        if let Some(stream) = self
            .streams
            .get_mut(&chain)
            .filter(|stream| !stream.is_open)
        {
            if is_down || stream.version != serving {
                let error = if is_down { connect() } else { not_served() };
                stream
                    .queue
                    .push_back(UpdateEvent::Lost(Lost::Failed(error)));
            } else if known {
                stream.is_open = true;
                stream.queue.push_back(UpdateEvent::Opened);
            }
        }
    }

    pub(in super::super) fn lose_stream(&mut self, chain: ChainId, lost: Lost) {
        if let Some(stream) = self.streams.get_mut(&chain).filter(|stream| stream.is_open) {
            stream.is_open = false;
            stream.is_dead = false;
            stream.queue.push_back(UpdateEvent::Lost(lost));
        }
    }

    /// The node discards all payloads and closes all connections.
    pub(in super::super) fn restart(&mut self) {
        self.payloads.clear();
        for chain in self.chains.keys().copied().collect::<Vec<_>>() {
            match self.streams.get_mut(&chain).filter(|stream| stream.is_open) {
                Some(stream) if self.dies_silently => stream.is_dead = true,
                _ => self.lose_stream(chain, Lost::Failed(broken())),
            }
            // Its new payloads differ from those before.
            let payload = self.payload();
            self.chains
                .get_mut(&chain)
                .expect("a chain of this node")
                .payload = payload;
        }
    }

    /// The node comes back with another network.
    pub(in super::super) fn change_network(&mut self) {
        self.restart();
        self.networks += 1;
        self.version = format!("net-{}", self.networks)
            .parse()
            .expect("it is a name");
        let chains: Vec<_> = self.chains.keys().copied().collect();
        for chain in chains {
            self.newest_payload += 1;
            let genesis = BlockHash::new(unique(self.newest_payload));
            self.chains
                .get_mut(&chain)
                .expect("a chain of this node")
                .blocks = vec![genesis];
        }
    }

    fn is_known(&mut self, now: Instant, payload: PayloadHash) -> bool {
        let lifetime = Timing::default().payload_lifetime;
        self.payloads.retain(|_, given| now - *given < lifetime);
        self.payloads.contains_key(&payload)
    }

    /// Whether a solution of the work would become a block.
    pub(in super::super) fn would_take(&mut self, now: Instant, work: &Work) -> bool {
        let header = work.header();
        let tip = self
            .chains
            .get(&work.chain())
            .and_then(|chain| chain.blocks.last());
        // A higher adjacent chain may have left the recorded block, which the coordinator cannot
        // know.
        let has_left = |(chain, hash): (ChainId, BlockHash)| {
            self.chains.get(&chain).is_some_and(|adjacent| {
                adjacent.blocks.len() as u64 == header.height()
                    && adjacent.blocks.last() != Some(&hash)
            })
        };
        let stands = match header.adjacents() {
            Adjacents::Recorded(recorded) => !recorded.iter().any(has_left),
            Adjacents::Hashed => true,
        };
        tip == Some(&header.parent()) && stands && self.is_known(now, header.payload_hash())
    }

    fn fault(&self, rng: &mut StdRng) -> Option<Error> {
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

    /// Acts on a request and returns the event that answers it.
    #[expect(clippy::too_many_lines, reason = "one arm for each request")]
    pub(in super::super) fn answer(
        &mut self,
        now: Instant,
        rng: &mut StdRng,
        request: &Request,
    ) -> Event {
        let node = self.id;
        let fault = self.fault(rng);
        // A fault can hit the answer as well as the request.
        let is_lost = fault.as_ref().is_some_and(|fault| {
            matches!(fault, Error::NoAnswer(_)) && !self.is_down && rng.random_bool(0.5)
        });
        let ok = match &fault {
            Some(fault) if !is_lost => Err(fault.clone()),
            _ => Ok(()),
        };
        let lost = || fault.clone().map_or(Ok(()), Err);
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
                    graph: None,
                    block_delay: None,
                    package_version: None,
                    is_evm: false,
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
            } => {
                let result = ok
                    .and_then(|()| self.serves(&version))
                    .and_then(|()| lost());
                Event::Ancestors {
                    node,
                    seq,
                    chain,
                    tip_height: tip.height,
                    result: result.and_then(|()| self.ancestors(chain, tip, heights)),
                }
            }
            Request::BlockAt {
                version,
                seq,
                chain,
                tip,
                height,
            } => {
                let result = ok
                    .and_then(|()| self.serves(&version))
                    .and_then(|()| lost())
                    .and_then(|()| self.ancestors(chain, tip, height..=height));
                let result = result.map(|blocks| blocks.get(&height).copied());
                Event::BlockAt { node, seq, result }
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

    fn work(&mut self, now: Instant, rng: &mut StdRng, hint: Option<ChainId>) -> Work {
        let any = *self
            .chains
            .keys()
            .collect::<Vec<_>>()
            .choose(rng)
            .expect("there are chains");
        let hint = hint.filter(|chain| self.chains.contains_key(chain) && rng.random_bool(0.8));
        let number = hint.unwrap_or(*any);
        let chain = &self.chains[&number];
        let micros = (now - self.started).as_micros();
        // Some work is solved by every nonce, some by every other.
        let level = Level::new(u16::try_from(number.get() % 2).expect("0 or 1"));
        let fields = HeaderFields {
            creation_time: CreationTime::from_micros(
                i64::try_from(micros).expect("short") + self.clock_ahead_micros,
            ),
            parent: *chain.blocks.last().expect("there is a genesis block"),
            adjacents: [
                self.adjacent(number),
                unknown_chain(101),
                unknown_chain(102),
            ]
            .into(),
            target: level.expect("at most 256").target(),
            payload_hash: chain.payload,
            chain: number,
            height: chain.blocks.len() as u64,
            version_code: self.networks,
            ..fixtures::fields()
        };
        self.payloads.insert(chain.payload, now);
        Work::new(fields.encode()).expect("its target is not zero")
    }

    /// Returns the adjacent block recorded in work on the chain, if there is one.
    fn adjacent(&self, chain: ChainId) -> (ChainId, BlockHash) {
        let height = self.chains[&chain].blocks.len() - 1;
        let mut higher = self.chains.range(chain..).skip(1);
        let block = higher
            .next()
            .and_then(|(adjacent, found)| Some((*adjacent, *found.blocks.get(height)?)));
        block.unwrap_or(unknown_chain(100))
    }

    fn ancestors(
        &self,
        chain: ChainId,
        tip: Tip,
        heights: std::ops::RangeInclusive<u64>,
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

    fn take(&mut self, now: Instant, solved: &Work) -> Result<(), Error> {
        let header = solved.header();
        if !self.is_known(now, header.payload_hash()) {
            return Err(stale());
        }
        let becomes_block = self.would_take(now, solved);
        self.payloads.remove(&header.payload_hash());
        if self.checks_proof && !pow::verify(header, &header.target()) {
            return Err(invalid_pow());
        }
        if becomes_block {
            let hash = header.block_hash().expect("its adjacents are recorded");
            self.extend(solved.chain(), hash);
        }
        Ok(())
    }

    /// How many of these blocks are in the cut.
    pub(in super::super) fn count(&self, ours: &BTreeSet<BlockHash>) -> usize {
        let blocks = self.chains.values().flat_map(|chain| &chain.blocks);
        blocks.filter(|block| ours.contains(block)).count()
    }
}
