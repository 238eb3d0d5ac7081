# All checks.
ci:
    bash .ci/run

# The tests alone.
test:
    cargo test --workspace

# The client on a simulated network.
demo:
    cargo run --release -- demo

# The words of the doc comments, and the lines of code.
measure:
    -scripts/measure words
    scripts/measure lines

# Each fuzz target for a minute; needs nightly Rust and cargo-fuzz.
fuzz:
    cargo +nightly fuzz run stratum_framing -- -max_total_time=60
    cargo +nightly fuzz run stratum_session -- -max_total_time=60

# The speed of the kernels, compared with the blake2 crate.
bench:
    cargo bench -p pow --bench search

# The figures of the Stratum server, compared with the limits of the machine. Needs two idle cores
# and four minutes.
bench-stratum:
    cargo run --release -p stratum-load -- bench

# What API, history, metrics and share log cost, on and off in turn. Needs two idle cores and half
# an hour.
bench-overhead:
    cargo build --release -p chainweb-mining-client -p stratum-load
    scripts/overhead

# What a release consists of, in target/dist, and a trial of it.
dist:
    scripts/dist
    scripts/check-dist
