//! Blocks on demand: those that are requested and those that braiding forces, no others.

pub(super) mod http;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use chainweb::{ChainGraph, ChainId};
use chainweb_mining_client::on_demand::Server;
use listen::{Interface, raise_descriptor_limit};
use miner::units::HashRate;
use miner::worker::Worker;
use miner::worker::on_demand::OnDemand;
use miner::worker::simulation::Simulation;
use simnet::{ChainChoice, CutEndpoint, Endpoint, Preset, ProofOfWork, Verdict};
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::http::ask;
use super::setting::{PATIENCE, Setting, Story};
use crate::seed;

/// Sockets of both ends, which are in one process here.
const DESCRIPTORS: u64 = 4096;

/// A network without proof of work, and a client that makes blocks there on demand.
pub(super) struct Shop {
    pub(super) story: Story,
    pub(super) address: SocketAddr,
}

fn setting(graph: ChainGraph) -> Setting {
    let mut setting = Setting::new(graph, 1000);
    setting.network.proof_of_work = ProofOfWork::Disabled;
    setting
}

impl Shop {
    pub(super) async fn open(mut story: Story) -> Self {
        let interface = Interface::Address(Ipv4Addr::LOCALHOST.into());
        let (worker, requests) = OnDemand::new(story.timing());
        let server = Server::bind(&interface, 0, requests).await.unwrap();
        let address = server.address().unwrap();
        story.start_client_and_server(Worker::OnDemand(worker), Some(server));
        Self { story, address }
    }

    async fn on(graph: ChainGraph) -> Self {
        let mut shop = Self::open(setting(graph).network().await).await;
        shop.story.until_logged(&["connected to network"], 1).await;
        shop
    }

    /// Requests blocks and does not wait for them.
    async fn post(&self, body: &str) -> (u16, String) {
        ask(self.address, "POST", "/make-blocks", body).await
    }

    /// Requests blocks and waits until they are in the cut.
    async fn make(&self, body: &str) {
        let answer = ask(self.address, "POST", "/make-blocks?wait=60", body).await;
        assert_eq!(answer, (200, "[]".to_owned()), "{}", self.story.log);
    }

    async fn outstanding(&self) -> String {
        let (status, body) = ask(self.address, "GET", "/make-blocks", "").await;
        assert_eq!(status, 200);
        body
    }

    /// Returns the number of blocks of each chain that has some.
    fn heights(&self) -> BTreeMap<u32, u64> {
        let tips = self.story.simnet.tips();
        let heights = tips.iter().map(|(chain, tip)| (chain.get(), tip.height));
        heights.filter(|(_, height)| *height > 0).collect()
    }

    /// Checks the number of blocks accepted, and that none was stale.
    async fn ends_with(self, blocks: u64) {
        let ended = self.story.ends_well().await;
        let tally = ended.report.tally;
        assert_eq!((tally.accepted, tally.stale), (blocks, 0), "{}", ended.log);
    }
}

