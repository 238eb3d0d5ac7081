# Images of the mining client:
#
#     docker build -t chainweb-mining-client .                     the program alone
#     docker build -t chainweb-mining-client --target debian .     with a shell, for `--worker external`
#     docker build -t chainweb-mining-client --target distroless . with users and time zones
#     docker buildx build --platform linux/amd64,linux/arm64 .     for several architectures
#
# Needs BuildKit, which Docker uses since version 23. Releases are built by scripts/dist instead.

# Tags: https://hub.docker.com/_/rust, https://hub.docker.com/_/debian,
# https://github.com/GoogleContainerTools/distroless
ARG RUST_IMAGE=rust:1.95.0-slim-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim
ARG DISTROLESS_IMAGE=gcr.io/distroless/static-debian12:nonroot

# Compiles on the machine's own architecture, for that of the image.
FROM --platform=$BUILDPLATFORM ${RUST_IMAGE} AS build
ARG TARGETARCH
# The toolchain of the image, whatever else rust-toolchain.toml names.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /source
# The compiler for the other architecture.
RUN case $(dpkg --print-architecture) in \
        amd64) packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross" ;; \
        arm64) packages="gcc-x86-64-linux-gnu libc6-dev-amd64-cross" ;; \
    esac && \
    apt-get update && apt-get install --yes --no-install-recommends $packages && \
    rustup target add x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    case $TARGETARCH in \
        amd64) architecture=x86_64 ;; \
        arm64) architecture=aarch64 ;; \
        *) echo "no image for $TARGETARCH: amd64 or arm64" >&2; exit 1 ;; \
    esac && \
    target=$architecture-unknown-linux-gnu && \
    export RUSTFLAGS="-C target-feature=+crt-static -C linker=$architecture-linux-gnu-gcc" && \
    export "CC_$(echo $target | tr - _)=$architecture-linux-gnu-gcc" && \
    cargo build --locked --profile dist --target $target && \
    install -D -m 755 target/$target/dist/chainweb-mining-client \
        /image/chainweb-mining-client/chainweb-mining-client && \
    install -d -m 1777 /image/tmp && install -d /image/usr/bin /data && \
    ln -s /chainweb-mining-client/chainweb-mining-client /image/usr/bin/

FROM ${DISTROLESS_IMAGE} AS distroless
COPY --from=build /image/chainweb-mining-client /chainweb-mining-client
COPY --from=build /image/usr/bin /usr/bin
COPY --from=build --chown=65532:65532 --chmod=700 /data /data
ENV CHAINWEB_MINING_DATA_DIR=/data CHAINWEB_MINING_API_LISTEN=0.0.0.0:1918
VOLUME /data
WORKDIR /data
USER 65532:65532
EXPOSE 1917 1918
HEALTHCHECK CMD ["/chainweb-mining-client/chainweb-mining-client", "health"]
ENTRYPOINT ["/chainweb-mining-client/chainweb-mining-client"]

FROM ${DEBIAN_IMAGE} AS debian
COPY --from=build /image/chainweb-mining-client /chainweb-mining-client
COPY --from=build /image/usr/bin /usr/bin
COPY --from=build --chown=65532:65532 --chmod=700 /data /data
ENV CHAINWEB_MINING_DATA_DIR=/data CHAINWEB_MINING_API_LISTEN=0.0.0.0:1918
VOLUME /data
WORKDIR /data
USER 65532:65532
EXPOSE 1917 1918
HEALTHCHECK CMD ["/chainweb-mining-client/chainweb-mining-client", "health"]
ENTRYPOINT ["/chainweb-mining-client/chainweb-mining-client"]

# A stage with the name `scratch` would stand in for the empty image.
FROM scratch AS bare
COPY --from=build /image /
COPY --from=build --chown=65532:65532 --chmod=700 /data /data
ENV PATH=/usr/bin CHAINWEB_MINING_DATA_DIR=/data CHAINWEB_MINING_API_LISTEN=0.0.0.0:1918
VOLUME /data
WORKDIR /data
USER 65532:65532
EXPOSE 1917 1918
HEALTHCHECK CMD ["/chainweb-mining-client/chainweb-mining-client", "health"]
ENTRYPOINT ["/chainweb-mining-client/chainweb-mining-client"]
