//! Which jobs are submitted, when counts become target heights, and when these are reached.

use chainweb::ChainGraph;

use super::*;
use crate::demand::{Heights, Source};
use crate::worker::sample::job_at as job;

const PATIENCE: Duration = Duration::from_secs(2);

/// A view of two chains at these heights.
fn view(requested: Instant, heights: [u64; 2]) -> Arc<View> {
    let of = (0..).map(ChainId::new).zip(heights).collect();
    Arc::new(View {
        version: "net".parse().expect("a name"),
        graph: ChainGraph::pair(),
        heights: Some(Heights {
            source: Source::Cut(requested),
            of,
        }),
    })
}

/// Returns the chains that requests for work name.
fn named(plan: &Plan) -> Vec<u32> {
    match plan.demand() {
        Demand::Chains { named, .. } => named.iter().map(|chain| chain.get()).collect(),
        demand => panic!("{demand:?}"),
    }
}

/// Returns the chains and heights of the submitted jobs.
fn submitted(plan: &mut Plan, now: Instant, jobs: &[Arc<Job>]) -> Vec<(u32, u64)> {
    let submitted = plan.submit(now, PATIENCE, &Jobs::new(jobs.to_vec()));
    let place = |job: &Arc<Job>| (job.chain().get(), job.work.header().height());
    submitted.iter().map(place).collect()
}

#[test]
fn a_job_is_fetched_along_with_the_cut_and_submitted_after_it() {
    let (mut plan, now) = (Plan::default(), Instant::now());
    assert_eq!(plan.demand(), Demand::Nothing);
    plan.add(now, &[(ChainId::new(0), 1)].into())
        .expect("few enough blocks");
    assert_eq!(named(&plan), [0]);
    let ready = [job(0, 6)];
    assert_eq!(submitted(&mut plan, now, &ready), []);
    plan.update_view(view(now, [5, 5]));
    assert_eq!(named(&plan), [0]);
    assert_eq!(submitted(&mut plan, now, &ready), [(0, 6)]);
    assert_eq!(submitted(&mut plan, now, &ready), [], "once");
    assert_eq!(
        named(&plan),
        Vec::<u32>::new(),
        "its block may get into the cut"
    );
    plan.update_view(view(now, [6, 5]));
    assert_eq!(plan.demand(), Demand::Nothing);
}

#[test]
fn a_job_that_the_cut_has_passed_is_not_submitted() {
    let (mut plan, now) = (Plan::default(), Instant::now());
    plan.update_view(view(now, [5, 5]));
    plan.add(now, &[(ChainId::new(0), 2)].into())
        .expect("few enough blocks");
    plan.update_view(view(now, [6, 5]));
    assert_eq!(submitted(&mut plan, now, &[job(0, 6)]), []);
    assert_eq!(submitted(&mut plan, now, &[job(0, 7)]), [(0, 7)]);
}

#[test]
fn a_block_that_no_target_needs_is_not_made() {
    let (mut plan, now) = (Plan::default(), Instant::now());
    plan.add(now, &[(ChainId::new(0), 2)].into())
        .expect("few enough blocks");
    plan.update_view(view(now, [5, 5]));
    // For height 7 on chain 0, chain 1 has to be at 6.
    assert_eq!(named(&plan), [0, 1]);
    let jobs = [job(1, 7), job(0, 8)];
    assert_eq!(submitted(&mut plan, now, &jobs), []);
    let jobs = [job(1, 6), job(0, 6)];
    assert_eq!(submitted(&mut plan, now, &jobs), [(1, 6), (0, 6)]);
}

