//! The cost of one line: parsing it, validating its share, and building a job.
//!
//! `cargo bench -p stratum`

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::Level;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rand::SeedableRng;
use rand::rngs::StdRng;
use stratum::framing::Framing;
use stratum::message::Request;
use stratum::{
    DifficultyMode, Instance, JobId, JobIds, JobSets, LiveWork, LogLimit, LoggedShares, Nonce1Size,
    Nonce1Space, Outbox, Session, SessionContext, SessionLimits, ShareTargets, Stats, StratumJob,
    Template,
};

fn level(bits: u16) -> Level {
    Level::new(bits).expect("at most 256")
}

fn work() -> LiveWork {
    LiveWork {
        key: 1,
        work: fixtures::work(0, 1, level(70).target()),
        received: Instant::now(),
    }
}

/// Returns a session that was sent this many jobs, the id of the newest, and the time.
fn session(mode: DifficultyMode, jobs: usize, logged: LoggedShares) -> (Session, String, Instant) {
    let rng = &mut StdRng::seed_from_u64(0);
    let context = Arc::new(SessionContext {
        difficulty: mode,
        min_level: level(40),
        rate: Duration::from_secs(1),
        limits: SessionLimits {
            burst: u32::MAX,
            ..SessionLimits::default()
        },
        nonce1: Nonce1Space::new(Nonce1Size::TWO, Instance::WHOLE, rng),
        job_ids: Arc::new(JobIds::new(rng)),
        stats: Arc::new(Stats::new(1)),
        targets: ShareTargets::default(),
        setting_warnings: LogLimit::once(),
        logged,
    });
    let now = Instant::now();
    let mut sets = JobSets::new(Arc::clone(&context.job_ids), 1);
    sets.set_work(now, &[work()]);
    let mut session = Session::new(context, Arc::clone(sets.slice(0)), 0, now);
    let mut out = Outbox::default();
    for line in [
        r#"{"id":1,"method":"mining.subscribe","params":["bench"]}"#,
        r#"{"id":2,"method":"mining.authorize","params":["a.rig",""]}"#,
    ] {
        session.handle_line(now, line.as_bytes(), &mut out);
    }
    for _ in 1..jobs {
        sets.refresh(now, 0);
        session.set_jobs(now, Arc::clone(sets.slice(0)), &mut out);
    }
    let job = sets.slice(0).job_for(0).expect("live work").id();
    (session, job.to_string(), now)
}

fn submits(job: &str, count: u64) -> Vec<u8> {
    (0..count)
        .flat_map(|nonce2| {
            format!("{{\"id\":{nonce2},\"method\":\"mining.submit\",\"params\":[\"k:abc.rig\",\"{job}\",\"{nonce2:012x}\"]}}\n")
                .into_bytes()
        })
        .collect()
}

fn lines(c: &mut Criterion) {
    let mut group = c.benchmark_group("line");
    group.throughput(Throughput::Elements(1));
    let line = submits("0123abcd", 1);
    group.bench_function("parse submit", |b| {
        b.iter(|| black_box(Request::parse(black_box(&line))));
    });
    group.bench_function("frame submit", |b| {
        let mut framing = Framing::default();
        b.iter(|| {
            let mut chunk = black_box(&line[..]);
            while let Some(line) = framing.next(&mut chunk) {
                black_box(line.is_ok());
            }
        });
    });
    group.finish();
}

fn shares(c: &mut Criterion) {
    const SHARES: u64 = 4096;
    let mut group = c.benchmark_group("share");
    group.throughput(Throughput::Elements(SHARES));
    let easy = DifficultyMode::Level(level(0));
    let cases = [
        ("low, one job", DifficultyMode::Block, 1, LoggedShares::None),
        (
            "low, all jobs kept",
            DifficultyMode::Block,
            10,
            LoggedShares::None,
        ),
        ("accepted, one job", easy, 1, LoggedShares::None),
        ("accepted, all jobs kept", easy, 10, LoggedShares::None),
        ("accepted and recorded", easy, 1, LoggedShares::Accepted),
    ];
    for (name, mode, jobs, logged) in cases {
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    let (session, job, now) = session(mode, jobs, logged);
                    (session, submits(&job, SHARES), now)
                },
                |(mut session, stream, now)| {
                    let mut framing = Framing::default();
                    let mut out = Outbox::default();
                    for mut chunk in stream.chunks(16 * 1024) {
                        while let Some(line) = framing.next(&mut chunk) {
                            session.handle_line(now, line.expect("short lines"), &mut out);
                        }
                        black_box(out.take_lines());
                        out.shares.clear();
                        out.records.clear();
                    }
                    session
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn jobs(c: &mut Criterion) {
    let template = Arc::new(Template::new(work()));
    let now = Instant::now();
    c.bench_function("job with its notify line", |b| {
        b.iter(|| StratumJob::new(JobId::new(1), &template, now));
    });
}

criterion_group!(benches, lines, shares, jobs);
criterion_main!(benches);
