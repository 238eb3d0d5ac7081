//! Shares, blocks, and the jobs to which they belong.

use std::sync::Arc;
use std::time::Duration;

use chainweb::{Level, PowHash, Target};
use rand::SeedableRng;
use rand::rngs::StdRng;
use stratum::message::Refusal;
use stratum::{
    Credit, DifficultyMode, Freshness, Instance, JobId, LoggedShares, Nonce1Size, Nonce1Space,
    SessionContext, SessionLimits, ShareEvent, ShareRecord, Solution, WorkerName,
};

use crate::fixture::{Client, SentJob, TestServer, answer, last_job, level};

const SHARE: u16 = 4;
const BLOCK: u16 = 8;

/// Returns a server with work on two chains, keys 1 and 2, at low levels.
fn test_server() -> TestServer {
    let mut server = TestServer::new(DifficultyMode::Level(Level::new(SHARE).unwrap()));
    let live = [server.work(0, 1, BLOCK), server.work(1, 2, BLOCK)];
    server.jobs.set_work(server.now, &live);
    server
}

fn is_share(hash: &PowHash) -> bool {
    level(SHARE).is_met_by(hash) && !level(BLOCK).is_met_by(hash)
}

fn is_block(hash: &PowHash) -> bool {
    level(BLOCK).is_met_by(hash)
}

fn is_low(hash: &PowHash) -> bool {
    !level(SHARE).is_met_by(hash)
}

fn solution(
    client: &Client,
    key: u64,
    job: &SentJob,
    nonce2: u64,
    worker: Option<&str>,
) -> Solution {
    Solution {
        key,
        nonce: client.nonce(nonce2),
        creation_time: job.header.creation_time(),
        worker: worker.map(|name| WorkerName::of_user(name.as_bytes())),
    }
}

fn solutions(client: &mut Client) -> Vec<Solution> {
    std::mem::take(&mut client.out.solutions)
}

#[test]
fn shares_are_validated_by_their_hash_and_count_once() {
    let server = test_server();
    let mut client = server.client(0);
    let job = client.log_in(&server, "a.rig", "x");
    let good = client.find(&job, 0, is_share);
    let low = client.find(&job, 0, is_low);
    assert_eq!(client.submit(&server, &job.id, good), Ok(()));
    assert_eq!(client.submit(&server, &job.id, good), Err(22));
    assert_eq!(client.submit(&server, &job.id, low), Err(23));
    assert_eq!(client.submit(&server, &job.id, low), Err(23));
    assert_eq!(client.submit(&server, "00000000", low), Err(21));
    assert_eq!(solutions(&mut client), []);
    let hash = pow::hash(&job.header.with_nonce(client.nonce(good)));
    let achieved = chainweb::Target::from_le_bytes(*hash.as_le_bytes()).difficulty();
    assert_eq!(
        client.out.shares,
        [
            ShareEvent::Accepted {
                credited: level(SHARE).difficulty(),
                achieved,
                freshness: Freshness::Current,
            },
            ShareEvent::Refused(Refusal::Duplicate),
            ShareEvent::Refused(Refusal::LowDifficulty),
            ShareEvent::Refused(Refusal::LowDifficulty),
            ShareEvent::Refused(Refusal::JobNotFound),
        ]
    );
}

#[test]
fn a_block_is_reported_once() {
    let server = test_server();
    let mut client = server.client(0);
    let job = client.log_in(&server, "a.rig", "x");
    let block = client.find(&job, 0, is_block);
    assert_eq!(client.submit(&server, &job.id, block), Ok(()));
    let expected = solution(&client, 1, &job, block, Some("rig"));
    assert_eq!(solutions(&mut client), [expected]);
    assert_eq!(client.submit(&server, &job.id, block), Err(22));
    assert_eq!(solutions(&mut client), []);
}

#[test]
fn a_block_is_reported_also_if_its_share_is_refused() {
    let mut server = test_server();
    let mut client = server.client(0);
    client.line(
        &server,
        r#"{"id":1,"method":"mining.subscribe","params":[]}"#,
    );
    server.pass(Duration::from_secs(2));
    let job = last_job(&client.tick(&server)).unwrap();
    // Without authorization, for an unknown job id.
    let block = client.find(&job, 0, is_block);
    assert_eq!(client.submit(&server, "zzz", block), Err(24));
    let expected = solution(&client, 1, &job, block, None);
    assert_eq!(solutions(&mut client), [expected]);
    // Long after its work was retired.
    client.log_in_late(&server);
    let live = [server.work(1, 2, BLOCK)];
    server.jobs.set_work(server.now, &live);
    client.update_jobs(&server);
    server.pass(Duration::from_mins(1));
    let block = client.find(&job, block + 1, is_block);
    assert_eq!(client.submit(&server, &job.id, block), Err(21));
    let expected = solution(&client, 1, &job, block, Some("rig"));
    assert_eq!(solutions(&mut client), [expected]);
}