#[tokio::test]
async fn three_blocks_on_a_chain_take_fifteen_on_twenty_chains_and_no_other() {
    let shop = Shop::on(ChainGraph::twenty()).await;
    shop.make(r#"{"7":3}"#).await;
    let one = [0, 4, 6, 8, 12, 17].map(|chain| (chain, 1));
    let two = [2, 5, 9].map(|chain| (chain, 2));
    let expected: BTreeMap<_, _> = one.into_iter().chain(two).chain([(7, 3)]).collect();
    assert_eq!(shop.heights(), expected);
    assert_eq!(shop.outstanding().await, "{}");
    shop.ends_with(15).await;
}

#[tokio::test]
async fn two_blocks_on_every_chain_are_two_on_every_chain() {
    let shop = Shop::on(ChainGraph::twenty()).await;
    shop.make(&two_on_each(20)).await;
    assert_eq!(shop.heights(), (0..20).map(|chain| (chain, 2)).collect());
    shop.ends_with(40).await;
}

/// A request for two blocks on each chain.
fn two_on_each(chains: u32) -> String {
    let counts = (0..chains).map(|chain| format!("\"{chain}\":2"));
    format!("{{{}}}", counts.collect::<Vec<_>>().join(","))
}

/// A network of the EVM line, whose nodes choose the chains of work.
async fn sandbox(seed: u64) -> Story {
    let setting = setting(ChainGraph::pair());
    let network = simnet::Config {
        start_difficulty: setting.network.start_difficulty,
        block_delay: setting.network.block_delay,
        seed,
        ..simnet::Config::of_network(Preset::EvmSandbox)
    };
    Setting { network, ..setting }.network().await
}

#[tokio::test]
async fn two_blocks_on_each_chain_of_the_evm_line_are_two_on_each() {
    let shop = Shop::open(sandbox(seed()).await).await;
    for times in 1..=2 {
        shop.make(&two_on_each(98)).await;
        let expected = (0..98).map(|chain| (chain, 2 * times)).collect();
        assert_eq!(shop.heights(), expected);
    }
    shop.ends_with(4 * 98).await;
}

/// Prints how long the requested blocks take, beside a worker that submits all work at once.
#[tokio::test]
#[ignore = "a measurement"]
#[expect(
    clippy::print_stderr,
    reason = "the figures are the result of this tool"
)]
async fn two_blocks_on_each_chain_of_the_evm_line_take_as_long_as_submitting_all_work() {
    for seed in 0..5 {
        let mut story = sandbox(seed).await;
        let at_once = Simulation {
            rate: HashRate(1e15),
            threads: NonZeroUsize::new(2).unwrap(),
            seed,
        };
        story.start_client_with(Worker::Simulation(at_once));
        story.until_logged(&["connected to network"], 1).await;
        let begun = Instant::now();
        let are_two = |story: &Story| story.simnet.tips().values().all(|tip| tip.height >= 2);
        story.until("two blocks on each", PATIENCE, are_two).await;
        let (all, submitted) = (begun.elapsed(), story.accepted());
        drop(story);
        let mut shop = Shop::open(sandbox(seed).await).await;
        shop.story.until_logged(&["connected to network"], 1).await;
        let begun = Instant::now();
        shop.make(&two_on_each(98)).await;
        let wanted = begun.elapsed();
        let ratio = wanted.div_duration_f64(all);
        let accepted = shop.story.accepted();
        let [works, cuts] = [Endpoint::Work, Endpoint::Cut].map(|of| shop.story.asked(of));
        eprintln!(
            "seed {seed}: all work {all:.1?} and {submitted} blocks, on demand {wanted:.1?}, \
             {accepted} blocks, {works} requests for work and {cuts} for the cut, ratio {ratio:.2}"
        );
    }
}

