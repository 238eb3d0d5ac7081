//! The client: one method per endpoint.
//!
//! Clones are cheap and share connections. Every method except [`updates`](Client::updates) makes
//! one request, is bounded in time, and is cancel-safe: dropping its future closes the connection.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chainweb::{BlockHash, BlockHeader, ChainId, Work, WorkHeader};
use reqwest::{Method, RequestBuilder, Url, header, redirect};
use tower::util::MapResponseLayer;

use crate::answer::Answer;
use crate::exchange::{self, Bounds, Need};
use crate::tls::{self, Trust};
use crate::{
    Ancestor, Cut, Endpoint, Error, Info, Limits, MAX_ANCESTORS, MAX_HEADERS, Malformed, Miner,
    Refusal, Skew, Version, ancestors,
};

/// The media type of headers as objects (kadena-io/chainweb-node, `Chainweb/RestAPI.hs`).
const HEADER_OBJECTS: &str = "application/json;blockheader-encoding=object";

/// The number of idle connections kept.
const MAX_IDLE_CONNECTIONS: usize = 4;
/// The age at which idle connections are closed. A node closes them after 30 s, which would lose a
/// request sent at that moment.
const MAX_IDLE: Duration = Duration::from_secs(15);

/// The settings of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The node's address.
    pub endpoint: Endpoint,
    /// The miner to request work for.
    pub miner: Miner,
    /// The certificates to accept.
    pub trust: Trust,
    /// The limits of requests.
    pub limits: Limits,
}

/// The error of [`Client::new`].
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP client")]
pub struct BuildError(#[from] reqwest::Error);

/// A client of one node.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
    http: reqwest::Client,
}

#[derive(Debug)]
struct Shared {
    /// Keeps no connections.
    unpooled: reqwest::Client,
    url: Url,
    config: Config,
    skew: Mutex<Option<Skew>>,
    /// The number of connections opened.
    connections: Arc<AtomicU64>,
}

impl Client {
    /// Creates a client without a connection. The proxies in the environment apply unless the node
    /// is on this machine.
    ///
    /// # Errors
    /// If the HTTP client cannot be set up.
    pub fn new(config: Config) -> Result<Self, BuildError> {
        tls::install_crypto_provider();
        let connections = Arc::default();
        let http = http_client(&config, MAX_IDLE_CONNECTIONS, &connections)?;
        let unpooled = http_client(&config, 0, &connections)?;
        let url = config.endpoint.url();
        Ok(Self {
            shared: Arc::new(Shared {
                unpooled,
                url,
                config,
                skew: Mutex::new(None),
                connections,
            }),
            http,
        })
    }

