//! A device on a real connection: client and hashing thread together.
//!
//! After a lost connection it connects again, after the firmware's pause, until it is stopped.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::device::client::{Client, DeviceLimits, Login, Output};
use crate::device::firmware::Firmware;
use crate::device::hashing::{Event, Hashing};
use crate::device::report::DeviceReport;
use crate::device::rules::Rule;

/// Maximum length of a line in bytes.
const LINE_BYTES: usize = 64 << 10;

/// Capacity of the channel from the thread to the connection: a burst of shares at a very easy
/// target.
const EVENTS: usize = 64;

/// Configuration of an emulated device.
#[derive(Clone, Debug)]
pub struct DeviceConfig {
    /// Its firmware.
    pub firmware: Firmware,
    /// Its user name and password.
    pub login: Login,
    /// Its time limits.
    pub limits: DeviceLimits,
    /// The firmware's numbers of hashes and nonces are divided by 2^`scale_bits`.
    pub scale_bits: u32,
    /// Its emulated hash rate, in hashes per second.
    pub hashes_per_second: f64,
}

impl DeviceConfig {
    /// Returns a device with the vendor's hash rate and the firmware's numbers, all divided by
    /// 2^`scale_bits`.
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

/// Mines on the server until `stop` is cancelled, and returns the report.
///
/// # Errors
/// Returns an error if the hashing thread cannot be started.
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
                hashing.pause();
            }
            Err(error) => report.not_connected(&error),
        }
        tokio::select! {
            () = time::sleep(config.limits.pause) => {}
            () = stop.cancelled() => {}
        }
    }
    // Otherwise a thread that waits for room in the channel would never end.
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
    // Otherwise a share may wait for the acknowledgement of the previous one.
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
                    // A cancelled write ends the session, so no line follows half of another.
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
                Output::Disconnect => return,
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
        // All branches are cancel-safe: a losing one reads nothing from the socket or the channel.
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
                // The thread has panicked; `Hashing::stop` propagates the panic.
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
