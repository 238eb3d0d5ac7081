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