impl Client {
    fn log_in_late(&mut self, server: &TestServer) {
        self.line(
            server,
            r#"{"id":2,"method":"mining.authorize","params":["a.rig","x"]}"#,
        );
    }
}

#[test]
fn a_share_of_a_new_header_under_an_old_job_id_counts() {
    let mut server = test_server();
    let mut client = server.client(0);
    let old = client.log_in(&server, "a.rig", "x");
    server.pass(Duration::from_secs(1));
    server.jobs.refresh(server.now, 0);
    let new = last_job(&client.update_jobs(&server)).unwrap();
    assert_ne!(old.id, new.id);
    let is_low_for_old = |client: &Client, nonce2: u64| {
        is_low(&pow::hash(&old.header.with_nonce(client.nonce(nonce2))))
    };
    let mut share = client.find(&new, 0, is_share);
    while !is_low_for_old(&client, share) {
        share = client.find(&new, share + 1, is_share);
    }
    assert_eq!(client.submit(&server, &old.id, share), Ok(()));
    assert_eq!(client.submit(&server, &new.id, share), Err(22));
    let mut block = client.find(&new, 0, is_block);
    while !is_low_for_old(&client, block) {
        block = client.find(&new, block + 1, is_block);
    }
    assert_eq!(client.submit(&server, &old.id, block), Ok(()));
    let expected = solution(&client, 1, &new, block, Some("rig"));
    assert_eq!(solutions(&mut client), [expected]);
}

#[test]
fn shares_of_retired_work_count_for_a_grace_period() {
    let mut server = test_server();
    let mut client = server.client(0);
    let job = client.log_in(&server, "a.rig", "x");
    let live = [server.work(1, 2, BLOCK)];
    server.jobs.set_work(server.now, &live);
    client.update_jobs(&server);
    server.pass(SessionLimits::default().share_grace);
    let first = client.find(&job, 0, is_share);
    assert_eq!(client.submit(&server, &job.id, first), Ok(()));
    assert!(matches!(
        client.out.shares[..],
        [ShareEvent::Accepted {
            freshness: Freshness::Late,
            ..
        }]
    ));
    server.pass(Duration::from_millis(1));
    let second = client.find(&job, first + 1, is_share);
    assert_eq!(client.submit(&server, &job.id, second), Err(21));
    // The refused share was work as well, but only the accepted one may have been a block.
    let worth = level(SHARE).difficulty().as_f64();
    let block = level(BLOCK).difficulty().as_f64();
    let credit = Credit {
        hashes: 2.0 * worth,
        stale: 2.0 * worth,
        expected: worth / block,
    };
    assert_eq!(server.context.stats.credit(), credit);
    // Neither the same share nor one above the target is work.
    let low = client.find(&job, 0, is_low);
    assert_eq!(client.submit(&server, &job.id, second), Err(22));
    assert_eq!(client.submit(&server, &job.id, low), Err(23));
    assert_eq!(server.context.stats.credit(), credit);
}

#[test]
fn jobs_of_live_work_accept_shares_until_ten_newer_jobs() {
    let mut server = test_server();
    let mut client = server.client(0);
    let job = client.log_in(&server, "a.rig", "x");
    let mut share = 0;
    for _ in 0..10 {
        share = client.find(&job, share + 1, is_share);
        assert_eq!(client.submit(&server, &job.id, share), Ok(()));
        server.pass(Duration::from_mins(1));
        server.jobs.refresh(server.now, 0);
        assert!(last_job(&client.update_jobs(&server)).is_some());
    }
    // The hash of each kept job with this nonce is low.
    let refused = client.submit(&server, &job.id, 0x0000_ffff_ffff_0000);
    assert_eq!(refused, Err(21));
}

