//! Shares, blocks and the jobs they are for.

use std::sync::Arc;
use std::time::Duration;

use chainweb::{Level, PowHash};
use rand::SeedableRng;
use rand::rngs::StdRng;
use stratum::message::Refusal;
use stratum::{
    DifficultyMode, Freshness, Instance, Nonce1Size, Nonce1Space, SessionLimits, ShareEvent,
    Solution, Terms, WorkerName,
};

use crate::fixture::{Client, Desk, Sent, answer, last_job, level};

const SHARE: u16 = 4;
const BLOCK: u16 = 8;

/// A desk with one work on each of two chains, keys 1 and 2, at easy levels.
fn desk() -> Desk {
    let mut desk = Desk::new(DifficultyMode::Level(Level::new(SHARE).unwrap()));
    let works = [desk.work(0, 1, BLOCK), desk.work(1, 2, BLOCK)];
    desk.boards.set_works(desk.now, &works);
    desk
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

fn solution(client: &Client, key: u64, job: &Sent, nonce2: u64, worker: Option<&str>) -> Solution {
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
fn shares_are_judged_by_their_hash_and_count_once() {
    let desk = desk();
    let mut client = desk.client(0);
    let job = client.log_in(&desk, "a.rig", "x");
    let good = client.find(&job, 0, is_share);
    let low = client.find(&job, 0, is_low);
    assert_eq!(client.submit(&desk, &job.id, good), Ok(()));
    assert_eq!(client.submit(&desk, &job.id, good), Err(22));
    assert_eq!(client.submit(&desk, &job.id, low), Err(23));
    assert_eq!(client.submit(&desk, &job.id, low), Err(23));
    assert_eq!(client.submit(&desk, "00000000", low), Err(21));
    assert_eq!(solutions(&mut client), []);
    let hash = pow::hash(&job.header.with_nonce(client.nonce(good)));
    let found = chainweb::Target::from_le_bytes(*hash.as_le_bytes()).difficulty();
    assert_eq!(
        client.out.shares,
        [
            ShareEvent::Accepted {
                credited: level(SHARE).difficulty(),
                found,
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
fn a_block_is_told_once() {
    let desk = desk();
    let mut client = desk.client(0);
    let job = client.log_in(&desk, "a.rig", "x");
    let block = client.find(&job, 0, is_block);
    assert_eq!(client.submit(&desk, &job.id, block), Ok(()));
    let expected = solution(&client, 1, &job, block, Some("rig"));
    assert_eq!(solutions(&mut client), [expected]);
    assert_eq!(client.submit(&desk, &job.id, block), Err(22));
    assert_eq!(solutions(&mut client), []);
}

#[test]
fn a_block_is_told_whatever_else_is_true_of_its_share() {
    let mut desk = desk();
    let mut client = desk.client(0);
    client.line(&desk, r#"{"id":1,"method":"mining.subscribe","params":[]}"#);
    desk.pass(Duration::from_secs(2));
    let job = last_job(&client.tick(&desk)).unwrap();
    // Without authorization, for a job of no such name.
    let block = client.find(&job, 0, is_block);
    assert_eq!(client.submit(&desk, "zzz", block), Err(24));
    let expected = solution(&client, 1, &job, block, None);
    assert_eq!(solutions(&mut client), [expected]);
    // Long after its work has ended.
    client.log_in_late(&desk);
    let works = [desk.work(1, 2, BLOCK)];
    desk.boards.set_works(desk.now, &works);
    client.board(&desk);
    desk.pass(Duration::from_mins(1));
    let block = client.find(&job, block + 1, is_block);
    assert_eq!(client.submit(&desk, &job.id, block), Err(21));
    let expected = solution(&client, 1, &job, block, Some("rig"));
    assert_eq!(solutions(&mut client), [expected]);
}

impl Client {
    fn log_in_late(&mut self, desk: &Desk) {
        self.line(
            desk,
            r#"{"id":2,"method":"mining.authorize","params":["a.rig","x"]}"#,
        );
    }
}

#[test]
fn a_new_header_under_an_old_jobs_name_counts() {
    let mut desk = desk();
    let mut client = desk.client(0);
    let old = client.log_in(&desk, "a.rig", "x");
    desk.pass(Duration::from_secs(1));
    desk.boards.refresh(desk.now, 0);
    let new = last_job(&client.board(&desk)).unwrap();
    assert_ne!(old.id, new.id);
    let is_low_for_old = |client: &Client, nonce2: u64| {
        is_low(&pow::hash(&old.header.with_nonce(client.nonce(nonce2))))
    };
    let mut share = client.find(&new, 0, is_share);
    while !is_low_for_old(&client, share) {
        share = client.find(&new, share + 1, is_share);
    }
    assert_eq!(client.submit(&desk, &old.id, share), Ok(()));
    assert_eq!(client.submit(&desk, &new.id, share), Err(22));
    let mut block = client.find(&new, 0, is_block);
    while !is_low_for_old(&client, block) {
        block = client.find(&new, block + 1, is_block);
    }
    assert_eq!(client.submit(&desk, &old.id, block), Ok(()));
    let expected = solution(&client, 1, &new, block, Some("rig"));
    assert_eq!(solutions(&mut client), [expected]);
}

#[test]
fn shares_for_a_work_that_ended_count_for_a_grace() {
    let mut desk = desk();
    let mut client = desk.client(0);
    let job = client.log_in(&desk, "a.rig", "x");
    let works = [desk.work(1, 2, BLOCK)];
    desk.boards.set_works(desk.now, &works);
    client.board(&desk);
    desk.pass(SessionLimits::default().share_grace);
    let first = client.find(&job, 0, is_share);
    assert_eq!(client.submit(&desk, &job.id, first), Ok(()));
    assert!(matches!(
        client.out.shares[..],
        [ShareEvent::Accepted {
            freshness: Freshness::Superseded,
            ..
        }]
    ));
    desk.pass(Duration::from_millis(1));
    let second = client.find(&job, first + 1, is_share);
    assert_eq!(client.submit(&desk, &job.id, second), Err(21));
}

#[test]
fn jobs_of_a_live_work_stay_good_until_ten_others_came() {
    let mut desk = desk();
    let mut client = desk.client(0);
    let job = client.log_in(&desk, "a.rig", "x");
    let mut share = 0;
    for _ in 0..10 {
        share = client.find(&job, share + 1, is_share);
        assert_eq!(client.submit(&desk, &job.id, share), Ok(()));
        desk.pass(Duration::from_mins(1));
        desk.boards.refresh(desk.now, 0);
        assert!(last_job(&client.board(&desk)).is_some());
    }
    // All hashes of the kept jobs are low for this one, as good as always.
    let refused = client.submit(&desk, &job.id, 0x0000_ffff_ffff_0000);
    assert_eq!(refused, Err(21));
}

#[test]
fn when_a_work_ends_its_sessions_have_another_at_once_and_the_others_are_not_disturbed() {
    let mut desk = desk();
    let mut on_first = desk.client(0);
    let mut on_second = desk.client(1);
    let chain = |job: &Sent| job.header.chain().get();
    assert_eq!(chain(&on_first.log_in(&desk, "a", "x")), 0);
    assert_eq!(chain(&on_second.log_in(&desk, "b", "x")), 1);
    // Chain 1 moves: nothing for those on chain 0.
    desk.pass(Duration::from_secs(1));
    let first = desk.work(0, 1, BLOCK);
    desk.boards
        .set_works(desk.now, std::slice::from_ref(&first));
    assert_eq!(on_first.board(&desk), "");
    assert_eq!(chain(&last_job(&on_second.board(&desk)).unwrap()), 0);
    // Fresh work: those who made do with another come back.
    let fresh = desk.work(1, 3, BLOCK);
    desk.boards.set_works(desk.now, &[fresh, first]);
    assert_eq!(on_first.board(&desk), "");
    assert_eq!(chain(&last_job(&on_second.board(&desk)).unwrap()), 1);
    // Nothing is live: the last job stays until there is another.
    desk.boards.set_works(desk.now, &[]);
    assert_eq!(on_first.board(&desk), "");
}

#[test]
fn a_session_that_comes_back_to_a_work_never_searches_a_header_twice() {
    let mut desk = desk();
    let mut client = desk.client(0);
    let other = desk.client(1).log_in(&desk, "a.other", "x");
    let mut headers = vec![client.log_in(&desk, "a.rig", "x").header];
    // Twelve works of the first chain die one after the other: more than the jobs that are kept for shares.
    for key in 3..15 {
        let [stays, fresh] = [desk.work(1, 2, BLOCK), desk.work(0, key, BLOCK)];
        for works in [&[stays.clone()][..], &[fresh, stays]] {
            desk.boards.set_works(desk.now, works);
            headers.push(last_job(&client.board(&desk)).unwrap().header);
        }
    }
    let count = headers.len();
    headers.sort_by_key(|header| header.as_bytes().to_vec());
    headers.dedup();
    assert_eq!(headers.len(), count);
    // The first time it got the job that the others have.
    assert!(headers.contains(&other.header));
}

#[test]
fn without_anything_to_say_there_is_a_heartbeat() {
    let mut desk = desk();
    let mut client = desk.client(0);
    client.log_in(&desk, "a", "x");
    let due = desk.now + SessionLimits::default().heartbeat;
    assert_eq!(client.session.wakeup(), due);
    desk.now = due;
    let sent = client.tick(&desk);
    assert_eq!(sent.lines().count(), 2, "{sent}");
    assert!(last_job(&sent).is_some());
    // Without live work the target alone, and no job that is worth nothing.
    desk.boards.set_works(desk.now, &[]);
    assert_eq!(client.board(&desk), "");
    desk.now = client.session.wakeup();
    let sent = client.tick(&desk);
    assert!(
        sent.starts_with(r#"{"method":"mining.set_target""#),
        "{sent}"
    );
    assert_eq!(last_job(&sent), None);
}

#[test]
fn a_new_level_comes_with_a_fresh_job_and_the_old_one_counts_for_a_grace() {
    // Blocks of 2^8 and a floor of 2^4: sixteen shares in an instant ask for more.
    let mut desk = Desk::new(DifficultyMode::default());
    let terms = Arc::get_mut(&mut desk.terms).unwrap();
    terms.min_level = Level::new(SHARE).unwrap();
    let work = desk.work(0, 1, 24);
    desk.boards.set_works(desk.now, &[work]);
    let mut client = desk.client(0);
    let first = client.log_in(&desk, "a.rig", "d=4");
    let at_level_4 = |hash: &PowHash| level(4).is_met_by(hash) && !level(5).is_met_by(hash);
    let mut share = 0;
    let mut harder = None;
    for _ in 0..100 {
        desk.pass(Duration::from_millis(100));
        share = client.find(&first, share + 1, at_level_4);
        let line = format!(
            r#"{{"id":3,"method":"mining.submit","params":["a","{}","{share:x}"]}}"#,
            first.id
        );
        let sent = client.line(&desk, &line);
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
    // The device may go on with the old job, or find its old target good enough for the new job, for some seconds.
    share = client.find(&first, share + 1, at_level_4);
    assert_eq!(client.submit(&desk, &first.id, share), Ok(()));
    let on_fresh = client.find(&fresh, 0, at_level_4);
    assert_eq!(client.submit(&desk, &fresh.id, on_fresh), Ok(()));
    desk.pass(Duration::from_secs(6));
    let on_fresh = client.find(&fresh, on_fresh + 1, at_level_4);
    assert_eq!(client.submit(&desk, &fresh.id, on_fresh), Err(23));
}

#[test]
fn a_share_counts_once_though_its_device_comes_back() {
    let mut desk = desk();
    let terms = Arc::get_mut(&mut desk.terms).unwrap();
    // One value of nonce1 in all.
    one_slot(terms);
    let mut client = desk.client(0);
    let job = client.log_in(&desk, "a.rig", "x");
    let share = client.find(&job, 0, is_share);
    assert_eq!(client.submit(&desk, &job.id, share), Ok(()));
    drop(client);
    let mut client = desk.client(0);
    let again = client.log_in(&desk, "a.rig", "x");
    assert_eq!(again.id, job.id);
    assert_eq!(client.submit(&desk, &job.id, share), Err(22));
}

#[test]
fn without_nonce_space_a_client_is_told_so_and_may_try_again() {
    let mut desk = desk();
    one_slot(Arc::get_mut(&mut desk.terms).unwrap());
    let mut first = desk.client(0);
    first.log_in(&desk, "a.rig", "x");
    let mut second = desk.client(0);
    let subscribe = r#"{"id":1,"method":"mining.subscribe","params":[]}"#;
    assert_eq!(
        second.line(&desk, subscribe),
        "{\"result\":null,\"error\":[20,\"no nonce space left\",null],\"id\":1}\n"
    );
    assert_eq!(second.out.refused_subscriptions, 1);
    drop(first);
    second.log_in(&desk, "a.rig", "x");
}

fn one_slot(terms: &mut Terms) {
    let size = Nonce1Size::new(1).unwrap();
    let instance: Instance = "256/256".parse().unwrap();
    terms.nonce1 = Nonce1Space::new(size, instance, &mut StdRng::seed_from_u64(0));
}

#[test]
fn a_device_too_fast_for_the_rate_has_headers_of_its_own_between_the_boards() {
    let mut desk = Desk::new(DifficultyMode::Level(Level::new(10).unwrap()));
    let terms = Arc::get_mut(&mut desk.terms).unwrap();
    // Five bytes are left to the device: 2^40 nonces.
    let size = Nonce1Size::new(3).unwrap();
    terms.nonce1 = Nonce1Space::new(size, Instance::WHOLE, &mut StdRng::seed_from_u64(0));
    let work = desk.work(0, 1, 24);
    desk.boards.set_works(desk.now, &[work]);
    let mut client = desk.client(0);
    let job = client.log_in(&desk, "a.rig", "x");
    let heartbeat = SessionLimits::default().heartbeat;
    assert_eq!(client.session.wakeup(), desk.now + heartbeat);
    // A share of 2^10 hashes within a nanosecond: a device of a terahash a second.
    desk.pass(Duration::from_nanos(1));
    let share = client.find(&job, 0, |hash| level(10).is_met_by(hash));
    client.line(
        &desk,
        &format!(
            r#"{{"id":3,"method":"mining.submit","params":["a","{}","{share:x}"]}}"#,
            job.id
        ),
    );
    // What the share has shown holds for the header that the device has.
    let rate = client.session.hash_rate(desk.now);
    let used_up = Duration::from_secs_f64(0.75 * 2_f64.powi(40) / rate);
    assert!(used_up < Duration::from_secs(1), "{used_up:?}");
    let due = client.session.wakeup();
    assert!(
        due < desk.now + used_up,
        "counted from the job, not from the share"
    );
    assert_eq!((due - desk.now).as_millis(), used_up.as_millis());
    desk.now = due;
    let fresh = last_job(&client.tick(&desk)).unwrap();
    assert!(fresh.header.differs_only_in_time_and_nonce(&job.header));
    assert_ne!(fresh.id, job.id);
}

/// Before its first share nothing is known of its speed but what its vendor says, and nonces that it searches again make
/// no shares.
#[test]
fn an_antminer_has_another_header_before_it_has_searched_all_nonces() {
    let mut desk = desk();
    Arc::get_mut(&mut desk.terms).unwrap().rate = Duration::from_secs(20);
    let mut client = desk.client(0);
    client.line(
        &desk,
        r#"{"id":1,"method":"mining.subscribe","params":["GodMiner/2.0.0",null]}"#,
    );
    let job = last_job(&client.line(
        &desk,
        r#"{"id":2,"method":"mining.authorize","params":["k:ab.rig","x"]}"#,
    ))
    .unwrap();
    let due = client.session.wakeup();
    // 2^48 nonces at 166 TH/s.
    assert!(
        due < desk.now + Duration::from_millis(1_690),
        "{:?}",
        due - desk.now
    );
    desk.now = due;
    let fresh = last_job(&client.tick(&desk)).unwrap();
    assert!(fresh.header.differs_only_in_time_and_nonce(&job.header));
}
