//! Events on their way from the nodes to the coordinator, and requests on theirs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::ChainId;
use node::{Error, Refusal, UpdateEvent};
use rand::RngExt;

use super::super::super::event::Purpose;
use super::super::super::{Action, Event, Request};
use super::super::pieces::{broken, connect, timeout};
use super::model::Model;
use super::{Flight, World};
use crate::job::NodeId;

/// The time limit of a request.
const LIMIT: Duration = Duration::from_secs(30);

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
        let new_cut = match &event {
            Event::Update {
                node,
                subscription,
                chain,
                update: UpdateEvent::NewCut,
            } => {
                let stream = self.nodes[node.0].streams.get(chain);
                let is_present = stream.is_some_and(|it| it.subscription == *subscription);
                is_present.then_some((*node, *chain))
            }
            _ => None,
        };
        let solved = match &event {
            Event::Solved(solution) => Some(solution.job.id),
            _ => None,
        };
        if let Event::Submitted {
            node,
            job,
            result: Err(Error::Refused(Refusal::Stale)),
        } = &event
        {
            self.stale.insert((*node, *job));
        }
        let before = self.coordinator.counters.solutions;
        let open = self.open_solutions();
        let cut = match &event {
            Event::Cut {
                node,
                result: Ok(cut),
                ..
            } => Some((*node, cut.clone())),
            _ => None,
        };
        self.cuts.extend(cut);
        let actions = self.coordinator.handle(self.now, event);
        for live in &self.coordinator.live.jobs {
            self.requested.entry(live.job.id).or_insert(self.landing);
        }
        for (job, (.., answered)) in &mut self.submitted_blocks {
            if !self.coordinator.submissions.open.contains_key(job) {
                answered.get_or_insert(self.events);
            }
        }
        if let Some((node, chain)) = new_cut {
            self.new_cuts.insert((node, chain), self.events);
            if self.coordinator.nodes[node.0].streams.is_flooded(chain) {
                self.floods.insert((node, chain), self.events);
                let live = self.coordinator.live.find(node, chain);
                let is_suspect = live.is_none_or(|live| live.is_unconfirmed());
                assert!(is_suspect, "the cut would not decide");
            }
        }
        if self.coordinator.counters.solutions > before {
            let is_first = solved.is_some_and(|job| self.solved.insert(job));
            assert!(is_first, "submitted twice: {solved:?}");
        }
        for action in actions {
            self.carry_out(action);
        }
        for solution in open {
            let still = &self.coordinator.submissions.open;
            if !still.contains_key(&solution.job.id) {
                self.check_given_up(&solution);
            }
        }
        self.check();
    }

    pub(super) fn carry_out(&mut self, action: Action) {
        match action {
            Action::Publish(jobs) => {
                self.check_replacements(&jobs);
                for job in jobs.iter().filter(|job| !self.live.contains(&job.id)) {
                    self.check_not_passed(job);
                }
                let live: BTreeSet<_> = jobs.iter().map(|job| job.id).collect();
                self.retired.extend(self.live.difference(&live));
                self.live = live;
                for job in jobs.iter() {
                    if !self.jobs.iter().any(|(known, _)| known.id == job.id) {
                        let requested = self.requested[&job.id];
                        self.jobs.push((Arc::clone(job), requested));
                    }
                }
            }
            Action::Show(view) => self.check_view(&view),
            Action::Subscribe {
                node,
                version,
                subscription,
                chain,
            } => self.nodes[node.0].subscribe(version, subscription, chain),
            Action::Unsubscribe { node } => self.nodes[node.0].streams.clear(),
            Action::Report(event) => self.check_report(event),
            Action::Request { node, request } => {
                self.check_request(node, &request);
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
            let next = limits.chain(self.coordinator.next_wakeup()).min();
            let Some(at) = next.filter(|at| *at <= until) else {
                break;
            };
            self.now = self.now.max(at);
            if !self.time_out() {
                self.handle(Event::Tick);
            }
            calls += 1;
            let bound = (50 + 50 * time.as_secs()) * self.nodes.len() as u64;
            assert!(calls < bound, "busy without end");
        }
        self.now = until;
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

    /// A node learns of the longest branch of a chain.
    pub(super) fn gossip(&mut self, node: usize, chain: ChainId) {
        if self.nodes.len() == 1 || !self.nodes[node].is_connected() {
            return;
        }
        let network = self.nodes[node].networks;
        let longest = self.branches.entry((network, chain)).or_default();
        let others = self.nodes.iter().filter(|node| node.is_connected());
        for node in others.filter(|node| node.networks == network) {
            let blocks = &node.chains[&chain].blocks;
            if blocks.len() > longest.len() {
                longest.clone_from(blocks);
            }
        }
        self.nodes[node].follow(chain, longest);
    }

    /// Whether the node does not answer a request.
    pub(super) fn is_held(&self, flight: &Flight) -> bool {
        let node = &self.nodes[flight.node.0];
        let is_late = flight.answer.as_ref().is_some_and(|(_, at)| *at > self.now);
        let is_work = matches!(flight.request, Request::Work { .. });
        !flight.is_lost && (node.hangs || node.holds_work && is_work || is_late)
    }

    /// A node acts on a request.
    pub(super) fn act(&mut self, at: usize) {
        let flight = &mut self.flights[at];
        let node = &mut self.nodes[flight.node.0];
        let fault = node.fault(&mut self.rng);
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
        self.handle(answer);
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
            for node in 0..self.nodes.len() {
                let chains: Vec<_> = self.nodes[node].chains.keys().copied().collect();
                for chain in chains {
                    self.gossip(node, chain);
                    if !self.nodes[node].hangs {
                        self.nodes[node].open_stream(chain);
                    }
                }
                self.deliver_all(NodeId(node));
            }
            assert!(
                self.events - events < (500 + 40 * time.as_secs()) * self.nodes.len() as u64,
                "busy without end"
            );
            if self.flights.iter().all(|it| self.is_held(it)) {
                let answers = self.flights.iter().filter_map(|flight| {
                    let (_, at) = flight.answer.as_ref()?;
                    Some(*at).filter(|at| *at > self.now)
                });
                let limits = self.flights.iter().map(Flight::limit);
                let next = answers.chain(limits).chain(self.coordinator.next_wakeup());
                match next.min().filter(|at| *at <= until) {
                    Some(at) => {
                        self.now = self.now.max(at);
                        if !self.time_out() {
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
