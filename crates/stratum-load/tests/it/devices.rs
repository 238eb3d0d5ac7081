//! Emulated devices on a scripted server, with real hashing.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use chainweb::{Nonce, Target};
use clap::ValueEnum;
use serde_json::Value;
use stratum_load::device::{
    self, DeviceConfig, DeviceLimits, DeviceReport, DevicesReport, DuplicateWork, Fault, Firmware,
    FirmwareName, Login, Rule,
};
use stratum_load::synthetic::work;
use tokio_util::sync::CancellationToken;

use crate::scripted::{Peer, serve};

fn config(name: FirmwareName) -> DeviceConfig {
    let login = Login {
        user: format!("k.{name}"),
        password: "x".to_owned(),
    };
    DeviceConfig {
        limits: DeviceLimits {
            pause: Duration::from_millis(1),
            ..DeviceLimits::default()
        },
        // A share of level 8 every few milliseconds.
        hashes_per_second: 100_000.0,
        ..DeviceConfig::scaled(Firmware::new(name), login, 32)
    }
}

/// Mines until the script sends on `done`.
fn mine(config: &DeviceConfig, address: SocketAddr, done: mpsc::Receiver<()>) -> DeviceReport {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stop = CancellationToken::new();
    let on_done = stop.clone();
    let waiting = std::thread::spawn(move || {
        done.recv().unwrap();
        on_done.cancel();
    });
    let report = runtime
        .block_on(device::run(config, address, stop))
        .unwrap();
    waiting.join().unwrap();
    report
}

fn rules(report: &DeviceReport) -> Vec<Rule> {
    let violations = report.violations.iter();
    violations.map(|violation| violation.rule).collect()
}

/// Returns the nonce of a share: the digits of nonce2, then of nonce1.
fn nonce(nonce1: &str, submit: &Value) -> Nonce {
    let nonce2 = submit["params"][2].as_str().unwrap();
    Nonce::new(u64::from_str_radix(&format!("{nonce2}{nonce1}"), 16).unwrap())
}

#[test]
fn every_device_finds_shares_that_meet_the_target() {
    for &name in FirmwareName::value_variants() {
        let (sender, done) = mpsc::channel();
        let (address, server) = serve(1, move |_, mut peer| {
            let requests = peer.log_in("09e8");
            peer.set_target(2);
            peer.notify("0000000a", 1);
            let target: Target = Target::from_be_hex(&format!("00{}", "f".repeat(62))).unwrap();
            let first_id = requests.len() + 1;
            for id in first_id..first_id + 5 {
                let submit = peer.request().unwrap();
                assert_eq!(submit["id"], id);
                let header = work(1).header().with_nonce(nonce("09e8", &submit));
                assert!(pow::verify(&header, &target), "{name}: {submit}");
                let parameters = submit["params"].as_array().unwrap().len();
                assert_eq!(parameters, if name == FirmwareName::KdBox { 4 } else { 3 });
                peer.answer(&submit, &Value::Bool(true));
            }
            sender.send(()).unwrap();
            while peer.request().is_some() {}
        });
        let report = mine(&config(name), address, done);
        server.join().unwrap();
        assert_eq!(rules(&report), [], "{name}");
        assert_eq!((report.logins, report.jobs, report.rejected), (1, 1, 0));
        assert!(report.accepted <= 5 && report.sent >= 5, "{report:?}");
        assert_eq!(report.accepted + report.unanswered, report.sent);
        assert!(report.hashes > 0, "{report:?}");
    }
}

#[test]
fn a_device_reports_only_hashes_that_meet_its_ticket_mask() {
    let (sender, done) = mpsc::channel();
    let (address, server) = serve(1, move |_, mut peer| {
        peer.log_in("0000");
        // Every hash meets this target; the mask of 40 bits, divided by 2^36, has four bits.
        peer.set_target(0);
        peer.notify("0000000a", 1);
        let mask = Target::from_be_hex(&format!("0{}", "f".repeat(63))).unwrap();
        for _ in 0..20 {
            let submit = peer.request().unwrap();
            let header = work(1).header().with_nonce(nonce("0000", &submit));
            assert!(pow::verify(&header, &mask), "{submit}");
            peer.answer(&submit, &Value::Bool(true));
        }
        sender.send(()).unwrap();
        while peer.request().is_some() {}
    });
    let config = DeviceConfig {
        scale_bits: 36,
        ..config(FirmwareName::Ka3)
    };
    let report = mine(&config, address, done);
    server.join().unwrap();
    // The 2^48 / 2^36 nonces may be exhausted meanwhile.
    assert!(
        rules(&report)
            .iter()
            .all(|rule| *rule == Rule::WorkExhausted)
    );
}

#[test]
fn a_device_without_new_work_repeats_its_nonces() {
    let (sender, done) = mpsc::channel();
    let (address, server) = serve(1, move |_, mut peer| {
        peer.log_in("0000");
        peer.set_target(1);
        peer.notify("0000000a", 1);
        let mut seen = std::collections::BTreeSet::new();
        while let Some(submit) = peer.request() {
            if !seen.insert(submit["params"][2].to_string()) {
                peer.refuse(&submit, 22);
                sender.send(()).unwrap();
                break;
            }
            peer.answer(&submit, &Value::Bool(true));
        }
        while peer.request().is_some() {}
    });
    let config = DeviceConfig {
        // 2^48 / 2^40 nonces.
        scale_bits: 40,
        ..config(FirmwareName::Ka3)
    };
    let report = mine(&config, address, done);
    server.join().unwrap();
    assert_eq!(rules(&report).first(), Some(&Rule::WorkExhausted));
    let hashes = report.hashes;
    assert!(hashes > 256, "{hashes}");
    let twice = DevicesReport::of(vec![report]).duplicate_work;
    assert_eq!((twice.by_itself, twice.by_two_devices), (hashes - 256, 0));
}

