//! Rounds: publications of new work, and their arrivals at the sessions.
//!
//! A round starts with the server's report of a publication or with the first notification of new
//! work, the earlier of the two. Its time zero is the reported time, or the first notification if
//! the server reports none. A session counts once per round, and only if it had work before: the
//! work that comes with a login is not new.

use crate::clock::Moment;
use crate::distribution::{Distribution, Summary};

/// One publication and its arrivals.
#[derive(Clone, Debug)]
pub struct Round {
    key: u64,
    published: Option<Moment>,
    arrivals: Vec<Moment>,
    /// Number of reading sessions with work at the start of the round.
    expected: usize,
}

impl Round {
    /// Returns the number of arrivals.
    pub fn arrived(&self) -> usize {
        self.arrivals.len()
    }

    /// Whether the server has reported the publication.
    pub fn is_published(&self) -> bool {
        self.published.is_some()
    }

    /// Whether the work has arrived at all sessions.
    pub fn is_complete(&self) -> bool {
        self.arrivals.len() >= self.expected
    }

    /// Returns the number of sessions without an arrival, and the times from time zero to the
    /// arrivals; `None` without arrivals.
    pub(crate) fn figures(&self) -> Option<(usize, Summary)> {
        let zero = self.published.unwrap_or(*self.arrivals.first()?);
        let times: Distribution = self.arrivals.iter().map(|at| at.since(zero)).collect();
        let missing = self.expected.saturating_sub(times.len());
        Some((missing, times.summary()))
    }
}

/// All rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds {
    /// The rounds, oldest first.
    pub(super) rounds: Vec<Round>,
    /// Number of sessions that have work and read.
    pub(super) readers: usize,
}

impl Rounds {
    /// Records that the server published this work at this time.
    pub(crate) fn published(&mut self, key: u64, at: Moment) {
        self.round(key).published = Some(at);
    }

    /// Records a notification of this work at a session that had other work before.
    pub(super) fn arrived(&mut self, key: u64, at: Moment) {
        self.round(key).arrivals.push(at);
    }

    fn round(&mut self, key: u64) -> &mut Round {
        // From the back: it is nearly always the last one.
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
    use crate::distribution::Percentiles;

    fn at(micros: u64) -> Moment {
        Moment::from_nanos(1000 * micros)
    }

    #[track_caller]
    fn check(rounds: &Rounds, expected: &[(usize, usize, [f64; 4])]) {
        let figures = rounds.rounds.iter().map(Round::figures);
        let expected = expected
            .iter()
            .map(|&(count, missing, [first, median, p99, last])| {
                let times = Percentiles {
                    first_us: first,
                    median_us: median,
                    p99_us: p99,
                    last_us: last,
                };
                Some((missing, Summary { count, times }))
            });
        assert_eq!(figures.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn time_zero_is_the_publication_even_if_its_report_is_late() {
        let mut rounds = Rounds {
            readers: 3,
            ..Rounds::default()
        };
        rounds.arrived(7, at(110));
        rounds.arrived(7, at(120));
        assert!(!rounds.rounds[0].is_complete());
        rounds.published(7, at(100));
        rounds.arrived(7, at(130));
        assert!(rounds.rounds[0].is_complete());
        check(&rounds, &[(3, 0, [10.0, 20.0, 30.0, 30.0])]);
    }

    #[test]
    fn without_a_report_time_zero_is_the_first_notification() {
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
    fn a_publication_without_arrivals_has_no_figures() {
        let mut rounds = Rounds::default();
        rounds.published(1, at(5));
        assert_eq!(rounds.rounds[0].figures(), None);
    }
}
