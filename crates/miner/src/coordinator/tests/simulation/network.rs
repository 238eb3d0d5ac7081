//! Events on their way from the nodes to the coordinator, requests on theirs, and time.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::ChainId;
use node::{Error, Refusal, UpdateEvent};
use rand::RngExt;

use super::super::super::event::Purpose;
use super::super::super::{Action, Event, Request};
use super::super::pieces::{broken, connect, timeout};
use super::devices::Farm;
use super::invariants::OpenSolution;
use super::memory::Memory;
use super::model::Model;
use super::{Flight, World};
use crate::job::{JobId, NodeId};

/// The time limit of a request.
const LIMIT: Duration = Duration::from_secs(30);

/// What was known before an event.
struct Before {
    new_cut: Option<(NodeId, ChainId)>,
    solved: Option<JobId>,
    solutions: u64,
    open: Vec<OpenSolution>,
}

impl Flight {
    /// When it has been in flight for too long.
    fn limit(&self) -> Instant {
        let within = match self.request {
            Request::Cut { within, .. } => within.unwrap_or(LIMIT).min(LIMIT),
            _ => LIMIT,
        };
        self.sent + within
    }
}

impl World {
    pub(super) fn handle(&mut self, event: Event) {
        self.events += 1;
        self.progress.set(self.events + self.other_events);
        self.trace.time(self.now - self.started);
        self.trace.event(&event);
        if self.is_printed {
            self.print(&event);
        }
        let before = self.note(&event);
        let actions = self.coordinator.handle(self.now, event);
        self.follow(before.new_cut);
        if self.coordinator.counters.solutions > before.solutions {
            self.a_job_is_submitted_once(before.solved);
        }
        for action in actions {
            self.trace.action(&action);
            if self.is_printed {
                self.print(&action);
            }
            self.carry_out(action);
        }
        for solution in before.open {
            let still = &self.coordinator.submissions.open;
            if !still.contains_key(&solution.job.id) {
                self.no_solution_is_given_up_in_vain(&solution);
            }
        }
        self.check();
    }

    #[expect(clippy::print_stderr, reason = "it is asked for")]
    fn print(&self, what: &impl Debug) {
        let mut text = format!("{what:?}");
        let length = (0..=300).rfind(|at| text.is_char_boundary(*at));
        text.truncate(length.unwrap_or_default());
        eprintln!("{:?} {text}", self.now - self.started);
    }

    /// Notes what an event shows before it is handled.
    fn note(&mut self, event: &Event) -> Before {
        let mut before = Before {
            new_cut: None,
            solved: None,
            solutions: self.coordinator.counters.solutions,
            open: self.open_solutions(),
        };
        match event {
            Event::Update {
                node,
                subscription,
                chain,
                update: UpdateEvent::NewCut,
            } => {
                let stream = self.nodes[node.0].streams.get(chain);
                let is_present = stream.is_some_and(|it| it.subscription == *subscription);
                before.new_cut = is_present.then_some((*node, *chain));
            }
            Event::Solved(solution) => before.solved = Some(solution.job.id),
            Event::Restored { work, .. } => {
                let job = JobId(self.coordinator.seq.0 + 1);
                self.restored.insert(job, work.header().clone());
            }
            Event::Submitted {
                node,
                job,
                result: Err(Error::Refused(Refusal::Stale)),
            } => {
                self.stale.insert((*node, *job));
            }
            Event::Cut {
                node,
                result: Ok(cut),
                ..
            } => {
                self.cuts.insert(*node, cut.clone());
            }
            _ => {}
        }
        before
    }

    /// Follows what the coordinator knows after an event.
    fn follow(&mut self, new_cut: Option<(NodeId, ChainId)>) {
        for live in &self.coordinator.live.jobs {
            self.requested.entry(live.job.id).or_insert(self.landing);
        }
        let open = &self.coordinator.submissions.open;
        let events = self.events;
        self.unanswered.retain(|job| {
            let is_open = open.contains_key(job);
            if !is_open && let Some((.., answered)) = self.submitted_blocks.get_mut(job) {
                *answered = Some(events);
            }
            is_open
        });
        if let Some((node, chain)) = new_cut {
            self.new_cuts.insert((node, chain), self.events);
            if self.coordinator.nodes[node.0].streams.is_flooded(chain) {
                self.floods.insert((node, chain), self.events);
                self.the_cut_decides_in_a_flood(node, chain);
            }
        }
    }

