//! A model of a node as the coordinator sees it: growing chains, expiring payloads, breaking
//! streams.
//!
//! Chains are braided if the model has a graph: a chain grows if every adjacent chain is as high,
//! and work records their blocks. Without a graph, as in the stories, work records a block of one
//! adjacent chain, which grows freely. A submitted block is the new tip at once if its parent is
//! the tip, and silently no block otherwise, as on a real node.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use chainweb::{Adjacents, BlockHash, ChainGraph, ChainId, PayloadHash, Work};
use node::{Error, Lost, Mined, UpdateEvent, Version};

use super::super::super::event::Seq;
use super::super::pieces::{broken, connect, not_served};
use crate::job::NodeId;
use crate::timing::Timing;

/// The number of blocks on top of one that make its place final.
const CONFIRMED: usize = 6;

/// Blocks by their hashes, with their places.
type Ours = BTreeMap<BlockHash, ((ChainId, u64), Mined)>;

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub(super) struct Model {
    pub(super) id: NodeId,
    pub(super) version: Version,
    pub(super) is_down: bool,
    /// Whether it reads requests and never answers.
    pub(super) hangs: bool,
    /// How long its answers take.
    pub(super) slowness: Duration,
    /// Whether it never answers requests for work, as a node without work does.
    pub(super) holds_work: bool,
    /// Whether it answers, but exchanges no blocks with other nodes.
    pub(super) is_frozen: bool,
    /// Whether it ever had blocks of its own, or another network.
    pub(super) was_apart: bool,
    /// The difficulty of its blocks.
    pub(super) block_weight: u64,
    /// Whether payloads depend on the parent and the number of refreshes only, and can be the same
    /// on all nodes.
    pub(super) shares_payloads: bool,
    /// Whether it always issues work on the wanted chain, and not only mostly.
    pub(super) obeys_hints: bool,
    /// Whether it is of the EVM line: only it knows the hashes of blocks, and it answers 200 to all
    /// solutions.
    pub(super) is_evm: bool,
    /// The submitted blocks that any node took.
    pub(super) ours: Rc<RefCell<Ours>>,
    /// The answer to all requests for the cut.
    pub(super) refuses_cut: Option<Error>,
    /// The answer to all requests for work.
    pub(super) refuses_work: Option<Error>,
    /// Whether its streams stay open without a sign when it is restarted.
    pub(super) dies_silently: bool,
    /// The percentage of requests that meet a fault.
    pub(super) faults: u32,
    /// Whether a solution needs proof of work.
    pub(super) checks_proof: bool,
    pub(super) graph: Option<Rc<ChainGraph>>,
    /// How many nonces solve the work on a chain: one in 2 to the power of this.
    pub(super) level_of: fn(ChainId) -> u16,
    pub(super) chains: BTreeMap<ChainId, Chain>,
    /// The number of changes of the chains.
    pub(super) moves: u64,
    pub(super) streams: BTreeMap<ChainId, Stream>,
    /// The issued payloads and when they were issued.
    pub(super) payloads: BTreeMap<PayloadHash, Instant>,
    newest_payload: u64,
    pub(super) networks: u32,
    /// How far its work is above its own blocks.
    pub(in super::super) work_above: u64,
    /// The chains that it names, if not all.
    pub(super) named: Option<usize>,
    /// How far its clock is ahead of that of this machine, in microseconds.
    pub(super) clock_ahead_micros: i64,
    /// The time of the last work, in microseconds of this machine.
    pub(super) last_micros: i64,
    pub(super) started: Instant,
}

#[derive(Debug)]
pub(super) struct Chain {
    /// By height.
    pub(super) blocks: Vec<BlockHash>,
    pub(super) payload: PayloadHash,
    /// How often the payload was refreshed on the present tip.
    refreshes: u64,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) subscription: Seq,
    version: Version,
    pub(super) is_open: bool,
    /// Whether the connection is dead, which the client does not notice.
    pub(super) is_dead: bool,
    pub(super) queue: VecDeque<UpdateEvent>,
}

