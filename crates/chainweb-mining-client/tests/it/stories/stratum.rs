//! Mining devices on the client: emulated ones that really hash, and single sessions by hand.

mod by_hand;
pub(super) mod devices;
mod failover;
mod insurance;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{ChainGraph, Difficulty, Level};
use listen::Interface;
use miner::Preemption;
use miner::history::{History, Place, Reader, Run, Span};
use miner::worker::Worker;
use miner::worker::asic::Asic;
use rand::SeedableRng;
use rand::rngs::StdRng;
use simnet::{Endpoint, Verdict};
use stratum::{Config, DifficultyMode, SessionLimits, Stats};
use tokio::time::sleep;

use self::by_hand::Session;
use self::devices::Devices;
use super::setting::{PATIENCE, RECOVERY, Setting, Story};
use crate::seed;

/// The time for which a node is down: longer than the longest pause between two attempts to
/// connect.
const DOWN: Duration = Duration::from_millis(500);

/// Shares of 1024 hashes: the slowest device finds about one a second.
const SHARES: u16 = 10;

fn level(bits: u16) -> Level {
    Level::new(bits).unwrap()
}

/// Returns a setting of ten chains, whose headers are as long as those of the public networks. A
/// block takes `difficulty` hashes.
fn ten_chains(difficulty: u64) -> Setting {
    Setting::new(ChainGraph::petersen(), difficulty)
}

pub(super) fn config() -> Config {
    Config {
        difficulty: DifficultyMode::Level(level(SHARES)),
        min_level: level(0),
        ..Config::default()
    }
}

/// Returns the configuration of a server that sends jobs only when their work changes: no slice is
/// refreshed during a story.
fn without_refresh() -> Config {
    let hours = Duration::from_hours(10);
    Config {
        rate: hours,
        session: SessionLimits {
            heartbeat: hours,
            ..SessionLimits::default()
        },
        ..config()
    }
}

/// A client with a Stratum server for devices, and their statistics.
pub(super) struct Farm {
    pub(super) story: Story,
    pub(super) address: SocketAddr,
    stats: Arc<Stats>,
}

impl Farm {
    pub(super) async fn start(mut story: Story, config: Config) -> Self {
        let interface = Interface::Address(Ipv4Addr::LOCALHOST.into());
        let mut rng = StdRng::seed_from_u64(seed());
        let worker = Asic::bind(&interface, 0, config, &mut rng).await.unwrap();
        let (address, stats) = (worker.address().unwrap(), worker.stats());
        story.start_client_with(Worker::Asic(worker));
        Self {
            story,
            address,
            stats,
        }
    }

    /// Returns the accepted shares of each worker name, in the order of names.
    fn shares(&self) -> Vec<u64> {
        let workers = self.stats.snapshot(Instant::now());
        workers
            .iter()
            .map(|worker| worker.accepted + worker.accepted_late)
            .collect()
    }

    /// Waits until each of `workers` workers has `more` further shares accepted.
    async fn until_all_share(&mut self, workers: usize, more: u64) {
        let before = self.shares();
        let stats = Arc::clone(&self.stats);
        self.story
            .until("all devices have shares accepted", PATIENCE, move |_| {
                let workers_now = stats.snapshot(Instant::now());
                workers_now.len() == workers
                    && workers_now.iter().enumerate().all(|(place, worker)| {
                        let before = before.get(place).copied().unwrap_or(0);
                        worker.accepted + worker.accepted_late >= before + more
                    })
            })
            .await;
    }
}

#[tokio::test]
async fn all_devices_mine_together_without_a_fault_or_duplicate_work() {
    let mut setting = ten_chains(20_000);
    setting.timing.worker_table = Duration::from_millis(200);
    setting.timing.snapshot = Duration::from_millis(100);
    let mut farm = Farm::start(setting.network().await, config()).await;
    let devices = Devices::start(farm.address);
    farm.until_all_share(4, 3).await;
    // The table of devices has lines of its own.
    farm.story
        .until("a table of all four", PATIENCE, |story| {
            let sums = story.log.lines(&["all 4 ", " | "]);
            sums.iter().any(|line| line.starts_with("all 4 "))
        })
        .await;
    let wanted = farm.story.accepted() + 10;
    farm.story
        .until("ten blocks more", PATIENCE, |story| {
            story.accepted() >= wanted
        })
        .await;
    let report = devices.stop().await;
    assert!(report.is_flawless(), "{report}");
    let ended = farm.story.ends_well().await;
    assert_eq!(ended.log.count(&["job of long ago"]), 0, "{}", ended.log);
    let stopped = ended.log.lines(&["stopped", "hash_rate="]);
    assert!(!stopped[0].contains("hash_rate=0.0 "), "{}", stopped[0]);
    // Every block was found by a device.
    let found = ended.log.count(&["block found", "device="]);
    assert!(found as u64 >= ended.counters.solutions, "{}", ended.log);
}

