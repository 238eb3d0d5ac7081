//! What the nodes' answers change: to whom they belong, which jobs are live, and what became of blocks.
//!
//! Each answer ends its request, whether it succeeded or not. What it tells counts only if it is of the network that the
//! node serves now, and only as far as nothing newer is known: that is what the tickets are for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use chainweb::{BlockHash, ChainId, Work};
use node::{Cut, Error, NoAnswer};
use tracing::{debug, info, warn};

use super::chains::Chains;
use super::live::{self, Arrival, Cover, Offered, Retired};
use super::submission::Place;
use super::upstream::Doubt;
use super::{Action, Coordinator, Identity, Request, Ticket};
use crate::job::{Job, NodeId};
use crate::units::About;

/// Whether the node gave work on a chain that was held already though work on another is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chain {
    Held,
    Other,
}

impl Coordinator {
    pub(super) fn identified(&mut self, now: Instant, id: NodeId, result: Result<Identity, Error>) {
        let ticket = self.ticket();
        let node = &mut self.nodes[id.0];
        let identity = match result {
            Ok(identity) => identity,
            Err(error) => {
                node.doubt_after(&error);
                if let Some(pause) = node.info.fail(now, &self.config.timing, &error) {
                    let again_in = About(pause);
                    if matches!(error, Error::NoAnswer(NoAnswer::Connect { .. })) {
                        warn!(
                            node = id.0, %error, %again_in,
                            "the node cannot be reached: is it running, and is this its service port?"
                        );
                    } else {
                        warn!(node = id.0, %error, %again_in, "the node does not say what it is");
                    }
                }
                return;
            }
        };
        if let Some(outage) = node.info.succeed(now) {
            info!(node = id.0, version = %identity.version, after = %About(outage), "the node answers again");
        }
        let doubt = std::mem::replace(&mut node.doubt, Doubt::None);
        if self.stopping {
            return;
        }
        let chains = identity.chains.clone();
        match &mut node.identity {
            Some(known) if known.version == identity.version => {
                // A network that is begun anew under its old name may have other chains.
                let has_other_chains = *known != identity;
                *known = identity;
                if doubt == Doubt::Restart {
                    node.unsolved.hurry(now);
                    self.live.doubt(now, id);
                    self.listen_anew(id, ticket);
                }
                if has_other_chains {
                    self.show_network(id, ticket);
                }
            }
            known => {
                let is_first = known.is_none();
                info!(node = id.0, version = %identity.version, chains = chains.len(), "mining for a network");
                node.begin(ticket, identity);
                if !is_first {
                    self.leave_network(id);
                }
                self.show_network(id, ticket);
            }
        }
        for chain in chains {
            self.subscribe(id, chain);
        }
    }

    /// Drops all that belongs to the network which the node served before.
    fn leave_network(&mut self, id: NodeId) {
        for job in self.live.retire_of(id) {
            self.retired(&job, Retired::OtherNetwork);
        }
        self.publish();
        self.actions.push(Action::Unsubscribe { node: id });
        for submission in self.submissions.network_changed(id) {
            self.lost(&submission);
        }
        self.fates.network_changed(id);
    }

    /// Subscribes to all chains again if a stream may have died unnoticed.
    ///
    /// A connection whose other end is gone stays silent for as long as TCP likes, and one that is alive never says so.
    /// A new stream tells: it is open or it fails. Where every stream has ended or was opened again since the restart
    /// was suspected, nothing is in doubt; so it is when the only chain of a network ends its stream, as it does in
    /// the normal course.
    fn listen_anew(&mut self, id: NodeId, ticket: Ticket) {
        let node = &mut self.nodes[id.0];
        let chains = node.chains.reopen();
        if !chains.is_empty() {
            node.subscription = ticket;
            self.actions.push(Action::Unsubscribe { node: id });
            for chain in chains {
                self.listen(id, chain);
            }
        }
    }

    pub(super) fn work(
        &mut self,
        now: Instant,
        id: NodeId,
        ticket: Ticket,
        result: Result<Work, Error>,
    ) {
        let timing = self.config.timing;
        let node = &mut self.nodes[id.0];
        let work = match result {
            Ok(work) => work,
            Err(error) => {
                node.doubt_after(&error);
                if let Some(pause) = node.work.fail(now, &timing, &error) {
                    warn!(node = id.0, %error, again_in = %About(pause), "no work");
                }
                return;
            }
        };
        if let Some(outage) = node.work.succeed(now) {
            info!(node = id.0, after = %About(outage), "the node gives work again");
        }
        if self.stopping || ticket < node.since || node.unsolved.is_paused(now) {
            return;
        }
        let chain = work.chain();
        if !self.demand.admits(chain) {
            self.turn_down(now, id, ticket, chain);
            return;
        }
        if node.chains.moved_since(chain, ticket) {
            debug!(%chain, "the chain moved while its work was on the way");
            return;
        }
        let cover = cover(&node.chains, &work, ticket);
        match self.submissions.place(id, work.header(), ticket) {
            Place::Free => {}
            Place::Contested => {
                debug!(%chain, "the node gives work that is solved already");
                node.work.pause(now + timing.held_chain_pause);
                return;
            }
            Place::Taken => {
                debug!(%chain, "work was solved while other work on its place was on the way");
                return;
            }
        }
        self.subscribe(id, chain);
        let job = Arc::new(Job {
            id: self.ticket().names_job(),
            node: id,
            work,
            received: now,
        });
        let arrival = Arrival {
            job: &job,
            cover,
            asked: ticket,
            refreshed: self.nodes[id.0].chains.refreshed_since(chain, ticket),
        };
        if self.offer(now, arrival) == Chain::Held {
            // There may be no other chain to work on: not asked again and again.
            self.nodes[id.0].work.pause(now + timing.held_chain_pause);
        }
    }

