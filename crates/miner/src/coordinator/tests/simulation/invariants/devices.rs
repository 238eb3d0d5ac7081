//! Of the sessions of devices.

use std::collections::BTreeMap;
use std::time::Duration;

use chainweb::{Nonce, WorkHeader};

use super::super::World;
use super::super::devices::Device;

/// How far ahead of the clock jobs are that are made at once. No device is as fast.
const MADE_AT_ONCE: Duration = Duration::from_micros(100);

impl World {
    /// A device that mines is at a live job, in its time, as soon as there is one.
    pub(in super::super) fn devices_mine_live_jobs(&self) {
        let farm = self.farm.as_ref().expect("it was given jobs");
        let live = &farm.live;
        for device in &farm.devices {
            let Some((_, header)) = device.jobs.front().filter(|_| live.iter().len() > 0) else {
                continue;
            };
            let is_live = live.iter().any(|job| {
                let work = job.work.header();
                // Jobs of one work that are made at once differ by a microsecond each.
                let latest = job.creation_time_at(self.now).saturating_add(MADE_AT_ONCE);
                work.differs_only_in_time_and_nonce(header)
                    && (work.creation_time()..=latest).contains(&header.creation_time())
            });
            let latest = device.jobs.len();
            assert!(
                is_live,
                "a device is at an old job, of {latest}: {header:?}"
            );
        }
    }

    /// No share target is harder than that of the block, which would be lost on the device. No two
    /// devices search the same nonces.
    pub(in super::super) fn targets_are_easy_enough(&self) {
        let farm = self.farm.as_ref().expect("devices read");
        let mut nonces = Vec::new();
        for device in &farm.devices {
            let newest = device.jobs.front().map(|(_, header)| header);
            let mut live = farm.live.iter().map(|job| job.work.header());
            if let Some(header) = newest
                && live.any(|work| work.differs_only_in_time_and_nonce(header))
            {
                assert!(
                    device.target >= Some(header.target()),
                    "a block is no share: {:?} of {header:?}",
                    device.target
                );
            }
            nonces.extend(device.session.nonce1().map(stratum::Nonce1::value));
        }
        nonces.sort_unstable();
        assert!(nonces.is_sorted_by(|a, b| a < b), "shared: {nonces:?}");
    }

    /// A nonce that solves the block of a job that the session remembers is reported, at once or
    /// before.
    pub(in super::super) fn a_block_in_a_share_is_reported(
        &self,
        header: &WorkHeader,
        nonce: Nonce,
        before: usize,
    ) {
        let farm = self.farm.as_ref().expect("a device sent it");
        let mut reported = farm.reported.iter();
        let is_reported =
            reported.any(|(_, time, of)| (*time, *of) == (header.creation_time(), nonce));
        assert!(is_reported, "a block is lost, after {before}: {header:?}");
    }

    /// What a session reports is no wrong solution for the coordinator.
    pub(in super::super) fn no_solution_of_a_session_is_rejected(&self, before: u64) {
        let rejected = self.coordinator.counters.solutions_rejected;
        assert_eq!(rejected, before, "the solution of a session is rejected");
    }

    /// A session reports a solution once, and only such, of a job that the client remembers.
    pub(in super::super) fn each_solution_is_reported_once(
        &self,
        solution: &stratum::Solution,
        is_new: bool,
    ) {
        assert!(is_new, "reported twice: {solution:?}");
        let job = self
            .jobs
            .iter()
            .rfind(|job| job.id.0 == solution.key)
            .expect("a session knows jobs only");
        let header = job.work.header().with_creation_time(solution.creation_time);
        let header = header.with_nonce(solution.nonce);
        assert!(
            pow::verify(&header, &job.work.target()),
            "no solution: {solution:?}"
        );
    }
}

impl Device {
    /// Nothing is sent before the subscription, and a target comes before its job.
    pub(in super::super) fn nothing_comes_too_early(&self, is_notified: bool) {
        assert!(self.is_subscribed, "a notification before the subscription");
        assert!(!is_notified, "something comes after the job");
    }

    /// Every line is answered once, in its order.
    pub(in super::super) fn each_line_is_answered_in_order(&self, line: &str) {
        let expected = format!("\"id\":{}}}", self.answers);
        assert!(line.ends_with(&expected), "{line} is not {expected}");
        assert!(self.answers <= self.requests);
    }

    /// The bytes of a job never change, and no two jobs have the same header.
    pub(in super::super) fn no_job_changes(
        id: &str,
        header: u64,
        headers: &mut BTreeMap<String, u64>,
        ids: &mut BTreeMap<u64, String>,
    ) {
        let known = headers.entry(id.to_owned()).or_insert(header);
        assert_eq!(*known, header, "another header of job {id}");
        let known = ids.entry(header).or_insert_with(|| id.to_owned());
        assert_eq!(known, id, "two jobs with one header");
    }
}
