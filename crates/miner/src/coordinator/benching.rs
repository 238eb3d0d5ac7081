//! What the bench of the coordinator measures: the events of a network, recorded once and handled
//! again by a new coordinator, which decides the same.
//!
//! All nodes know of a block at once and answer without faults within milliseconds. The chains
//! grow in turn. If there is a job on the chain that grows next, it is solved every other time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{
    BlockHash, ChainGraph, ChainId, CreationTime, HeaderFields, Nonce, PayloadHash, Target, Weight,
    Work,
};
use node::{Cut, Info, Tip, UpdateEvent, Version};
use serde_json::{Value, json};

use super::event::Seq;
use super::{Action, Config, Coordinator, Event, Request};
use crate::job::{Jobs, NodeId, Solution};

/// The time between two blocks of a chain.
const BLOCK_DELAY: Duration = Duration::from_secs(30);
/// The time from one answer to the next.
const LATENCY: Duration = Duration::from_millis(1);
/// The number of heights of which nodes know the blocks.
const KEPT: u64 = 100;

/// The events of a coordinator, and their times.
#[derive(Debug)]
pub struct Trace {
    config: Config,
    start: Instant,
    events: Vec<(Instant, Event)>,
}

/// Events to be handled.
#[derive(Debug)]
pub struct Replay(Coordinator, Vec<(Instant, Event)>);

impl Trace {
    /// Records what happens until each chain has this number of new blocks.
    pub fn record(graph: &ChainGraph, nodes: usize, heights: u64) -> Self {
        let mut network = Network::new(graph.clone(), nodes);
        network.handle(Event::Tick);
        network.settle();
        for block in 0..heights * graph.len() as u64 {
            network.extend(block);
        }
        let counters = network.coordinator.counters();
        assert!(counters.blocks.accepted > 0 && counters.blocks.orphaned == 0);
        network.trace
    }

    /// Returns the number of events.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Returns a new coordinator with a copy of the events.
    pub fn replay(&self) -> Replay {
        let coordinator = Coordinator::new(self.start, self.config.clone());
        Replay(coordinator, self.events.clone())
    }

    /// Returns each event as a line of JSON.
    pub fn lines(&self) -> Vec<String> {
        let line = |(_, event): &(_, Event)| json_of(event).to_string();
        self.events.iter().map(line).collect()
    }
}

impl Replay {
    /// Handles all events. Returns the number of the actions, and the coordinator.
    pub fn run(self) -> (usize, impl Sized) {
        let Self(mut coordinator, events) = self;
        let events = events.into_iter();
        let actions = events.map(|(now, event)| coordinator.handle(now, event).len());
        (actions.sum(), coordinator)
    }
}

/// Returns what an event carries.
fn json_of(event: &Event) -> Value {
    match event {
        Event::Update {
            node,
            chain,
            update,
            ..
        } => {
            json!({ "node": node.0, "chain": chain.get(), "update": format!("{update:?}") })
        }
        Event::Work {
            node,
            result: Ok(work),
            ..
        } => {
            json!({ "node": node.0, "work": const_hex::encode(work.encode()) })
        }
        Event::Cut {
            node,
            result: Ok(cut),
            ..
        } => {
            let tips = cut.tips.iter().map(|(chain, tip)| {
                let tip = json!({ "height": tip.height, "hash": tip.hash.to_string() });
                (chain.to_string(), tip)
            });
            json!({ "node": node.0, "hashes": tips.collect::<serde_json::Map<_, _>>() })
        }
        Event::Ancestors {
            node,
            chain,
            result: Ok(blocks),
            ..
        } => {
            let items = blocks.values().map(ToString::to_string);
            json!({ "node": node.0, "chain": chain.get(), "items": items.collect::<Vec<_>>() })
        }
        Event::Solved(Solution { job, nonce, .. }) => {
            json!({ "job": job.id.0, "nonce": nonce.get().to_string() })
        }
        Event::Submitted { node, job, .. } => json!({ "node": node.0, "job": job.0 }),
        _ => json!({}),
    }
}

