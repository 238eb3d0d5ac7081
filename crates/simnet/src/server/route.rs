//! Paths: which endpoint, which chain, which methods and types it takes.

use chainweb::ChainId;
use hyper::Method;

use super::media::Media;
use crate::endpoint::Endpoint;

/// Where a path leads, before it is known whether the network has such a version or chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) endpoint: Endpoint,
    /// The network that the path names; `None` for paths outside of any network.
    pub(crate) version: Option<String>,
    pub(crate) chain: Option<ChainId>,
    /// The block hash of `/header/{hash}` as it stands.
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

    pub(crate) fn takes(&self, method: &Method) -> bool {
        match self.endpoint {
            // The stream's handler is a raw application, which sees every method.
            Endpoint::Updates => true,
            Endpoint::Solved | Endpoint::HeaderBranch | Endpoint::HashBranch => {
                method == Method::POST
            }
            _ => method == Method::GET || method == Method::HEAD,
        }
    }

    /// The forms of the answer, the default first. Empty where `Accept` is not looked at.
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

    /// The type that a body must have, where there is one.
    pub(crate) fn body(&self) -> Option<Media> {
        match self.endpoint {
            Endpoint::Work | Endpoint::HeaderBranch | Endpoint::HashBranch => Some(Media::Json),
            Endpoint::Solved | Endpoint::Updates => Some(Media::Octets),
            _ => None,
        }
    }
}
