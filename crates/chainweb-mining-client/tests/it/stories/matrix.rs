//! The fault matrix: every worker on a node that fails in one way, for a while.
//!
//! `cargo test -p chainweb-mining-client --test it -- --ignored --nocapture fault_matrix` runs
//! all of it in ten minutes and prints a row for each pair of worker and fault. The normal run has
//! the rows of the CPU worker that cost blocks most easily.
//!
//! The columns: blocks that the client found, those of them that are not in the cut although the
//! node could have taken them (`lost`), the time from the end of the fault to the next block in the
//! cut (`recovery`), and during the fault and the recovery requests and lines of the log at `info`
//! or above, those about blocks left out.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use chainweb::{ChainGraph, ChainId};
use miner::timing::Timing;
use miner::units::HashRate;
use miner::worker::Worker;
use miner::worker::constant_delay::ConstantDelay;
use miner::worker::simulation::Simulation;
use simnet::{Endpoint, ProofOfWork, Rule, Verdict};
use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::balancer::Balancer;
use super::external;
use super::on_demand::Shop;
use super::on_demand::http::ask;
use super::setting::{Ended, PATIENCE, Setting, Story};
use super::stratum::Farm;
use super::stratum::devices::Devices;
use crate::seed;

/// The duration of a fault: longer than the time limit of a request.
const FAULT: Duration = Duration::from_millis(2500);
/// The longest recovery: two seconds after the end of the fault and of the request in progress,
/// which has a limit of one second, and the time of a block.
const RECOVERY: Duration = Duration::from_secs(4);
/// The most lines of the log during a fault and its recovery.
const LINES: usize = 30;
/// Rows that run at the same time.
const ROWS_AT_A_TIME: usize = 6;
/// The longest recovery in the normal run, which shares a busy machine with other tests.
const UNHURRIED: Duration = PATIENCE;

const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();
const PORTAL: &str = "<html><title>Please log in</title></html>";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Cpu,
    Stratum,
    External,
    Simulation,
    ConstantDelay,
    OnDemand,
}

pub(super) const KINDS: [Kind; 6] = [
    Kind::Cpu,
    Kind::Stratum,
    Kind::External,
    Kind::Simulation,
    Kind::ConstantDelay,
    Kind::OnDemand,
];

impl Kind {
    /// The difficulty at which it finds some ten blocks a second.
    pub(super) fn difficulty(self) -> u64 {
        match self {
            Self::Cpu => 1_000_000,
            Self::Stratum => 20_000,
            Self::External => 1,
            Self::Simulation | Self::ConstantDelay | Self::OnDemand => 100_000,
        }
    }
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// Requests to an endpoint, or to all, get this verdict.
    Answers(&'static str, Option<Endpoint>, Verdict),
    /// The node's port is closed.
    Away,
    /// The node restarts and forgets its payloads.
    Restarted,
    /// The node restarts with its payloads.
    Reopened,
    /// Solutions reach another node at first, behind a load balancer.
    Balanced,
    /// `Refreshed Block` on all chains, as fast as possible.
    Flooded,
    /// `New Cut` on all chains, as fast as possible, without a block.
    CutsFlooded,
    None,
}

impl Fault {
    fn name(&self) -> String {
        match self {
            Self::Answers(what, Some(endpoint), _) => format!("{endpoint:?} {what}").to_lowercase(),
            Self::Answers(what, None, _) => format!("all {what}"),
            Self::Away => "node away".to_owned(),
            Self::Restarted => "node restarted".to_owned(),
            Self::Reopened => "node reopened".to_owned(),
            Self::Balanced => "two nodes".to_owned(),
            Self::Flooded => "events flooded".to_owned(),
            Self::CutsFlooded => "new cuts flooded".to_owned(),
            Self::None => "none".to_owned(),
        }
    }

    async fn begin(&self, story: &Story) {
        match self {
            Self::Answers(_, Some(endpoint), verdict) => story.fault(*endpoint, verdict.clone()),
            Self::Answers(_, None, verdict) => {
                story.simnet.faults().install(Rule::on_all(verdict.clone()));
                story.fault(Endpoint::Event, Verdict::Hang);
            }
            Self::Away => story.simnet.set_listening(false).await.unwrap(),
            // Another row can hold the port for a moment.
            Self::Restarted => while story.simnet.restart(None).await.is_err() {},
            Self::Reopened => {
                story.simnet.set_listening(false).await.unwrap();
                sleep(Duration::from_millis(300)).await;
                while story.simnet.set_listening(true).await.is_err() {}
            }
            Self::CutsFlooded => {
                let new_cut = Verdict::Replace("event:New Cut\n\n".into());
                story.fault(Endpoint::Event, new_cut);
            }
            Self::Balanced | Self::Flooded | Self::None => {}
        }
    }

