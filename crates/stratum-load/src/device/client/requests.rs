//! Requests: their bytes, and the ids of unanswered ones.
//!
//! Ids count from 1, through the login and all shares. The number of unanswered shares is bounded.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::device::client::work::Assignment;
use crate::device::firmware::Segments;

/// An action for the connection.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// Send these bytes in one write.
    Send(Vec<u8>),
    /// Hash this from now on.
    Hash(Assignment),
    /// Close the connection.
    Disconnect,
}

/// Kind of a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    Subscribe,
    Authorize,
    Share {
        /// Key of the work that the share was sent for.
        work_key: u64,
    },
}

/// A request with its method and parameters.
pub(super) type Call = (Request, &'static str, Value);

/// The unanswered requests.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    last_id: u64,
    /// The unanswered requests by id.
    pub(super) waiting: BTreeMap<u64, Request>,
}

impl Requests {
    /// Maximum number of unanswered requests: a server that never answers must not exhaust the
    /// memory.
    const WAITING: usize = 1000;

    /// Drops all requests and returns the number of shares among them.
    pub(crate) fn take_shares(&mut self) -> u64 {
        let waiting = std::mem::take(&mut self.waiting).into_values();
        let shares = waiting.filter(|request| matches!(request, Request::Share { .. }));
        shares.count() as u64
    }

    /// Whether another share may be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < Self::WAITING
    }

    /// Assigns ids to the requests and returns one output per write.
    pub(crate) fn send(
        &mut self,
        requests: impl IntoIterator<Item = Call>,
        segments: Segments,
    ) -> Vec<Output> {
        let end = match segments {
            Segments::Lines | Segments::Fragments(_) => "\n",
            Segments::CarriageReturns => "\r\n",
            Segments::Glued => "",
        };
        let mut lines = Vec::new();
        for (request, method, params) in requests {
            self.last_id += 1;
            self.waiting.insert(self.last_id, request);
            let line = json!({ "id": self.last_id, "method": method, "params": params });
            lines.push(format!("{line}{end}").into_bytes());
        }
        let writes = match segments {
            Segments::Lines | Segments::CarriageReturns => lines,
            Segments::Glued => vec![[lines.concat(), b"\n".to_vec()].concat()],
            Segments::Fragments(bytes) => {
                let all = lines.concat();
                all.chunks(bytes.max(1)).map(<[u8]>::to_vec).collect()
            }
        };
        writes.into_iter().map(Output::Send).collect()
    }
}
