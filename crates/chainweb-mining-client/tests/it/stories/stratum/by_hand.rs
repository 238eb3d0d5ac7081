//! A single session, line by line.

use std::net::SocketAddr;

use chainweb::{Nonce, Target, WorkHeader};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::stories::setting::PATIENCE;

pub(super) struct Session {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
    nonce1: u64,
}

pub(super) struct Job {
    id: String,
    pub(super) header: WorkHeader,
}

impl Session {
    pub(super) async fn log_in(address: SocketAddr, number: usize) -> Self {
        Self::log_in_with(address, number, "x").await
    }

    pub(super) async fn log_in_with(address: SocketAddr, number: usize, password: &str) -> Self {
        let (reader, writer) = TcpStream::connect(address).await.unwrap().into_split();
        let mut session = Self {
            lines: BufReader::new(reader).lines(),
            writer,
            nonce1: 0,
        };
        session
            .send(r#"{"id":1,"method":"mining.subscribe","params":["by-hand",null]}"#)
            .await;
        let subscribed = session.line().await;
        let nonce1 = subscribed["result"][1].as_str().unwrap();
        session.nonce1 = u64::from_str_radix(nonce1, 16).unwrap();
        assert_eq!((nonce1.len(), &subscribed["result"][2]), (4, &6.into()));
        let user = format!("miner.{number:03}");
        session
            .send(&format!(
                r#"{{"id":2,"method":"mining.authorize","params":["{user}","{password}"]}}"#
            ))
            .await;
        assert_eq!(session.line().await["result"], true);
        session
    }

    async fn send(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.writer.write_all(line.as_bytes()).await.unwrap();
    }

    async fn line(&mut self) -> Value {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        serde_json::from_str(&line.unwrap().unwrap().unwrap()).unwrap()
    }

    /// Waits for the next line, which sets the target, and returns the target.
    pub(super) async fn target(&mut self) -> Target {
        let line = self.line().await;
        assert_eq!(line["method"], "mining.set_target");
        Target::from_be_hex(line["params"][0].as_str().unwrap()).unwrap()
    }

    /// Returns the next job.
    pub(super) async fn job(&mut self) -> Job {
        loop {
            let line = self.line().await;
            if line["method"] == "mining.notify" {
                let bytes = const_hex::decode(line["params"][1].as_str().unwrap()).unwrap();
                return Job {
                    id: line["params"][0].as_str().unwrap().to_owned(),
                    header: WorkHeader::decode(&bytes).unwrap(),
                };
            }
        }
    }

    /// Returns the ids of the jobs that arrived and were not read yet.
    pub(super) async fn jobs_so_far(&mut self) -> Vec<String> {
        self.send(r#"{"id":4,"method":"mining.ping","params":[]}"#)
            .await;
        let mut jobs = Vec::new();
        loop {
            let line = self.line().await;
            if line["id"] == 4 {
                return jobs;
            }
            jobs.extend(line["params"][0].as_str().map(str::to_owned));
        }
    }

    /// Solves a job and submits the share.
    pub(super) async fn solve(&mut self, job: &Job) {
        self.share(job, &job.header.target()).await;
    }

    /// Finds a nonce whose hash meets the target and submits the share.
    pub(super) async fn share(&mut self, job: &Job, target: &Target) {
        let nonce = |nonce2: u64| Nonce::new(nonce2 << 16 | self.nonce1);
        let nonce2 = (0..1 << 32)
            .find(|nonce2| pow::verify(&job.header.with_nonce(nonce(*nonce2)), target))
            .unwrap();
        let id = &job.id;
        let line = format!(
            r#"{{"id":3,"method":"mining.submit","params":["miner.000","{id}","{nonce2:012x}"]}}"#
        );
        self.send(&line).await;
        let answer = loop {
            let line = self.line().await;
            if line["id"] == 3 {
                break line;
            }
        };
        assert_eq!(answer["result"], true, "{answer}");
    }

    /// Waits for the server to close the connection.
    pub(super) async fn ends(mut self) {
        while let Ok(Some(_)) = timeout(PATIENCE, self.lines.next_line()).await.unwrap() {}
    }
}