    /// Whether the node's own words are false, or it forgets its work: a block can be lost.
    fn loses_blocks(&self) -> bool {
        match self {
            Self::Answers(what, Some(Endpoint::Solved) | None, _) => {
                matches!(*what, "empty 200" | "ended")
            }
            Self::Restarted => true,
            _ => false,
        }
    }
}

fn answers() -> Vec<(&'static str, Verdict)> {
    let status = |code, body: &'static str| Verdict::Status(code, body.into());
    vec![
        ("500", status(500, "")),
        ("503", status(503, "")),
        ("429", status(429, "slow down")),
        (
            "429 with a pause",
            Verdict::Busy(429, Duration::from_secs(1)),
        ),
        ("404", status(404, "")),
        ("403", status(403, "<html>Forbidden</html>")),
        ("400", status(400, "Bad Request")),
        ("foreign 200", status(200, PORTAL)),
        ("empty 200", status(200, "")),
        ("redirect", status(302, "")),
        ("hang", Verdict::Hang),
        ("lost answer", Verdict::LoseAnswer),
        ("truncated", Verdict::Truncate(3)),
        ("reset", Verdict::Drop),
        ("slow", Verdict::Delay(Duration::from_millis(700))),
        ("slow body", Verdict::DelayBody(Duration::from_millis(700))),
        (
            "hang after the head",
            Verdict::DelayBody(Duration::from_mins(10)),
        ),
    ]
}

fn faults() -> Vec<Fault> {
    use Endpoint::{Cut, Info, Solved, Updates, Work};
    let mut faults = vec![
        Fault::None,
        Fault::Away,
        Fault::Restarted,
        Fault::Reopened,
        Fault::Balanced,
        Fault::Flooded,
        Fault::CutsFlooded,
    ];
    for endpoint in [Info, Work, Solved, Updates, Cut] {
        let each = answers().into_iter();
        faults.extend(each.map(|(what, verdict)| Fault::Answers(what, Some(endpoint), verdict)));
    }
    let events = [
        ("muted", Verdict::Hang),
        ("garbled", Verdict::Replace("event:\u{0}\n\n".into())),
        ("ended", Verdict::End),
    ];
    for (what, verdict) in events {
        faults.push(Fault::Answers(what, Some(Endpoint::Event), verdict));
    }
    for (what, verdict) in answers() {
        faults.push(Fault::Answers(what, None, verdict));
    }
    faults
}

/// A client with a worker that finds some ten blocks a second.
pub(super) struct Mine {
    pub(super) story: Story,
    /// What keeps the worker busy.
    pub(super) feeder: JoinSet<()>,
    _devices: Option<Devices>,
    _balancer: Option<Balancer>,
}

impl Mine {
    async fn start(kind: Kind, fault: &Fault) -> Self {
        let mut setting = Setting::new(ChainGraph::petersen(), kind.difficulty());
        // The pauses of a user's client.
        setting.timing = Timing::default();
        Self::start_on(setting, kind, fault).await
    }