pub(super) fn unique(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

impl Model {
    pub(super) fn new(id: usize, chains: u32, now: Instant) -> Self {
        let mut model = Self {
            id: NodeId(id),
            version: "net-0".parse().expect("it is a name"),
            is_down: false,
            hangs: false,
            slowness: Duration::ZERO,
            holds_work: false,
            is_frozen: false,
            was_apart: false,
            block_weight: 10,
            shares_payloads: false,
            obeys_hints: false,
            is_evm: false,
            ours: Rc::default(),
            refuses_cut: None,
            refuses_work: None,
            dies_silently: false,
            faults: 0,
            checks_proof: true,
            graph: None,
            // Some work is solved by every nonce, some by every other.
            level_of: |chain| u16::from(chain.get() % 2 == 1),
            chains: BTreeMap::new(),
            moves: 0,
            streams: BTreeMap::new(),
            payloads: BTreeMap::new(),
            newest_payload: 1_000_000 * id as u64,
            networks: 0,
            work_above: 0,
            named: None,
            clock_ahead_micros: 0,
            last_micros: 0,
            started: now,
        };
        for chain in 0..chains {
            let payload = model.payload();
            // The same on all nodes.
            let blocks = vec![BlockHash::new(unique(u64::MAX - u64::from(chain)))];
            let of = Chain {
                blocks,
                payload,
                refreshes: 0,
            };
            model.chains.insert(ChainId::new(chain), of);
        }
        model
    }

    fn payload(&mut self) -> PayloadHash {
        self.newest_payload += 1;
        PayloadHash::new(unique(self.newest_payload))
    }

    /// The next block of a chain has another payload from now on.
    fn replace_payload(&mut self, chain: ChainId, refreshes: u64) {
        let own = self.payload();
        let shares_payloads = self.shares_payloads;
        let of = self.chain_mut(chain);
        let parent = of.blocks.last().expect("there is a genesis block");
        let mut shared = *parent.as_bytes();
        shared[24..].copy_from_slice(&refreshes.to_be_bytes());
        of.refreshes = refreshes;
        of.payload = if shares_payloads {
            PayloadHash::new(shared)
        } else {
            own
        };
    }

    fn chain_mut(&mut self, chain: ChainId) -> &mut Chain {
        self.moves += 1;
        self.chains.get_mut(&chain).expect("a chain of this node")
    }

    fn tell(&mut self, chain: ChainId, event: UpdateEvent) {
        if let Some(stream) = self.streams.get_mut(&chain)
            && stream.is_open
            && !stream.is_dead
        {
            stream.queue.push_back(event);
        }
    }

    /// Returns the adjacent chains, if the model has a graph.
    pub(super) fn adjacents(&self, chain: ChainId) -> &[ChainId] {
        let graph = self.graph.as_deref();
        graph.map_or(&[], |graph| graph.adjacents(chain))
    }

    /// Returns the number of blocks of a chain.
    pub(super) fn length(&self, chain: ChainId) -> usize {
        self.chains[&chain].blocks.len()
    }

    /// Whether every adjacent chain is as high.
    pub(super) fn is_extendable(&self, chain: ChainId) -> bool {
        let length = self.length(chain);
        let mut adjacents = self.adjacents(chain).iter();
        adjacents.all(|adjacent| self.length(*adjacent) >= length)
    }

    /// Returns the chains for which there can be work.
    pub(super) fn extendable(&self) -> impl Iterator<Item = ChainId> {
        let chains = self.chains.keys().copied();
        chains.filter(|chain| self.is_extendable(*chain))
    }

    /// Adds a block on top of a chain's tip.
    pub(super) fn extend(&mut self, chain: ChainId, block: BlockHash) {
        self.chain_mut(chain).blocks.push(block);
        self.replace_payload(chain, 0);
        // A real node reports a block up to three times.
        self.tell(chain, UpdateEvent::NewCut);
        self.tell(chain, UpdateEvent::NewCut);
    }

    /// Another miner finds a block: on the chain, or on a lower one that keeps it from growing.
    pub(super) fn foreign_block(&mut self, mut chain: ChainId) {
        loop {
            let length = self.length(chain);
            let mut adjacents = self.adjacents(chain).iter().copied();
            match adjacents.find(|adjacent| self.length(*adjacent) < length) {
                Some(lower) => chain = lower,
                None => break,
            }
        }
        self.newest_payload += 1;
        let block = BlockHash::new(unique(self.newest_payload));
        self.extend(chain, block);
    }

    /// Other miners find at least so many blocks on each of these chains.
    pub(super) fn raise(&mut self, chains: &[ChainId], blocks: usize) {
        let lengths: Vec<_> = chains.iter().map(|chain| self.length(*chain)).collect();
        for (chain, length) in chains.iter().zip(lengths) {
            while self.length(*chain) < length + blocks {
                self.foreign_block(*chain);
            }
        }
    }

    /// Replaces the tip by another block, unless a block of an adjacent chain is on it.
    pub(super) fn replace_tip(&mut self, chain: ChainId) {
        let length = self.length(chain);
        let mut adjacents = self.adjacents(chain).iter();
        if length > 1 && adjacents.all(|adjacent| self.length(*adjacent) <= length) {
            self.chain_mut(chain).blocks.pop();
            self.foreign_block(chain);
        }
    }

    /// Replaces the latest blocks of a chain, but not its genesis, by others.
    pub(super) fn fork(&mut self, chain: ChainId, lost: usize, own: usize) {
        let blocks = &mut self.chain_mut(chain).blocks;
        blocks.truncate(blocks.len().saturating_sub(lost).max(1));
        self.raise(&[chain], own);
    }

    /// Whether it exchanges blocks with other nodes.
    pub(super) fn is_connected(&self) -> bool {
        !self.is_frozen && !self.is_down
    }

    /// Takes over the blocks of a chain from the other nodes, if they are as many.
    pub(super) fn follow(&mut self, chain: ChainId, blocks: &[BlockHash]) {
        if self.is_connected() && self.chains[&chain].blocks.len() <= blocks.len() {
            self.join(chain, blocks);
        }
    }

    /// Takes over the blocks of a chain from the other nodes.
    pub(super) fn join(&mut self, chain: ChainId, blocks: &[BlockHash]) {
        let own = &self.chains[&chain].blocks;
        // Branches with the same tip are the same.
        if own.last() != blocks.last() && !blocks.is_empty() {
            let common = own.iter().zip(blocks).take_while(|(a, b)| a == b);
            self.was_apart |= common.count() + CONFIRMED < own.len();
            self.chain_mut(chain).blocks = blocks.to_vec();
            self.replace_payload(chain, 0);
            self.tell(chain, UpdateEvent::NewCut);
        }
    }

    pub(super) fn refresh(&mut self, chain: ChainId) {
        let refreshes = self.chains[&chain].refreshes + 1;
        self.replace_payload(chain, refreshes);
        self.tell(chain, UpdateEvent::RefreshedBlock);
    }

    pub(super) fn subscribe(&mut self, version: Version, subscription: Seq, chain: ChainId) {
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
    pub(super) fn open_stream(&mut self, chain: ChainId) {
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

    /// All closed streams of the client try to open.
    pub(super) fn open_streams(&mut self) {
        let closed = self.streams.iter().filter(|(_, stream)| !stream.is_open);
        let closed: Vec<_> = closed.map(|(chain, _)| *chain).collect();
        for chain in closed {
            self.open_stream(chain);
        }
    }

    pub(super) fn lose_stream(&mut self, chain: ChainId, lost: Lost) {
        if let Some(stream) = self.streams.get_mut(&chain).filter(|stream| stream.is_open) {
            stream.is_open = false;
            stream.is_dead = false;
            stream.queue.push_back(UpdateEvent::Lost(lost));
        }
    }

    /// The node discards all payloads and closes all connections.
    pub(super) fn restart(&mut self) {
        self.payloads.clear();
        for chain in self.chains.keys().copied().collect::<Vec<_>>() {
            match self.streams.get_mut(&chain).filter(|stream| stream.is_open) {
                Some(stream) if self.dies_silently => stream.is_dead = true,
                _ => self.lose_stream(chain, Lost::Failed(broken())),
            }
            // Its new payloads differ from those before.
            self.replace_payload(chain, self.chains[&chain].refreshes);
        }
    }

    /// The node comes back with another network.
    pub(super) fn change_network(&mut self) {
        self.serve(self.networks + 1);
        let chains: Vec<_> = self.chains.keys().copied().collect();
        for chain in chains {
            self.newest_payload += 1;
            let genesis = BlockHash::new(unique(self.newest_payload));
            self.chain_mut(chain).blocks = vec![genesis];
        }
    }

    /// The node comes back with a network, and with its blocks of before.
    pub(super) fn serve(&mut self, network: u32) {
        self.restart();
        self.networks = network;
        self.was_apart = true;
        self.version = format!("net-{network}").parse().expect("it is a name");
    }

    pub(super) fn is_known(&mut self, now: Instant, payload: PayloadHash) -> bool {
        let lifetime = Timing::default().payload_lifetime;
        self.payloads.retain(|_, given| now - *given < lifetime);
        self.payloads.contains_key(&payload)
    }

    /// Whether a solution of the work would become a block.
    pub(super) fn would_take(&mut self, now: Instant, work: &Work) -> bool {
        let header = work.header();
        let tip = self
            .chains
            .get(&work.chain())
            .and_then(|chain| chain.blocks.last());
        // A higher adjacent chain may have left the recorded block, which the coordinator cannot
        // know.
        let has_left = |(chain, hash): (ChainId, BlockHash)| {
            self.chains.get(&chain).is_some_and(|adjacent| {
                let length = adjacent.blocks.len() as u64;
                let is_left = length == header.height() && adjacent.blocks.last() != Some(&hash);
                is_left || length < header.height()
            })
        };
        let stands = match header.adjacents() {
            Adjacents::Recorded(recorded) => !recorded.iter().any(has_left),
            Adjacents::Hashed => true,
        };
        tip == Some(&header.parent()) && stands && self.is_known(now, header.payload_hash())
    }

    /// How many of these blocks are in the cut.
    pub(super) fn count(&self, ours: &BTreeSet<BlockHash>) -> usize {
        let blocks = self.chains.values().flat_map(|chain| &chain.blocks);
        blocks.filter(|block| ours.contains(block)).count()
    }
}