#[tokio::test]
async fn on_one_and_on_two_chains_only_the_requested_blocks_are_made() {
    let shop = Shop::on(ChainGraph::singleton()).await;
    shop.make(r#"{"0":5}"#).await;
    shop.make(r#"{"0":1}"#).await;
    assert_eq!(shop.heights(), [(0, 6)].into());
    shop.ends_with(6).await;
    let shop = Shop::on(ChainGraph::pair()).await;
    shop.make(r#"{"0":2,"1":3}"#).await;
    assert_eq!(shop.heights(), [(0, 2), (1, 3)].into());
    shop.ends_with(5).await;
}

#[tokio::test]
async fn without_update_streams_the_cut_suffices() {
    let story = setting(ChainGraph::pair()).network().await;
    let refused = Verdict::Status(503, "No more update streams".into());
    story.fault(Endpoint::Updates, refused);
    let shop = Shop::open(story).await;
    shop.make(r#"{"0":2,"1":2}"#).await;
    assert_eq!(shop.heights(), [(0, 2), (1, 2)].into());
    shop.ends_with(4).await;
}

#[tokio::test]
async fn the_node_gets_no_requests_while_nothing_is_outstanding() {
    let mut shop = Shop::on(ChainGraph::pair()).await;
    for chain in [0, 1] {
        shop.story.simnet.mine_foreign(ChainId::new(chain)).unwrap();
    }
    shop.make("{}").await;
    assert_eq!(shop.story.asked(Endpoint::Work), 0);
    assert_eq!(shop.story.asked(Endpoint::Cut), 0);
    shop.make(r#"{"0":1}"#).await;
    shop.story
        .until_logged(&["all requested blocks are in the cut"], 1)
        .await;
    assert_eq!(shop.heights(), [(0, 2), (1, 1)].into());
    shop.ends_with(1).await;
}

#[tokio::test]
async fn blocks_of_others_before_the_request_do_not_count() {
    let shop = Shop::on(ChainGraph::petersen()).await;
    shop.make(r#"{"3":1}"#).await;
    // Nothing is outstanding, so the client does not see these.
    for _ in 0..4 {
        for chain in 0..10 {
            // A chain above an adjacent one cannot be extended.
            shop.story.simnet.mine_foreign(ChainId::new(chain)).ok();
        }
    }
    let before = shop.heights();
    let height = before[&3];
    assert!(height > 1, "{before:?}");
    shop.make(r#"{"3":1}"#).await;
    assert_eq!(shop.heights()[&3], height + 1);
    shop.story.end().await;
}

/// Returns the number of the client's blocks among those of other miners, none of them needless.
async fn blocks_among_others(foreign_hash_rate: f64) -> usize {
    let mut setting = setting(ChainGraph::petersen());
    setting.network.foreign_hash_rate = foreign_hash_rate;
    let graph = setting.network.graph.clone();
    let shop = Shop::open(setting.network().await).await;
    shop.make(r#"{"3":20}"#).await;
    let reached = shop.heights()[&3];
    let ended = shop.story.end().await;
    ended.check_solutions();
    assert!(ended.report.tally.foreign_blocks > 0);
    let own = &ended.report.own_in_cut;
    for block in own {
        let distance = graph.distance(ChainId::new(3), block.chain).unwrap();
        assert!(block.height + distance as u64 <= reached, "{block:?}");
    }
    own.len()
}

#[tokio::test]
async fn among_other_miners_no_needless_block_is_made() {
    // A block every few milliseconds. On a busy machine the others can be faster with all of them.
    for foreign_hash_rate in [200_000.0, 50_000.0, 10_000.0, 2_000.0] {
        if blocks_among_others(foreign_hash_rate).await > 0 {
            return;
        }
    }
    panic!("the client makes no block");
}

#[tokio::test]
async fn requests_before_the_node_is_up_are_added_up_and_fulfilled() {
    let story = setting(ChainGraph::petersen()).network().await;
    story.simnet.set_listening(false).await.unwrap();
    let mut shop = Shop::open(story).await;
    let ok = (200, "[]".to_owned());
    assert_eq!(shop.post(r#"{"0":2,"9":0}"#).await, ok);
    assert_eq!(shop.post(r#"{"0":1,"3":1,"99":4}"#).await, ok);
    assert_eq!(shop.outstanding().await, r#"{"0":3,"3":1,"99":4}"#);
    shop.story.simnet.set_listening(true).await.unwrap();
    shop.story
        .until_logged(&["requests for unknown chains cancelled", "99"], 1)
        .await;
    shop.story
        .until_logged(&["all requested blocks are in the cut"], 1)
        .await;
    let heights = shop.heights();
    assert_eq!((heights[&0], heights[&3]), (3, 2), "3 is adjacent to 0");
    let (status, text) = shop.post(r#"{"99":1}"#).await;
    assert_eq!(status, 400);
    assert!(text.contains("no chain 99; it has 0, 1, 2"), "{text}");
    shop.story.ends_well().await;
}

#[tokio::test]
async fn outstanding_blocks_can_be_cancelled() {
    let story = setting(ChainGraph::petersen()).network().await;
    story.fault(Endpoint::Work, Verdict::Hang);
    let mut shop = Shop::open(story).await;
    shop.story.until_logged(&["connected to network"], 1).await;
    let mut waiting = JoinSet::new();
    let address = shop.address;
    waiting.spawn(async move { ask(address, "POST", "/make-blocks?wait=60", r#"{"4":2}"#).await });
    shop.story.until_logged(&["blocks requested"], 1).await;
    let answer = ask(address, "DELETE", "/make-blocks", "").await;
    assert_eq!(answer, (204, String::new()));
    let answer = waiting.join_next().await.unwrap().unwrap();
    assert_eq!(answer, (409, "the request was cancelled".to_owned()));
    assert_eq!(shop.outstanding().await, "{}");
    // Blocks stay outstanding after the time to wait for them.
    let answer = ask(address, "POST", "/make-blocks?wait=0.05", r#"{"4":1}"#).await;
    let text = "not all blocks are in the cut yet; they stay outstanding";
    assert_eq!(answer, (504, text.to_owned()));
    assert_eq!(shop.outstanding().await, r#"{"4":1}"#);
    shop.story.simnet.faults().clear();
    shop.story
        .until_logged(&["all requested blocks are in the cut"], 1)
        .await;
    assert_eq!(shop.heights(), [(4, 1)].into());
    shop.ends_with(1).await;
}

#[tokio::test]
async fn a_restart_of_the_node_loses_no_request() {
    for version in [None, Some("other".to_owned())] {
        let mut shop = Shop::on(ChainGraph::pair()).await;
        // Slow enough for the restart to come in between.
        let delay = Verdict::Delay(Duration::from_millis(5));
        shop.story.fault(Endpoint::Work, delay);
        assert_eq!(shop.post(r#"{"0":20}"#).await.0, 200);
        shop.story
            .until("some blocks", PATIENCE, |story| story.accepted() >= 8)
            .await;
        shop.story.simnet.restart(version).await.unwrap();
        shop.make(r#"{"1":1}"#).await;
        shop.story
            .until_logged(&["all requested blocks are in the cut"], 1)
            .await;
        // A network of another name gets only the blocks outstanding at the restart.
        let heights = shop.heights();
        assert!(heights[&0] >= 20 && heights[&0] <= 22, "{heights:?}");
        shop.story.end().await.check_solutions();
    }
}

#[tokio::test]
async fn a_thousand_requests_at_once_are_all_accepted() {
    raise_descriptor_limit(DESCRIPTORS);
    let story = setting(ChainGraph::pair()).network().await;
    story.simnet.set_listening(false).await.unwrap();
    let shop = Shop::open(story).await;
    let mut requests = JoinSet::new();
    for _ in 0..1000 {
        let address = shop.address;
        requests
            .spawn(async move { ask(address, "POST", "/make-blocks", r#"{"0":1,"1":2}"#).await });
    }
    for answer in requests.join_all().await {
        assert_eq!(answer, (200, "[]".to_owned()));
    }
    assert_eq!(shop.outstanding().await, r#"{"0":1000,"1":2000}"#);
    shop.story.end().await;
}

#[tokio::test]
async fn requests_that_wait_do_not_shut_others_out() {
    const REQUESTS: usize = 520;
    const WAITING: usize = 256;
    raise_descriptor_limit(DESCRIPTORS);
    let story = setting(ChainGraph::pair()).network().await;
    story.fault(Endpoint::Work, Verdict::Hang);
    let mut shop = Shop::open(story).await;
    shop.story.until_logged(&["connected to network"], 1).await;
    let mut waiting = JoinSet::new();
    for _ in 0..REQUESTS {
        let address = shop.address;
        waiting.spawn(
            async move { ask(address, "POST", "/make-blocks?wait=600", r#"{"0":1}"#).await },
        );
    }
    let others = async {
        for _ in WAITING..REQUESTS {
            let (status, text) = waiting.join_next().await.unwrap().unwrap();
            assert_eq!(status, 503);
            assert!(text.contains("without wait"), "{text}");
        }
        // Of the refused requests no block is made.
        assert_eq!(shop.outstanding().await, format!("{{\"0\":{WAITING}}}"));
        let cancelled = ask(shop.address, "DELETE", "/make-blocks", "").await;
        assert_eq!(cancelled.0, 204);
    };
    timeout(Duration::from_mins(1), others).await.unwrap();
    let ended = waiting.join_all().await;
    assert_eq!(ended.len(), WAITING);
    assert!(ended.iter().all(|(status, _)| *status == 409), "{ended:?}");
    shop.story.end().await;
}

#[tokio::test]
async fn waiting_requests_are_answered_on_shutdown() {
    let story = setting(ChainGraph::pair()).network().await;
    story.fault(Endpoint::Work, Verdict::Hang);
    let mut shop = Shop::open(story).await;
    let mut waiting = JoinSet::new();
    let address = shop.address;
    waiting.spawn(async move { ask(address, "POST", "/make-blocks?wait=60", r#"{"0":1}"#).await });
    shop.story.until_logged(&["blocks requested"], 1).await;
    let ended = shop.story.end().await;
    assert_eq!(ended.log.count(&["could not be submitted"]), 0);
    let answer = waiting.join_next().await.unwrap().unwrap();
    assert_eq!(answer, (503, "the client is shutting down".to_owned()));
}

#[tokio::test]
async fn a_node_that_checks_proof_of_work_is_reported_with_advice() {
    let mut shop = Shop::open(Setting::new(ChainGraph::pair(), 1 << 40).network().await).await;
    assert_eq!(shop.post(r#"{"0":1}"#).await.0, 200);
    shop.story
        .until_logged(&["requires proof of work", "--disable-pow"], 1)
        .await;
    assert_eq!(shop.outstanding().await, r#"{"0":1}"#);
    shop.story.end().await;
}

/// As on nodes of the EVM line.
#[tokio::test]
async fn a_node_that_ignores_the_requested_chain_makes_the_blocks_as_well() {
    let mut setting = setting(ChainGraph::twenty());
    setting.network.chain_choice = ChainChoice::Random;
    let mut shop = Shop::open(setting.network().await).await;
    let counts: Vec<_> = (0..20).map(|chain| format!("\"{chain}\":2")).collect();
    let counts = format!("{{{}}}", counts.join(","));
    assert_eq!(shop.post(&counts).await.0, 200);
    // With a pause of 100 ms after each work of no use this takes at least 10 s.
    let limit = Duration::from_secs(5);
    shop.story
        .until("all blocks are made", limit, |story| story.accepted() >= 40)
        .await;
    assert_eq!(shop.heights(), (0..20).map(|chain| (chain, 2)).collect());
    shop.make(r#"{"7":1}"#).await;
    let ended = shop.story.ends_well().await;
    assert_eq!(ended.report.tally.accepted, 41, "{}", ended.log);
}

#[tokio::test]
async fn a_node_without_its_cut_makes_the_blocks_as_well() {
    for chain_choice in [ChainChoice::Requested, ChainChoice::Random] {
        let mut setting = setting(ChainGraph::petersen());
        setting.network.cut_endpoint = CutEndpoint::Missing;
        setting.network.chain_choice = chain_choice;
        let shop = Shop::open(setting.network().await).await;
        shop.make(r#"{"0":2,"7":1}"#).await;
        shop.make(r#"{"3":2}"#).await;
        let heights = shop.heights();
        assert!(
            heights[&0] >= 2 && heights[&7] >= 1 && heights[&3] >= 2,
            "{heights:?}"
        );
        assert_eq!(shop.outstanding().await, "{}");
        let ended = shop.story.end().await;
        ended.check_solutions();
        let words = ["WARN", "whether blocks are accepted cannot be checked"];
        assert_eq!(ended.log.count(&words), 1, "{}", ended.log);
        assert_eq!(ended.log.count(&["WARN"]), 1, "{}", ended.log);
        let blocks: u64 = heights.values().sum();
        assert!(blocks < 40, "{heights:?}");
    }
}

/// The sandbox's trigger asks for 98 chains.
#[tokio::test]
async fn chains_that_the_network_lacks_do_not_keep_others_from_being_made() {
    let shop = Shop::on(ChainGraph::pair()).await;
    let counts: Vec<_> = (0..98).map(|chain| format!("\"{chain}\":1")).collect();
    shop.make(&format!("{{{}}}", counts.join(","))).await;
    assert_eq!(shop.heights(), [(0, 1), (1, 1)].into());
    assert_eq!(shop.story.log.count(&["WARN", "chains=\"2, 3,", "97"]), 1);
    let (status, text) = shop.post(r#"{"2":1,"3":1}"#).await;
    assert_eq!(status, 400, "{text}");
    shop.ends_with(2).await;
}

#[tokio::test]
async fn each_set_of_chains_that_the_network_lacks_is_logged_once() {
    let shop = Shop::on(ChainGraph::pair()).await;
    for body in [
        r#"{"0":1,"2":1,"3":1}"#,
        r#"{"1":1,"3":1,"2":2}"#,
        r#"{"0":1,"3":1}"#,
        r#"{"1":1,"2":1,"3":1}"#,
    ] {
        shop.make(body).await;
    }
    let logged = |words| shop.story.log.count(&["WARN", "unknown_chains", words]);
    assert_eq!((logged("chains=\"2, 3\""), logged("")), (1, 2));
    shop.ends_with(4).await;
}