    /// The same on a network.
    pub(super) async fn start_on(mut setting: Setting, kind: Kind, fault: &Fault) -> Self {
        if !matches!(kind, Kind::Cpu | Kind::Stratum) {
            setting.network.proof_of_work = ProofOfWork::Disabled;
        }
        if kind == Kind::External {
            // The difficulty stays where every nonce is a solution.
            setting.network.block_delay = Duration::from_millis(1);
        }
        let network = setting.network.clone();
        let mut story = setting.network().await;
        fault.begin(&story).await;
        let balancer = match fault {
            Fault::Balanced => Some(Balancer::before(&mut story, network).await),
            _ => None,
        };
        let (mut feeder, mut emulated) = (JoinSet::new(), None);
        let story = match kind {
            Kind::Cpu => {
                story.start_client();
                story
            }
            Kind::Stratum => {
                let farm = Farm::start(story, super::stratum::config()).await;
                emulated = Some(Devices::start(farm.address));
                farm.story
            }
            Kind::External => {
                story.start_external(external::once("sleep 0.1; echo 0000000000000000; :"));
                story
            }
            Kind::Simulation => {
                let worker = Simulation {
                    rate: HashRate(1e6),
                    threads: TWO,
                    seed: seed(),
                };
                story.start_client_with(Worker::Simulation(worker));
                story
            }
            Kind::ConstantDelay => {
                let worker = ConstantDelay {
                    block_time: Duration::from_secs(1),
                    blocks: NonZeroUsize::MIN,
                };
                story.start_client_with(Worker::ConstantDelay(worker));
                story
            }
            Kind::OnDemand => {
                let shop = Shop::open(story).await;
                let address = shop.address;
                feeder.spawn(async move {
                    for chain in (0..10).cycle() {
                        ask(
                            address,
                            "POST",
                            "/make-blocks",
                            &format!("{{\"{chain}\":1}}"),
                        )
                        .await;
                        sleep(Duration::from_millis(100)).await;
                    }
                });
                shop.story
            }
        };
        Self {
            story,
            feeder,
            _devices: emulated,
            _balancer: balancer,
        }
    }
}

/// The result of a worker under a fault.
struct Row {
    kind: Kind,
    fault: Fault,
    found: usize,
    lost: usize,
    recovery: Option<Duration>,
    requests: u64,
    lines: usize,
    flood: Option<Flood>,
}

/// What happened during a flood of `New Cut`.
struct Flood {
    time: Duration,
    accepted: u64,
    /// Requests for work.
    fetches: u64,
}

impl Flood {
    /// Whether the worker found blocks, and the node got at most ten requests a second besides
    /// those after a block.
    fn is_good(&self, kind: Kind) -> bool {
        let most = 10.0 * self.time.as_secs_f64() + 3.0 * self.accepted as f64 + 20.0;
        // The worker on demand requests work until it is of the wanted chain.
        self.accepted > 0 && (kind == Kind::OnDemand || self.fetches as f64 <= most)
    }
}

impl Row {
    fn text(&self) -> String {
        let recovery = match self.recovery {
            Some(time) => format!("{:.1} s", time.as_secs_f64()),
            None => "never".to_owned(),
        };
        let flood = self.flood.as_ref();
        let fetches = flood.map(|flood| format!("  {} for work", flood.fetches));
        format!(
            "{:14} {:24} {:6} {:5} {recovery:>9} {:9} {:6}{}{}",
            format!("{:?}", self.kind),
            self.fault.name(),
            self.found,
            self.lost,
            self.requests,
            self.lines,
            fetches.unwrap_or_default(),
            if self.is_good(RECOVERY) { "" } else { "  !" },
        )
    }

