//! Events: what happened, as data.
//!
//! An event names its subject ([`NodeId`], [`JobRef`], [`BlockRef`]) and what changed about it. It
//! holds no text other than error messages; readers choose the words. It does not hold its time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{BlockHash, ChainId, CreationTime, Difficulty, Nonce, WorkHeader};
use node::{Error, Hint, NoAnswer, Refusal, Retry, Skew, Version};
use stratum::WorkerName;

use super::standing::Standing;
use crate::history::Fate;
use crate::job::{Job, JobId, NodeId, Proof};

/// An event an operator may care about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The program connects to a node.
    Connecting {
        /// The node.
        node: NodeId,
    },
    /// The program stops before everything is done.
    Unfinished(Unfinished),
    /// The first work arrived: the node accepts the account.
    MiningStarted {
        /// The node that issued the work.
        node: NodeId,
    },
    /// Blocks earn no reward: the worker hashes, the account has no public key, and the node does
    /// not choose an account of its own.
    NoPublicKey {
        /// The node that issued the work.
        node: NodeId,
    },
    /// Another node serves from now on. Reported where there are several nodes.
    NodeChosen {
        /// The node that serves.
        node: NodeId,
        /// The node that served until now.
        before: NodeId,
        /// What the node before is good for.
        standing: Standing,
    },
    /// The state of mining devices changed. The names are sorted.
    Devices(DeviceChange, Vec<WorkerName>),
    /// Something changed about a node.
    Node(NodeId, NodeEvent),
    /// Something changed about a job.
    Job(JobRef, JobEvent),
    /// Work from a node does not become a job.
    WorkDiscarded {
        /// The node.
        node: NodeId,
        /// The chain of the work.
        chain: ChainId,
        /// The height of the block to be mined.
        height: u64,
        /// Why the work is not used.
        reason: WorkDiscarded,
    },
    /// A solution from the worker is not submitted.
    SolutionDiscarded {
        /// The job of the solution.
        job: JobRef,
        /// The name of the device or thread, if the worker has names for them.
        found_by: Option<Arc<str>>,
        /// The nonce of the solution.
        nonce: Nonce,
        /// The creation time of the solution.
        creation_time: CreationTime,
        /// Why the solution is not submitted.
        reason: SolutionDiscarded,
    },
    /// Something changed about a block of ours.
    Block(BlockRef, BlockEvent),
    /// Blocks of earlier runs are taken up.
    BlocksRestored {
        /// Those that their node may still take, so that they are submitted.
        submitted: usize,
        /// The others, which are looked up.
        looked_up: usize,
    },
    /// No node is known to have taken a block of an earlier run, and it is too late now.
    BlockLost {
        /// Its network.
        network: String,
        /// Its solved header.
        header: WorkHeader,
    },
    /// A block of an earlier run was taken by a node, but could not be looked up in a day.
    BlockForgotten {
        /// Its network.
        network: String,
        /// Its solved header.
        header: WorkHeader,
    },
    /// More blocks are tracked than there is room for: the oldest are dropped from now on.
    TrackerFull {
        /// The highest number of tracked blocks.
        limit: usize,
    },
    /// There is room to track blocks again.
    TrackerRecovered {
        /// The number of blocks dropped meanwhile.
        dropped: u64,
    },
}

/// A job by its name, and what an operator knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobRef {
    /// Its id.
    pub id: JobId,
    /// The node of the work.
    pub node: NodeId,
    /// The chain of the block to be mined.
    pub chain: ChainId,
    /// The height of the block to be mined.
    pub height: u64,
}

/// A block of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRef {
    /// The solved job. It identifies the block for the life of the program: a job becomes at most
    /// one block.
    pub job: JobId,
    /// The node to which the block is submitted.
    pub node: NodeId,
    /// The chain of the block.
    pub chain: ChainId,
    /// The height of the block.
    pub height: u64,
    /// The hash of the block. `None` on networks where only the node can compute it (EVM).
    pub hash: Option<BlockHash>,
}