/// A network, its nodes, and a coordinator that mines on it.
struct Network {
    coordinator: Coordinator,
    graph: ChainGraph,
    version: Version,
    now: Instant,
    /// The blocks of each chain, by height.
    blocks: BTreeMap<ChainId, BTreeMap<u64, BlockHash>>,
    subscriptions: BTreeMap<(NodeId, ChainId), Seq>,
    answers: VecDeque<Event>,
    jobs: Arc<Jobs>,
    /// The numbers of works, and of blocks on chains with a job, so far.
    works: usize,
    awaited: usize,
    trace: Trace,
}

impl Network {
    fn new(graph: ChainGraph, nodes: usize) -> Self {
        let config = Config::of_nodes(nodes);
        let start = Instant::now();
        let genesis = graph
            .chains()
            .map(|chain| (chain, [(0, synthetic(chain, 0))].into()));
        Self {
            coordinator: Coordinator::new(start, config.clone()),
            blocks: genesis.collect(),
            graph,
            version: "development".parse().expect("a name"),
            now: start,
            subscriptions: BTreeMap::new(),
            answers: VecDeque::new(),
            jobs: Arc::default(),
            works: 0,
            awaited: 0,
            trace: Trace {
                config,
                start,
                events: Vec::new(),
            },
        }
    }

    fn handle(&mut self, event: Event) {
        self.trace.events.push((self.now, event.clone()));
        for action in self.coordinator.handle(self.now, event) {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Publish(jobs) => self.jobs = jobs,
            Action::Subscribe {
                node,
                subscription,
                chain,
                ..
            } => {
                self.subscriptions.insert((node, chain), subscription);
                self.answers.push_back(Event::Update {
                    node,
                    subscription,
                    chain,
                    update: UpdateEvent::Opened,
                });
            }
            Action::Unsubscribe { node } => self.subscriptions.retain(|(of, _), _| *of != node),
            Action::Request { node, request } => {
                let answer = self.answer(node, request);
                self.answers.push_back(answer);
            }
            Action::Show(_) | Action::Report(_) => {}
        }
    }

    /// Passes on all answers.
    fn settle(&mut self) {
        while let Some(answer) = self.answers.pop_front() {
            self.now += LATENCY;
            self.handle(answer);
        }
    }

    /// Lets time pass until the next block, which is number `count`, and reports it.
    fn extend(&mut self, count: u64) {
        let chains = self.blocks.len() as u64;
        let chain = ChainId::new(u32::try_from(count % chains).expect("few chains"));
        let pause = BLOCK_DELAY / u32::try_from(chains).expect("few chains");
        let at = self.now + pause;
        while let Some(wakeup) = self.coordinator.next_wakeup().filter(|wakeup| *wakeup < at) {
            self.now = self.now.max(wakeup);
            self.handle(Event::Tick);
            self.settle();
        }
        self.now = self.now.max(at);
        let height = self.height(chain) + 1;
        let hash = self
            .solve(chain)
            .unwrap_or_else(|| synthetic(chain, height));
        let blocks = self.blocks.get_mut(&chain).expect("a chain of the graph");
        blocks.insert(height, hash);
        blocks.retain(|of, _| of + KEPT > height);
        let streams = self
            .subscriptions
            .iter()
            .filter(|((_, of), _)| *of == chain);
        self.answers
            .extend(streams.map(|((node, chain), subscription)| Event::Update {
                node: *node,
                subscription: *subscription,
                chain: *chain,
                update: UpdateEvent::NewCut,
            }));
        self.settle();
    }

    /// Solves the job on a chain, if there is one, every other time. Returns the hash of the block.
    fn solve(&mut self, chain: ChainId) -> Option<BlockHash> {
        let jobs = Arc::clone(&self.jobs);
        let job = jobs.iter().find(|job| job.chain() == chain)?;
        self.awaited += 1;
        if self.awaited.is_multiple_of(2) {
            return None;
        }
        let solution = Solution::unsolved(Arc::clone(job));
        let hash = solution.header().block_hash();
        self.handle(Event::Solved(solution));
        self.settle();
        hash
    }