    /// Returns a client of the same node with a new connection for each request. Behind a load
    /// balancer each can lead to another node.
    #[must_use]
    pub fn unpooled(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            http: self.shared.unpooled.clone(),
        }
    }

    /// Returns the node's address.
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.config.endpoint
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.config.limits
    }

    /// Requests the network that the node serves: `GET /info`.
    pub async fn info(&self) -> Result<Info, Error> {
        let bounds = self.bounds("/info", self.limits().info, self.limits().max_json_bytes);
        let answer = self
            .send(self.request(Method::GET, "/info", None), bounds)
            .await?;
        if !answer.status.is_success() {
            return Err(Refusal::of(&answer).into());
        }
        Info::from_json(&answer.body)
    }

    /// Requests work: `GET …/mining/work`. The node prefers `chain` but may send work on any chain.
    /// A node without work holds the request.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] if the node does not mine for the configured miner.
    pub async fn work(&self, version: &Version, chain: Option<ChainId>) -> Result<Work, Error> {
        let bounds = self.bounds("work", self.limits().work, self.limits().max_work_bytes);
        let suggestion = chain.map(|chain| format!("chain={chain}"));
        let request = self.request(Method::GET, &mining(version, "work"), suggestion.as_deref());
        let miner = &self.shared.config.miner;
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(miner.to_json());
        let answer = self.send(request, bounds).await?;
        if !answer.status.is_success() {
            return Err(Refusal::of_work(&answer, miner).into());
        }
        let malformed = |why| Malformed::Work {
            len: answer.body.len(),
            why,
        };
        Ok(Work::decode(&answer.body).map_err(malformed)?)
    }

    /// Submits a solution: `POST …/mining/solved`. Success means a valid proof of work, not that
    /// the block becomes part of the cut.
    ///
    /// # Errors
    /// [`Refusal::Stale`] or [`Refusal::InvalidPow`] if the node rejects the solution.
    pub async fn solved(&self, version: &Version, header: &WorkHeader) -> Result<(), Error> {
        let limits = self.limits();
        let bounds = Bounds {
            body: Need::Status,
            ..self.bounds(
                "response to a solution",
                limits.solved,
                limits.max_text_bytes,
            )
        };
        let request = self
            .request(Method::POST, &mining(version, "solved"), None)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(header.as_bytes().to_vec());
        let answer = self.send(request, bounds).await?;
        if !answer.status.is_success() {
            return Err(Refusal::of_solution(&answer).into());
        }
        Ok(())
    }

    /// Requests the tips of all chains: `GET …/cut`.
    pub async fn cut(&self, version: &Version) -> Result<Cut, Error> {
        let bounds = self.bounds("/cut", self.limits().cut, self.limits().max_json_bytes);
        let request = self.request(Method::GET, &format!("{}/cut", base(version)), None);
        let answer = self.send(request, bounds).await?;
        if !answer.status.is_success() {
            return Err(Refusal::of(&answer).into());
        }
        Ok(Cut::from_json(&answer.body)?)
    }

    /// Requests the block at each of `heights` on the branch that ends in `tip`, itself included:
    /// `POST …/chain/{chain}/hash/branch`.
    ///
    /// Heights below genesis are missing. If the highest is above the tip's height, all are
    /// missing. Of more than [`MAX_ANCESTORS`] heights only the highest are
    /// requested.
    ///
    /// # Errors
    /// [`Refusal::UnknownBlock`] if the node does not have the tip.
    pub async fn ancestors(
        &self,
        version: &Version,
        chain: ChainId,
        tip: BlockHash,
        heights: RangeInclusive<u64>,
    ) -> Result<BTreeMap<u64, BlockHash>, Error> {
        if heights.is_empty() {
            return Ok(BTreeMap::new());
        }
        let heights = ancestors::newest(heights, MAX_ANCESTORS);
        let request = self.branch(version, chain, "hash", (tip, &heights));
        let answer = self.ask_for_blocks(request, Some(tip)).await?;
        Ok(ancestors::hashes_from_json(&answer.body, heights)?)
    }

    /// Requests the same as [`ancestors`](Self::ancestors), with what miners know of the blocks:
    /// `POST …/chain/{chain}/header/branch`. Of more than [`MAX_HEADERS`] heights only the highest
    /// are requested.
    ///
    /// # Errors
    /// [`Refusal::UnknownBlock`] if the node does not have the tip.
    pub async fn headers(
        &self,
        version: &Version,
        chain: ChainId,
        tip: BlockHash,
        heights: RangeInclusive<u64>,
    ) -> Result<BTreeMap<u64, Ancestor>, Error> {
        if heights.is_empty() {
            return Ok(BTreeMap::new());
        }
        let heights = ancestors::newest(heights, MAX_HEADERS);
        let request = self
            .branch(version, chain, "header", (tip, &heights))
            .header(header::ACCEPT, HEADER_OBJECTS);
        let answer = self.ask_for_blocks(request, Some(tip)).await?;
        Ok(ancestors::headers_from_json(&answer.body, heights)?)
    }

    /// Requests all blocks that the node has at a height of a chain, also those of branches that
    /// were left: `GET …/chain/{chain}/header`.
    pub async fn siblings(
        &self,
        version: &Version,
        chain: ChainId,
        height: u64,
    ) -> Result<Vec<Ancestor>, Error> {
        let path = format!("{}/chain/{chain}/header", base(version));
        let query = format!("minheight={height}&maxheight={height}");
        let request = self
            .request(Method::GET, &path, Some(&query))
            .header(header::ACCEPT, HEADER_OBJECTS);
        let answer = self.ask_for_blocks(request, None).await?;
        Ok(ancestors::siblings_from_json(&answer.body)?)
    }

    /// Returns a request for the blocks of a branch, in a form.
    fn branch(
        &self,
        version: &Version,
        chain: ChainId,
        form: &str,
        (tip, heights): (BlockHash, &RangeInclusive<u64>),
    ) -> RequestBuilder {
        let path = format!("{}/chain/{chain}/{form}/branch", base(version));
        let query = format!("minheight={}&maxheight={}", heights.start(), heights.end());
        self.request(Method::POST, &path, Some(&query))
            .header(header::CONTENT_TYPE, "application/json")
            .body(ancestors::request_json(tip))
    }

    /// Sends a request for a page of blocks, those below a tip or others.
    async fn ask_for_blocks(
        &self,
        request: RequestBuilder,
        tip: Option<BlockHash>,
    ) -> Result<Answer, Error> {
        let limits = self.limits();
        let bounds = self.bounds("page of ancestors", limits.cut, limits.max_json_bytes);
        let answer = self.send(request, bounds).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(match tip {
            Some(tip) => Refusal::of_ancestors(&answer, tip),
            None => Refusal::of(&answer),
        }
        .into())
    }

    /// Requests a block's header and checks its hash: `GET …/chain/{chain}/header/{block}`.
    ///
    /// # Errors
    /// [`Refusal::UnknownBlock`] if the node does not have the block, [`Malformed::BlockHeader`] if
    /// the response is another header.
    pub async fn block_header(
        &self,
        version: &Version,
        chain: ChainId,
        block: BlockHash,
    ) -> Result<BlockHeader, Error> {
        let limits = self.limits();
        let bounds = self.bounds("block header", limits.cut, limits.max_work_bytes);
        let path = format!("{}/chain/{chain}/header/{block}", base(version));
        let request = self
            .request(Method::GET, &path, None)
            .header(header::ACCEPT, "application/octet-stream");
        let answer = self.send(request, bounds).await?;
        if !answer.status.is_success() {
            return Err(Refusal::of_ancestors(&answer, block).into());
        }
        let header = BlockHeader::decode(&answer.body).ok();
        let header = header.filter(|header| header.hash() == block && header.hash_is_valid());
        Ok(header.ok_or(Malformed::BlockHeader(block))?)
    }

    /// Returns the skew of the node's clock by its newest timestamp, or `None` before the first.
    pub fn clock_skew(&self) -> Option<Skew> {
        *self
            .shared
            .skew
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of connections opened to the node so far, for requests and update
    /// streams.
    pub fn connections_opened(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Returns the request for an update stream.
    pub(crate) fn updates_request(&self, version: &Version, chain: ChainId) -> RequestBuilder {
        self.request(Method::GET, &mining(version, "updates"), None)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(chain.to_le_bytes().to_vec())
    }

    pub(crate) fn bounds(
        &self,
        what: &'static str,
        time: Duration,
        max_body_bytes: usize,
    ) -> Bounds {
        let max_text_bytes = self.limits().max_text_bytes;
        Bounds {
            what,
            body: Need::Body,
            time,
            max_body_bytes,
            max_text_bytes,
        }
    }

    fn request(&self, method: Method, path: &str, query: Option<&str>) -> RequestBuilder {
        let mut url = self.shared.url.clone();
        url.set_path(path);
        url.set_query(query);
        self.http.request(method, url)
    }

    async fn send(&self, request: RequestBuilder, bounds: Bounds) -> Result<Answer, Error> {
        let result = exchange::exchange(request, self.endpoint(), bounds).await;
        match &result {
            Ok(answer) => {
                tracing::debug!(endpoint = %self.endpoint(), path = answer.path, status = answer.status.as_u16(), "response");
                if answer.skew.is_some() {
                    *self
                        .shared
                        .skew
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner) = answer.skew;
                }
            }
            Err(error) => {
                tracing::debug!(endpoint = %self.endpoint(), what = bounds.what, %error, "request failed");
            }
        }
        result
    }
}

/// Returns an HTTP client that keeps this many idle connections, and counts those that it opens.
fn http_client(
    config: &Config,
    max_idle_connections: usize,
    opened: &Arc<AtomicU64>,
) -> reqwest::Result<reqwest::Client> {
    let opened = Arc::clone(opened);
    let count = MapResponseLayer::new(move |connection| {
        opened.fetch_add(1, Ordering::Relaxed);
        connection
    });
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!(
            "chainweb-mining-client/",
            env!("CARGO_PKG_VERSION")
        ))
        .redirect(redirect::Policy::none())
        .connect_timeout(config.limits.connect)
        .pool_max_idle_per_host(max_idle_connections)
        .pool_idle_timeout(MAX_IDLE)
        .tcp_nodelay(true)
        .connector_layer(count);
    if config.endpoint.is_loopback() {
        builder = builder.no_proxy();
    }
    tls::trust(builder, config.endpoint.is_tls(), &config.trust)?.build()
}

fn base(version: &Version) -> String {
    format!("/chainweb/0.0/{version}")
}

fn mining(version: &Version, endpoint: &str) -> String {
    format!("{}/mining/{endpoint}", base(version))
}