    pub(super) fn carry_out(&mut self, action: Action) {
        match action {
            Action::Publish(jobs) => {
                self.same_work_never_replaces_a_job(&jobs);
                for job in jobs.iter().filter(|job| !self.live.contains(&job.id)) {
                    self.no_job_is_passed(job);
                    if self.published.insert(job.id, self.jobs.len()).is_none() {
                        self.jobs.push(Arc::clone(job));
                    }
                }
                let live: BTreeSet<_> = jobs.iter().map(|job| job.id).collect();
                self.retired.extend(self.live.difference(&live));
                self.live = live;
                self.give_jobs_to_devices(&jobs);
            }
            Action::Show(view) => self.views_are_wanted_and_complete(&view),
            Action::Subscribe {
                node,
                version,
                subscription,
                chain,
            } => self.nodes[node.0].subscribe(version, subscription, chain),
            Action::Unsubscribe { node } => self.nodes[node.0].streams.clear(),
            Action::Report(event) => self.take_report(event),
            Action::Request { node, request } => {
                self.check_request(node, &request);
                let starts = match &request {
                    Request::Submit { job, .. } => self.start_of(*job),
                    _ => None,
                };
                self.works += usize::from(matches!(request, Request::Work { .. }));
                let lookup = Purpose::Lookup;
                self.lookups += usize::from(match request {
                    Request::Ancestors { purpose, .. } => purpose == lookup,
                    Request::Headers { .. } => true,
                    _ => false,
                });
                self.flights.push(Flight {
                    node,
                    request,
                    answer: None,
                    sent: self.now,
                    made: self.events,
                    starts,
                    is_lost: false,
                });
            }
        }
    }