/// What is not done when the program ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// The node has not taken a block.
    Submission {
        /// The block.
        block: BlockRef,
        /// The solved header.
        header: WorkHeader,
        /// Whether the next run of the program submits it.
        is_kept: bool,
    },
    /// The last blocks are not looked up.
    Lookups,
    /// The worker has not ended.
    Worker,
}

/// What changed about mining devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceChange {
    /// They closed their last connection.
    Disconnected,
    /// They connected.
    Connected,
    /// They are connected, but send no shares any more.
    Silent,
    /// They send shares again.
    Resumed,
}

/// What changed about a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeEvent {
    /// Requests of a kind fail. Reported for the first failure, when the error changes, and every
    /// half minute while failures go on; once where a person has to change something.
    RequestFailed {
        /// The kind of request.
        request: RequestKind,
        /// What kind of failure it is.
        cause: FailureCause,
        /// The error message.
        error: String,
        /// The time until the next try; `None` for update streams, each of which has its own.
        retry_in: Option<Duration>,
    },
    /// Requests of a kind succeed again.
    RequestRecovered {
        /// The kind of request.
        request: RequestKind,
        /// The time since the first failure.
        after: Duration,
    },
    /// The node named its network for the first time.
    NetworkIdentified {
        /// The name of the network.
        version: Version,
        /// The number of chains; 0 if the node does not list them.
        chains: usize,
    },
    /// The node serves another network than before.
    NetworkChanged {
        /// The name of the network until now.
        from: Version,
        /// The name of the network from now on.
        version: Version,
        /// The number of chains; 0 if the node does not list them.
        chains: usize,
    },
    /// The network started again at its genesis under the same name: a chain is much lower than
    /// before.
    NetworkReset {
        /// The name of the network.
        version: Version,
        /// The first chain found lower.
        chain: ChainId,
        /// Its height before.
        from: u64,
        /// Its height now.
        to: u64,
    },
    /// The node rejects blocks without proof of work, and the worker does not produce any other.
    /// The node gets no request for work until the pause is over.
    PowRequired {
        /// The node's answer.
        error: String,
        /// The length of the pause.
        retry_in: Duration,
    },
    /// The node accepts blocks without proof of work after it had rejected some.
    PowNotRequired,
    /// The node refuses proofs of work that are verified: its network has other rules. The node
    /// gets no request for work until the pause is over.
    ProofsRefused {
        /// The node's answer.
        error: String,
        /// The length of the pause.
        retry_in: Duration,
    },
    /// The node accepts a proof of work after it had refused some.
    ProofsAccepted,
    /// The node does not have the payloads of fresh work: several nodes behind one address answer.
    PayloadsUnknown {
        /// The number of such solutions so far.
        times: u32,
    },
    /// Blocks of ours were orphaned in a row, without an accepted one: updates of the node may be
    /// late or missing. Its streams are opened again.
    OrphansInARow {
        /// The number of blocks.
        blocks: usize,
    },
    /// Several blocks in a row came too late or were orphaned, and none was accepted. Reported once
    /// until one is.
    BlocksLate {
        /// The number of such blocks.
        times: u32,
    },
    /// The node could not answer where blocks of ours stand. They are looked up again later.
    LookupFailed {
        /// The chain of the blocks.
        chain: ChainId,
        /// The error message.
        error: String,
    },
    /// The node does not serve its cut, though it serves the network: whether blocks are accepted
    /// cannot be checked.
    CutNotServed,
    /// Update streams are open, but their chains grew without an update. They are opened again.
    UpdatesSilent {
        /// The time since the last update of any of them.
        silence: Duration,
        /// Their chains.
        chains: Vec<ChainId>,
    },
    /// An update came again from each of the silent streams.
    UpdatesResumed {
        /// The time since the last update before.
        after: Duration,
    },
    /// What the node is good for changed. Reported where there are several nodes.
    Standing {
        /// What it is good for.
        standing: Standing,
        /// What it was good for until now.
        before: Standing,
    },
    /// The node's clock differs from this machine's by more than a few seconds, or by a few seconds
    /// more or less than last reported. Creation times derive from the node's clock.
    ClockSkew(Skew),
    /// The node's clock agrees with this machine's again.
    ClockSkewEnded,
}