#[test]
fn when_work_retires_its_sessions_switch_at_once_and_others_are_undisturbed() {
    let mut server = test_server();
    let mut on_first = server.client(0);
    let mut on_second = server.client(1);
    let chain = |job: &SentJob| job.header.chain().get();
    assert_eq!(chain(&on_first.log_in(&server, "a", "x")), 0);
    assert_eq!(chain(&on_second.log_in(&server, "b", "x")), 1);
    // Chain 1 moves: nothing is sent to sessions on chain 0.
    server.pass(Duration::from_secs(1));
    let first = server.work(0, 1, BLOCK);
    server
        .jobs
        .set_work(server.now, std::slice::from_ref(&first));
    assert_eq!(on_first.update_jobs(&server), "");
    assert_eq!(
        chain(&last_job(&on_second.update_jobs(&server)).unwrap()),
        0
    );
    // Fresh work: sessions that switched return.
    let fresh = server.work(1, 3, BLOCK);
    server.jobs.set_work(server.now, &[fresh, first]);
    assert_eq!(on_first.update_jobs(&server), "");
    assert_eq!(
        chain(&last_job(&on_second.update_jobs(&server)).unwrap()),
        1
    );
    // No live work: nothing is sent.
    server.jobs.set_work(server.now, &[]);
    assert_eq!(on_first.update_jobs(&server), "");
}

#[test]
fn a_session_that_returns_to_work_never_gets_the_same_header_twice() {
    let mut server = test_server();
    let mut client = server.client(0);
    let other = server.client(1).log_in(&server, "a.other", "x");
    let mut headers = vec![client.log_in(&server, "a.rig", "x").header];
    // The work of the first chain is replaced twelve times, more often than jobs are kept.
    for key in 3..15 {
        let [stays, fresh] = [server.work(1, 2, BLOCK), server.work(0, key, BLOCK)];
        for live in [&[stays.clone()][..], &[fresh, stays]] {
            server.jobs.set_work(server.now, live);
            headers.push(last_job(&client.update_jobs(&server)).unwrap().header);
        }
    }
    let count = headers.len();
    headers.sort_by_key(|header| header.as_bytes().to_vec());
    headers.dedup();
    assert_eq!(headers.len(), count);
    // At first it got the job that others have.
    assert!(headers.contains(&other.header));
}