#[test]
fn all_work_that_braiding_needs_is_usable_before_the_cut_has_the_block_below() {
    let (mut plan, now) = (Plan::default(), Instant::now());
    let usable = |plan: &Plan| match plan.demand() {
        Demand::Chains { usable, .. } => usable.iter().map(|chain| chain.get()).collect(),
        _ => Vec::new(),
    };
    plan.add(now, &[(ChainId::new(0), 2)].into())
        .expect("few enough blocks");
    plan.update_view(view(now, [5, 5]));
    assert_eq!(
        submitted(&mut plan, now, &[job(0, 6), job(1, 6)]),
        [(0, 6), (1, 6)]
    );
    assert_eq!((named(&plan), usable(&plan)), (Vec::new(), vec![0]));
    assert_eq!(submitted(&mut plan, now, &[job(0, 7)]), [(0, 7)]);
    assert_eq!(usable(&plan), Vec::<u32>::new());
}

#[test]
fn without_a_cut_all_work_counts_until_that_of_the_requested_chain_shows_its_height() {
    let (mut plan, now) = (Plan::default(), Instant::now());
    plan.add(now, &[(ChainId::new(0), 1)].into())
        .expect("few enough blocks");
    let see = |plan: &mut Plan, requested: &[u32], heights: &[(u32, u64)]| {
        let requested = requested.iter().map(|chain| (ChainId::new(*chain), now));
        let of = heights
            .iter()
            .map(|(chain, height)| (ChainId::new(*chain), *height));
        plan.update_view(Arc::new(View {
            heights: Some(Heights {
                source: Source::Work(requested.collect()),
                of: of.collect(),
            }),
            ..(*view(now, [0, 0])).clone()
        }));
    };
    see(&mut plan, &[], &[]);
    assert_eq!(named(&plan), [0]);
    assert!(plan.demand().admits(ChainId::new(1)));
    // Chain 0 waits for chain 1.
    assert_eq!(submitted(&mut plan, now, &[job(1, 6)]), [(1, 6)]);
    see(&mut plan, &[1], &[(0, 5), (1, 6)]);
    assert_eq!(named(&plan), [0], "its height is a lower bound");
    see(&mut plan, &[0, 1], &[(0, 6), (1, 6)]);
    assert!(!plan.demand().admits(ChainId::new(1)));
    assert_eq!(submitted(&mut plan, now, &[job(1, 7), job(0, 7)]), [(0, 7)]);
    see(&mut plan, &[0, 1], &[(0, 7), (1, 6)]);
    assert_eq!(plan.demand(), Demand::Nothing);
}

#[test]
fn a_chain_waits_for_a_lower_adjacent_chain() {
    let (mut plan, now) = (Plan::default(), Instant::now());
    plan.add(now, &[(ChainId::new(0), 1)].into())
        .expect("few enough blocks");
    plan.update_view(view(now, [6, 5]));
    assert_eq!(named(&plan), [1]);
}

#[test]
fn a_block_that_stays_out_of_the_cut_is_made_again() {
    let (mut plan, now) = (Plan::default(), Instant::now());
    plan.add(now, &[(ChainId::new(0), 1)].into())
        .expect("few enough blocks");
    plan.update_view(view(now, [5, 5]));
    assert_eq!(submitted(&mut plan, now, &[job(0, 6)]), [(0, 6)]);
    let lost = now + PATIENCE;
    assert_eq!(plan.next_loss(), Some(lost));
    plan.update_view(view(now, [5, 5]));
    assert_eq!(named(&plan), Vec::<u32>::new());
    assert_eq!(submitted(&mut plan, lost, &[]), []);
    assert_eq!(named(&plan), [0]);
    assert_eq!(submitted(&mut plan, lost, &[job(0, 6)]), [(0, 6)]);
}

#[test]
fn an_unknown_chain_is_refused_with_a_list_of_the_known_ones() {
    let (mut plan, now) = (Plan::default(), Instant::now());
    plan.update_view(view(now, [5, 5]));
    let refused = plan.add(now, &[(ChainId::new(2), 1)].into());
    let expected = RequestError::UnknownChain(ChainId::new(2), "0, 1".to_owned());
    assert_eq!(refused, Err(expected));
}

/// A plan for chain 0 alone, with times in seconds.
struct Chain {
    plan: Plan,
    start: Instant,
}