/// The kinds of requests repeated until they succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKind {
    /// `/info`: which network the node serves.
    Info,
    /// `/mining/work`.
    Work,
    /// `/cut`: the tips of all chains.
    Cut,
    /// `/mining/updates`: the opening of an update stream.
    Updates,
}

impl RequestKind {
    /// Returns what such a request is for, if it has one answer.
    pub(crate) fn operation(self) -> Option<Operation> {
        match self {
            Self::Info => Some(Operation::Info),
            Self::Work => Some(Operation::Work),
            Self::Cut => Some(Operation::Cut),
            Self::Updates => None,
        }
    }
}

/// What a single request to a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Which network the node serves.
    Info,
    /// Work. The node holds the request while it has none.
    Work,
    /// The tips of all chains.
    Cut,
    /// The blocks below a tip.
    Ancestors,
    /// The submission of a solution.
    Submit,
}

/// Kinds of failed requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureCause {
    /// No connection: the node is down, or the address is wrong.
    Unreachable,
    /// The node was reached, but not by TLS with a certificate that is trusted.
    Tls,
    /// A proxy of the environment does not lead to the node.
    Proxy,
    /// The connection broke, or no answer came in time.
    NoAnswer,
    /// The node refuses for now.
    Refused,
    /// The node does not serve the path.
    NotServed,
    /// Something between this machine and the node answers in its place.
    Foreign,
    /// The node refuses until a person changes the configuration of one side.
    Misconfigured,
    /// The answer is not one of a chainweb node.
    Malformed,
}

/// What changed about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEvent {
    /// The job is live: workers can solve it.
    Received {
        /// Its difficulty.
        difficulty: Difficulty,
        /// Whether the update stream of its chain was open before the work was requested.
        watched: bool,
    },
    /// The job was due to be fetched again, and the node issued the same work.
    Confirmed,
    /// The job is no longer live.
    Retired {
        /// Why.
        reason: Retirement,
    },
    /// A payload refresh of the job's block was answered.
    Refreshed(RefreshOutcome),
}

/// Why a job left the live set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retirement {
    /// It was solved.
    Solved,
    /// Another job on the same parent was solved.
    ParentSolved,
    /// The update stream reported a new block on its chain.
    NewCut,
    /// Its parent or an adjacent block is no longer a tip in the cut of the node.
    NotInCut,
    /// Work with a refreshed payload replaced it.
    Preempted,
    /// Work on other blocks replaced it; no update had announced the change.
    Superseded,
    /// It was due to be fetched again, because of its age or a restart of the node, and newer work,
    /// perhaps on another chain, took its slot.
    Refetched,
    /// Its node would not get its block into the network, and a job of another node was there.
    NodeLost,
    /// The node has discarded its payload by now.
    Expired,
    /// The node serves another network.
    NetworkChanged,
    /// The node requires proof of work, which the worker does not do.
    PowRequired,
    /// The worker no longer wants a block on its chain.
    Unwanted,
    /// The program is stopping.
    Stopping,
}

/// How a payload refresh ended for the live job of its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// Newer work replaced the job.
    Preempted {
        /// How long the job was mined after the refresh was announced.
        outdated: Duration,
    },
    /// The node issued the same work again; the job goes on.
    Identical,
}

/// Why work does not become a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkDiscarded {
    /// Its chain, or its parent, was outdated while the answer was on its way.
    Outdated,
    /// A solution on the same parent is being submitted.
    ParentContested,
    /// The worker does not want a block on the chain.
    Unwanted,
}

/// Why a solution is not submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SolutionDiscarded {
    /// Its hash does not meet the target.
    TargetMissed,
    /// Its creation time lies outside the times the job has had.
    TimeOutOfRange,
    /// The job is solved already.
    Duplicate,
    /// The node no longer serves the network of the job.
    NetworkChanged,
    /// The node requires proof of work, which the worker does not do.
    PowRequired,
}

