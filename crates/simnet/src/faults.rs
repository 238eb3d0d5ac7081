//! Fault injection: a request that matches a rule gets the rule's verdict.
//!
//! Rules are installed and removed while the network runs. The first installed rule that matches
//! and applies decides; later rules do not count the request. Each event of an update stream is
//! judged like a request, so rules also reach streams that are already open.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chainweb::ChainId;

use crate::endpoint::Endpoint;

/// Treatment of a request, or of an event of an update stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Handle it normally; later rules do not apply.
    Pass,
    /// Handle it normally after this delay.
    Delay(Duration),
    /// Handle it normally, and send the body this long after the head; an event is delayed.
    DelayBody(Duration),
    /// Answer with this status and body; the node does not see the request. No effect on events.
    Status(u16, Bytes),
    /// Answer with this status and this time in `Retry-After`, in whole seconds; the node does not
    /// see the request. No effect on events.
    Busy(u16, Duration),
    /// Answer with the normal status and headers and this body; an event is replaced by these
    /// bytes.
    Replace(Bytes),
    /// Break the connection after this many bytes of the body.
    Truncate(usize),
    /// Send the body in two pieces, split after this many bytes.
    Split(usize),
    /// Invert the bits of the middle byte of the body.
    Corrupt,
    /// Break the connection before the node sees the request; an event is skipped.
    Drop,
    /// Handle the request, then break the connection before the answer; an event is skipped.
    LoseAnswer,
    /// Never answer; the node does not see the request. A stream is silent from this event on.
    Hang,
    /// Handle the request and never answer; a stream is silent from this event on.
    HangAnswer,
    /// Answer with the normal status and headers and an empty body; an update stream ends.
    End,
}

/// The matching requests to which a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// All.
    Always,
    /// The first `n`.
    First(u64),
    /// Every `n`th: the second, the fourth, … for 2. None for 0.
    Every(u64),
}

/// A verdict for the requests that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    node: Option<usize>,
    endpoint: Option<Endpoint>,
    chain: Option<ChainId>,
    times: Times,
    verdict: Verdict,
}

impl Rule {
    /// Returns a rule for all requests to an endpoint.
    pub fn on(endpoint: Endpoint, verdict: Verdict) -> Self {
        Self {
            endpoint: Some(endpoint),
            ..Self::on_all(verdict)
        }
    }

    /// Returns a rule for all requests to all endpoints. It does not match events.
    pub fn on_all(verdict: Verdict) -> Self {
        Self {
            node: None,
            endpoint: None,
            chain: None,
            times: Times::Always,
            verdict,
        }
    }

    /// Limits the rule to one node, by its number.
    #[must_use]
    pub fn node(self, number: usize) -> Self {
        Self {
            node: Some(number),
            ..self
        }
    }

    pub(crate) fn node_index(&self) -> Option<usize> {
        self.node
    }

    /// Limits the rule to requests that name `chain`: in the path, in `?chain=`, or in the body of
    /// `/updates` or `/solved`.
    #[must_use]
    pub fn chain(self, chain: ChainId) -> Self {
        Self {
            chain: Some(chain),
            ..self
        }
    }

    /// Limits the rule to some of its matching requests.
    #[must_use]
    pub fn times(self, times: Times) -> Self {
        Self { times, ..self }
    }

    fn matches(&self, endpoint: Endpoint, chain: Option<ChainId>) -> bool {
        let endpoint_matches = match self.endpoint {
            Some(wanted) => wanted == endpoint,
            None => endpoint != Endpoint::Event,
        };
        endpoint_matches && (self.chain.is_none() || self.chain == chain)
    }
}

/// Identifies an installed rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(usize);

#[derive(Debug)]
struct Installed {
    rule: Rule,
    matched: u64,
}

/// The fault rules of a running node.
#[derive(Debug, Default)]
pub struct Faults {
    /// The number of the node.
    node: usize,
    /// All rules in the order of installation, with `None` for removed ones.
    rules: Mutex<Vec<Option<Installed>>>,
}

impl Faults {
    pub(crate) fn of_node(number: usize, rules: &[Rule]) -> Self {
        let faults = Self {
            node: number,
            ..Self::default()
        };
        for rule in rules {
            faults.install(rule.clone());
        }
        faults
    }

    /// Installs a rule after the existing ones.
    pub fn install(&self, rule: Rule) -> RuleId {
        let mut rules = self.lock();
        rules.push(Some(Installed { rule, matched: 0 }));
        RuleId(rules.len() - 1)
    }

    /// Removes a rule and returns the number of requests that it matched, or `None` if it was
    /// already removed.
    pub fn remove(&self, RuleId(index): RuleId) -> Option<u64> {
        let removed = self.lock().get_mut(index)?.take();
        removed.map(|installed| installed.matched)
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.lock().fill_with(|| None);
    }

    /// Returns the verdict on one request, and counts the request for its rule.
    pub(crate) fn judge(&self, endpoint: Endpoint, chain: Option<ChainId>) -> Verdict {
        for installed in self.lock().iter_mut().flatten() {
            let is_elsewhere = installed.rule.node.is_some_and(|node| node != self.node);
            if is_elsewhere || !installed.rule.matches(endpoint, chain) {
                continue;
            }
            installed.matched += 1;
            let applies = match installed.rule.times {
                Times::Always => true,
                Times::First(count) => installed.matched <= count,
                Times::Every(count) => count > 0 && installed.matched.is_multiple_of(count),
            };
            if applies {
                return installed.rule.verdict.clone();
            }
        }
        Verdict::Pass
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Installed>>> {
        // A panic leaves no half-done change: each is complete before the lock is released.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_applies_decides() {
        let faults = Faults::default();
        let status = |code| Verdict::Status(code, Bytes::new());
        let first = faults.install(Rule::on(Endpoint::Work, status(500)).times(Times::First(1)));
        faults.install(Rule::on(Endpoint::Work, status(503)).times(Times::Every(2)));
        faults.install(Rule::on_all(status(404)).chain(ChainId::new(3)));
        let work = || faults.judge(Endpoint::Work, None);
        assert_eq!(
            [work(), work(), work(), work(), work()],
            [
                status(500),
                Verdict::Pass,
                status(503),
                Verdict::Pass,
                status(503)
            ]
        );
        let three = Some(ChainId::new(3));
        assert_eq!(faults.judge(Endpoint::Solved, three), status(404));
        assert_eq!(faults.judge(Endpoint::Solved, None), Verdict::Pass);
        assert_eq!(faults.judge(Endpoint::Event, three), Verdict::Pass);
        assert_eq!(
            (faults.remove(first), faults.remove(first)),
            (Some(5), None)
        );
        faults.clear();
        assert_eq!(faults.judge(Endpoint::Solved, three), Verdict::Pass);
    }
}
