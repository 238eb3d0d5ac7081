//! A device on a real connection: the client and the hashing, joined.
//!
//! It connects again after every loss, with the firmware's pause between, until it is stopped.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::device::client::{Client, Output};
use crate::device::hashing::{Event, Hashing};
use crate::device::{DeviceLimits, DeviceReport, Firmware, Login, Rule};

/// The longest line that a device reads.
const LINE_BYTES: usize = 64 << 10;

/// Shares on their way from the thread to the connection: a burst at a very easy target.
const EVENTS: usize = 64;

/// A device to be emulated.
#[derive(Clone, Debug)]
pub struct DeviceConfig {
    /// How it behaves.
    pub firmware: Firmware,
    /// Who it is.
    pub login: Login,
    /// How long it waits.
    pub limits: DeviceLimits,
    /// The device's numbers of hashes and nonces are divided by 2^this.
    pub scale_bits: u32,
    /// How fast it hashes here, in hashes per second.
    pub hashes_per_second: f64,
}

impl DeviceConfig {
    /// The device with the vendor's hash rate and the firmware's numbers, all divided by `2^scale_bits`.
    pub fn scaled(firmware: Firmware, login: Login, scale_bits: u32) -> Self {
        let scale = 2_f64.powf(f64::from(scale_bits));
        Self {
            hashes_per_second: firmware.name.rate() / scale,
            firmware,
            login,
            limits: DeviceLimits::default(),
            scale_bits,
        }
    }
}

/// Mines on the server until it is stopped, and tells what happened. Fails only if there can be no thread.
pub async fn run(
    config: &DeviceConfig,
    address: SocketAddr,
    stop: CancellationToken,
) -> io::Result<DeviceReport> {
    let login = &config.login;
    let mut report = DeviceReport::new(config.firmware.name, login.user.clone());
    let (sender, mut events) = mpsc::channel(EVENTS);
    let hashing = Hashing::start(
        format!("hash {}", login.user),
        config.hashes_per_second,
        sender,
    )?;
    while !stop.is_cancelled() {
        let connected = tokio::select! {
            connected = TcpStream::connect(address) => connected,
            () = stop.cancelled() => break,
        };
        match connected {
            Ok(stream) => {
                session(config, stream, &mut report, &hashing, &mut events, &stop).await;
                hashing.rest();
            }
            Err(error) => report.not_connected(&error),
        }
        tokio::select! {
            () = time::sleep(config.limits.pause) => {}
            () = stop.cancelled() => {}
        }
    }
    // A thread that waits for room among the events would never end.
    drop(events);
    report.mined = hashing.stop();
    report.hashes = report.mined.iter().map(|mined| mined.hashes).sum();
    Ok(report)
}

async fn session(
    config: &DeviceConfig,
    mut stream: TcpStream,
    report: &mut DeviceReport,
    hashing: &Hashing,
    events: &mut mpsc::Receiver<Event>,
    stop: &CancellationToken,
) {
    // Without it a share may wait for the acknowledgement of the one before.
    stream.set_nodelay(true).ok();
    let (mut client, mut outputs) = Client::start(
        &config.firmware,
        &config.login,
        config.limits,
        config.scale_bits,
        report,
        Instant::now(),
    );
    let mut input = Vec::with_capacity(4096);
    loop {
        for output in outputs.drain(..) {
            match output {
                Output::Send(bytes) => {
                    // A write that is cut off ends the session, so that no half of a line is ever followed by another.
                    let written = tokio::select! {
                        written = stream.write_all(&bytes) => written,
                        () = stop.cancelled() => {
                            client.stop();
                            return;
                        }
                    };
                    if written.is_err() {
                        client.lost(Rule::Closed);
                        return;
                    }
                }
                Output::Hash(assignment) => hashing.hash(assignment),
                Output::Close => return,
            }
        }
        if let Some(end) = input.iter().position(|byte| *byte == b'\n') {
            outputs = client.line(Instant::now(), &input[..end]);
            input.drain(..=end);
            continue;
        }
        if input.len() > LINE_BYTES {
            client.lost(Rule::LineTooLong);
            return;
        }
        // All three are cancel-safe: nothing is taken from the socket or the queue by a branch that loses.
        tokio::select! {
            read = stream.read_buf(&mut input) => match read {
                Ok(0) | Err(_) => {
                    client.lost(Rule::Closed);
                    return;
                }
                Ok(_) => {}
            },
            event = events.recv() => match event {
                Some(Event::Found(found)) => outputs = client.found(&found),
                Some(Event::Exhausted) => client.exhausted(),
                // The thread is gone only if it panicked, and the end of the run tells that.
                None => return,
            },
            () = time::sleep_until(client.deadline().into()) => {
                outputs = client.tick(Instant::now());
            }
            () = stop.cancelled() => {
                client.stop();
                return;
            }
        }
    }
}
