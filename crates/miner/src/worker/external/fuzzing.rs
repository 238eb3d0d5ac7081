//! The fuzz targets of what commands print. Their corpora are in `fuzz/corpus`.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{
    BlockHash, ChainId, CreationTime, HeaderFields, Nonce, PayloadHash, Target, Weight, Work,
};

use super::failure::Failure;
use super::line_protocol::{LineProtocol, Message, nonce_span};
use super::log::StderrLog;
use super::once::judge;
use super::pace::Pace;
use super::scheduler::IssuedWork;
use super::tally::Tally;
use crate::job::{Job, JobId, NodeId, Outdated, Solution};
use crate::meter::HashMeter;

/// The most bytes of the text of a failure.
const TEXT: usize = 1000;

/// The longest line, and the most output before an answer.
const LIMIT: usize = 4096;

/// About the most pieces.
const PIECES: usize = 64;

/// A job that every second nonce solves.
fn job(id: u64, received: Instant) -> Arc<Job> {
    let mut target = [0xff; 32];
    target[31] = 0x7f;
    let hash = BlockHash::new([1; 32]);
    let fields = HeaderFields {
        flags: [0; 8],
        creation_time: CreationTime::from_micros(5_000_000),
        parent: hash,
        adjacents: BTreeMap::from([5, 10, 15].map(|chain| (ChainId::new(chain), hash))),
        target: Target::from_le_bytes(target),
        payload_hash: PayloadHash::new([2; 32]),
        chain: ChainId::new(0),
        weight: Weight::ZERO,
        height: id,
        version_code: 1,
        epoch_start: CreationTime::from_micros(0),
        nonce: Nonce::default(),
    };
    Arc::new(Job {
        id: JobId(id),
        node: NodeId(0),
        work: Work::new(fields.encode()).expect("the target is not zero"),
        received,
        outdated: Outdated::default(),
    })
}

fn issued(job: &Arc<Job>) -> IssuedWork {
    IssuedWork {
        job: Arc::clone(job),
        header: job.work.header().clone(),
    }
}

fn assert_solves(solution: &Solution) {
    let header = solution.job.work.header();
    let header = header.with_nonce(solution.nonce);
    assert!(pow::verify(&header, &header.target()), "{solution:?}");
}

fn assert_short(failure: &Failure) {
    let text = failure.to_string();
    assert!(
        (1..=TEXT).contains(&text.len()),
        "{} bytes: {text}",
        text.len()
    );
    assert!(!text.contains(char::is_control), "{text:?}");
}

/// Receives bytes after the first as the lines of a process that has two jobs, and logs them as its
/// standard error. Neither depends on the pieces in which they arrive; the first byte is their
/// size.
///
/// # Panics
/// If a law does not hold, here and below.
pub fn lines(bytes: &[u8]) {
    let Some((&size, output)) = bytes.split_first() else {
        return;
    };
    let size = usize::from(size).max(output.len() / PIECES).max(1);
    let now = Instant::now();
    let jobs = [1, 2].map(|id| job(id, now));
    let whole = receive(&jobs, [output]);
    assert_eq!(receive(&jobs, output.chunks(size)), whole);

    let tail = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut log = StderrLog::default();
        pieces.for_each(|piece| log.read(0, now, piece));
        log.read(0, now, b"");
        let tail = log.tail();
        assert!(
            tail.len() <= 3 * LIMIT && !tail.contains(char::is_control),
            "{tail:?}"
        );
        tail
    };
    let pieces = &mut output.chunks(size);
    assert_eq!(tail(pieces), tail(&mut [output].into_iter()));
}

/// Returns the texts of all messages, and the failure that ends them.
fn receive<'a>(
    jobs: &[Arc<Job>],
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<String>, Option<String>) {
    let mut protocol = LineProtocol::default();
    let span = nonce_span(0, 1, 7);
    for job in jobs {
        let line = protocol.job_line(issued(job), &span);
        let json: Result<BTreeMap<String, String>, _> = serde_json::from_slice(&line);
        assert_eq!(json.map(|fields| fields.len()).ok(), Some(5));
    }
    let (mut texts, mut solved) = (Vec::new(), BTreeSet::new());
    let mut output = Vec::new();
    for piece in pieces {
        output.extend_from_slice(piece);
        let (messages, fatal) = protocol.receive(&mut output);
        for message in messages {
            texts.push(match message {
                Message::Solution(solution) => {
                    assert_solves(&solution);
                    assert!(solved.insert(solution.job.id), "a second solution");
                    format!("{} {}", solution.job.id, solution.nonce)
                }
                Message::Hashes(hashes) => hashes.to_string(),
                Message::Bad(failure) => {
                    assert_short(&failure);
                    failure.to_string()
                }
            });
        }
        if let Some(failure) = fatal {
            assert_short(&failure);
            return (texts, Some(failure.to_string()));
        }
        assert!(output.len() <= LIMIT && !output.contains(&b'\n'));
    }
    (texts, None)
}

/// Judges bytes after the first two as the output of a command that ran once; those are its status
/// and the length of the first piece. A piece either has no answer or the same one.
pub fn once(bytes: &[u8]) {
    let Some((&[status, first], output)) = bytes.split_first_chunk() else {
        return;
    };
    let now = Instant::now();
    let job = job(1, now);
    let work = issued(&job);
    let status = [Some(0), Some(1 << 8), Some(15), None][usize::from(status) % 4];
    let judge = |output: &[u8]| {
        let judged = judge(&work, status.map(ExitStatus::from_raw), output);
        judged.inspect_err(assert_short).ok()
    };
    let whole = judge(output);
    let piece = judge(&output[..output.len().min(usize::from(first))]);
    if let (Some((solution, report)), Some((earlier, _))) = (&whole, &piece) {
        assert_solves(solution);
        assert_eq!(solution.nonce, earlier.nonce);
        assert!(
            report
                .rate
                .is_none_or(|rate| rate.is_finite() && rate > 0.0)
        );
    }
    let report = whole.map(|(_, report)| report).unwrap_or_default();
    let meter = Arc::new(HashMeter::new(1));
    let mut tally = Tally::new(Arc::clone(&meter), 0);
    let mut pace = Pace::default();
    let at = |seconds| now + Duration::from_secs(seconds);
    for run in 0..3 {
        tally.start(at(10 * run), Some(Arc::clone(&job)));
        pace.estimate(&mut tally, at(10 * run), at(10 * run + 5));
        pace.end(&mut tally, at(10 * run), at(10 * run + 9), report);
    }
    let spent = meter.spent();
    for number in [spent.hashes, spent.stale, spent.expected] {
        assert!(number.is_finite() && number >= 0.0, "{spent:?}");
    }
}

#[cfg(test)]
mod tests {
    use fixtures::corpus;

    #[test]
    fn laws_hold_for_the_corpora() {
        corpus("external_lines", super::lines);
        corpus("external_once", super::once);
    }
}
