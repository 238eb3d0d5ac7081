//! The node that issued the work of a block dies before it answers the solution.

use std::fs;
use std::path::Path;
use std::time::Duration;

use chainweb::ChainId;
use miner::history::{History, Place, Run};
use miner::job::NodeId;
use miner::telemetry::snapshot::Snapshot;
use simnet::{Endpoint, Link, Payloads, Rule, Verdict};

use super::super::setting::{PATIENCE, Setting, Story};
use super::by_hand::{Job, Session};
use super::{Farm, ten_chains, without_refresh};
use crate::seed;

/// Three nodes, on which a block is found only when a session solves its job.
fn three_nodes(payloads: Payloads, seed: u64) -> Setting {
    let mut setting = ten_chains(1_000);
    let network = &mut setting.network;
    (network.nodes, network.payloads, network.seed) = (3, payloads, seed);
    network.propagation_delay = Duration::from_millis(2);
    network.limits.payload_refresh = None;
    setting.timing.snapshot = Duration::from_millis(5);
    setting
}

/// How the issuer dies.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// Before it reads the solution.
    Before,
    /// It reads the solution and hangs, without a block.
    Hanging,
    /// It makes a block, which reaches no other node.
    After,
}

impl Death {
    fn prepare(self, story: &Story) {
        let issuer = story.simnet.node(0);
        let verdict = match self {
            Self::Before => Verdict::Drop,
            Self::Hanging => Verdict::Hang,
            Self::After => {
                issuer.set_link(Link::Partitioned);
                Verdict::LoseAnswer
            }
        };
        let rule = Rule::on(Endpoint::Solved, verdict);
        issuer.faults().install(rule);
    }
}

/// Whether the two other nodes hold the payload of the job on the chain.
fn is_insured(state: &Snapshot, chain: ChainId) -> bool {
    let mut jobs = state.jobs.iter();
    let job = jobs.find(|job| job.node.0 == 0 && job.chain() == chain);
    let insured = job.and_then(|job| state.insured.get(&job.id));
    insured.is_some_and(|nodes| *nodes == [NodeId(1), NodeId(2)].into())
}

/// Whether the job on the chain is not of the first node.
fn is_of_another_node(state: &Snapshot, chain: ChainId) -> bool {
    let mut jobs = state.jobs.iter().filter(|job| job.chain() == chain);
    jobs.next().is_some_and(|job| job.node.0 != 0)
}

/// Solves the job of a session, and kills the issuer as soon as it has the solution.
async fn solve(farm: &mut Farm, session: &mut Session, job: &Job) {
    session.solve(job).await;
    farm.story
        .until("the issuer has the solution", PATIENCE, |story| {
            story.asked(Endpoint::Solved) > 0
        })
        .await;
    farm.story.simnet.set_listening(false).await.unwrap();
}

fn has_block(story: &Story, node: usize, job: &Job) -> bool {
    let tips = story.simnet.node(node).tips();
    tips[&job.header.chain()].height == job.header.height()
}

/// The issuer dies in one of three ways with the solution of an insured job. Panics unless the
/// other nodes have the block in the end.
async fn trial(seed: u64) {
    let (mut farm, mut session, job) = loop {
        let story = three_nodes(Payloads::Same, seed).network().await;
        let mut farm = Farm::start(story, without_refresh()).await;
        let mut session = Session::log_in(farm.address, 0).await;
        let job = session.job().await;
        let chain = job.header.chain();
        let is_decided =
            |state: &Snapshot| is_insured(state, chain) || is_of_another_node(state, chain);
        farm.story
            .until_state("the job is insured", is_decided)
            .await;
        let state = farm.story.snapshot().unwrap();
        if is_insured(&state, chain) {
            break (farm, session, job);
        }
        // The first node was slow at the start, on a busy machine.
        farm.story.end().await;
    };
    let death = [Death::Before, Death::Hanging, Death::After][usize::try_from(seed % 3).unwrap()];
    death.prepare(&farm.story);
    solve(&mut farm, &mut session, &job).await;
    farm.story
        .until(
            &format!("{death:?}, seed {seed}: the block is in the cut"),
            PATIENCE,
            |story| [1, 2].iter().all(|node| has_block(story, *node, &job)),
        )
        .await;
    let ended = farm.story.end().await;
    assert_eq!(
        ended.counters.twins_taken, 1,
        "{death:?}, seed {seed}\n{}",
        ended.log
    );
}

