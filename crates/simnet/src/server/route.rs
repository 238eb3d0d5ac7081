//! Paths: their endpoint and chain, and the methods and media types of each endpoint.

use chainweb::ChainId;
use hyper::Method;

use super::media::Media;
use crate::endpoint::Endpoint;

/// A parsed path. The network may not have its version or chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) endpoint: Endpoint,
    /// The network's name; `None` for paths above all networks.
    pub(crate) version: Option<String>,
    pub(crate) chain: Option<ChainId>,
    /// The text of the block hash in `/header/{hash}`.
    pub(crate) hash: Option<String>,
}

impl Route {
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let segments: Vec<_> = path.strip_prefix('/')?.split('/').collect();
        let (version, rest) = match segments.as_slice() {
            ["chainweb", "0.0", version, rest @ ..] => (Some((*version).to_owned()), rest),
            rest => (None, rest),
        };
        let (chain, rest) = match rest {
            ["chain", chain, rest @ ..] => (Some(chain.parse().ok()?), rest),
            rest => (None, rest),
        };
        let mut hash = None;
        let endpoint = match (version.is_some(), chain.is_some(), rest) {
            (false, false, ["info"]) => Endpoint::Info,
            (false, false, ["health-check"]) => Endpoint::Health,
            (true, false, ["mining", "work"]) => Endpoint::Work,
            (true, false, ["mining", "solved"]) => Endpoint::Solved,
            (true, false, ["mining", "updates"]) => Endpoint::Updates,
            (true, false, ["cut"]) => Endpoint::Cut,
            (true, true, ["header"]) => Endpoint::Headers,
            (true, true, ["header", "branch"]) => Endpoint::HeaderBranch,
            (true, true, ["header", name]) => {
                hash = Some((*name).to_owned());
                Endpoint::Header
            }
            (true, true, ["hash"]) => Endpoint::Hashes,
            (true, true, ["hash", "branch"]) => Endpoint::HashBranch,
            _ => return None,
        };
        Some(Self {
            endpoint,
            version,
            chain,
            hash,
        })
    }

    /// Whether the endpoint accepts `method`.
    pub(crate) fn allows(&self, method: &Method) -> bool {
        match self.endpoint {
            // The node's handler is servant's `Raw`, which does not check the method.
            Endpoint::Updates => true,
            Endpoint::Solved | Endpoint::HeaderBranch | Endpoint::HashBranch => {
                method == Method::POST
            }
            _ => method == Method::GET || method == Method::HEAD,
        }
    }

    /// Returns the media types of the answer, the default first; empty where `Accept` is ignored.
    pub(crate) fn offers(&self) -> &'static [Media] {
        match self.endpoint {
            Endpoint::Work => &[Media::Octets],
            Endpoint::Health => &[Media::Text],
            Endpoint::Header => &[Media::Json, Media::JsonObject, Media::Octets],
            Endpoint::Headers | Endpoint::HeaderBranch => &[Media::Json, Media::JsonObject],
            Endpoint::Updates => &[],
            _ => &[Media::Json],
        }
    }

    /// Returns the required media type of the request's body, if it has one. The EVM line ignores
    /// the body of a request for work.
    pub(crate) fn body(&self, is_evm: bool) -> Option<Media> {
        match self.endpoint {
            Endpoint::Work if is_evm => None,
            Endpoint::Work | Endpoint::HeaderBranch | Endpoint::HashBranch => Some(Media::Json),
            Endpoint::Solved | Endpoint::Updates => Some(Media::Octets),
            _ => None,
        }
    }
}