    /// Takes work in where it is better than what is held.
    fn offer(&mut self, now: Instant, arrival: Arrival<'_>) -> Chain {
        let Arrival { job, cover, .. } = arrival;
        let chain = job.chain();
        let was_held = match self.live.offer(now, &self.config, arrival) {
            Offered::Held => return Chain::Held,
            Offered::NotNeeded => false,
            Offered::Confirmed => {
                debug!(%chain, "the node still gives the same work");
                true
            }
            Offered::Taken { replaced } => {
                self.counters.jobs += 1;
                self.counters.uncovered_jobs += u64::from(cover == Cover::None);
                if let Some(old) = &replaced {
                    self.retired(old, Retired::Replaced);
                }
                debug!(
                    job = %job.id, %chain, height = job.work.header().height(), ?cover,
                    difficulty = %job.work.target().difficulty(), "new job"
                );
                replaced.is_some()
            }
        };
        if was_held && self.live.has_room(self.config.work_slots) {
            Chain::Held
        } else {
            Chain::Other
        }
    }

    pub(super) fn cut(
        &mut self,
        now: Instant,
        id: NodeId,
        ticket: Ticket,
        result: Result<Cut, Error>,
    ) {
        let timing = self.config.timing;
        let node = &mut self.nodes[id.0];
        let cut = match result {
            Ok(cut) => cut,
            Err(error) => {
                node.doubt_after(&error);
                if self.stopping {
                    self.fates.abandon_final_looks(id);
                }
                if let Some(pause) = node.cut.fail(now, &timing, &error) {
                    warn!(node = id.0, %error, again_in = %About(pause), "no cut to compare work with");
                }
                return;
            }
        };
        if let Some(outage) = node.cut.succeed(now) {
            info!(node = id.0, after = %About(outage), "the node tells its cut again");
        }
        let is_shown = self.wants_view(id);
        let node = &mut self.nodes[id.0];
        if !(is_shown && node.stirred_since(ticket)) {
            let pause = if self.stopping {
                timing.retry_min
            } else if is_shown {
                timing.unwanted_pause
            } else {
                timing.cut_check
            };
            node.cut.pause(now + pause);
        }
        if ticket < node.since {
            return;
        }
        let asked = node.cut_asked;
        for job in self
            .live
            .compare(id, ticket, &cut, |chain| node.chains.covers(chain, ticket))
        {
            self.nodes[id.0].chains.moved(job.chain(), ticket);
            self.submissions.chain_moved(id, job.chain());
            self.retired(&job, Retired::CutMoved);
        }
        self.publish();
        let ticket = self.ticket();
        if let Some(asked) = asked {
            self.show_cut(id, asked, &cut);
        }
        let Some(identity) = &self.nodes[id.0].identity else {
            return;
        };
        for lookup in self.fates.cut(now, &timing, id, &cut) {
            let request = Request::Ancestors {
                version: identity.version.clone(),
                ticket,
                chain: lookup.chain,
                tip: lookup.tip,
                heights: lookup.heights,
            };
            self.actions.push(Action::Request { node: id, request });
        }
    }

    pub(super) fn ancestors(
        &mut self,
        now: Instant,
        id: NodeId,
        ticket: Ticket,
        (chain, tip_height): (ChainId, u64),
        result: Result<BTreeMap<u64, BlockHash>, Error>,
    ) {
        let timing = &self.config.timing;
        let node = &mut self.nodes[id.0];
        if let Err(error) = &result {
            node.doubt_after(error);
        }
        if ticket < node.since {
            return;
        }
        match result {
            Ok(hashes) => {
                self.fates
                    .ancestors(now, timing, id, chain, tip_height, &hashes);
            }
            Err(error) => {
                debug!(%chain, %error, "the fate of blocks could not be looked up");
                self.fates.lookup_failed(now, timing, id, chain);
            }
        }
    }
}

/// What the streams have told that matters to work which was asked for at this moment.
fn cover(chains: &Chains, work: &Work, asked: Ticket) -> Cover {
    let mut beside = live::beside(work.header());
    if !chains.covers(work.chain(), asked) {
        Cover::None
    } else if beside.any(|(chain, _)| chains.stirred_since(chain, asked)) {
        Cover::Beside
    } else {
        Cover::Full
    }
}
