//! When a failed request is repeated, and which failures are reported.

use std::time::{Duration, Instant};

use node::{Error, Refusal};

use super::super::gate::Gate;
use super::pieces::{busy, connect, not_served, timeout, unauthorized};
use crate::timing::Timing;

/// Checks which of the failures at these times, in seconds, are reported.
#[track_caller]
fn check(failures: &[(u64, Error)], reported: &[u64]) {
    let (mut gate, start) = (Gate::default(), Instant::now());
    let reported_at: Vec<_> = failures
        .iter()
        .filter(|(second, error)| {
            let now = start + Duration::from_secs(*second);
            gate.fail(now, &Timing::default(), error).is_some()
        })
        .map(|(second, _)| *second)
        .collect();
    assert_eq!(reported_at, reported);
}

#[test]
fn a_lasting_error_is_reported_at_once_and_every_half_minute() {
    let failures: Vec<_> = (0..100).map(|second| (second, connect())).collect();
    check(&failures, &[0, 30, 60, 90]);
}

#[test]
fn a_configuration_error_is_reported_once() {
    let failures: Vec<_> = (0..10).map(|round| (30 * round, unauthorized())).collect();
    check(&failures, &[0]);
    check(&[(0, connect()), (1, unauthorized())], &[0, 1]);
}

#[test]
fn alternating_errors_are_reported_every_five_seconds() {
    let either = |second| {
        let errors = [timeout(), busy()];
        (second, errors[usize::from(second % 2 == 1)].clone())
    };
    let failures: Vec<_> = (0..20).map(either).collect();
    check(&failures, &[0, 5, 10, 15]);
}

#[test]
fn pauses_grow_with_failures_and_end_with_success() {
    let (mut gate, now, timing) = (Gate::default(), Instant::now(), Timing::default());
    let pause = |gate: &mut Gate, error: &Error| {
        assert!(gate.try_start(now + Duration::from_mins(1), true));
        assert!(
            !gate.try_start(now + Duration::from_mins(1), true),
            "one at a time"
        );
        gate.fail(now, &timing, error);
        gate.wakeup().map(|at| (at - now).as_millis())
    };
    for expected in [100, 200, 400, 800, 1000, 1000] {
        assert_eq!(pause(&mut gate, &not_served()), Some(expected));
    }
    for expected in [100, 1000, 5000, 30_000, 30_000] {
        assert_eq!(pause(&mut gate, &unauthorized()), Some(expected));
    }
    assert_eq!(pause(&mut gate, &not_served()), Some(1000));
    for (asked, expected) in [(7, 7000), (0, 1000), (3600, 30_000)] {
        let limited = Refusal::Busy {
            status: 429,
            text: String::new(),
            retry_after: Some(Duration::from_secs(asked)),
        };
        assert_eq!(pause(&mut gate, &limited.into()), Some(expected));
    }
    // No update ends the pause after a failure.
    gate.release();
    assert!(!gate.try_start(now, true));
    assert!(gate.try_start(now + Duration::from_secs(30), true));
    assert_eq!(
        gate.succeed(now + Duration::from_secs(30)),
        Some(Duration::from_secs(30))
    );
    assert_eq!(pause(&mut gate, &busy()), Some(100));
}
