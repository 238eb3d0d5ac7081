//! Whether one node answers at the address, by comparing answers on new connections.
//!
//! Behind a load balancer without sticky sessions, work and its solution can reach different nodes,
//! which costs the block. Answers of one node change with time, but never back: a value that is
//! replaced is not seen again. No solution is submitted, since that costs a payload.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chainweb::{BlockHash, ChainId};
use node::{Client, Info, Version};
use tokio::time::sleep;

use super::check::{Check, Finding};

/// New connections to the node in each of two rounds. If a load balancer chooses among two nodes at
/// random, one round in eight misses one of them.
const CONNECTIONS: u32 = 4;
/// The time between the rounds, in which blocks spread among nodes.
const SPREADING: Duration = Duration::from_millis(1200);
/// Nodes that differ for less than this have the same blocks soon.
const TOLERATED: Duration = Duration::from_secs(1);

const STICKY: &str = "several nodes answer at this address, and a solution has to reach the one that \
                      sent its work: make the load balancer sticky (ip_hash in nginx, balance source \
                      in haproxy), or set --node to one of the nodes behind it";

/// When a value was in force: between a request and its answer, at least.
#[derive(Clone, Copy, Debug)]
struct Seen<T> {
    asked: Instant,
    answered: Instant,
    value: T,
}

/// The answers so far.
#[derive(Debug, Default)]
struct Answers {
    networks: Vec<Seen<(Version, Option<String>)>>,
    /// The heights and hashes of tips, by cuts and by work on top of them.
    tips: BTreeMap<ChainId, Vec<Seen<(u64, BlockHash)>>>,
    has_no_cut: bool,
    has_no_work: bool,
}

/// Compares answers to `/info`, `/cut` and requests for work on `chain`.
pub(super) async fn compare(client: &Client, info: &Info, chain: Option<ChainId>) -> Finding {
    let client = client.unpooled();
    let mut answers = Answers {
        has_no_work: chain.is_none(),
        ..Answers::default()
    };
    for round in 0..2 {
        if round > 0 {
            sleep(SPREADING).await;
        }
        for _ in 0..CONNECTIONS {
            answers.add(&client, &info.version, chain).await;
        }
    }
    match answers.difference() {
        Some(figure) => Finding::warn(Check::OneNode, figure, STICKY),
        None if answers.networks.is_empty() => {
            Finding::skipped(Check::OneNode, "no answers on new connections")
        }
        None => {
            let count = answers.networks.len();
            let figure = format!("{count} answers on new connections agree");
            Finding::ok(Check::OneNode, figure)
        }
    }
}

impl Answers {
    /// Adds one answer of each kind. A kind that fails is left out from then on.
    async fn add(&mut self, client: &Client, version: &Version, chain: Option<ChainId>) {
        let asked = Instant::now();
        if let Ok(info) = client.info().await {
            let value = (info.version, info.package_version);
            self.networks.push(seen(asked, value));
        }
        if !self.has_no_cut {
            let asked = Instant::now();
            let cut = client.cut(version).await;
            self.has_no_cut = cut.is_err();
            for (chain, tip) in cut.into_iter().flat_map(|cut| cut.tips) {
                let tips = self.tips.entry(chain).or_default();
                tips.push(seen(asked, (tip.height, tip.hash)));
            }
        }
        if !self.has_no_work {
            let asked = Instant::now();
            let work = client.work(version, chain).await;
            self.has_no_work = work.is_err();
            if let Ok(work) = work {
                let tips = self.tips.entry(work.chain()).or_default();
                let below = work.header().height().saturating_sub(1);
                tips.push(seen(asked, (below, work.header().parent())));
            }
        }
    }

    /// Returns in words what one node would not answer.
    fn difference(&self) -> Option<String> {
        if let Some((a, b)) = alternating(&self.networks) {
            let release = |(version, release): &(Version, Option<String>)| {
                let release = release.as_deref().unwrap_or("older than 2.24.1");
                format!("{version} by chainweb-node {release}")
            };
            return Some(format!("answers {}, and {}", release(a), release(b)));
        }
        self.tips.iter().find_map(|(chain, tips)| {
            if let Some((high, low)) = falling(tips) {
                return Some(format!(
                    "chain {chain} is at height {high}, and later at {low}"
                ));
            }
            let ((height, a), (other, b)) = alternating(tips)?;
            Some(if height == other {
                format!("chain {chain} has blocks {a} and {b} at height {height} in turn")
            } else {
                format!("chain {chain} is at heights {height} and {other} in turn")
            })
        })
    }
}

fn seen<T>(asked: Instant, value: T) -> Seen<T> {
    Seen {
        asked,
        answered: Instant::now(),
        value,
    }
}

/// Returns two values that were both seen before and after a time longer than tolerated.
fn alternating<T: PartialEq>(all: &[Seen<T>]) -> Option<(&T, &T)> {
    let span = |value: &T| {
        let mut same = all.iter().filter(|seen| seen.value == *value);
        let first = same.next()?;
        Some((first.answered, same.last().unwrap_or(first).asked))
    };
    let pairs = all
        .iter()
        .flat_map(|a| all.iter().map(move |b| (&a.value, &b.value)));
    pairs.filter(|(a, b)| a != b).find(|(a, b)| {
        let (Some(a), Some(b)) = (span(a), span(b)) else {
            return false;
        };
        let both = a.1.min(b.1).saturating_duration_since(a.0.max(b.0));
        both > TOLERATED
    })
}

/// Returns a height, and a lower one that was seen too long after it.
fn falling(tips: &[Seen<(u64, BlockHash)>]) -> Option<(u64, u64)> {
    let pairs = tips.iter().flat_map(|a| tips.iter().map(move |b| (a, b)));
    let mut falls = pairs.filter(|(before, after)| {
        after.value.0 < before.value.0
            && after.asked.saturating_duration_since(before.answered) > TOLERATED
    });
    falls
        .next()
        .map(|(before, after)| (before.value.0, after.value.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers at these times in milliseconds, each within 10 ms.
    fn answers<T>(values: impl IntoIterator<Item = (u64, T)>) -> Vec<Seen<T>> {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let values = values.into_iter().map(|(ms, value)| Seen {
            asked: at(ms),
            answered: at(ms + 10),
            value,
        });
        values.collect()
    }

    #[test]
    fn a_value_that_another_one_replaces_is_no_difference() {
        assert_eq!(alternating(&answers([(0, 'a'), (1200, 'a')])), None);
        assert_eq!(
            alternating(&answers([(0, 'a'), (20, 'b'), (1200, 'b')])),
            None
        );
        // For a short time.
        let short = [(0, 'a'), (20, 'b'), (900, 'a'), (920, 'b')];
        assert_eq!(alternating(&answers(short)), None);
        let long = [(0, 'a'), (20, 'b'), (1200, 'a'), (1220, 'b')];
        assert_eq!(alternating(&answers(long)), Some((&'a', &'b')));
    }

    #[test]
    fn heights_fall_only_with_several_nodes() {
        let hash = BlockHash::new([0; 32]);
        let heights = |all: &[(u64, u64)]| {
            let all = all.iter().map(|(ms, height)| (*ms, (*height, hash)));
            falling(&answers(all))
        };
        assert_eq!(heights(&[(0, 5), (20, 6), (1200, 6), (1220, 90)]), None);
        assert_eq!(heights(&[(0, 6), (20, 5), (900, 6)]), None);
        assert_eq!(heights(&[(0, 6), (1200, 5)]), Some((6, 5)));
    }
}
