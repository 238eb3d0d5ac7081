//! The client: one method for each thing a miner asks of a node.
//!
//! A clone is cheap and shares connections with its original. Every method but
//! [`updates`](Client::updates) makes one request, is bounded in time, and may be dropped at any
//! moment: the connection then closes.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chainweb::{BlockHash, BlockHeader, ChainId, Work, WorkHeader};
use futures_util::Stream;
use reqwest::{Method, RequestBuilder, Url, header, redirect};

use crate::{
    Cut, Endpoint, Error, Info, Limits, Malformed, Miner, Refusal, Skew, UpdateEvent, Version,
    ancestors,
    exchange::{self, Answer, Bounds, Need},
    tls, updates,
};

/// Idle connections that are kept. A node closes them after 30 s; one that is used just then loses
/// its request, so they are given up earlier.
const MAX_IDLE_CONNECTIONS: usize = 4;
const MAX_IDLE: Duration = Duration::from_secs(15);

/// A node and how to talk to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Whom to mine for.
    pub miner: Miner,
    /// Accept any certificate.
    pub insecure: bool,
    /// How long to wait and how much to read.
    pub limits: Limits,
}

/// The HTTP client could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP client")]
pub struct BuildError(#[from] reqwest::Error);

/// A client of one node.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    http: reqwest::Client,
    url: Url,
    config: Config,
    skew: Mutex<Option<Skew>>,
}