    fn height(&self, chain: ChainId) -> u64 {
        let (height, _) = self.blocks[&chain]
            .last_key_value()
            .expect("a genesis block");
        *height
    }

    fn answer(&mut self, node: NodeId, request: Request) -> Event {
        match request {
            Request::Identify => Event::Identified {
                node,
                result: Ok(Info {
                    version: self.version.clone(),
                    chains: self.graph.chains().collect(),
                    graph: Some(self.graph.clone()),
                    block_delay: Some(BLOCK_DELAY),
                    package_version: None,
                    fork_number: None,
                    is_evm: false,
                }),
            },
            Request::Work { seq, chain, .. } => Event::Work {
                node,
                seq,
                result: Ok(self.work(chain)),
            },
            Request::Cut { seq, .. } => Event::Cut {
                node,
                seq,
                result: Ok(self.cut()),
            },
            Request::Ancestors {
                seq,
                chain,
                tip,
                heights,
                purpose,
                ..
            } => Event::Ancestors {
                node,
                seq,
                chain,
                tip_height: tip.height,
                purpose,
                result: Ok(self.blocks[&chain]
                    .range(heights)
                    .map(|(at, hash)| (*at, *hash))
                    .collect()),
            },
            Request::Headers {
                seq, chain, tip, ..
            } => Event::Headers {
                node,
                seq,
                chain,
                tip_height: tip.height,
                result: Ok(BTreeMap::new()),
            },
            Request::Siblings { job, .. } => Event::Siblings {
                node,
                job,
                result: Ok(Vec::new()),
            },
            Request::Submit { job, .. } => Event::Submitted {
                node,
                job,
                result: Ok(()),
            },
        }
    }

    fn cut(&self) -> Cut {
        let tips = self.blocks.iter().map(|(chain, blocks)| {
            let (height, hash) = blocks.last_key_value().expect("a genesis block");
            let (height, hash) = (*height, *hash);
            (*chain, Tip { height, hash })
        });
        let tips: BTreeMap<_, _> = tips.collect();
        let sum: u64 = tips.values().map(|tip| tip.height).sum();
        let mut weight = [0; 32];
        weight[..8].copy_from_slice(&sum.to_le_bytes());
        Cut {
            tips,
            weight: Some(Weight::from_le_bytes(weight)),
        }
    }

    /// Returns work on the chain that the request names, or on one of the others in turn.
    fn work(&mut self, wanted: Option<ChainId>) -> Work {
        let is_extendable = |chain: &ChainId| {
            let mut adjacents = self.graph.adjacents(*chain).iter();
            adjacents.all(|adjacent| self.height(*adjacent) >= self.height(*chain))
        };
        let extendable: Vec<_> = self.graph.chains().filter(is_extendable).collect();
        self.works += 1;
        let any = extendable[self.works * 7 % extendable.len()];
        let chain = wanted
            .filter(|chain| extendable.contains(chain))
            .unwrap_or(any);
        let height = self.height(chain);
        let adjacents = self.graph.adjacents(chain).iter();
        let micros = (self.now - self.trace.start).as_micros();
        let fields = HeaderFields {
            creation_time: CreationTime::from_micros(i64::try_from(micros).expect("short")),
            parent: self.blocks[&chain][&height],
            adjacents: adjacents
                .map(|chain| (*chain, self.blocks[chain][&height]))
                .collect(),
            target: Target::MAX,
            payload_hash: PayloadHash::new(*synthetic(chain, height).as_bytes()),
            chain,
            height: height + 1,
            flags: [0; 8],
            weight: Weight::ZERO,
            version_code: 2,
            epoch_start: CreationTime::from_micros(0),
            nonce: Nonce::default(),
        };
        Work::new(fields.encode()).expect("the target is not zero")
    }
}

/// Returns the hash of another miner's block.
fn synthetic(chain: ChainId, height: u64) -> BlockHash {
    let mut bytes = [1; 32];
    bytes[..4].copy_from_slice(&chain.get().to_le_bytes());
    bytes[4..12].copy_from_slice(&height.to_le_bytes());
    BlockHash::new(bytes)
}