#[test]
fn a_heartbeat_is_sent_in_silence() {
    let mut server = test_server();
    let mut client = server.client(0);
    client.log_in(&server, "a", "x");
    let due = server.now + SessionLimits::default().heartbeat;
    assert_eq!(client.session.wakeup(), due);
    server.now = due;
    let sent = client.tick(&server);
    assert_eq!(sent.lines().count(), 2, "{sent}");
    assert!(last_job(&sent).is_some());
    // Without live work the target alone, and no stale job.
    server.jobs.set_work(server.now, &[]);
    assert_eq!(client.update_jobs(&server), "");
    server.now = client.session.wakeup();
    let sent = client.tick(&server);
    assert!(
        sent.starts_with(r#"{"method":"mining.set_target""#),
        "{sent}"
    );
    assert_eq!(last_job(&sent), None);
}

#[test]
fn a_new_level_comes_with_a_fresh_job_and_the_old_one_counts_for_a_grace_period() {
    // Level 4 is the floor: shares every 100 ms raise it.
    let mut server = TestServer::new(DifficultyMode::default());
    let context = Arc::get_mut(&mut server.context).unwrap();
    context.min_level = Level::new(SHARE).unwrap();
    let work = server.work(0, 1, 24);
    server.jobs.set_work(server.now, &[work]);
    let mut client = server.client(0);
    let first = client.log_in(&server, "a.rig", "d=4");
    let at_level_4 = |hash: &PowHash| level(4).is_met_by(hash) && !level(5).is_met_by(hash);
    let mut share = 0;
    let mut harder = None;
    for _ in 0..100 {
        server.pass(Duration::from_millis(100));
        share = client.find(&first, share + 1, at_level_4);
        let line = format!(
            r#"{{"id":3,"method":"mining.submit","params":["a","{}","{share:x}"]}}"#,
            first.id
        );
        let sent = client.line(&server, &line);
        assert_eq!(answer(sent.lines().next().unwrap()), Ok(()));
        if sent.lines().count() > 1 {
            harder = Some(sent);
            break;
        }
    }
    let sent = harder.unwrap();
    let mut methods = sent.lines().skip(1).map(|line| line.contains("set_target"));
    assert_eq!(
        (methods.next(), methods.next(), methods.next()),
        (Some(true), Some(false), None)
    );
    let fresh = last_job(&sent).unwrap();
    assert!(fresh.header.differs_only_in_time_and_nonce(&first.header));
    assert_ne!((&fresh.id, &fresh.header), (&first.id, &first.header));
    // For some seconds the device may continue with the old job, or use the old target for the new
    // job.
    share = client.find(&first, share + 1, at_level_4);
    assert_eq!(client.submit(&server, &first.id, share), Ok(()));
    let on_fresh = client.find(&fresh, 0, at_level_4);
    assert_eq!(client.submit(&server, &fresh.id, on_fresh), Ok(()));
    server.pass(Duration::from_secs(6));
    let on_fresh = client.find(&fresh, on_fresh + 1, at_level_4);
    assert_eq!(client.submit(&server, &fresh.id, on_fresh), Err(23));
}

#[test]
fn a_share_counts_once_across_reconnects() {
    let mut server = test_server();
    let context = Arc::get_mut(&mut server.context).unwrap();
    // A single value of nonce1.
    one_slot(context);
    let mut client = server.client(0);
    let job = client.log_in(&server, "a.rig", "x");
    let share = client.find(&job, 0, is_share);
    assert_eq!(client.submit(&server, &job.id, share), Ok(()));
    drop(client);
    let mut client = server.client(0);
    let again = client.log_in(&server, "a.rig", "x");
    assert_eq!(again.id, job.id);
    assert_eq!(client.submit(&server, &job.id, share), Err(22));
}

#[test]
fn without_nonce_space_a_subscription_is_refused_and_may_be_repeated() {
    let mut server = test_server();
    one_slot(Arc::get_mut(&mut server.context).unwrap());
    let mut first = server.client(0);
    first.log_in(&server, "a.rig", "x");
    let mut second = server.client(0);
    let subscribe = r#"{"id":1,"method":"mining.subscribe","params":[]}"#;
    assert_eq!(
        second.line(&server, subscribe),
        "{\"result\":null,\"error\":[20,\"no nonce space left\",null],\"id\":1}\n"
    );
    assert_eq!(second.out.refused_subscriptions, 1);
    drop(first);
    second.log_in(&server, "a.rig", "x");
}

fn one_slot(context: &mut SessionContext) {
    let size = Nonce1Size::new(1).unwrap();
    let instance: Instance = "256/256".parse().unwrap();
    context.nonce1 = Nonce1Space::new(size, instance, &mut StdRng::seed_from_u64(0));
}

#[test]
fn a_device_too_fast_for_the_rate_gets_headers_between_the_refreshes() {
    let mut server = TestServer::new(DifficultyMode::Level(Level::new(10).unwrap()));
    let context = Arc::get_mut(&mut server.context).unwrap();
    // The device has five bytes: 2^40 nonces.
    let size = Nonce1Size::new(3).unwrap();
    context.nonce1 = Nonce1Space::new(size, Instance::WHOLE, &mut StdRng::seed_from_u64(0));
    let work = server.work(0, 1, 24);
    server.jobs.set_work(server.now, &[work]);
    let mut client = server.client(0);
    let job = client.log_in(&server, "a.rig", "x");
    let heartbeat = SessionLimits::default().heartbeat;
    assert_eq!(client.session.wakeup(), server.now + heartbeat);
    // A share of 2^10 hashes within a nanosecond: a device of a terahash a second.
    server.pass(Duration::from_nanos(1));
    let share = client.find(&job, 0, |hash| level(10).is_met_by(hash));
    client.line(
        &server,
        &format!(
            r#"{{"id":3,"method":"mining.submit","params":["a","{}","{share:x}"]}}"#,
            job.id
        ),
    );
    // The rate that the share reveals applies to the current header.
    let rate = client.session.hash_rate(server.now);
    let used_up = Duration::from_secs_f64(0.75 * 2_f64.powi(40) / rate);
    assert!(used_up < Duration::from_secs(1), "{used_up:?}");
    let due = client.session.wakeup();
    assert!(
        due < server.now + used_up,
        "counted from the job, not from the share"
    );
    assert_eq!((due - server.now).as_millis(), used_up.as_millis());
    server.now = due;
    let fresh = last_job(&client.tick(&server)).unwrap();
    assert!(fresh.header.differs_only_in_time_and_nonce(&job.header));
    assert_ne!(fresh.id, job.id);
}

/// Before the first share only the vendor's figure is known, and nonces searched twice make no
/// shares.
#[test]
fn an_antminer_gets_another_header_before_it_has_searched_all_nonces() {
    let mut server = test_server();
    Arc::get_mut(&mut server.context).unwrap().rate = Duration::from_secs(20);
    let mut client = server.client(0);
    client.line(
        &server,
        r#"{"id":1,"method":"mining.subscribe","params":["GodMiner/2.0.0",null]}"#,
    );
    let job = last_job(&client.line(
        &server,
        r#"{"id":2,"method":"mining.authorize","params":["k:ab.rig","x"]}"#,
    ))
    .unwrap();
    let due = client.session.wakeup();
    // 2^48 nonces at 166 TH/s.
    assert!(
        due < server.now + Duration::from_millis(1_690),
        "{:?}",
        due - server.now
    );
    server.now = due;
    let fresh = last_job(&client.tick(&server)).unwrap();
    assert!(fresh.header.differs_only_in_time_and_nonce(&job.header));
}

#[test]
fn shares_are_recorded_for_a_log_under_the_user_name_in_force() {
    let mut server = test_server();
    let context = Arc::get_mut(&mut server.context).unwrap();
    context.logged = LoggedShares::All;
    let mut client = server.client(0);
    let job = client.log_in(&server, "account.rig", "x");
    let good = client.find(&job, 0, is_share);
    let block = client.find(&job, 0, is_block);
    let low = client.find(&job, 0, is_low);
    for nonce2 in [good, block, low] {
        client.submit(&server, &job.id, nonce2).ok();
    }
    // The same worker name of another account, and one that is far too long.
    let log_in =
        |user: &str| format!(r#"{{"id":4,"method":"mining.authorize","params":["{user}"]}}"#);
    client.line(&server, &log_in("other.rig"));
    client.submit(&server, "00000001", low).ok();
    client.line(&server, &log_in(&"é".repeat(5000)));
    client.submit(&server, "not hex", low).ok();

    let achieved = |nonce2| {
        let hash = pow::hash(&job.header.with_nonce(client.nonce(nonce2)));
        Some(Target::from_le_bytes(*hash.as_le_bytes()).difficulty())
    };
    let id = u32::from_str_radix(&job.id, 16).unwrap();
    let record = |nonce2, verdict| ShareRecord {
        received: server.now,
        user: "account.rig".into(),
        job: Some(JobId::new(id)),
        place: Some((job.header.chain(), job.header.height())),
        nonce: Some(client.nonce(nonce2)),
        target: Some(level(SHARE)),
        achieved: achieved(nonce2),
        verdict,
        is_block: false,
    };
    let unknown = |user: &str, job| ShareRecord {
        user: user.into(),
        job,
        place: None,
        target: None,
        achieved: None,
        ..record(low, Err(Refusal::JobNotFound))
    };
    assert_eq!(
        client.out.records,
        [
            record(good, Ok(Freshness::Current)),
            ShareRecord {
                is_block: true,
                ..record(block, Ok(Freshness::Current))
            },
            record(low, Err(Refusal::LowDifficulty)),
            unknown("other.rig", Some(JobId::new(1))),
            unknown(&"é".repeat(512), None),
        ]
    );
}

#[test]
fn no_shares_are_recorded_without_a_log_and_no_refused_ones_unless_asked_for() {
    for (logged, records) in [(LoggedShares::None, 0), (LoggedShares::Accepted, 1)] {
        let mut server = test_server();
        Arc::get_mut(&mut server.context).unwrap().logged = logged;
        let mut client = server.client(0);
        let job = client.log_in(&server, "a.rig", "x");
        let good = client.find(&job, 0, is_share);
        assert_eq!(client.submit(&server, &job.id, good), Ok(()));
        assert_eq!(client.submit(&server, &job.id, good), Err(22));
        assert_eq!(client.out.records.len(), records, "{logged:?}");
    }
}

#[test]
fn a_job_is_late_long_after_the_one_before_while_there_is_work() {
    let mut server = test_server();
    server.jobs.set_work(server.now, &[server.work(0, 1, 240)]);
    let mut client = server.client(0);
    client.log_in(&server, "u.w", "");
    let mut wait = |millis, has_work: bool| {
        server.pass(Duration::from_millis(millis));
        if has_work {
            server.jobs.refresh(server.now, 0);
        } else {
            server.jobs.set_work(server.now, &[]);
        }
        client.update_jobs(&server);
        client.out.late_job.take()
    };
    assert_eq!(wait(1500, true), None);
    let late = Duration::from_millis(1501);
    assert_eq!(wait(1501, true), Some(late));
    assert_eq!(wait(1000, true), None);
    // Without work there is no job to be late.
    assert_eq!(wait(500, false), None);
    let work = [server.work(0, 2, 240)];
    server.pass(Duration::from_mins(1));
    server.jobs.set_work(server.now, &work);
    client.update_jobs(&server);
    assert_eq!(client.out.late_job, None);
}