#[tokio::test]
async fn devices_continue_with_valid_work_while_the_node_is_down() {
    let mut farm = Farm::start(ten_chains(1 << 60).network().await, config()).await;
    let devices = Devices::start(farm.address);
    farm.until_all_share(4, 1).await;
    farm.story.simnet.set_listening(false).await.unwrap();
    sleep(DOWN).await;
    farm.until_all_share(4, 2).await;
    let asked = farm.story.asked(Endpoint::Work);
    farm.story.simnet.set_listening(true).await.unwrap();
    farm.story
        .until("both jobs are confirmed", RECOVERY, |story| {
            story.asked(Endpoint::Work) >= asked + 2
        })
        .await;
    farm.until_all_share(4, 2).await;
    let report = devices.stop().await;
    assert!(report.is_flawless(), "{report}");
    assert_eq!(
        farm.story.retired(),
        0,
        "a job was retired although its work did not change"
    );
    farm.story.ends_well().await;
}

#[tokio::test]
async fn devices_stay_connected_while_the_node_is_down_and_mine_when_it_returns() {
    let mut farm = Farm::start(ten_chains(20_000).network().await, config()).await;
    let devices = Devices::start(farm.address);
    farm.story
        .until("a block", PATIENCE, |story| story.accepted() > 0)
        .await;
    farm.until_all_share(4, 1).await;
    farm.story.simnet.set_listening(false).await.unwrap();
    farm.story
        .until_logged(&["WARN", "cannot connect"], 1)
        .await;
    sleep(DOWN).await;
    farm.story.simnet.restart(None).await.unwrap();
    farm.story.simnet.set_listening(true).await.unwrap();
    farm.story.until_mining().await;
    farm.until_all_share(4, 1).await;
    let report = devices.stop().await;
    for device in &report.devices {
        let connections = (device.connections, device.logins);
        assert_eq!(connections, (1, 1), "{report}");
    }
    farm.story.ends_well().await;
}

#[tokio::test]
async fn a_new_block_switches_the_sessions_of_its_chain_to_another_live_job_without_a_request() {
    let story = ten_chains(1 << 60).network().await;
    let mut farm = Farm::start(story, without_refresh()).await;
    farm.story
        .until("two jobs are held", PATIENCE, |story| {
            story.log.count(&["new job"]) == 2
        })
        .await;
    farm.story.until_watched().await;
    // Consecutive sessions alternate between the two jobs.
    let mut sessions = Vec::new();
    for number in 0..100 {
        sessions.push(Session::log_in(farm.address, number).await);
    }
    let mut chains = Vec::new();
    for session in &mut sessions {
        chains.push(session.job().await.header.chain());
    }
    let (dead, alive) = (chains[0], chains[1]);
    assert_ne!(dead, alive, "the sessions are not spread over both jobs");
    let expected: Vec<_> = (0..100).map(|number| [dead, alive][number % 2]).collect();
    assert_eq!(chains, expected);

    // Fresh work comes late, to detect sessions that wait for it.
    farm.story
        .fault(Endpoint::Work, Verdict::Delay(Duration::from_millis(500)));
    farm.story.simnet.mine_foreign(dead).unwrap();
    let (mut switched, mut others): (Vec<_>, Vec<_>) = sessions
        .into_iter()
        .zip(chains)
        .partition(|(_, chain)| *chain == dead);
    assert_eq!((switched.len(), others.len()), (50, 50));
    for (session, _) in &mut switched {
        assert_eq!(session.job().await.header.chain(), alive);
    }
    let fresh = switched[0].0.job().await.header.chain();
    assert!(![dead, alive].contains(&fresh), "{fresh}");
    for (session, _) in &mut switched[1..] {
        assert_eq!(session.job().await.header.chain(), fresh);
    }
    for (session, _) in &mut others {
        assert_eq!(
            session.jobs_so_far().await,
            Vec::<String>::new(),
            "a session of the other chain got a job"
        );
    }
    farm.story.ends_well().await;
}

#[tokio::test]
async fn a_block_of_a_preempted_job_is_accepted_by_the_node() {
    let mut setting = ten_chains(2_000);
    setting.preemption = Preemption::Immediate;
    let mut farm = Farm::start(setting.network().await, without_refresh()).await;
    let mut session = Session::log_in(farm.address, 0).await;
    let old = session.job().await;
    farm.story.until_watched().await;
    let chain = old.header.chain();
    farm.story.simnet.refresh(chain).unwrap();
    let newer = session.job().await;
    assert_eq!(
        (newer.header.chain(), newer.header.parent()),
        (chain, old.header.parent())
    );
    assert_ne!(newer.header.payload_hash(), old.header.payload_hash());
    session.solve(&old).await;
    farm.story
        .until("the block is in the cut", PATIENCE, |story| {
            story.accepted() == 1
        })
        .await;
    let ended = farm.story.ends_well().await;
    assert_eq!(ended.counters.solutions, 1, "{}", ended.log);
}