/// What changed about a block.
///
/// The usual order is found, submitted, accepted, confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockEvent {
    /// A worker found it, and its first submission is on its way.
    Found {
        /// The name of the device or thread, if the worker has names for them.
        found_by: Option<Arc<str>>,
        /// The age of the job.
        after: Duration,
        /// The header as submitted.
        header: WorkHeader,
        /// When the node last issued its work.
        issued: Instant,
        /// Whether the block has proof of work.
        proof: Proof,
    },
    /// A block of an earlier run has a name of this run. It is looked up, or submitted first if its
    /// node may still take it.
    Restored {
        /// Its row in the history.
        row: i64,
        /// Its fate so far.
        fate: Fate,
    },
    /// A submission failed without a decision of the node. It is repeated.
    SubmissionFailed {
        /// The number of submissions so far.
        attempts: u32,
        /// The error message.
        error: String,
        /// The time until the next one.
        retry_in: Duration,
    },
    /// The node returned success. The block need not be in the cut.
    Submitted {
        /// The number of submissions it took.
        attempts: u32,
    },
    /// Whether the node took it is unknown, and it is too late for another try. It is tracked all
    /// the same.
    SubmissionUncertain {
        /// The number of submissions.
        attempts: u32,
        /// The last error message.
        error: String,
        /// The solved header.
        header: WorkHeader,
    },
    /// It is in the cut of the node.
    Accepted,
    /// Another block stands at its height for now. It may come back.
    Displaced {
        /// The hash of the other block.
        by: BlockHash,
    },
    /// It is in the cut, under enough blocks to be final.
    Confirmed {
        /// The number of blocks on top of it.
        depth: u64,
    },
    /// Another block stands at its height, under enough blocks to be final.
    Orphaned {
        /// The hash of the other block.
        by: BlockHash,
        /// The number of blocks on top of the other one.
        depth: u64,
        /// Why, as far as a node showed it.
        reason: Option<OrphanReason>,
    },
    /// The node refused it.
    Rejected {
        /// The node's answer.
        error: String,
        /// The header as submitted.
        header: WorkHeader,
    },
    /// The node refused it because it has no proof of work.
    RejectedWithoutPow,
    /// The node refused its proof of work, as it refuses all: reported of the node.
    RejectedLikeAll,
    /// It came too late: the node no longer has its work.
    Stale,
    /// It is no longer looked up: its last known place stands.
    Untracked {
        /// Why.
        reason: Untracked,
    },
}

/// Why a block is orphaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrphanReason {
    /// The node never had it: its chain had a new tip before it was found.
    Late,
    /// The node had it, and the network went on with the other block.
    LostRace,
    /// The node never had it: it took the solution, and another block was there by then, or the
    /// block was not valid.
    NeverTaken,
}

/// Why a block is not looked up any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untracked {
    /// The node serves another network.
    NetworkChanged,
    /// The network started again at its genesis.
    NetworkReset,
    /// There are too many newer ones.
    TooMany,
}

impl From<&Error> for FailureCause {
    fn from(error: &Error) -> Self {
        match error {
            Error::NoAnswer(NoAnswer::Connect {
                hint: Some(Hint::Proxy),
                ..
            })
            | Error::Refused(Refusal::Proxy { .. }) => Self::Proxy,
            // All other hints about connections are about TLS.
            Error::NoAnswer(NoAnswer::Connect { hint: Some(_), .. }) => Self::Tls,
            Error::NoAnswer(NoAnswer::Connect { .. }) => Self::Unreachable,
            Error::NoAnswer(_) => Self::NoAnswer,
            Error::Refused(refusal) if refusal.retry() == Retry::Later => Self::Misconfigured,
            Error::Refused(Refusal::NotServed { .. }) => Self::NotServed,
            Error::Refused(Refusal::Foreign { .. }) => Self::Foreign,
            Error::Refused(_) => Self::Refused,
            Error::Malformed(_) => Self::Malformed,
        }
    }
}

impl From<&Job> for JobRef {
    fn from(job: &Job) -> Self {
        Self {
            id: job.id,
            node: job.node,
            chain: job.chain(),
            height: job.work.header().height(),
        }
    }
}

impl BlockRef {
    /// Returns the block of a solved header of the job.
    pub(crate) fn new(job: &Job, header: &WorkHeader) -> Self {
        Self {
            job: job.id,
            node: job.node,
            chain: job.chain(),
            height: header.height(),
            hash: header.block_hash(),
        }
    }
}
