//! A script of events for a coordinator, each with the complete list of actions to follow.
//!
//! Actions are compared as text, which names a job by its chain, height and payload: `3:7b`. The
//! script keeps the requests in flight, rejects a second one of a kind, and answers them in the
//! order of their making. Reports are kept apart.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{BlockHash, ChainId, Nonce, Work, WorkHeader};
use node::{Ancestor, Cut, Error, Info, Lost, Tip, UpdateEvent, Version};

use super::super::event::{Purpose, Seq};
use super::super::{Action, Config, Connection, Coordinator, Event, Preemption, Request};
use super::pieces::{Piece, block, busy, piece};
use crate::demand::Demand;
use crate::history::Fate;
use crate::job::{Job, JobId, NodeId, Proof, Solution};
use crate::telemetry::{self, Counters};
use crate::timing::Timing;

fn name(header: &WorkHeader) -> String {
    let payload = char::from(header.payload_hash().as_bytes()[0]);
    format!("{}:{}{payload}", header.chain(), header.height())
}

/// A coordinator, the time, and the requests in flight.
#[derive(Debug)]
pub(super) struct Script {
    coordinator: Coordinator,
    start: Instant,
    ms: u64,
    node: NodeId,
    listening: BTreeMap<(NodeId, ChainId), Seq>,
    identify: BTreeSet<NodeId>,
    work: BTreeMap<NodeId, Seq>,
    /// The times of all requests for work.
    pub(super) fetched_ms: Vec<u64>,
    cut: BTreeMap<NodeId, Seq>,
    /// The time limit of the last request for the cut.
    cut_within_ms: Option<u128>,
    ancestors: VecDeque<(NodeId, Seq, ChainId, u64)>,
    /// The nodes asked for all blocks at the height of a job's.
    siblings: VecDeque<(NodeId, JobId)>,
    /// The heights of the last request for a branch.
    branch: RangeInclusive<u64>,
    /// The nodes asked for a block to be compared.
    compared: BTreeSet<NodeId>,
    submissions: VecDeque<(NodeId, JobId)>,
    /// Every job that was ever live, the newest last.
    jobs: Vec<Arc<Job>>,
    reports: Vec<telemetry::Event>,
}

/// What followed from an event.
#[derive(Debug)]
pub(super) struct Outcome(Vec<String>);

impl Outcome {
    #[track_caller]
    pub(super) fn gives(self, actions: &[&str]) {
        assert_eq!(self.0, actions);
    }

    /// Whether this action is among them.
    pub(super) fn contains(&self, action: &str) -> bool {
        self.0.iter().any(|known| known == action)
    }
}

pub(super) fn config(work_slots: usize) -> Config {
    Config {
        work_slots,
        timing: Timing {
            // Only the scripts about silence ask for the cut because of it.
            silence_min: Duration::from_hours(1),
            silence_max: Duration::from_hours(1),
            ..Timing::default()
        },
        ..Config::of_nodes(1)
    }
}

impl Script {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            coordinator: Coordinator::new(Instant::now(), config.clone()),
            start: Instant::now(),
            ms: 0,
            node: NodeId(0),
            listening: BTreeMap::new(),
            identify: BTreeSet::new(),
            work: BTreeMap::new(),
            fetched_ms: Vec::new(),
            cut: BTreeMap::new(),
            cut_within_ms: None,
            ancestors: VecDeque::new(),
            siblings: VecDeque::new(),
            branch: 0..=0,
            compared: BTreeSet::new(),
            submissions: VecDeque::new(),
            jobs: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// A coordinator of two nodes with one slot, which has no event yet.
    pub(super) fn of_two_nodes() -> Self {
        Self::new(&Config {
            nodes: 2,
            ..config(1)
        })
    }

    /// A coordinator with open streams of chains 0 to 3 and the current jobs `n:1a` of the first of
    /// them in all its slots, at time 0.
    #[track_caller]
    pub(super) fn mining(work_slots: u32) -> Self {
        Self::mining_with(&config(work_slots as usize))
    }

    /// The same under this policy.
    #[track_caller]
    pub(super) fn mining_under(preemption: Preemption, work_slots: u32) -> Self {
        Self::mining_with(&Config {
            preemption,
            ..config(work_slots as usize)
        })
    }

