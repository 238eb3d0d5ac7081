//! Requests on their way: their ids, their bytes and what waits for an answer.
//!
//! Ids are one count from 1 on, through the login and all shares. The number of shares that wait is bounded.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::device::Segments;
use crate::device::client::Output;
use crate::device::client::shares::SentShare;

/// What a request was.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    Subscribe,
    Authorize,
    Share(SentShare),
}

/// The requests without an answer.
#[derive(Debug)]
pub(crate) struct Requests {
    next_id: u64,
    waiting: BTreeMap<u64, Request>,
    segments: Segments,
}

impl Requests {
    /// A server that answers nothing does not fill the memory.
    const WAITING: usize = 1000;

    pub(crate) fn new(segments: Segments) -> Self {
        Self {
            next_id: 1,
            waiting: BTreeMap::new(),
            segments,
        }
    }

    /// Whether `id` is that of the `mining.subscribe` that waits.
    pub(crate) fn is_subscribe(&self, id: u64) -> bool {
        self.waiting.get(&id) == Some(&Request::Subscribe)
    }

    /// Takes the request with this id out.
    pub(crate) fn answered(&mut self, id: u64) -> Option<Request> {
        self.waiting.remove(&id)
    }

    /// Forgets the shares that wait and gives their number.
    pub(crate) fn take_shares(&mut self) -> u64 {
        let waiting = std::mem::take(&mut self.waiting);
        let shares = waiting
            .values()
            .filter(|request| matches!(request, Request::Share(_)));
        shares.count() as u64
    }

    /// Whether there is room for another share.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < Self::WAITING
    }

    /// Gives the requests their ids and makes the writes of them.
    pub(crate) fn send(
        &mut self,
        requests: impl IntoIterator<Item = (Request, &'static str, Value)>,
    ) -> Vec<Output> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for (request, method, params) in requests {
            let id = self.next_id;
            self.next_id += 1;
            self.waiting.insert(id, request);
            let line = json!({ "id": id, "method": method, "params": params });
            lines.push(line.to_string().into_bytes());
        }
        match self.segments {
            Segments::Lines => lines.into_iter().map(|line| ended(line, b"\n")).collect(),
            Segments::CarriageReturns => {
                lines.into_iter().map(|line| ended(line, b"\r\n")).collect()
            }
            Segments::Glued => vec![ended(lines.concat(), b"\n")],
            Segments::Fragments(bytes) => {
                let lines = lines.into_iter().flat_map(|mut line| {
                    line.push(b'\n');
                    line
                });
                let all: Vec<u8> = lines.collect();
                let pieces = all.chunks(bytes.max(1));
                pieces.map(|piece| Output::Send(piece.to_vec())).collect()
            }
        }
    }
}

fn ended(mut line: Vec<u8>, end: &[u8]) -> Output {
    line.extend_from_slice(end);
    Output::Send(line)
}