impl Chain {
    fn new() -> Self {
        Self {
            plan: Plan::default(),
            start: Instant::now(),
        }
    }

    #[track_caller]
    fn request(&mut self, second: u64, count: u64) -> Counts {
        let counts = [(ChainId::new(0), count)].into();
        let totals = self.plan.add(self.at(second), &counts);
        totals.expect("few enough blocks")
    }

    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    /// Updates the height by a cut requested at that second; returns the target and the number of
    /// outstanding blocks.
    fn update(&mut self, second: u64, height: u64) -> (Option<u64>, u64) {
        self.update_on("net", second, height)
    }

    fn update_on(&mut self, network: &str, second: u64, height: u64) -> (Option<u64>, u64) {
        let heights = Heights {
            source: Source::Cut(self.at(second)),
            of: [(ChainId::new(0), height)].into(),
        };
        let removed = self.plan.update_view(view_of_one(network, Some(heights)));
        assert_eq!(removed, []);
        let target = self.plan.targets.get(&ChainId::new(0));
        (target.and_then(ChainTarget::height), self.outstanding())
    }

    fn outstanding(&self) -> u64 {
        self.plan.outstanding().into_values().sum()
    }
}

fn view_of_one(network: &str, heights: Option<Heights>) -> Arc<View> {
    Arc::new(View {
        version: network.parse().expect("a name"),
        graph: ChainGraph::singleton(),
        heights,
    })
}

#[test]
fn a_target_is_set_by_the_first_cut_requested_after_the_blocks() {
    let mut chain = Chain::new();
    assert_eq!(chain.update(1, 10), (None, 0));
    chain.request(2, 3);
    assert_eq!(chain.outstanding(), 3);
    assert_eq!(chain.update(1, 10), (None, 3), "requested before");
    assert_eq!(chain.update(3, 15), (Some(18), 3));
    assert_eq!(
        chain.update(4, 17),
        (Some(18), 1),
        "blocks of other miners count"
    );
    assert_eq!(chain.update(5, 18), (None, 0));
}

#[test]
fn blocks_are_added_to_the_outstanding_ones() {
    let mut chain = Chain::new();
    chain.request(0, 2);
    chain.update(0, 10);
    chain.request(1, 3);
    assert_eq!(chain.outstanding(), 5);
    assert_eq!(chain.update(0, 11), (Some(12), 4), "not placed yet");
    assert_eq!(chain.update(1, 11), (Some(15), 4));
    // The target was passed before the cut, so the height counts.
    chain.request(2, 1);
    assert_eq!(chain.update(2, 16), (Some(17), 1));
}

#[test]
fn endless_requests_do_not_postpone_the_first() {
    let mut chain = Chain::new();
    for second in 0..100 {
        chain.request(second, 1);
    }
    assert_eq!(chain.update(0, 10), (Some(11), 100));
    assert_eq!(chain.update(99, 10), (Some(110), 100));
}

#[test]
fn lost_blocks_are_made_again_and_never_more_than_were_requested() {
    let mut chain = Chain::new();
    chain.request(0, 3);
    assert_eq!(chain.update(0, 10), (Some(13), 3));
    assert_eq!(chain.update(1, 12), (Some(13), 1));
    assert_eq!(chain.update(2, 11), (Some(13), 2), "one was lost");
    // A reset of the network.
    assert_eq!(chain.update(3, 0), (Some(3), 3));
    assert_eq!(chain.update(4, 3), (None, 0));
}

#[test]
fn another_network_keeps_the_outstanding_blocks_and_not_the_target() {
    let mut chain = Chain::new();
    chain.request(0, 3);
    chain.update(0, 10);
    assert_eq!(chain.update(1, 11), (Some(13), 2));
    assert_eq!(chain.update_on("other", 2, 700), (Some(702), 2));
}

