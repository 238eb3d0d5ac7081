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
fn an_unavailable_kernel_is_refused_with_a_list_of_available_ones() {
    // No machine has both NEON and AVX2.
    for kernel in Kernel::ALL.iter().filter(|kernel| !kernel.is_available()) {
        let names: Vec<&str> = available().iter().map(|kernel| kernel.name()).collect();
        let message = format!(
            "error: --cpu-kernel {kernel}: this machine does not have the instructions; it has those of {}\n",
            names.join(", ")
        );
        for command in [
            &["-w", "cpu", "--cpu-kernel", kernel.name()][..],
            &["bench", "--cpu-kernel", kernel.name()],
        ] {
            let output = run(command);
            assert_eq!(output.status.code(), Some(64));
            assert_eq!(text(&output.stderr), message);
        }
    }
    check_usage(
        &["--cpu-kernel", "mmx"],
        &["mmx", "auto", "avx2", "portable"],
    );
}

#[test]
fn invalid_affinities_and_priorities_are_refused() {
    check_usage(
        &["--cpu-affinity", "1-0"],
        &["--cpu-affinity", "1-0", "0-3,8"],
    );
    let output = run(&["-w", "cpu", "--cpu-affinity", "1023"]);
    assert_eq!(output.status.code(), Some(64));
    let message = format!(
        "error: --cpu-affinity: this program may not use processor 1023; it may use {}
",
        own_processors()
    );
    assert_eq!(text(&output.stderr), message);
    check_usage(
        &["--cpu-affinity", "4096"],
        &["--cpu-affinity", "4096", "1024"],
    );
    check_usage(&["--cpu-priority", "high"], &["--cpu-priority", "idle"]);
    check_usage(&["bench", "--pairs", "0"], &["--pairs", "1 to 10000"]);
    check_usage(&["bench", "--sample", "1"], &["--sample", "20ms"]);
    check_usage(
        &["bench", "--sample", "1m"],
        &["--sample", "from 1ms to 500ms"],
    );
}

#[test]
fn every_kernel_of_this_machine_mines() {
    for kernel in available() {
        // A busy machine gets a second, longer try.
        let report = mined(kernel, "2s");
        let report = match report["blocks_accepted"].as_u64() {
            Some(1..) => report,
            _ => mined(kernel, "20s"),
        };
        assert_eq!(report["kernel"], kernel.name());
        assert_eq!(report["solutions_rejected"], 0);
        assert!(report["blocks_accepted"].as_u64().unwrap() > 0, "{report}");
        assert!(
            report["hashes_per_cpu_second"].as_f64().unwrap() > 0.0,
            "{report}"
        );
    }
}

/// Runs a demo of two chains for a time and returns its report.
fn mined(kernel: Kernel, time: &str) -> Value {
    let flags = "demo --json --graph pair --block-delay 200ms -c 1 --for";
    let mut args: Vec<&str> = flags.split(' ').collect();
    args.extend([time, "--cpu-kernel", kernel.name()]);
    let output = run(&args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_str(text(&output.stdout).trim()).unwrap()
}

/// Returns the allowed processors from `/proc/…/status`.
fn allowed_processors(status: &str) -> &str {
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.unwrap().trim()
}

/// Returns the processors that this test may use, in the form of the system.
fn own_processors() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    allowed_processors(&status).to_owned()
}

/// Returns the niceness, which is the 19th field of `stat` (proc(5)); the third follows the name.
fn niceness(stat: &str) -> i32 {
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').nth(16).unwrap().parse().unwrap()
}

/// Returns the processors and the niceness of a program's hashing threads, in their order, once
/// there are `count` of them.
fn hashing_threads(demo: &Running, count: usize) -> Vec<(String, i32)> {
    loop {
        demo.wait_for("block found");
        let tasks = fs::read_dir(format!("/proc/{}/task", demo.id())).unwrap();
        let mut threads = Vec::new();
        for task in tasks {
            let task = task.unwrap().path();
            let read = |name: &str| fs::read_to_string(task.join(name)).unwrap_or_default();
            let name = read("comm");
            if name.starts_with("cpu-") {
                let placed = allowed_processors(&read("status")).to_owned();
                threads.push((name, (placed, niceness(&read("stat")))));
            }
        }
        threads.sort();
        if threads.len() == count {
            return threads.into_iter().map(|(_, placed)| placed).collect();
        }
    }
}

