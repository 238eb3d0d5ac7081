//! The flags of the CPU worker and the `bench` command.

use std::fs;

use pow::Kernel;
use serde_json::Value;

use super::program::{Running, check_usage, run, text};

fn available() -> Vec<Kernel> {
    let kernels = Kernel::ALL.iter().copied();
    kernels.filter(|kernel| kernel.is_available()).collect()
}

#[test]
fn a_kernel_that_the_machine_lacks_is_refused_with_those_that_it_has() {
    // No machine has both NEON and AVX2.
    for kernel in Kernel::ALL.iter().filter(|kernel| !kernel.is_available()) {
        let mut parts = vec!["--cpu-kernel", "does not have", kernel.name()];
        let available = available();
        parts.extend(available.iter().map(|kernel| kernel.name()));
        check_usage(&["--cpu-kernel", kernel.name()], &parts);
        check_usage(&["bench", "--cpu-kernel", kernel.name()], &parts);
    }
    check_usage(
        &["--cpu-kernel", "mmx"],
        &["mmx", "auto", "avx2", "portable"],
    );
}

#[test]
fn wrong_places_and_priorities_are_refused() {
    check_usage(
        &["--cpu-affinity", "1-0"],
        &["--cpu-affinity", "1-0", "0-3,8"],
    );
    check_usage(
        &["--cpu-affinity", "1023"],
        &["--cpu-affinity", "1023", "may not use"],
    );
    check_usage(
        &["--cpu-affinity", "4096"],
        &["--cpu-affinity", "4096", "1024"],
    );
    check_usage(&["--cpu-priority", "high"], &["--cpu-priority", "idle"]);
    check_usage(&["bench", "--pairs", "0"], &["--pairs", "1 to 10000"]);
    check_usage(&["bench", "--sample", "1"], &["--sample", "10s"]);
}

#[test]
fn every_kernel_of_this_machine_mines() {
    for kernel in available() {
        let output = run(&[
            "demo",
            "--json",
            "--for",
            "1s",
            "--graph",
            "pair",
            "-c",
            "1",
            "--cpu-kernel",
            kernel.name(),
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let report: Value = serde_json::from_str(text(&output.stdout).trim()).unwrap();
        assert_eq!(report["kernel"], kernel.name());
        assert_eq!(report["solutions_rejected"], 0);
        assert!(
            report["hashes_per_cpu_second"].as_f64().unwrap() > 0.0,
            "{report}"
        );
    }
}

/// The processors that `/proc/…/status` says may be used.
fn allowed_processors(status: &str) -> &str {
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.unwrap().trim()
}

/// What `/proc` tells of the threads of a program whose names begin with `cpu-`, one row each.
fn hashing_threads(process: u32) -> Vec<(String, String)> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut threads = Vec::new();
    for task in tasks {
        let task = task.unwrap().path();
        let read = |name: &str| fs::read_to_string(task.join(name)).unwrap_or_default();
        if read("comm").starts_with("cpu-") {
            let status = read("status");
            let allowed = allowed_processors(&status).to_owned();
            let stat = read("stat");
            // proc(5): the 19th field of all is the nice value; the third one follows the name.
            let (_, fields) = stat.rsplit_once(") ").unwrap();
            let nice = fields.split(' ').nth(16).unwrap().to_owned();
            threads.push((allowed, nice));
        }
    }
    threads
}

#[test]
fn threads_are_bound_and_give_way_as_asked() {
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let allowed = allowed_processors(&own);
    let first = allowed.split(['-', ',']).next().unwrap();
    let mut demo = Running::start(&[
        "demo",
        "--graph",
        "pair",
        "-c",
        "2",
        "--cpu-affinity",
        first,
        "--cpu-priority",
        "idle",
    ]);
    demo.wait_for("solved a block");
    let expected = vec![(first.to_owned(), "19".to_owned()); 2];
    assert_eq!(hashing_threads(demo.id()), expected);
    demo.signal(rustix::process::Signal::TERM);
    assert_eq!(demo.wait().code(), Some(0));
}

#[test]
fn threads_are_left_alone_unless_asked() {
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let allowed = allowed_processors(&own);
    let mut demo = Running::start(&["demo", "--graph", "pair", "-c", "1"]);
    demo.wait_for("solved a block");
    let expected = vec![(allowed.to_owned(), "0".to_owned())];
    assert_eq!(hashing_threads(demo.id()), expected);
    demo.signal(rustix::process::Signal::TERM);
    assert_eq!(demo.wait().code(), Some(0));
}

#[test]
fn a_bench_tells_of_every_kernel_beside_the_blake2_crate() {
    let quick = ["bench", "--pairs", "2", "--sample", "1ms", "-c", "2"];
    let output = run(&[&quick[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_str(text(&output.stdout).trim()).unwrap();
    assert_eq!(report["pairs"], 2);
    assert!(
        report["blake2_mh_per_cpu_second"]["median"]
            .as_f64()
            .unwrap()
            > 0.0
    );
    let kernels = report["kernels"].as_array().unwrap();
    let names: Vec<&str> = kernels
        .iter()
        .map(|kernel| kernel["kernel"].as_str().unwrap())
        .collect();
    let available: Vec<&str> = available().iter().map(|kernel| kernel.name()).collect();
    assert_eq!(names, available);
    for kernel in kernels {
        assert!(
            kernel["mh_per_cpu_second"].as_f64().unwrap() > 0.0,
            "{kernel}"
        );
        assert!(
            kernel["ratio_to_blake2"].as_f64().unwrap() > 0.0,
            "{kernel}"
        );
    }
    let threads = report["threads"].as_array().unwrap();
    let counts: Vec<u64> = threads
        .iter()
        .map(|row| row["threads"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [1, 2]);
    assert_eq!(threads[0]["ratio_to_one"], 1.0);

    let output = run(&[&quick[..], &["--cpu-kernel", "portable"]].concat());
    let table = text(&output.stdout);
    let rows: Vec<&str> = table
        .lines()
        .map(|line| line.split("  ").next().unwrap())
        .collect();
    assert_eq!(
        rows[1..],
        [
            "kernel",
            "portable",
            "blake2 crate",
            "",
            "portable on several threads, by the clock on the wall",
            "threads",
            "1",
            "2"
        ]
    );
}

#[test]
fn a_bench_that_is_interrupted_ends_at_once() {
    let mut bench = Running::start(&["bench", "--pairs", "10000", "--log-level", "debug"]);
    bench.wait_for("measuring");
    bench.signal(rustix::process::Signal::INT);
    assert_eq!(bench.wait().code(), Some(0));
    assert_eq!(bench.stdout(), "");
}
