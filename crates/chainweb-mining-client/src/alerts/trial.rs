//! The command `alerts test`: sends one alert of each kind, and prints what each receiver answers.

use std::io::Write;
use std::time::{Duration, SystemTime};

use miner::history::wall_clock;
use miner::telemetry::problem::{Kind, Problem, Severity};
use tokio::time::sleep;

use super::delivery::{Delivery, Failure};
use super::notice::Notice;
use super::receiver::Receiver;

/// The longest pause that a receiver may ask for between two alerts of the test.
const PATIENCE: Duration = Duration::from_mins(1);

/// Sends the alerts. Returns whether all are delivered.
///
/// # Errors
/// Returns an error if a client cannot be built, or if the output cannot be written.
pub(crate) async fn run(receivers: &[Receiver], out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut is_fine = true;
    for receiver in receivers {
        let delivery = Delivery::new(receiver.clone())?;
        let host = delivery.host();
        for notice in samples(wall_clock()) {
            let result = match delivery.attempt(&notice).await {
                Err(Failure::Passing {
                    pause: Some(pause), ..
                }) if pause <= PATIENCE => {
                    sleep(pause).await;
                    delivery.attempt(&notice).await
                }
                result => result,
            };
            let (kind, state) = (&notice.kind, notice.state.name());
            match result {
                Ok(status) => writeln!(out, "{host}: {kind} {state}: delivered, answer {status}")?,
                Err(failure) => {
                    is_fine = false;
                    writeln!(out, "{host}: {kind} {state}: not delivered: {failure}")?;
                    // The others would fail as well.
                    if matches!(failure, Failure::Lasting { .. }) {
                        break;
                    }
                }
            }
        }
    }
    Ok(is_fine)
}

/// Returns one alert of each kind, marked as a test.
fn samples(at: SystemTime) -> Vec<Notice> {
    let problems = [
        (
            Kind::NodeDown,
            Severity::Stopped,
            "A node cannot be reached.",
        ),
        (
            Kind::DeviceGone,
            Severity::Losing,
            "A device is no longer connected.",
        ),
        (
            Kind::DeviceSilent,
            Severity::Losing,
            "A device sends no shares.",
        ),
        (
            Kind::DeviceSlow,
            Severity::Losing,
            "A device is slower than expected.",
        ),
        (
            Kind::SharesRefused,
            Severity::Losing,
            "Many shares are refused.",
        ),
        (
            Kind::WorkStale,
            Severity::Losing,
            "Much work goes into outdated jobs.",
        ),
        (
            Kind::DiskFailing,
            Severity::Losing,
            "The disk does not take the history.",
        ),
        (
            Kind::ClockOff,
            Severity::Losing,
            "The clock of a node is off.",
        ),
    ];
    let blocks = [
        ("block_found", "Block found."),
        ("block_confirmed", "Block confirmed."),
        ("block_orphaned", "Block orphaned."),
    ];
    let marked = |text: &str| format!("Test: {text} Nothing has happened.");
    let blocks = blocks.map(|(kind, text)| Notice::event(kind, marked(text), at));
    let problems = problems.map(|(kind, severity, text)| {
        let problem = Problem {
            kind,
            severity,
            subjects: Vec::new(),
            what: marked(text),
            remedy: "This is what it looks like.".to_owned(),
            lost: None,
        };
        Notice::raised(&problem, Vec::new(), at)
    });
    let over = Notice::cleared(Kind::NodeDown, Vec::new(), "no time, as a test", at);
    blocks.into_iter().chain(problems).chain([over]).collect()
}
