//! One node as the coordinator knows it.

use std::time::{Duration, Instant};

use chainweb::ChainId;
use node::{Error, Info, NoAnswer, Retry, Version};

use super::event::Seq;
use super::gate::Gate;
use super::heights::HeightsOfWork;
use super::peer::Peer;
use super::stream::{RESET_DEPTH, Shown};
use super::streams::Streams;
use crate::job::{Job, JobId};
use crate::telemetry::counters::NodeCounts;
use crate::telemetry::event::RequestKind;
use crate::timing::Timing;

/// The number of works in a row requested because of updates, without a higher chain, from which
/// requests for work keep a distance, and the number that a higher chain explains.
const MAX_CHASED: u32 = 5;
const CHASED_PER_BLOCK: u32 = 3;

/// A node: what it serves, and which requests to it are in flight or have to wait.
#[derive(Debug, Default)]
pub(super) struct NodeState {
    /// What has to be checked by `/info` before anything else, once the node is identified.
    pub(super) suspicion: Option<Suspicion>,
    /// What the node serves.
    pub(super) info: Option<Info>,
    /// Whether it serves the network of the others.
    pub(super) is_of_network: bool,
    /// When the network was identified. Answers to earlier requests do not count.
    pub(super) since: Seq,
    pub(super) streams: Streams,
    identify: Gate,
    pub(super) work: Gate,
    pub(super) cut: Gate,
    /// Counts failures only: streams open by themselves.
    updates: Gate,
    /// When the last request for the cut was made.
    pub(super) cut_requested: Option<Instant>,
    /// The last update, or when the first stream opened; `None` before.
    pub(super) last_update: Option<Instant>,
    /// How long silence is plausible; `None` for what the pace of updates makes so.
    pub(super) patience: Option<Duration>,
    /// The mean time between updates.
    pace: Duration,
    /// The last answer with a cut.
    pub(super) compared: Option<Instant>,
    /// The last update of streams that were found to miss changes, until all of them report one,
    /// and whether that is reported.
    pub(super) silent_since: Option<(Instant, bool)>,
    /// When such streams were last reported.
    pub(super) silence_reported: Option<Instant>,
    /// When all streams were last opened again after a possible restart.
    pub(super) reopened: Option<Instant>,
    /// When to open suspect streams again, if that was too early.
    pub(super) reopen_at: Option<Instant>,
    /// The last possible change of the cut.
    pub(super) cut_changed: Seq,
    /// When the node first refused `/cut` as unknown, until it sends one.
    pub(super) cut_missing: Option<Instant>,
    /// The heights of its chains, if it does not serve its cut.
    pub(super) heights_of_work: Option<HeightsOfWork>,
    /// When the last request for work was made.
    pub(super) work_requested: Option<Instant>,
    /// The works in a row requested because of updates, less those that blocks explain.
    chased: u32,
    /// The works in a row that were of no use.
    pub(super) useless_work: usize,
    /// The end of a pause without work and submissions, if the node rejected the last block without
    /// proof of work, or refuses valid ones. It rejects all blocks of the worker.
    pub(super) pow_required_until: Option<Instant>,
    /// The blocks in a row whose valid proof of work the node refused.
    pub(super) refused_proofs: u32,
    /// When the node was last found after a possible restart.
    pub(super) restarted: Option<Instant>,
    /// The last blocks of ours in a row that were orphaned, and the last accepted one.
    pub(super) orphans: Vec<JobId>,
    pub(super) accepted: Option<JobId>,
    /// When such a row was last reported.
    pub(super) orphans_reported: Option<Instant>,
    /// When a reset of the network was last reported.
    pub(super) reset_reported: Option<Instant>,
    /// The number of solutions with a payload that another node did not know, since the node was
    /// last unreachable or served another network.
    pub(super) unknown_payloads: u32,
    /// What the choice between several nodes needs.
    pub(super) peer: Peer,
    /// What is counted of the node over all its networks.
    pub(super) counts: NodeCounts,
}

/// What may have happened to a node since its last answer to `/info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Suspicion {
    /// It serves another network.
    OtherNetwork,
    /// It was restarted, perhaps for another network, and discarded the payloads of all work.
    Restart,
}

