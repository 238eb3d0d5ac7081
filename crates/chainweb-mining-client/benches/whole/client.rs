//! The client, a child process that serves Stratum.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::bail;

use crate::network::Network;
use crate::options::Setting;

/// The folder of a history on the disk.
const HISTORY: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/whole");

const START: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Client {
    /// Starts the client and waits until it listens.
    pub(crate) fn start(setting: &Setting, network: &Network) -> anyhow::Result<Self> {
        // Free until the client takes it, nearly always.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = free.local_addr()?;
        drop(free);
        let folder = if setting.disk {
            // That of an earlier bench has blocks of another network.
            fs::remove_dir_all(HISTORY).ok();
            HISTORY
        } else {
            "none"
        };
        let process = Command::new(env!("CARGO_BIN_EXE_chainweb-mining-client"))
            .args(network.addresses().map(|node| format!("--node={node}")))
            .arg(format!("--public-key={}", "00".repeat(32)))
            .args(["--worker=stratum", "--stratum-interface=127.0.0.1"])
            .arg(format!("--stratum-port={}", address.port()))
            .args(["--stratum-difficulty=0", "--stratum-min-difficulty=0"])
            .arg(format!("--work-slots={}", setting.slots))
            .arg(format!("--data-dir={folder}"))
            .args(["--api-listen=off", "--log-level=error"])
            // The figures are on the standard output.
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .spawn()?;
        let mut client = Self { process, address };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = client.process.try_wait()? {
                bail!("the client has ended: {status}");
            }
            if start.elapsed() > START {
                bail!("the client does not listen on {address}");
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(client)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
