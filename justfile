# Everything that has to pass.
ci:
    bash .ci/run

# The tests alone.
test:
    cargo test --workspace

# A simulated network with the client on it.
demo:
    cargo run --release -- demo

# The kernel's speed beside the blake2 crate's.
bench:
    cargo bench -p pow --bench search

# The Stratum server's figures beside the floors of the machine: two free cores and four minutes.
bench-stratum:
    cargo run --release -p stratum-load -- bench