impl NodeState {
    /// The node serves this network from now on. Returns the former one.
    pub(super) fn begin(&mut self, seq: Seq, info: Info) -> Option<Info> {
        self.since = seq;
        self.streams = Streams::default();
        self.pow_required_until = None;
        self.refused_proofs = 0;
        self.cut_missing = None;
        self.heights_of_work = None;
        self.unknown_payloads = 0;
        self.peer.reset();
        (self.last_update, self.patience, self.pace) = (None, None, Duration::ZERO);
        (self.compared, self.silent_since, self.reopen_at) = (None, None, None);
        self.info.replace(info)
    }

    /// Returns its totals.
    pub(super) fn counts(&self) -> NodeCounts {
        NodeCounts {
            cut_height: self.streams.cut_height(),
            streams_open: self.streams.open(),
            ..self.counts
        }
    }

    /// Returns the version of an identified node.
    pub(super) fn version(&self) -> Version {
        let info = self.info.as_ref();
        let info = info.expect("an unidentified node gets requests for /info only");
        info.version.clone()
    }

    pub(super) fn suspect(&mut self, suspicion: Suspicion) {
        self.suspicion = self.suspicion.max(Some(suspicion));
        if suspicion == Suspicion::Restart {
            self.streams.suspect();
        }
    }

    /// Draws the conclusions from a failed request.
    pub(super) fn suspect_after(&mut self, error: &Error) {
        if let Error::NoAnswer(NoAnswer::Connect { .. }) = error {
            self.unknown_payloads = 0;
        }
        if let Error::NoAnswer(NoAnswer::Connect { .. } | NoAnswer::Broken { .. }) = error {
            self.suspect(Suspicion::Restart);
        } else if error.retry() == Retry::AfterInfo {
            self.suspect(Suspicion::OtherNetwork);
        }
    }

    pub(super) fn gate(&mut self, request: RequestKind) -> &mut Gate {
        match request {
            RequestKind::Info => &mut self.identify,
            RequestKind::Work => &mut self.work,
            RequestKind::Cut => &mut self.cut,
            RequestKind::Updates => &mut self.updates,
        }
    }

    /// The node answered the request in flight of a kind.
    pub(super) fn lives(&mut self, now: Instant, timing: &Timing, request: RequestKind) {
        let sent = self.gate(request).in_flight();
        let took = sent.map(|at| now.saturating_duration_since(at));
        self.peer.answered(now, timing, took.unwrap_or_default());
    }

    /// The cut may have changed: the next request for it does not wait.
    pub(super) fn cut_changed(&mut self, seq: Seq) {
        self.cut_changed = seq;
        if self.cut_missing.is_none() {
            self.cut.release();
        }
    }

    /// An update came.
    pub(super) fn updated(&mut self, now: Instant, timing: &Timing) {
        if let Some(last) = self.last_update.replace(now) {
            // An outage is not the pace of the network.
            let gap = now.saturating_duration_since(last).min(timing.silence_max);
            self.pace = (self.pace * 7 + gap) / 8;
        }
        self.patience = None;
    }

    /// How long the silence of the update streams is plausible: four mean times between updates,
    /// within limits. Chance exceeds it every fiftieth time.
    pub(super) fn patience(&self, timing: &Timing) -> Duration {
        let usual = (self.pace * 4).min(timing.silence_max);
        self.patience.unwrap_or(usual.max(timing.silence_min))
    }

    /// Whether no update has come for longer than is plausible.
    pub(super) fn is_silent(&self, now: Instant, timing: &Timing) -> bool {
        let patience = self.patience(timing);
        self.last_update.is_some_and(|at| at + patience <= now)
    }

    /// When to compare the cut with a job on the chain because no update comes; `None` without
    /// streams.
    pub(super) fn silence_check(&self, timing: &Timing, chain: ChainId) -> Option<Instant> {
        let of_all = self
            .last_update?
            .max(self.compared.unwrap_or(self.last_update?));
        let due = of_all.checked_add(self.patience(timing));
        let of_chain = self.streams.last_event(chain).max(self.compared);
        let due_of_chain = of_chain.and_then(|at| at.checked_add(timing.silence_max));
        [due, due_of_chain].into_iter().flatten().min()
    }

    /// The time limit of a request for the cut. A node without updates and answers is reported
    /// soon, however long its requests may take. Later requests may take longer: it could be slow.
    pub(super) fn cut_limit(&self, now: Instant, timing: &Timing) -> Option<Duration> {
        let last = self.last_update.filter(|_| !self.cut.is_failing())?;
        let until = last + self.patience(timing) + timing.late_cut;
        Some(until.saturating_duration_since(now).max(timing.late_cut))
    }