/// Runs the demo with these flags, and checks the processors and niceness of its hashing threads.
#[track_caller]
fn check_placed(flags: &[&str], expected: &[(&str, i32)]) {
    let lively = ["demo", "--graph", "pair", "--block-delay", "100ms"];
    let mut demo = Running::start(&[&lively[..], flags].concat());
    let expected: Vec<(String, i32)> = expected
        .iter()
        .map(|(processors, niceness)| ((*processors).to_owned(), *niceness))
        .collect();
    // A thread exists for a moment before it sets them.
    let mut placed = Vec::new();
    for _ in 0..100 {
        placed = hashing_threads(&demo, expected.len());
        if placed == expected {
            break;
        }
    }
    assert_eq!(placed, expected, "{flags:?}");
    demo.signal(rustix::process::Signal::TERM);
    assert_eq!(demo.wait().code(), Some(0));
}

#[test]
fn threads_have_the_affinity_and_the_priority_of_the_flags() {
    let set = rustix::thread::sched_getaffinity(None).unwrap();
    let allowed: Vec<String> = (0..1024)
        .filter(|&at| set.is_set(at))
        .map(|at| at.to_string())
        .collect();
    let (first, last) = (allowed.first().unwrap(), allowed.last().unwrap());
    let own = niceness(&fs::read_to_string("/proc/self/stat").unwrap());
    if first != last {
        let list = format!("{last},{first}");
        check_placed(
            &["--cpu-affinity", &list, "--cpu-priority", "low"],
            &[(last, own.max(10)), (first, own.max(10))],
        );
        check_placed(
            &["--cpu-affinity", &list, "-c", "3"],
            &[(last, own), (first, own), (last, own)],
        );
    }
    check_placed(
        &[
            "--cpu-affinity",
            "auto",
            "-c",
            "1",
            "--cpu-priority",
            "idle",
        ],
        &[(first, 19)],
    );
}

#[test]
fn threads_keep_their_affinity_and_priority_without_flags() {
    let own = niceness(&fs::read_to_string("/proc/self/stat").unwrap());
    check_placed(&["-c", "1"], &[(&own_processors(), own)]);
}

#[test]
fn a_bench_measures_every_kernel_and_the_blake2_crate() {
    let quick = ["bench", "--pairs", "2", "--sample", "1ms", "-c", "2"];
    let output = run(&[&quick[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_str(text(&output.stdout).trim()).unwrap();
    assert!(report["blake2_mh_per_cpu_second"].as_f64().unwrap() > 0.0);
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
            "threads of portable together, by wall-clock time",
            "threads",
            "1",
            "2"
        ]
    );
}

#[test]
fn a_bench_measures_cycles_if_asked() {
    let quick = [
        "bench", "--cycles", "--pairs", "1", "--sample", "1ms", "-c", "1",
    ];
    let output = run(&[&quick[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(text(&output.stdout).trim()).unwrap();
    let cycles = report["cycles"].as_array().unwrap();
    let names: Vec<&str> = cycles
        .iter()
        .map(|kernel| kernel["kernel"].as_str().unwrap())
        .collect();
    let mut expected: Vec<&str> = available().iter().map(|kernel| kernel.name()).collect();
    if !cfg!(target_arch = "x86_64") {
        // The clock of these processors cannot be measured.
        expected.clear();
    }
    assert_eq!(names, expected);
    for kernel in cycles {
        assert!(
            kernel["cycles_per_hash"].as_f64().unwrap() > 0.0,
            "{kernel}"
        );
        let fewest = &kernel["fewest_cycles_per_hash"];
        assert_eq!(fewest.is_null(), kernel["ratio_to_fewest"].is_null());
        // The compiler chooses its instructions.
        assert!(kernel["kernel"] != "portable" || fewest.is_null());
    }

    let output = run(&[&quick[..], &["--cpu-kernel", "portable"]].concat());
    let title = "processor cycles";
    assert!(
        text(&output.stdout).contains(title),
        "{}",
        text(&output.stdout)
    );
    let output = run(&["bench", "--pairs", "1", "--sample", "1ms", "-c", "1"]);
    assert!(
        !text(&output.stdout).contains(title),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn an_interrupted_bench_reports_its_results_so_far() {
    let mut bench = Running::start(&[
        "bench",
        "--pairs",
        "10000",
        "--sample",
        "1ms",
        "--json",
        "--log-level",
        "debug",
    ]);
    bench.wait_for("pair=10");
    bench.signal(rustix::process::Signal::INT);
    assert_eq!(bench.wait().code(), Some(0));
    let report: Value = serde_json::from_str(bench.stdout().trim()).unwrap();
    let pairs = report["kernels"][0]["pairs"].as_u64().unwrap();
    assert!((10..10_000).contains(&pairs), "{report}");
    assert_eq!(report["threads"].as_array().unwrap().len(), 0);
}

#[test]
fn a_demo_with_a_time_limit_ends_with_the_first_signal() {
    let mut demo = Running::start(&["demo", "--for=10m", "--graph=pair", "--block-delay=200ms"]);
    demo.wait_for("block found");
    demo.signal(rustix::process::Signal::INT);
    // This waits for a minute at most.
    assert_eq!(demo.wait().code(), Some(0));
}
