//! A client on a real socket.

use std::net::SocketAddr;

use stratum::framing::Framing;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Socket<S = TcpStream> {
    stream: S,
    framing: Framing,
    lines: std::collections::VecDeque<String>,
}

impl Socket {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self {
            stream,
            framing: Framing::default(),
            lines: std::collections::VecDeque::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Returns the next line, or `None` once the server has closed the connection.
    pub(crate) async fn line(&mut self) -> Option<String> {
        while self.lines.is_empty() {
            let mut bytes = [0; 4096];
            let Ok(count @ 1..) = self.stream.read(&mut bytes).await else {
                return None;
            };
            let mut chunk = &bytes[..count];
            while let Some(line) = self.framing.next(&mut chunk) {
                let line = String::from_utf8(line.unwrap().to_vec()).unwrap();
                self.lines.push_back(line);
            }
        }
        self.lines.pop_front()
    }

    /// Sends a request and returns its answer. Drops notifications before it.
    pub(crate) async fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\n")).await;
        loop {
            let line = self.line().await.unwrap();
            if !line.starts_with(r#"{"method""#) {
                return line;
            }
        }
    }

    /// Returns the next job.
    pub(crate) async fn job(&mut self) -> crate::fixture::SentJob {
        loop {
            let line = self.line().await.unwrap();
            if let Some(job) = crate::fixture::last_job(&line) {
                return job;
            }
        }
    }

    /// Subscribes and authorizes; returns the nonce1 in hex.
    pub(crate) async fn log_in(&mut self) -> String {
        let answer = self
            .ask(r#"{"id":1,"method":"mining.subscribe","params":["test"]}"#)
            .await;
        let value: serde_json::Value = serde_json::from_str(&answer).unwrap();
        self.ask(r#"{"id":2,"method":"mining.authorize","params":["a.rig","x"]}"#)
            .await;
        value["result"][1].as_str().unwrap().to_owned()
    }
}

impl Socket {
    /// Sends bytes, or returns the error of a closed connection.
    pub(crate) async fn send_some(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }
}