impl Client {
    /// Sets the client up; no connection is made. Proxies of the environment are used unless the node
    /// is on this machine.
    pub fn new(config: Config) -> Result<Self, BuildError> {
        tls::install_crypto_provider();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!(
                "chainweb-mining-client/",
                env!("CARGO_PKG_VERSION")
            ))
            .redirect(redirect::Policy::none())
            .connect_timeout(config.limits.connect)
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
            .pool_idle_timeout(MAX_IDLE)
            .tcp_nodelay(true);
        if config.endpoint.is_loopback() {
            builder = builder.no_proxy();
        }
        let http = tls::trust(builder, config.endpoint.is_tls(), config.insecure)?.build()?;
        let url = config.endpoint.url();
        Ok(Self {
            shared: Arc::new(Shared {
                http,
                url,
                config,
                skew: Mutex::new(None),
            }),
        })
    }

    /// The node's address.
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.config.endpoint
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.config.limits
    }

    /// `GET /info`: which network the node serves.
    pub async fn info(&self) -> Result<Info, Error> {
        let bounds = self.bounds("/info", self.limits().info, self.limits().max_json_bytes);
        let answer = self
            .ask(self.request(Method::GET, "/info", None), bounds)
            .await?;
        if !answer.status.is_success() {
            return Err(Refusal::of(&answer).into());
        }
        Info::from_json(&answer.body)
    }

    /// `GET …/mining/work`: work on the suggested chain or, if the node cannot or none is suggested,
    /// on any. The node holds the request while it has none.
    pub async fn work(&self, version: &Version, chain: Option<ChainId>) -> Result<Work, Error> {
        let bounds = self.bounds("work", self.limits().work, self.limits().max_work_bytes);
        let suggestion = chain.map(|chain| format!("chain={chain}"));
        let request = self.request(Method::GET, &mining(version, "work"), suggestion.as_deref());
        let miner = &self.shared.config.miner;
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(miner.to_json());
        let answer = self.ask(request, bounds).await?;
        if !answer.status.is_success() {
            return Err(Refusal::of_work(&answer, miner).into());
        }
        let malformed = |why| Malformed::Work {
            len: answer.body.len(),
            why,
        };
        Ok(Work::decode(&answer.body).map_err(malformed)?)
    }

    /// `POST …/mining/solved`: hands a solution in. Success means that the node has read it and that
    /// its proof of work is good, not that it becomes a block.
    pub async fn solved(&self, version: &Version, header: &WorkHeader) -> Result<(), Error> {
        let limits = self.limits();
        let bounds = Bounds {
            body: Need::Status,
            ..self.bounds("answer to a solution", limits.solved, limits.max_text_bytes)
        };
        let request = self
            .request(Method::POST, &mining(version, "solved"), None)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(header.as_bytes().to_vec());
        let answer = self.ask(request, bounds).await?;
        if !answer.status.is_success() {
            return Err(Refusal::of_solution(&answer).into());
        }
        Ok(())
    }

    /// `GET …/mining/updates`: what happens on a chain, for ever. A stream that ends or fails is
    /// reported and opened again. Dropping the stream at any moment closes the connection.
    pub fn updates(
        &self,
        version: &Version,
        chain: ChainId,
    ) -> impl Stream<Item = UpdateEvent> + Send + Unpin + use<> {
        updates::stream(self.clone(), version.clone(), chain)
    }

    /// `GET …/cut`: the tips of all chains.
    pub async fn cut(&self, version: &Version) -> Result<Cut, Error> {
        let bounds = self.bounds("/cut", self.limits().cut, self.limits().max_json_bytes);
        let request = self.request(Method::GET, &format!("{}/cut", base(version)), None);
        let answer = self.ask(request, bounds).await?;
        if !answer.status.is_success() {
            return Err(Refusal::of(&answer).into());
        }
        Ok(Cut::from_json(&answer.body)?)
    }

    /// `POST …/chain/{chain}/hash/branch`: the block at each of the heights on the branch that ends in
    /// `tip`, itself included. Heights below genesis are missing; if the highest is above the tip's,
    /// all are. Of more than [`MAX_ANCESTORS`](crate::MAX_ANCESTORS) heights only the highest are
    /// asked for. [`Refusal::UnknownBlock`] means that the node does not know the tip.
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
        let heights = ancestors::newest(heights);
        let bounds = self.bounds(
            "page of ancestors",
            self.limits().cut,
            self.limits().max_json_bytes,
        );
        let path = format!("{}/chain/{chain}/hash/branch", base(version));
        let query = format!("minheight={}&maxheight={}", heights.start(), heights.end());
        let request = self
            .request(Method::POST, &path, Some(&query))
            .header(header::CONTENT_TYPE, "application/json")
            .body(ancestors::request_json(tip));
        let answer = self.ask(request, bounds).await?;
        if !answer.status.is_success() {
            return Err(Refusal::of_ancestors(&answer, tip).into());
        }
        Ok(ancestors::from_json(&answer.body, heights)?)
    }

    /// `GET …/chain/{chain}/header/{block}`: a block's header, whose hash is the one asked for.
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
        let answer = self.ask(request, bounds).await?;
        if !answer.status.is_success() {
            return Err(Refusal::of_ancestors(&answer, block).into());
        }
        let header = BlockHeader::decode(&answer.body).ok();
        let header = header.filter(|header| header.hash() == block && header.hash_is_valid());
        Ok(header.ok_or(Malformed::BlockHeader(block))?)
    }

    /// How far the node's clock is from this machine's, by its newest answer that carried a stamp.
    pub fn clock_skew(&self) -> Option<Skew> {
        *self
            .shared
            .skew
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The request that opens an update stream.
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
        self.shared.http.request(method, url)
    }

    async fn ask(&self, request: RequestBuilder, bounds: Bounds) -> Result<Answer, Error> {
        let result = exchange::exchange(request, self.endpoint(), bounds).await;
        match &result {
            Ok(answer) => {
                tracing::debug!(endpoint = %self.endpoint(), path = answer.path, status = answer.status.as_u16(), "answer");
                if answer.skew.is_some() {
                    *self
                        .shared
                        .skew
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner) = answer.skew;
                }
            }
            Err(error) => {
                tracing::debug!(endpoint = %self.endpoint(), what = bounds.what, %error, "no usable answer");
            }
        }
        result
    }
}

fn base(version: &Version) -> String {
    format!("/chainweb/0.0/{version}")
}

fn mining(version: &Version, endpoint: &str) -> String {
    format!("{}/mining/{endpoint}", base(version))
}