async fn trials(count: u64) {
    for seed in seed()..=count {
        trial(seed).await;
    }
}

#[tokio::test]
async fn an_insured_block_survives_its_issuer() {
    trials(24).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn an_insured_block_survives_its_issuer_a_thousand_times() {
    trials(1_000).await;
}

/// Nodes with other payloads each, whose first has died with the solution of a job.
async fn uninsured(setting: Setting, history: Option<History>) -> (Farm, Job) {
    let mut story = setting.network().await;
    story.history = history;
    let mut farm = Farm::start(story, without_refresh()).await;
    let mut session = Session::log_in(farm.address, 0).await;
    let job = session.job().await;
    Death::Before.prepare(&farm.story);
    solve(&mut farm, &mut session, &job).await;
    farm.story
        .until_logged(&["mining on another node"], 1)
        .await;
    (farm, job)
}

#[tokio::test]
async fn a_block_of_one_node_waits_until_the_node_is_back() {
    let (mut farm, job) = uninsured(three_nodes(Payloads::Own, 1), None).await;
    farm.story.simnet.faults().clear();
    farm.story.simnet.set_listening(true).await.unwrap();
    farm.story
        .until("all nodes have the block", PATIENCE, |story| {
            (0..3).all(|node| has_block(story, node, &job))
        })
        .await;
    let ended = farm.story.end().await;
    assert_eq!(ended.counters.twins_taken, 0, "{}", ended.log);
    ended.check_solutions();
}

#[tokio::test]
async fn a_block_that_no_node_can_take_any_more_is_reported_with_its_header() {
    let (mut farm, job) = uninsured(three_nodes(Payloads::Own, 1), None).await;
    farm.story.simnet.faults().clear();
    // It has lost its payloads.
    farm.story.simnet.restart(None).await.unwrap();
    let chain = format!("chain={}", job.header.chain().get());
    let line = ["WARN", "block is lost unless", &chain, "header="];
    farm.story.until_logged(&line, 1).await;
    let ended = farm.story.end().await;
    let reported = &ended.log.lines(&line)[0];
    let header = reported.split("header=").nth(1).unwrap();
    let header = const_hex::decode(header.trim().trim_matches('"')).unwrap();
    let solved = chainweb::WorkHeader::decode(&header).unwrap();
    assert!(
        solved.differs_only_in_time_and_nonce(&job.header),
        "{reported}"
    );
    assert!(pow::verify(&solved, &solved.target()), "{reported}");
    ended.check_solutions();
}

#[tokio::test]
async fn a_block_whose_issuer_is_gone_is_submitted_by_the_next_run() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("issuer-gone");
    fs::remove_dir_all(&directory).ok();
    let place = Place::Directory(directory);
    let open = || History::open(place.clone(), Run::default(), PATIENCE);
    let mut setting = three_nodes(Payloads::Own, 1);
    setting.timing.grace = Duration::from_millis(500);
    let (mut farm, job) = uninsured(setting, Some(open().await.unwrap())).await;
    farm.story.stop_client().await;
    let kept = ["the next start submits it", "header="];
    assert_eq!(farm.story.log.count(&kept), 1, "{}", farm.story.log);
    farm.story.simnet.faults().clear();
    farm.story.simnet.set_listening(true).await.unwrap();
    farm.story.history = Some(open().await.unwrap());
    farm.story.start_client();
    farm.story
        .until("all nodes have the block", PATIENCE, |story| {
            (0..3).all(|node| has_block(story, node, &job))
        })
        .await;
    farm.story.end().await.check_solutions();
}