#[tokio::test]
async fn a_block_of_a_chain_that_has_moved_is_still_submitted() {
    let mut farm = Farm::start(ten_chains(2_000).network().await, without_refresh()).await;
    let mut session = Session::log_in(farm.address, 0).await;
    let old = session.job().await;
    farm.story.until_watched().await;
    farm.story.simnet.mine_foreign(old.header.chain()).unwrap();
    session.job().await;
    session.solve(&old).await;
    farm.story
        .until("the block is submitted", PATIENCE, |story| {
            story.asked(Endpoint::Solved) == 1
        })
        .await;
    let ended = farm.story.end().await;
    ended.check_solutions();
    assert_eq!(ended.report.tally.accepted, 0, "{}", ended.log);
    assert_eq!(ended.counters.solutions, 1, "{}", ended.log);
}

#[tokio::test]
async fn sessions_log_in_before_there_is_work_and_get_it_when_it_comes() {
    let story = ten_chains(1 << 60).network().await;
    story.simnet.set_listening(false).await.unwrap();
    let mut farm = Farm::start(story, without_refresh()).await;
    // Both requests are answered and the target is set; there is no job yet.
    let mut session = Session::log_in(farm.address, 0).await;
    session.target().await;
    farm.story.until_logged(&["cannot connect"], 1).await;
    farm.story.simnet.set_listening(true).await.unwrap();
    let job = session.job().await;
    assert_eq!(job.header.height(), 1);
    farm.story.ends_well().await;
}

#[tokio::test]
async fn shutdown_closes_all_sessions_and_needs_no_grace() {
    let mut setting = ten_chains(1 << 60);
    setting.timing.grace = Duration::from_mins(1);
    let farm = Farm::start(setting.network().await, without_refresh()).await;
    let mut sessions = Vec::new();
    for number in 0..20 {
        let mut session = Session::log_in(farm.address, number).await;
        session.job().await;
        sessions.push(session);
    }
    let ended = farm.story.ends_well().await;
    // The time that a busy machine may add.
    assert!(
        ended.took < Duration::from_secs(4),
        "{:?}\n{}",
        ended.took,
        ended.log
    );
    for session in sessions {
        session.ends().await;
    }
}

/// Starts a client whose history is in a directory. The server chooses the difficulty.
async fn start_with_history(directory: &Path) -> (Farm, Reader, Session) {
    let mut story = ten_chains(1 << 60).network().await;
    let place = Place::Directory(directory.to_owned());
    let open = || History::open(place.clone(), Run::default(), PATIENCE);
    let mut history = open().await.unwrap();
    while history.instance() > 1 {
        // The thread of the last one is about to end.
        sleep(Duration::from_millis(5)).await;
        history = open().await.unwrap();
    }
    let reader = history.reader();
    story.history = Some(history);
    let config = Config {
        difficulty: DifficultyMode::default(),
        ..config()
    };
    let farm = Farm::start(story, config).await;
    let password = if reader.workers().unwrap().is_empty() {
        "d=9"
    } else {
        "x"
    };
    let session = Session::log_in_with(farm.address, 0, password).await;
    (farm, reader, session)
}

#[tokio::test]
async fn a_device_goes_on_after_a_restart() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("devices-restart");
    fs::remove_dir_all(&directory).ok();
    let (mut farm, reader, mut session) = start_with_history(&directory).await;
    let target = session.target().await;
    assert_eq!(target, level(9).target());
    let job = session.job().await;
    session.share(&job, &target).await;
    farm.until_all_share(1, 0).await;
    let best = farm.stats.snapshot(Instant::now())[0].best;
    farm.story.ends_well().await;
    let worker = reader.worker("000").unwrap().unwrap();
    assert_eq!(worker.best_share, best.map(Difficulty::as_f64));
    assert_eq!((worker.level, worker.totals.shares_accepted), (Some(9), 1));
    let hashes = worker.totals.hashes.unwrap();
    assert!(hashes > 0.0);
    let day = reader.totals(Span::Day, 0).unwrap();
    let sum: f64 = day.iter().filter_map(|day| day.totals.hashes).sum();
    assert_eq!(sum.to_string(), hashes.to_string());

    // Without a password, the device starts where it was. Others start at level 49.
    let (farm, reader, mut session) = start_with_history(&directory).await;
    assert_eq!(session.target().await, level(9).target());
    let snapshot = farm.stats.snapshot(Instant::now());
    assert_eq!((snapshot[0].best, snapshot[0].accepted), (best, 0));
    farm.story.ends_well().await;
    assert_eq!(reader.worker("000").unwrap().unwrap(), worker);
}
