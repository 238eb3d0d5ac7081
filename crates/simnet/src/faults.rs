//! What goes wrong, by rules: a request that a rule matches gets its verdict instead of the usual treatment.
//!
//! Rules are installed and removed while the network runs. The first installed rule that matches and still has a
//! turn decides; the others do not see the request. The events of update streams are judged like requests, one by
//! one, so that streams which are already open can fall silent or break.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chainweb::ChainId;

use crate::endpoint::Endpoint;

/// What happens to a request, or to an event of an update stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing unusual. Shields the request from later rules.
    Pass,
    /// The usual, this much later.
    Delay(Duration),
    /// An answer with this status and body, without the node having seen the request. Has no effect on an event.
    Status(u16, Bytes),
    /// The usual status and headers with another body; on an event, other bytes in its place.
    Replace(Bytes),
    /// The usual up to this many bytes of the body, then the connection breaks.
    Truncate(usize),
    /// The usual, in two pieces that part after this many bytes.
    Split(usize),
    /// The usual with the bits of the byte in the middle inverted.
    Corrupt,
    /// The connection breaks before the node sees the request; an event is left out.
    Drop,
    /// The node handles the request, then the connection breaks before the answer.
    LoseAnswer,
    /// No answer ever, and the node does not see the request; a stream is silent from this event on.
    Hang,
    /// The node handles the request and never answers.
    HangAnswer,
    /// The usual status and headers with an empty body; an update stream ends.
    End,
}

/// Which of the requests that match a rule it applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// All.
    Always,
    /// The first so many.
    First(u64),
    /// Each that makes a whole number of so many: the second, the fourth, … for 2. 0 is none.
    Every(u64),
}

/// A request that matches gets a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    endpoint: Option<Endpoint>,
    chain: Option<ChainId>,
    times: Times,
    verdict: Verdict,
}

impl Rule {
    /// All requests to one endpoint.
    pub fn on(endpoint: Endpoint, verdict: Verdict) -> Self {
        Self {
            endpoint: Some(endpoint),
            chain: None,
            times: Times::Always,
            verdict,
        }
    }

    /// All requests to any endpoint. Events are no requests.
    pub fn on_all(verdict: Verdict) -> Self {
        Self {
            endpoint: None,
            chain: None,
            times: Times::Always,
            verdict,
        }
    }

    /// Of these only the ones that name this chain: in the path, in `?chain=`, in the body of `/updates` or
    /// `/solved`.
    #[must_use]
    pub fn chain(self, chain: ChainId) -> Self {
        Self {
            chain: Some(chain),
            ..self
        }
    }

    /// Of these only some.
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

/// Names an installed rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(u64);

#[derive(Debug)]
struct Installed {
    id: RuleId,
    rule: Rule,
    matched: u64,
}

#[derive(Debug, Default)]
struct Rules {
    installed: Vec<Installed>,
    ids: u64,
}

/// The rules of a running network.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Rules>,
}

impl Faults {
    /// Puts a rule behind those that are there.
    pub fn install(&self, rule: Rule) -> RuleId {
        let mut rules = self.lock();
        rules.ids += 1;
        let id = RuleId(rules.ids);
        rules.installed.push(Installed {
            id,
            rule,
            matched: 0,
        });
        id
    }

    /// Removes a rule and says how many requests it has matched; `None` if it is gone already.
    pub fn remove(&self, id: RuleId) -> Option<u64> {
        let mut rules = self.lock();
        let index = rules.installed.iter().position(|rule| rule.id == id)?;
        Some(rules.installed.remove(index).matched)
    }

    /// Removes all rules: what is asked from now on is answered as usual.
    pub fn clear(&self) {
        self.lock().installed.clear();
    }

    /// The verdict on one request.
    pub(crate) fn judge(&self, endpoint: Endpoint, chain: Option<ChainId>) -> Verdict {
        for installed in &mut self.lock().installed {
            if !installed.rule.matches(endpoint, chain) {
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

    fn lock(&self) -> MutexGuard<'_, Rules> {
        // Each change is complete before the lock is released: there is nothing half done to see.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_with_a_turn_decides() {
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