    /// When the node may discard the payload of the work that it sent last: it issued the work
    /// after the request for it.
    pub(super) fn payload_expires(&self, now: Instant, timing: &Timing) -> Instant {
        self.work_requested.unwrap_or(now) + timing.payload_lifetime
    }

    /// An update outdated work, or ended a pause. If updates are many and blocks few, the next
    /// request for work waits.
    pub(super) fn chase(&mut self, timing: &Timing) {
        self.chased = (self.chased + 1).min(MAX_CHASED);
        if self.chased == MAX_CHASED
            && let Some(requested) = self.work_requested
        {
            self.work.space(requested + timing.flooded_interval);
        }
    }

    /// An answer showed the height of a chain. Returns the height before a reset, once for all
    /// chains.
    pub(super) fn show(
        &mut self,
        now: Instant,
        timing: &Timing,
        chain: ChainId,
        shown: Shown,
    ) -> Option<u64> {
        let are_all_silent = self.is_silent(now, timing);
        let stream = self.streams.get_mut(chain)?;
        let before = stream.show(now, timing, are_all_silent, shown)?;
        if shown.height > before {
            self.chased = self.chased.saturating_sub(CHASED_PER_BLOCK);
        }
        let is_reset = shown.height < before && shown.height <= 2 * RESET_DEPTH;
        is_reset.then(|| {
            self.streams.reset();
            self.peer.reset();
            before
        })
    }

    /// Whether the node can be asked for work.
    pub(super) fn is_ready(&self) -> bool {
        self.info.is_some() && self.suspicion.is_none()
    }

    /// Whether it does not answer, or takes too long.
    pub(super) fn is_mute(&self, now: Instant, timing: &Timing) -> bool {
        let gates = [&self.identify, &self.work, &self.cut];
        let is_unanswered = |gate: &&Gate| {
            let sent = self.late_since(gate, now, timing);
            sent.is_some_and(|sent| !self.peer.has_answered_since(sent))
        };
        let is_unknown = self.identify.is_failing();
        self.peer.is_silent() || is_unknown || gates.iter().any(is_unanswered)
    }

    /// Asks for the cut if work takes long: a node without work holds the request for it, but
    /// answers others.
    pub(super) fn probe(&mut self, now: Instant, timing: &Timing) {
        let half = self.peer.limit(timing) / 2;
        let slow = self.work.in_flight().filter(|sent| *sent + half <= now);
        if slow.is_some_and(|sent| !self.peer.has_answered_since(sent)) {
            self.peer.cut_due = Some(now);
            self.cut.release();
        }
    }

    /// Whether it holds a request for work, as a node without work does, but answers others.
    pub(super) fn holds_work(&self, now: Instant, timing: &Timing) -> bool {
        self.late_since(&self.work, now, timing).is_some()
    }

    /// Returns when the request in flight was sent, if its answer is late.
    fn late_since(&self, gate: &Gate, now: Instant, timing: &Timing) -> Option<Instant> {
        let sent = gate.in_flight();
        sent.filter(|sent| *sent + self.peer.limit(timing) <= now)
    }

    /// When the answers to the requests in flight count as missing.
    pub(super) fn late(&self, timing: &Timing) -> impl Iterator<Item = Instant> {
        let limit = self.peer.limit(timing);
        let gates = [&self.identify, &self.work, &self.cut];
        let sent = gates.into_iter().filter_map(Gate::in_flight);
        sent.flat_map(move |sent| [sent + limit / 2, sent + limit])
    }

    /// Whether the node gets no work requests for now, since it requires proof of work.
    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.pow_required_until.is_some_and(|until| now < until)
    }

    /// Whether the job is of the node's present network.
    pub(super) fn serves(&self, job: &Job) -> bool {
        Seq::of(job) > self.since
    }

    /// When pauses end after which the node gets a request.
    pub(super) fn wakeups(&self) -> impl Iterator<Item = Instant> + '_ {
        let gates = [&self.identify, &self.work, &self.cut];
        let gates = gates.into_iter().filter_map(Gate::wakeup);
        gates
            .chain(self.pow_required_until)
            .chain(self.streams.missed())
            .chain(self.reopen_at)
    }
}
