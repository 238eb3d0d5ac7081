//! Fleets on a scripted server, and their counts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use stratum_load::clock::Moment;
use stratum_load::device::Login;
use stratum_load::fleet::{ConnectPace, Fleet, FleetPlan, Kind, Mix, Outcomes, Shares, Storm};

use crate::scripted::serve;

pub(crate) fn plan(address: SocketAddr, sessions: usize) -> FleetPlan {
    FleetPlan {
        address,
        sessions,
        pace: ConnectPace::InFlight(8),
        login: Some(Login {
            user: "load".to_owned(),
            password: "d=0".to_owned(),
        }),
        shares: Shares::None,
        mix: Mix::VALID,
        slow_readers: 0,
        storm: None,
        seed: 7,
    }
}

fn drive(fleet: &mut Fleet, done: impl FnMut(&Fleet) -> bool) {
    let until = Moment::now().after(Duration::from_mins(1));
    fleet.drive(until, None, done).unwrap();
    assert!(Moment::now() < until, "{:?}", fleet.tally());
}

#[test]
fn shares_are_of_the_intended_kind_and_answers_are_counted_by_kind() {
    // At level 4 all three kinds are possible.
    let (address, server) = serve(1, |_, mut peer| {
        peer.log_in("09e8");
        peer.set_target(1);
        peer.notify("0000000a", 1);
        let target = chainweb::Target::from_be_hex(&format!("0{}", "f".repeat(63))).unwrap();
        while let Some(submit) = peer.request() {
            let nonce = format!("{}09e8", submit["params"][2].as_str().unwrap());
            let nonce = chainweb::Nonce::new(u64::from_str_radix(&nonce, 16).unwrap());
            let work = stratum_load::synthetic::work(1);
            if submit["params"][1] != "0000000a" {
                peer.refuse(&submit, 21);
            } else if pow::verify(&work.header().with_nonce(nonce), &target) {
                peer.answer(&submit, &Value::Bool(true));
            } else {
                peer.refuse(&submit, 23);
            }
        }
    });
    let plan = FleetPlan {
        shares: Shares::InFlight(3),
        mix: "2:1:1".parse().unwrap(),
        ..plan(address, 1)
    };
    let mut fleet = Fleet::new(plan, Moment::now()).unwrap();
    drive(&mut fleet, |fleet| fleet.tally().answered >= 200);
    let tally = fleet.tally().clone();
    drop(fleet);
    server.join().unwrap();
    assert_eq!(tally.failures, BTreeMap::new());
    let of = |kind| tally.shares[&kind].clone();
    let all = |codes: &[i64]| -> Vec<i64> { codes.to_vec() };
    let codes = |outcomes: &Outcomes| -> Vec<i64> { outcomes.rejected.keys().copied().collect() };
    assert_eq!(
        (of(Kind::Valid).accepted > 0, codes(&of(Kind::Valid))),
        (true, all(&[]))
    );
    assert_eq!(
        (of(Kind::Low).accepted, codes(&of(Kind::Low))),
        (0, all(&[23]))
    );
    assert_eq!(
        (of(Kind::Stale).accepted, codes(&of(Kind::Stale))),
        (0, all(&[21]))
    );
    assert_eq!(tally.round_trip.len() as u64, tally.answered);
}

#[test]
fn at_an_open_target_no_share_is_low() {
    let (address, server) = serve(1, |_, mut peer| {
        peer.log_in("09e8");
        peer.set_target(0);
        peer.notify("0000000a", 1);
        while let Some(submit) = peer.request() {
            peer.answer(&submit, &Value::Bool(true));
        }
    });
    let plan = FleetPlan {
        shares: Shares::PerMinute(60_000.0),
        mix: "1:1:0".parse().unwrap(),
        ..plan(address, 1)
    };
    let mut fleet = Fleet::new(plan, Moment::now()).unwrap();
    drive(&mut fleet, |fleet| fleet.tally().answered >= 50);
    let shares = fleet.tally().shares.clone();
    drop(fleet);
    server.join().unwrap();
    assert_eq!(
        (shares[&Kind::Low].sent, shares[&Kind::Low].impossible > 0),
        (0, true)
    );
    assert!(shares[&Kind::Valid].accepted >= 50);
}

#[test]
fn a_refused_login_and_a_closed_connection_are_failures() {
    let (address, server) = serve(2, |number, mut peer| {
        let subscribe = peer.request().unwrap();
        if number == 0 {
            peer.refuse(&subscribe, 20);
        }
    });
    // One at a time: the order of the two sessions is not fixed.
    let plan = FleetPlan {
        pace: ConnectPace::InFlight(1),
        ..plan(address, 2)
    };
    let mut fleet = Fleet::new(plan, Moment::now()).unwrap();
    drive(&mut fleet, |fleet| fleet.tally().failure_count() == 2);
    server.join().unwrap();
    let expected = [("closed by the server", 1), ("login refused", 1)];
    assert_eq!(fleet.tally().failures, BTreeMap::from(expected));
}

#[test]
fn a_storm_reopens_sessions() {
    let (address, server) = serve(4, |_, mut peer| {
        peer.log_in("09e8");
        peer.set_target(0);
        peer.notify("0000000a", 1);
        while peer.request().is_some() {}
    });
    let plan = FleetPlan {
        storm: Some(Storm {
            sessions: 1,
            every: Duration::from_millis(20),
        }),
        ..plan(address, 1)
    };
    let mut fleet = Fleet::new(plan, Moment::now()).unwrap();
    drive(&mut fleet, |fleet| fleet.tally().first_job.len() == 4);
    drop(fleet);
    server.join().unwrap();
}

#[test]
fn without_a_server_each_session_fails() {
    // A port that has just been closed.
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut fleet = Fleet::new(plan(address, 3), Moment::now()).unwrap();
    drive(&mut fleet, |fleet| fleet.tally().failure_count() == 3);
    let expected = BTreeMap::from([("connection refused", 3)]);
    assert_eq!(fleet.tally().failures, expected);
    assert_eq!((fleet.tally().opened, fleet.tally().connected), (3, 0));
}