    /// The same with a worker without proof of work.
    #[track_caller]
    pub(super) fn returning(work_slots: u32) -> Self {
        Self::mining_with(&Config {
            proof: Proof::None,
            ..config(work_slots as usize)
        })
    }

    #[track_caller]
    pub(super) fn mining_with(config: &Config) -> Self {
        let work_slots = u32::try_from(config.work_slots).expect("scripts hold few jobs");
        let mut script = Self::new(config);
        script.tick();
        script.identified("net", 4);
        for chain in 0..4 {
            script.update(chain, UpdateEvent::Opened);
        }
        // This one was requested before the streams were open.
        script.work_fails(&busy());
        script.at(100);
        script.tick();
        for chain in 0..work_slots {
            script.work(piece(chain, 1, 'a'));
        }
        assert!(script.work.is_empty() && script.cut.is_empty());
        assert_eq!(script.counters().unwatched_jobs, 0);
        // Scripts count from here.
        script.start += Duration::from_millis(100);
        script.ms = 0;
        script
    }

    /// A coordinator with open streams of chains 0 to 3 and no demand, at time 0.
    #[track_caller]
    pub(super) fn idle(work_slots: usize) -> Self {
        let mut script = Self::new(&config(work_slots));
        script.wants_nothing().gives(&["identify"]);
        script.tick().gives(&[]);
        let listen = (0..4).map(|chain| format!("listen to net/{chain}"));
        let expected: Vec<_> = ["show".to_owned()].into_iter().chain(listen).collect();
        script
            .identified("net", 4)
            .gives(&expected.iter().map(String::as_str).collect::<Vec<_>>());
        for chain in 0..4 {
            script.update(chain, UpdateEvent::Opened).gives(&[]);
        }
        script
    }

    /// Moves the time to this many milliseconds after the beginning.
    #[track_caller]
    pub(super) fn at(&mut self, ms: u64) -> &mut Self {
        assert!(ms >= self.ms, "time does not run backwards");
        self.ms = ms;
        self
    }

    /// The present time.
    pub(super) fn ms(&self) -> u64 {
        self.ms
    }

    /// Selects the node that acts from now on.
    pub(super) fn on(&mut self, node: usize) -> &mut Self {
        self.node = NodeId(node);
        self
    }

