//! Stale work: hashes spent on a job after the first event by which it was outdated.
//!
//! An event is one that the program could have reacted to: a new block on the chain of the job or
//! a refreshed payload. The time that it took to arrive is not included.

/// Hashes on current and on outdated jobs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StaleWork {
    /// `None` once a number of hashes was unknown.
    hashes: Option<Hashes>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Hashes {
    current: f64,
    stale: f64,
}

impl Default for StaleWork {
    fn default() -> Self {
        Self {
            hashes: Some(Hashes::default()),
        }
    }
}

impl StaleWork {
    /// Adds the hashes spent on one job: before the first event by which it was outdated, and after
    /// it. `None` if a number is not known, which makes the sums unknown.
    pub fn add(&mut self, current: Option<f64>, stale: Option<f64>) {
        let added = self.hashes.zip(current.zip(stale));
        self.hashes = added.map(|(sum, (current, stale))| Hashes {
            current: sum.current + current,
            stale: sum.stale + stale,
        });
    }

    /// Returns the hashes since those before.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let both = self.hashes.zip(before.hashes);
        Self {
            hashes: both.map(|(now, before)| Hashes {
                current: now.current - before.current,
                stale: now.stale - before.stale,
            }),
        }
    }

    /// Returns all hashes.
    pub fn total(&self) -> Option<f64> {
        self.hashes.map(|hashes| hashes.current + hashes.stale)
    }

    /// Returns the hashes spent on outdated jobs.
    pub fn hashes(&self) -> Option<f64> {
        self.hashes.map(|hashes| hashes.stale)
    }

    /// Returns the hashes spent on outdated jobs in per cent of all hashes; `None` before the
    /// first.
    pub fn percent(&self) -> Option<f64> {
        let (stale, all) = (self.hashes()?, self.total()?);
        (all > 0.0).then(|| 100.0 * stale / all)
    }
}

#[cfg(test)]
mod tests {
    use super::StaleWork;

    #[test]
    fn stale_hashes_are_a_part_of_all() {
        let mut work = StaleWork::default();
        assert_eq!((work.hashes(), work.percent()), (Some(0.0), None));
        work.add(Some(900.0), Some(0.0));
        assert_eq!((work.hashes(), work.percent()), (Some(0.0), Some(0.0)));
        work.add(Some(50.0), Some(50.0));
        assert_eq!((work.hashes(), work.percent()), (Some(50.0), Some(5.0)));
    }

    #[test]
    fn an_unknown_number_of_hashes_leaves_the_sums_unknown() {
        for (current, stale) in [(None, None), (None, Some(1.0)), (Some(1.0), None)] {
            let mut work = StaleWork::default();
            work.add(current, stale);
            work.add(Some(1.0), Some(1.0));
            assert_eq!((work.hashes(), work.percent()), (None, None));
        }
    }
}