    /// Lets time pass, with ticks at all wakeups. Requests without an answer reach their limit.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        let mut calls = 0;
        loop {
            let limits = self.flights.iter().map(Flight::limit);
            let wakeups = limits.chain(self.wakeup);
            let next = wakeups.chain(self.next_of_others()).min();
            let Some(at) = next.filter(|at| *at <= until) else {
                break;
            };
            self.now = self.now.max(at);
            if self.others_act() {
                continue;
            }
            if !self.time_out() {
                self.handle(Event::Tick);
            }
            calls += 1;
            let bound = (50 + 50 * time.as_secs()) * self.nodes.len() as u64;
            assert!(calls < bound, "busy without end");
        }
        self.now = until;
    }

    /// When something is due besides the coordinator and the nodes.
    fn next_of_others(&self) -> Option<Instant> {
        let starts = self.flights.iter().filter_map(|flight| flight.starts);
        let of_devices = self.farm.iter().map(Farm::next);
        let of_memory = self.memory.iter().filter_map(Memory::next);
        starts.chain(of_devices).chain(of_memory).min()
    }

    /// Does what is due besides the coordinator and the nodes. Returns whether there was something.
    fn others_act(&mut self) -> bool {
        let mut is_any = false;
        for flight in &mut self.flights {
            is_any |= flight.starts.take_if(|at| *at <= self.now).is_some();
        }
        is_any | self.devices_act() | self.memory_acts()
    }

    /// Ends a request that has been in flight for too long. Returns whether there was one.
    fn time_out(&mut self) -> bool {
        let mut flights = self.flights.iter();
        let Some(at) = flights.position(|flight| flight.limit() <= self.now) else {
            return false;
        };
        let flight = &self.flights[at];
        if flight.answer.is_none() || self.is_held(flight) {
            self.lose(at, &timeout());
        }
        self.land(at);
        true
    }

    /// A request has no answer, though the node may have acted on it.
    pub(super) fn lose(&mut self, at: usize, error: &Error) {
        let flight = &mut self.flights[at];
        let node = &mut self.nodes[flight.node.0];
        let was_down = std::mem::replace(&mut node.is_down, true);
        let answer = node.answer(self.now, &mut self.rng, &flight.request, Some(error));
        flight.answer = Some((answer, self.now));
        flight.is_lost = true;
        node.is_down = was_down;
    }

    /// A node learns of the longest branch of a chain, and of what it needs of adjacent chains.
    pub(super) fn gossip(&mut self, node: usize, chain: ChainId) {
        if self.nodes.len() == 1 || !self.nodes[node].is_connected() {
            return;
        }
        let network = self.nodes[node].networks;
        self.learn(network, chain);
        let longest = &self.branches[&(network, chain)];
        let height = longest.len();
        self.nodes[node].follow(chain, longest);
        let graph = self.nodes[node].graph.clone();
        for adjacent in graph.iter().flat_map(|graph| graph.adjacents(chain)) {
            if self.nodes[node].length(*adjacent) + 1 < height {
                self.gossip(node, *adjacent);
            }
        }
    }

    /// Notes the longest branch of a chain on all connected nodes of a network.
    pub(super) fn learn(&mut self, network: u32, chain: ChainId) {
        let longest = self.branches.entry((network, chain)).or_default();
        let nodes = self.nodes.iter().filter(|node| node.is_connected());
        for node in nodes.filter(|node| node.networks == network) {
            let blocks = &node.chains[&chain].blocks;
            if blocks.len() > longest.len() {
                longest.clone_from(blocks);
            }
        }
    }

    /// All nodes learn of everything.
    fn gossip_all(&mut self) {
        let state = |node: &Model| (node.moves, node.is_connected(), node.networks);
        if self
            .nodes
            .iter()
            .map(state)
            .eq(self.gossiped.iter().copied())
        {
            return;
        }
        for node in 0..self.nodes.len() {
            for chain in (0..self.chains()).map(ChainId::new) {
                self.gossip(node, chain);
            }
        }
        self.gossiped = self.nodes.iter().map(state).collect();
    }

    /// Whether the node does not answer a request.
    pub(super) fn is_held(&self, flight: &Flight) -> bool {
        let node = &self.nodes[flight.node.0];
        let is_late = flight.answer.as_ref().is_some_and(|(_, at)| *at > self.now);
        let is_work = matches!(flight.request, Request::Work { .. });
        let is_waiting = flight.starts.is_some_and(|at| at > self.now);
        !flight.is_lost && (node.hangs || node.holds_work && is_work || is_late || is_waiting)
    }

    /// A node acts on a request.
    pub(super) fn act(&mut self, at: usize) {
        let flight = &mut self.flights[at];
        let node = &mut self.nodes[flight.node.0];
        let fault = node.fault(&mut self.rng);
        self.other_events += 1;
        let answer = node.answer(self.now, &mut self.rng, &flight.request, fault.as_ref());
        flight.answer = Some((answer, self.now + node.slowness));
    }

    /// An answer reaches the coordinator.
    pub(super) fn land(&mut self, at: usize) {
        let flight = self.flights.remove(at);
        self.landing = flight.made;
        if flight.is_of_gate() {
            self.answered.insert(flight.node, self.now);
        }
        let (answer, _) = flight.answer.expect("it was answered");
        let is_identified = matches!(answer, Event::Identified { result: Ok(_), .. });
        self.handle(answer);
        if is_identified {
            self.adopt_all();
        }
    }

    /// Restarts a node. Its earlier answers arrive first, or get lost. Open requests get none.
    pub(super) fn restart(&mut self, id: NodeId, how: impl Fn(&mut Model)) {
        while !self.nodes[id.0].hangs
            && let Some(at) = self.flights.iter().position(|flight| {
                flight.node == id
                    && flight
                        .answer
                        .as_ref()
                        .is_some_and(|(_, at)| *at <= self.now)
            })
        {
            self.land(at);
        }
        let is_asked = self.flights.iter().any(|flight| flight.node == id);
        let node = &mut self.nodes[id.0];
        if !is_asked && node.streams.values().all(|stream| !stream.is_open) {
            // Undetectable.
            return;
        }
        // One broken connection is enough of a sign.
        node.dies_silently = is_asked && self.rng.random_bool(0.3);
        node.hangs = false;
        how(node);
        for at in 0..self.flights.len() {
            if self.flights[at].node == id {
                let error = match self.flights[at].answer {
                    Some(_) => broken(),
                    None => connect(),
                };
                self.lose(at, &error);
            }
        }
        self.deliver_all(id);
    }

    /// The next event of a stream arrives.
    pub(super) fn deliver(&mut self, node: NodeId, chain: ChainId) {
        let model = &mut self.nodes[node.0];
        let Some(stream) = model.streams.get_mut(&chain).filter(|_| !model.hangs) else {
            return;
        };
        let subscription = stream.subscription;
        if let Some(update) = stream.queue.pop_front() {
            self.handle(Event::Update {
                node,
                subscription,
                chain,
                update,
            });
        }
    }

    /// All events in the streams of a node arrive.
    pub(super) fn deliver_all(&mut self, node: NodeId) {
        let pending = |model: &Model| {
            let mut streams = model.streams.iter();
            let (chain, _) = streams.find(|(_, stream)| !stream.queue.is_empty())?;
            Some(*chain)
        };
        while !self.nodes[node.0].hangs
            && let Some(chain) = pending(&self.nodes[node.0])
        {
            self.deliver(node, chain);
        }
    }

    /// Answers everything at once for this long.
    pub(super) fn calm(&mut self, time: Duration) {
        let until = self.now + time;
        let events = self.events;
        loop {
            while let Some(at) = self.flights.iter().position(|it| !self.is_held(it)) {
                if self.flights[at].answer.is_none() {
                    self.act(at);
                }
                if !self.is_held(&self.flights[at]) {
                    self.land(at);
                }
            }
            self.gossip_all();
            for node in 0..self.nodes.len() {
                if !self.nodes[node].hangs {
                    self.nodes[node].open_streams();
                }
                self.deliver_all(NodeId(node));
            }
            let bound = 500 + 100 * u64::from(self.chains()) + 40 * time.as_secs();
            assert!(
                self.events - events < bound * self.nodes.len() as u64,
                "busy without end"
            );
            if self.flights.iter().all(|it| self.is_held(it)) {
                let answers = self.flights.iter().filter_map(|flight| {
                    let (_, at) = flight.answer.as_ref()?;
                    Some(*at).filter(|at| *at > self.now)
                });
                let limits = self.flights.iter().map(Flight::limit);
                let next = answers.chain(limits).chain(self.wakeup);
                match next
                    .chain(self.next_of_others())
                    .min()
                    .filter(|at| *at <= until)
                {
                    Some(at) => {
                        self.now = self.now.max(at);
                        if !self.others_act() && !self.time_out() {
                            self.handle(Event::Tick);
                        }
                    }
                    None => break,
                }
            }
        }
        self.now = until;
    }
}