    pub(super) fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.ms)
    }

    pub(super) fn counters(&self) -> Counters {
        self.coordinator.counters()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.coordinator.is_finished()
    }

    /// Returns the reports since the last call.
    pub(super) fn reports(&mut self) -> Vec<telemetry::Event> {
        std::mem::take(&mut self.reports)
    }

    /// Whether a request for the cut is in flight.
    pub(super) fn is_cut_requested(&self) -> bool {
        self.cut.contains_key(&self.node)
    }

    pub(super) fn cut_within_ms(&self) -> Option<u128> {
        self.cut_within_ms
    }

    /// Whether a request for work is in flight.
    pub(super) fn is_work_requested(&self) -> bool {
        self.work.contains_key(&self.node)
    }

    /// The heights of the last request for a branch, if one is in flight.
    pub(super) fn branch_requested(&self) -> Option<RangeInclusive<u64>> {
        (!self.ancestors.is_empty()).then(|| self.branch.clone())
    }

    /// The present subscriptions to the chains of the node.
    pub(super) fn subscriptions(&self) -> BTreeMap<u32, Seq> {
        let of_node = self
            .listening
            .iter()
            .filter(|((node, _), _)| *node == self.node);
        of_node
            .map(|((_, chain), seq)| (chain.get(), *seq))
            .collect()
    }

    /// Whether a request for `/info` is in flight.
    pub(super) fn is_identifying(&self) -> bool {
        self.identify.contains(&self.node)
    }

    /// The names of the live jobs.
    pub(super) fn live(&self) -> Vec<String> {
        let jobs = self.coordinator.jobs();
        jobs.iter().map(|job| name(job.work.header())).collect()
    }

    /// How many chains the worker knows of.
    pub(super) fn chains(&self) -> Option<usize> {
        Some(self.coordinator.jobs().chains()?.get())
    }

    /// Returns each chain with the height of its tip and whether it is watched.
    pub(super) fn tips(&self) -> Vec<(u32, Option<u64>, bool)> {
        let chains = self.coordinator.chains().into_iter();
        chains
            .map(|chain| (chain.chain.get(), chain.height, chain.is_watched))
            .collect()
    }

    /// When the coordinator wants to be called, in milliseconds after the beginning.
    pub(super) fn wakeup_ms(&self) -> Option<u128> {
        let at = self.coordinator.next_wakeup()?;
        Some(at.saturating_duration_since(self.start).as_millis())
    }

    #[track_caller]
    fn event(&mut self, event: Event) -> Outcome {
        let actions = self.coordinator.handle(self.now(), event);
        let mut texts = Vec::new();
        for action in actions {
            match action {
                Action::Report(event) => self.reports.push(event),
                action => texts.push(self.read(action)),
            }
        }
        Outcome(texts)
    }

    #[track_caller]
    fn read(&mut self, action: Action) -> String {
        let (node, text) = match action {
            Action::Publish(jobs) => {
                let names = jobs.iter().map(|job| name(job.work.header()));
                let text = names.fold("publish".to_owned(), |text, name| text + " " + &name);
                let new = jobs.iter().filter(|job| !self.jobs.contains(job));
                let new: Vec<_> = new.map(Arc::clone).collect();
                self.jobs.extend(new);
                return text;
            }
            Action::Show(view) => {
                let heights = view.heights.as_ref().map(|heights| &heights.of);
                let heights = heights.into_iter().flatten();
                return heights.fold("show".to_owned(), |text, (chain, height)| {
                    format!("{text} {chain}:{height}")
                });
            }
            Action::Subscribe {
                node,
                version,
                subscription,
                chain,
            } => {
                self.listening.insert((node, chain), subscription);
                (node, format!("listen to {version}/{chain}"))
            }
            Action::Unsubscribe { node } => (node, "unsubscribe".to_owned()),
            Action::Request { node, request } => (node, self.read_request(node, request)),
            Action::Report(event) => unreachable!("kept before: {event:?}"),
        };
        if node == NodeId(0) {
            text
        } else {
            format!("{text} @{}", node.0)
        }
    }

    #[track_caller]
    fn read_request(&mut self, node: NodeId, request: Request) -> String {
        let (text, twice) = match request {
            Request::Identify => {
                let twice = !self.identify.insert(node);
                ("identify".to_owned(), twice)
            }
            Request::Work { seq, chain, .. } => {
                let twice = self.work.insert(node, seq).is_some();
                self.fetched_ms.push(self.ms);
                let on = chain.map_or_else(String::new, |chain| format!(" on {chain}"));
                (format!("work{on}"), twice)
            }
            Request::Cut { seq, within, .. } => {
                self.cut_within_ms = within.map(|within| within.as_millis());
                let twice = self.cut.insert(node, seq).is_some();
                ("cut".to_owned(), twice)
            }
            Request::Ancestors {
                seq,
                chain,
                tip,
                heights,
                purpose: Purpose::Lookup,
                ..
            } => {
                self.branch = heights.clone();
                self.ancestors.push_back((node, seq, chain, tip.height));
                let text = format!("blocks {heights:?} of {chain} below {}", tip.height);
                (text, false)
            }
            Request::Headers {
                seq,
                chain,
                tip,
                heights,
                ..
            } => {
                self.branch = heights.clone();
                self.ancestors.push_back((node, seq, chain, tip.height));
                let text = format!("headers {heights:?} of {chain} below {}", tip.height);
                (text, false)
            }
            Request::Siblings {
                job, chain, height, ..
            } => {
                self.siblings.push_back((node, job));
                (format!("all blocks at {height} of {chain}"), false)
            }
            Request::Ancestors { chain, heights, .. } => {
                let twice = !self.compared.insert(node);
                (format!("block {} of {chain}", heights.start()), twice)
            }
            Request::Submit {
                version,
                job,
                header,
                connection,
            } => {
                self.submissions.push_back((node, job));
                let on = match connection {
                    Connection::Any => "",
                    Connection::New => " on a new connection",
                };
                (format!("submit {} to {version}{on}", name(&header)), false)
            }
        };
        assert!(!twice, "{text} is asked for already");
        text
    }

    #[track_caller]
    pub(super) fn tick(&mut self) -> Outcome {
        self.event(Event::Tick)
    }

    /// Whether a cut is requested as time passes, and nothing else.
    #[track_caller]
    pub(super) fn tick_requests_cut(&mut self) -> bool {
        let Outcome(actions) = self.tick();
        assert!(actions.iter().all(|action| action == "cut"), "{actions:?}");
        !actions.is_empty()
    }

    #[track_caller]
    pub(super) fn stop(&mut self) -> Outcome {
        self.event(Event::Stop)
    }

    #[track_caller]
    fn identity(&mut self, result: Result<Info, Error>) -> Outcome {
        let node = self.node;
        assert!(self.identify.remove(&node), "/info is not asked for");
        self.event(Event::Identified { node, result })
    }

    /// The node serves a network of this many chains.
    #[track_caller]
    pub(super) fn identified(&mut self, version: &str, chains: u32) -> Outcome {
        let version: Version = version.parse().expect("scripts name networks well");
        let chains = (0..chains).map(ChainId::new).collect();
        self.identity(Ok(Info {
            version,
            chains,
            graph: None,
            block_delay: None,
            package_version: None,
            fork_number: None,
            is_evm: false,
        }))
    }

    #[track_caller]
    pub(super) fn identify_fails(&mut self, error: &Error) -> Outcome {
        self.identity(Err(error.clone()))
    }

    #[track_caller]
    fn answer_work(&mut self, result: Result<Work, Error>) -> Outcome {
        let node = self.node;
        let seq = self.work.remove(&node).expect("work is asked for");
        self.event(Event::Work { node, seq, result })
    }

    /// The node issues work with the present time.
    #[track_caller]
    pub(super) fn work(&mut self, piece: Piece) -> Outcome {
        let work = piece.work(self.ms);
        self.answer_work(Ok(work))
    }

    #[track_caller]
    pub(super) fn work_fails(&mut self, error: &Error) -> Outcome {
        self.answer_work(Err(error.clone()))
    }

    #[track_caller]
    fn answer_cut(&mut self, result: Result<Cut, Error>) -> Outcome {
        let node = self.node;
        let seq = self.cut.remove(&node).expect("the cut is asked for");
        self.event(Event::Cut { node, seq, result })
    }

    /// The node sends its tips: chain, height, and which of the blocks there.
    #[track_caller]
    pub(super) fn cut(&mut self, tips: &[(u32, u64, u8)]) -> Outcome {
        let tip = |&(chain, height, which): &(u32, u64, u8)| {
            let hash = block(chain, height, which);
            (ChainId::new(chain), Tip { height, hash })
        };
        let tips = tips.iter().map(tip).collect();
        self.answer_cut(Ok(Cut { tips, weight: None }))
    }

    /// The node sends a cut with these tips, by chain.
    #[track_caller]
    pub(super) fn cut_of(&mut self, tips: &BTreeMap<u32, (u64, BlockHash)>) -> Outcome {
        let tips = tips.iter().map(|(chain, (height, hash))| {
            let (height, hash) = (*height, *hash);
            (ChainId::new(*chain), Tip { height, hash })
        });
        let tips = tips.collect();
        self.answer_cut(Ok(Cut { tips, weight: None }))
    }

    /// The node sends a cut with this block as the tip of a chain.
    #[track_caller]
    pub(super) fn cut_with(&mut self, chain: u32, height: u64, hash: BlockHash) -> Outcome {
        let tips = [(ChainId::new(chain), Tip { height, hash })].into();
        self.answer_cut(Ok(Cut { tips, weight: None }))
    }

    #[track_caller]
    pub(super) fn cut_fails(&mut self, error: &Error) -> Outcome {
        self.answer_cut(Err(error.clone()))
    }

    /// The oldest request for a branch is answered.
    #[track_caller]
    pub(super) fn ancestors(&mut self, hashes: &[(u64, BlockHash)]) -> Outcome {
        self.answer_ancestors(Ok(hashes.iter().copied().collect()))
    }

    #[track_caller]
    pub(super) fn ancestors_fail(&mut self, error: &Error) -> Outcome {
        self.answer_ancestors(Err(error.clone()))
    }

    #[track_caller]
    /// A node answers which blocks it has, or had, at the height of one of ours.
    pub(super) fn siblings(&mut self, result: Result<Vec<Ancestor>, Error>) -> Outcome {
        let (node, job) = self.siblings.pop_front().expect("they are wanted");
        self.event(Event::Siblings { node, job, result })
    }

    fn answer_ancestors(&mut self, result: Result<BTreeMap<u64, BlockHash>, Error>) -> Outcome {
        let asked = self.ancestors.pop_front();
        let (node, seq, chain, tip_height) = asked.expect("blocks are asked for");
        self.event(Event::Ancestors {
            node,
            seq,
            chain,
            tip_height,
            purpose: Purpose::Lookup,
            result,
        })
    }

    /// The oldest submission in flight is answered.
    #[track_caller]
    pub(super) fn submitted(&mut self, result: Result<(), Error>) -> Outcome {
        let (node, job) = self
            .submissions
            .pop_front()
            .expect("something is submitted");
        self.event(Event::Submitted { node, job, result })
    }

    #[track_caller]
    pub(super) fn update(&mut self, chain: u32, update: UpdateEvent) -> Outcome {
        let subscription = self.listening[&(self.node, ChainId::new(chain))];
        self.update_of(subscription, chain, update)
    }

    /// The present subscription to chain 0.
    pub(super) fn subscription(&self) -> Seq {
        self.listening[&(self.node, ChainId::new(0))]
    }

    #[track_caller]
    pub(super) fn update_of(
        &mut self,
        subscription: Seq,
        chain: u32,
        update: UpdateEvent,
    ) -> Outcome {
        self.event(Event::Update {
            node: self.node,
            subscription,
            chain: ChainId::new(chain),
            update,
        })
    }

    #[track_caller]
    pub(super) fn new_cut(&mut self, chain: u32) -> Outcome {
        self.update(chain, UpdateEvent::NewCut)
    }

    #[track_caller]
    pub(super) fn refreshed(&mut self, chain: u32) -> Outcome {
        self.update(chain, UpdateEvent::RefreshedBlock)
    }

    #[track_caller]
    pub(super) fn opened(&mut self, chain: u32) -> Outcome {
        self.update(chain, UpdateEvent::Opened)
    }

    #[track_caller]
    pub(super) fn lost(&mut self, chain: u32) -> Outcome {
        self.update(chain, UpdateEvent::Lost(Lost::Ended))
    }

    /// The worker wants blocks on these chains and no others.
    #[track_caller]
    pub(super) fn wants(&mut self, chains: &[u32]) -> Outcome {
        let chains = Demand::chains(chains.iter().copied().map(ChainId::new));
        self.event(Event::Demand(chains))
    }

    #[track_caller]
    pub(super) fn wants_nothing(&mut self) -> Outcome {
        self.event(Event::Demand(Demand::Nothing))
    }

    /// The newest job of this name.
    #[track_caller]
    pub(super) fn job(&self, called: &str) -> Arc<Job> {
        let jobs = self.jobs.iter().rev();
        let mut named = jobs.filter(|job| name(job.work.header()) == called);
        Arc::clone(named.next().expect("there was such a job"))
    }

    /// The solution of a job with a nonce, stamped now.
    pub(super) fn solution(&self, called: &str, nonce: u64) -> Solution {
        let job = self.job(called);
        Solution {
            nonce: Nonce::new(nonce),
            creation_time: job.creation_time_at(self.now()),
            found_by: None,
            job,
        }
    }

    #[track_caller]
    pub(super) fn solved(&mut self, called: &str) -> Outcome {
        let solution = self.solution(called, 7);
        self.event(Event::Solved(solution))
    }

    /// A block of an earlier run, to be submitted if the node may take it for some time.
    #[track_caller]
    pub(super) fn restored(&mut self, piece: Piece, fate: Fate, left: Option<Duration>) -> Outcome {
        self.event(Event::Restored {
            node: self.node,
            row: 5,
            fate,
            work: piece.work(self.ms),
            left,
        })
    }

    /// The worker returns the job unsolved.
    #[track_caller]
    pub(super) fn returned(&mut self, called: &str) -> Outcome {
        let solution = Solution::unsolved(self.job(called));
        self.event(Event::Solved(solution))
    }

    #[track_caller]
    pub(super) fn solved_by(&mut self, solution: Solution) -> Outcome {
        self.event(Event::Solved(solution))
    }
}