    fn is_good(&self, longest: Duration) -> bool {
        self.recovery.is_some_and(|time| time <= longest)
            && (self.lost == 0 || self.fault.loses_blocks())
            && self.lines <= LINES
            && self
                .flood
                .as_ref()
                .is_none_or(|flood| flood.is_good(self.kind))
    }
}

fn requests(story: &Story) -> u64 {
    use Endpoint::{Cut, Header, Headers, Info, Solved, Updates, Work};
    let all = [Info, Work, Solved, Updates, Cut, Header, Headers];
    all.iter().map(|endpoint| story.asked(*endpoint)).sum()
}

/// Returns the number of lines at `info` or above that are not about a block.
fn lines(story: &Story) -> usize {
    let is_shown = |line: &&String| {
        ["INFO ", "WARN ", "ERROR "]
            .iter()
            .any(|level| line.contains(level))
            && !["\"block_", "\"blocks_requested", "\"requests_done"]
                .iter()
                .any(|event| line.contains(&format!("event={event}")))
    };
    story.log.lines(&[]).iter().filter(is_shown).count()
}

/// Runs one worker under one fault.
async fn row(kind: Kind, fault: Fault) -> Row {
    let is_at_start = matches!(
        fault,
        Fault::Answers(_, Some(Endpoint::Info), _) | Fault::Balanced
    );
    let first = if is_at_start { &fault } else { &Fault::None };
    let mut mine = Mine::start(kind, first).await;
    let story = &mut mine.story;
    if !is_at_start {
        story
            .until("three blocks", PATIENCE, |story| story.accepted() >= 3)
            .await;
    }
    let (requests_before, lines_before) = (requests(story), lines(story));
    if !is_at_start {
        fault.begin(story).await;
    }
    let begun = Instant::now();
    let is_flood = matches!(fault, Fault::CutsFlooded);
    let (accepted, fetched) = (story.accepted(), story.asked(Endpoint::Work));
    let goes_on = |story: &Story| {
        begun.elapsed() < FAULT
            || is_flood && story.accepted() == accepted && begun.elapsed() < PATIENCE
    };
    while goes_on(story) {
        sleep(Duration::from_millis(2)).await;
        if is_flood || matches!(fault, Fault::Flooded) {
            for chain in 0..10 {
                story.simnet.refresh(ChainId::new(chain)).unwrap();
            }
        }
    }
    let flood = is_flood.then(|| Flood {
        time: begun.elapsed(),
        accepted: story.accepted() - accepted,
        fetches: story.asked(Endpoint::Work) - fetched,
    });
    story.simnet.faults().clear();
    story.simnet.set_listening(true).await.unwrap();
    let wanted = story.accepted() + 1;
    let within = |story: &Story| story.accepted() >= wanted;
    let recovery = story.waits(PATIENCE, within).await;
    let requests = requests(story) - requests_before;
    let lines = lines(story) - lines_before;
    drop(mine.feeder);
    let story = mine.story;
    let (found, lost) = lost(&story.end().await);
    Row {
        kind,
        fault,
        found,
        lost,
        recovery,
        requests,
        lines,
        flood,
    }
}

/// Returns the number of blocks found, and of places in the chains for which one was found that
/// holds none of ours.
fn lost(ended: &Ended) -> (usize, usize) {
    let field = |line: &str, name: &str| -> u64 {
        let (_, value) = line.split_once(name).unwrap();
        let digits = value.split(|c: char| !c.is_ascii_digit()).next();
        digits.unwrap().parse().unwrap()
    };
    let mut found = ended.log.lines(&["event=\"block_found\""]);
    found.extend(ended.log.lines(&["event=\"block_made\""]));
    let places: BTreeSet<_> = found
        .iter()
        .map(|line| (field(line, "chain="), field(line, "height=")))
        .collect();
    let in_cut = ended.report.own_in_cut.iter();
    let taken: BTreeSet<_> = in_cut
        .map(|block| (u64::from(block.chain.get()), block.height))
        .collect();
    (found.len(), places.difference(&taken).count())
}

/// Runs rows on a few threads, each with a runtime and a log of its own. Prints each at its end.
#[expect(clippy::print_stderr, reason = "the table is the result of this tool")]
fn run(rows: Vec<(Kind, Fault)>) -> Vec<Row> {
    eprintln!("worker         fault                     found  lost  recovery  requests  lines");
    let (queue, done) = (Mutex::new(rows.into_iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..ROWS_AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((kind, fault)) = next else { break };
                    let runtime = runtime::Builder::new_current_thread().enable_all().build();
                    let row = runtime.unwrap().block_on(row(kind, fault));
                    eprintln!("{}", row.text());
                    done.lock().unwrap().push(row);
                }
            });
        }
    });
    done.into_inner().unwrap()
}

#[track_caller]
fn check(rows: &[Row], longest: Duration) {
    let bad: Vec<_> = rows
        .iter()
        .filter(|row| !row.is_good(longest))
        .map(Row::text)
        .collect();
    assert!(
        bad.is_empty(),
        "{} bad rows:\n{}",
        bad.len(),
        bad.join("\n")
    );
}

#[test]
#[ignore = "takes minutes"]
fn fault_matrix_of_all_workers() {
    let rows = KINDS
        .iter()
        .flat_map(|kind| faults().into_iter().map(|fault| (*kind, fault)));
    check(&run(rows.collect()), RECOVERY);
}

#[test]
fn all_workers_find_blocks_under_a_flood_of_new_cuts() {
    let rows = KINDS.iter().map(|kind| (*kind, Fault::CutsFlooded));
    check(&run(rows.collect()), UNHURRIED);
}

#[test]
fn fault_matrix_of_faults_that_cost_blocks() {
    let costs_blocks = |fault: &Fault| match fault {
        Fault::Answers(what, endpoint, _) => {
            let is_chosen = ["400", "503", "foreign 200", "hang", "muted"].contains(what);
            is_chosen && matches!(endpoint, Some(Endpoint::Solved | Endpoint::Event) | None)
        }
        // A test of its own.
        Fault::CutsFlooded => false,
        _ => true,
    };
    let rows = faults()
        .into_iter()
        .filter(costs_blocks)
        .map(|fault| (Kind::Cpu, fault));
    check(&run(rows.collect()), UNHURRIED);
}