#[test]
fn requests_are_completed_in_their_order() {
    let mut chain = Chain::new();
    let first = chain.request(0, 1);
    let second = chain.request(0, 2);
    let nothing = chain.request(0, 0);
    assert_eq!(nothing, Counts::new());
    let outcomes = |chain: &Chain| [&nothing, &first, &second].map(|t| chain.plan.outcome(t));
    let made = Some(Outcome::Made);
    assert_eq!(outcomes(&chain), [made, None, None]);
    chain.update(0, 10);
    assert_eq!(outcomes(&chain), [made, None, None]);
    chain.update(1, 11);
    assert_eq!(outcomes(&chain), [made, made, None]);
    // A later request does not affect those before it.
    let third = chain.request(2, 5);
    chain.update(2, 13);
    assert_eq!(outcomes(&chain), [made, made, made]);
    assert_eq!(chain.plan.outcome(&third), None);
    assert_eq!(chain.plan.cancel(), [(ChainId::new(0), 5)].into());
    assert_eq!(chain.plan.outcome(&third), Some(Outcome::Cancelled));
}

#[test]
fn requests_for_chains_that_the_network_lacks_are_cancelled() {
    let mut plan = Plan::default();
    let [here, gone] = [0, 5].map(ChainId::new);
    let totals = plan.add(Instant::now(), &[(here, 1), (gone, 2)].into());
    let view = view_of_one("net", None);
    assert_eq!(plan.update_view(Arc::clone(&view)), [gone]);
    assert_eq!(plan.outstanding(), [(here, 1)].into());
    assert_eq!(
        plan.outcome(&totals.expect("few enough blocks")),
        Some(Outcome::Cancelled)
    );
    assert_eq!(plan.update_view(view), []);
}

#[test]
fn a_request_for_too_many_blocks_is_refused_as_a_whole() {
    let mut plan = Plan::default();
    let now = Instant::now();
    let [a, b] = [0, 1].map(ChainId::new);
    let error = RequestError::TooManyBlocks(b);
    let refused = plan.add(now, &[(a, 1), (b, MAX_BLOCKS + 1)].into());
    assert_eq!(refused, Err(error.clone()));
    assert_eq!(plan.outstanding(), Counts::new());
    assert!(plan.add(now, &[(b, MAX_BLOCKS)].into()).is_ok());
    for count in [1, u64::MAX] {
        let refused = plan.add(now, &[(b, count)].into());
        assert_eq!(refused, Err(error.clone()));
    }
    let most = u32::try_from(MAX_CHAINS).expect("it is small");
    let all: Counts = (0..most)
        .map(|chain| (ChainId::new(chain), 0))
        .chain([(a, 1)])
        .collect();
    assert!(plan.add(now, &all).is_ok(), "no blocks on most of them");
    let all: Counts = (0..=most)
        .map(|chain| (ChainId::new(chain), u64::from(chain != 1)))
        .collect();
    assert_eq!(plan.add(now, &all), Err(RequestError::TooManyChains));
}

#[test]
fn each_set_of_unknown_chains_is_news_once_in_each_network() {
    let (mut plan, now) = (Plan::default(), Instant::now());
    let [two, three] = [2, 3].map(ChainId::new);
    plan.update_view(view(now, [0, 0]));
    assert!(plan.is_news(&[two, three]));
    assert!(plan.is_news(&[three]));
    // The same network.
    plan.update_view(view(now, [1, 0]));
    assert!(!plan.is_news(&[two, three]));
    assert!(!plan.is_news(&[three]));
    let mut other = View::clone(&view(now, [0, 0]));
    other.version = "other".parse().expect("a name");
    plan.update_view(Arc::new(other));
    assert!(plan.is_news(&[two, three]));
    assert!(!plan.is_news(&[two, three]));
    // Many sets do not pile up.
    for chain in (0..10_000).map(ChainId::new) {
        plan.is_news(&[chain]);
    }
    assert!(plan.logged_unknown.len() <= MAX_UNKNOWN);
}
