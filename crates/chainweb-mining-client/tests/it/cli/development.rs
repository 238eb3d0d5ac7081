//! The flags of the workers without hashing, and these workers on a network in another process.

use rustix::process::Signal;

use super::program::{Running, check_usage, field};

#[test]
fn errors_in_values_say_what_is_expected() {
    for (flag, wrong, hint) in [
        ("--hash-rate", "fast", "as in 2.5M"),
        ("--hash-rate", "1X", "as in 2.5M"),
        ("--hash-rate", "0", "above zero"),
        ("--hash-rate=-1", "-1", "as in 2.5M"),
        ("-r", "1e300Y", "as in 2.5M"),
        ("--seed", "1.5", "a whole number"),
        (
            "--seed",
            "18446744073709551616",
            "from 0 to 18446744073709551615",
        ),
        ("--constant-delay-block-time", "30s", "30 or 2.5"),
        ("--constant-delay-block-time", "-1", "between 0.001"),
        ("--constant-delay-block-time", "1e9", "a year"),
        ("--thread-count", "0", "1 to 1024"),
    ] {
        for worker in ["simulation", "constant-delay"] {
            let flags = ["--worker", worker, flag];
            let value = [wrong];
            let values = if flag.contains('=') {
                &value[..0]
            } else {
                &value
            };
            check_usage(&[&flags[..], values].concat(), &[wrong, hint]);
        }
    }
}

/// Returns a network that does not check proof of work, and its address.
fn network() -> (Running, String) {
    let network = Running::start(&[
        "simnet",
        "--listen",
        "127.0.0.1:0",
        "--disable-pow",
        "--start-difficulty",
        "100k",
    ]);
    let address = field(&network.wait_for("simulated network starts"), "address").to_owned();
    (network, address)
}

/// Makes blocks with these flags, ends the client, and returns its last line.
fn mine(flags: &[&str]) -> String {
    let (network, address) = network();
    let mut client = Running::start(&[&["--node", &address], flags].concat());
    for _ in 0..3 {
        network.wait_for("block mined");
    }
    client.signal(Signal::TERM);
    let last = client.wait_for("stopped");
    assert_eq!(client.wait().code(), Some(0));
    last
}

#[test]
fn the_rate_of_a_simulation_is_marked_as_simulated() {
    let last = mine(&[
        "--public-key=ab",
        "--worker=simulation",
        "--thread-count=2",
        "--log-level=info",
        "--hash-rate=2.5M",
        "--constant-delay-block-time=2",
        "--stratum-port=1917",
    ]);
    assert!(last.contains("simulated_rate=2.50 MH/s"), "{last}");
    assert!(last.contains("rejected=0"), "{last}");
}

#[test]
fn the_constant_delay_worker_has_no_hash_rate() {
    let last = mine(&[
        "--worker=constant-delay",
        "--thread-count=1",
        "--constant-delay-block-time=2",
        "--hash-rate=1000000",
    ]);
    assert!(!last.contains("rate="), "{last}");
    assert!(last.contains("rejected=0"), "{last}");
}
