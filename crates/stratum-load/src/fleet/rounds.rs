//! Publications of new work, and when they reached the sessions.
//!
//! A round begins with the first sign of new work, be it the publisher's word or a notification. Its time zero is what
//! the publisher says, and the first notification where nobody says anything. A session counts once in a round, and
//! only if it had work before: a login brings work that is not new.

use serde::Serialize;

use crate::clock::Moment;
use crate::distribution::{Distribution, Summary};

/// One publication.
#[derive(Clone, Debug)]
pub struct Round {
    key: u64,
    published: Option<Moment>,
    arrivals: Vec<Moment>,
    /// The sessions that had work before and read what they get, when the round began.
    expected: usize,
}

/// The figures of one round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RoundFigures {
    /// Sessions that it has not reached.
    pub missing: usize,
    /// Times from time zero to the arrivals.
    #[serde(flatten)]
    pub times: Summary,
}

impl Round {
    /// The sessions that it has reached.
    pub fn arrived(&self) -> usize {
        self.arrivals.len()
    }

    /// Whether the publisher has told of it.
    pub fn is_published(&self) -> bool {
        self.published.is_some()
    }

    /// Whether it has reached all sessions.
    pub fn is_complete(&self) -> bool {
        self.arrivals.len() >= self.expected
    }

    /// The figures; none if nothing arrived.
    pub fn figures(&self) -> Option<RoundFigures> {
        let zero = self.published.or(self.arrivals.first().copied())?;
        let times: Distribution = self.arrivals.iter().map(|at| at.since(zero)).collect();
        (!times.is_empty()).then(|| RoundFigures {
            missing: self.expected.saturating_sub(self.arrivals.len()),
            times: times.summary(),
        })
    }
}

/// All publications.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    rounds: Vec<Round>,
    /// The sessions that have work and read what they get.
    pub(super) readers: usize,
}

impl Rounds {
    /// The rounds, in their order.
    pub fn all(&self) -> &[Round] {
        &self.rounds
    }

    /// The publisher says that it published this work at this moment.
    pub fn published(&mut self, key: u64, at: Moment) {
        self.round(key).published = Some(at);
    }

    /// A session that had other work before was notified of this work.
    pub(super) fn arrived(&mut self, key: u64, at: Moment) {
        self.round(key).arrivals.push(at);
    }

    fn round(&mut self, key: u64) -> &mut Round {
        // From the back: nearly always it is the last one.
        let found = self.rounds.iter().rposition(|round| round.key == key);
        let index = found.unwrap_or_else(|| {
            self.rounds.push(Round {
                key,
                published: None,
                arrivals: Vec::with_capacity(self.readers),
                expected: self.readers,
            });
            self.rounds.len() - 1
        });
        &mut self.rounds[index]
    }
}

#[cfg(test)]
mod tests {
    use super::{Round, Rounds, Summary};
    use crate::clock::Moment;
    use crate::fleet::rounds::RoundFigures;

    fn at(micros: u64) -> Moment {
        Moment::from_nanos(1000 * micros)
    }

    #[track_caller]
    fn check(rounds: &Rounds, expected: &[(usize, usize, [f64; 4])]) {
        let figures = rounds.all().iter().map(Round::figures);
        let expected = expected
            .iter()
            .map(|&(count, missing, [first, median, p99, last])| {
                let times = Summary {
                    count,
                    first_us: first,
                    median_us: median,
                    p99_us: p99,
                    last_us: last,
                };
                Some(RoundFigures { missing, times })
            });
        assert_eq!(figures.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn time_zero_is_the_publication_even_if_it_is_told_late() {
        let mut rounds = Rounds {
            readers: 3,
            ..Rounds::default()
        };
        rounds.arrived(7, at(110));
        rounds.arrived(7, at(120));
        assert!(!rounds.all()[0].is_complete());
        rounds.published(7, at(100));
        rounds.arrived(7, at(130));
        assert!(rounds.all()[0].is_complete());
        check(&rounds, &[(3, 0, [10.0, 20.0, 30.0, 30.0])]);
    }

    #[test]
    fn without_a_publisher_time_zero_is_the_first_notification() {
        let mut rounds = Rounds {
            readers: 3,
            ..Rounds::default()
        };
        rounds.arrived(1, at(50));
        rounds.arrived(1, at(90));
        rounds.arrived(2, at(200));
        check(
            &rounds,
            &[(2, 1, [0.0, 0.0, 40.0, 40.0]), (1, 2, [0.0, 0.0, 0.0, 0.0])],
        );
    }

    #[test]
    fn a_publication_that_reaches_nobody_has_no_figures() {
        let mut rounds = Rounds::default();
        rounds.published(1, at(5));
        assert_eq!(rounds.all()[0].figures(), None);
    }
}