/// Returns a script that sends work and accepts one share.
fn one_share(nonce1: &'static str, sender: mpsc::Sender<()>) -> impl Fn(usize, Peer) {
    move |_, mut peer| {
        peer.log_in(nonce1);
        peer.set_target(2);
        peer.notify("0000000a", 1);
        let submit = peer.request().unwrap();
        peer.answer(&submit, &Value::Bool(true));
        sender.send(()).unwrap();
        while peer.request().is_some() {}
    }
}

#[test]
fn two_devices_repeat_hashes_only_with_the_same_nonce1() {
    let mine_with = |nonce1| {
        let (sender, done) = mpsc::channel();
        let (address, server) = serve(1, one_share(nonce1, sender));
        let report = mine(&config(FirmwareName::Plain), address, done);
        server.join().unwrap();
        report
    };
    let [first, same, other] = ["09e8", "09e8", "09e9"].map(mine_with);
    let fewer = first.hashes.min(same.hashes);
    let twice = DevicesReport::of(vec![first.clone(), same, other.clone()]).duplicate_work;
    assert_eq!((twice.by_itself, twice.by_two_devices), (0, fewer));
    let report = DevicesReport::of(vec![first, other]);
    assert_eq!(report.duplicate_work, DuplicateWork::default());
    assert!(report.is_flawless(), "{report}");
}

#[test]
fn a_device_reconnects_and_reports_why_it_disconnected() {
    let (sender, done) = mpsc::channel();
    let (address, server) = serve(3, move |number, mut peer| match number {
        // The server closes the connection after the login.
        0 => {
            peer.log_in("0000");
        }
        // Two objects on one line.
        1 => {
            let subscribe = peer.request().unwrap();
            peer.write(&format!(
                "{{\"id\":{},\"result\":[null,\"0000\",6],\"error\":null}}{{\"id\":null}}\n",
                subscribe["id"]
            ));
            assert_eq!(peer.request(), None);
        }
        _ => {
            peer.log_in("0001");
            peer.set_target(2);
            peer.notify("0000000a", 1);
            // A share: the login is complete.
            peer.request().unwrap();
            sender.send(()).unwrap();
            while peer.request().is_some() {}
        }
    });
    let report = mine(&config(FirmwareName::Ka3), address, done);
    server.join().unwrap();
    assert_eq!(rules(&report), [Rule::Closed, Rule::GluedObjects]);
    assert_eq!((report.connections, report.logins), (3, 2));
}

#[test]
fn lines_may_arrive_in_pieces() {
    let (sender, done) = mpsc::channel();
    let (address, server) = serve(1, move |_, mut peer| {
        let subscribe = peer.request().unwrap();
        for piece in [
            r#"{"id":1,"res"#,
            r#"ult":[null,"00"#,
            r#"00",6],"error":null}"#,
            "\r\n",
        ] {
            peer.write(piece);
        }
        assert_eq!(subscribe["id"], 1);
        let authorize = peer.request().unwrap();
        peer.answer(&authorize, &Value::Bool(true));
        peer.set_target(2);
        peer.notify("0000000a", 1);
        let submit = peer.request().unwrap();
        peer.refuse(&submit, 23);
        peer.notify("0000000b", 2);
        peer.read_up_to("0000000b");
        sender.send(()).unwrap();
        while peer.request().is_some() {}
    });
    let report = mine(&config(FirmwareName::Ka3), address, done);
    server.join().unwrap();
    assert_eq!(rules(&report), []);
    let faults: Vec<_> = report
        .rejections
        .iter()
        .map(|rejection| rejection.fault)
        .collect();
    assert_eq!(faults, [Fault::Server]);
}

#[test]
fn a_server_that_drops_jobs_at_each_refresh_is_at_fault() {
    let (sender, done) = mpsc::channel();
    let (address, server) = serve(1, move |_, mut peer| {
        peer.log_in("09e8");
        peer.set_target(2);
        peer.notify("0000000a", 1);
        let submit = peer.request().unwrap();
        peer.refresh("0000000b", 1);
        peer.refuse(&submit, 21);
        // A share found before the next work arrived is stale, through no fault.
        let stale = peer.request().unwrap();
        peer.notify("0000000c", 2);
        peer.refuse(&stale, 21);
        peer.read_up_to("0000000c");
        sender.send(()).unwrap();
        while peer.request().is_some() {}
    });
    let report = mine(&config(FirmwareName::Plain), address, done);
    server.join().unwrap();
    assert_eq!(rules(&report), []);
    let faults: Vec<_> = report
        .rejections
        .iter()
        .map(|rejection| (rejection.code, rejection.fault))
        .collect();
    assert_eq!(faults, [(Some(21), Fault::Server), (Some(21), Fault::None)]);
    assert!(!DevicesReport::of(vec![report]).is_flawless());
}
