//! The node's service API over HTTP/1.1, with injected faults.
//!
//! Requests are checked in the order of servant, the node's HTTP framework: path (404), method
//! (405), Accept (406), Content-Type (415), query (400), body (400), handler. hyper is used without
//! a framework, because faults break connections and bodies.

mod answer;
pub(crate) mod connections;
mod cors;
mod headers;
mod info;
mod json;
mod media;
mod mining;
mod query;
mod route;
mod stream;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use answer::{Answer, AnswerBody, corrupt, split};
use bytes::Bytes;
use chainweb::{ChainId, WorkHeader};
use headers::{Bounds, Items};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, SERVER};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use media::Media;
use query::Query;
use route::Route;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::config::CutEndpoint;
use crate::endpoint::Endpoint;
use crate::faults::Verdict;
use crate::network::{Chain, Network};
use crate::observation::Moment;
use crate::service::Service;

/// Answers one request.
///
/// # Errors
/// Returns an error where the connection is to break, as a fault or because the request's body
/// breaks off.
async fn serve(
    service: Arc<Service>,
    stop: CancellationToken,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, io::Error> {
    let (head, body) = request.into_parts();
    let limit = service.with(|network, _| network.config().limits.request_bytes);
    let body = match Limited::new(body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let answer = Answer::empty(StatusCode::PAYLOAD_TOO_LARGE);
            return Ok(respond(&service, answer));
        }
        Err(error) => return Err(io::Error::other(error)),
    };
    let route = Route::parse(head.uri.path());
    let endpoint = route.as_ref().map_or(Endpoint::Unknown, |r| r.endpoint);
    let query = Query::parse(head.uri.query());
    let chain = named_chain(route.as_ref(), &query, &body);
    service.count(endpoint, chain);
    let verdict = service.faults.judge(endpoint, chain);
    debug!(method = %head.method, path = head.uri.path(), ?verdict, "request");
    let answer = async {
        match route {
            _ if cors::is_preflight(&head) => cors::preflight(&head),
            Some(route) => handle(&service, &stop, &route, &head, &query, &body)
                .await
                .unwrap_or_else(|refusal| refusal),
            None => Answer::empty(StatusCode::NOT_FOUND),
        }
    };
    let break_connection = || Err(io::ErrorKind::ConnectionAborted.into());
    let answer = match verdict {
        Verdict::Pass => answer.await,
        Verdict::Delay(time) => {
            tokio::time::sleep(time).await;
            answer.await
        }
        Verdict::DelayBody(time) => with_body(answer.await, |body| body.delayed(time)),
        Verdict::Status(code, body) => Answer::plain(status(code), body),
        Verdict::Busy(code, time) => Answer {
            retry_after: Some(time),
            ..Answer::empty(status(code))
        },
        Verdict::Drop => return break_connection(),
        Verdict::Hang => never(std::future::pending().await),
        Verdict::LoseAnswer => {
            drop(answer.await);
            return break_connection();
        }
        Verdict::HangAnswer => {
            let _unsent = answer.await;
            never(std::future::pending().await)
        }
        Verdict::Replace(body) => with_body(answer.await, |_| AnswerBody::whole(body)),
        Verdict::End => with_body(answer.await, |_| AnswerBody::default()),
        Verdict::Truncate(bytes) => with_body(answer.await, |body| body.breaking_after(bytes)),
        Verdict::Split(at) => with_body(answer.await, |body| body.map(|bytes| split(bytes, at))),
        Verdict::Corrupt => with_body(answer.await, |body| body.map(|bytes| corrupt(&bytes))),
    };
    service.observe(endpoint, chain, Moment::Handled);
    Ok(respond(&service, answer))
}

/// Returns a status code, or 500 if there is no such code.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn never(never: Infallible) -> Answer {
    match never {}
}

fn with_body(answer: Answer, change: impl FnOnce(AnswerBody) -> AnswerBody) -> Answer {
    Answer {
        body: change(answer.body),
        ..answer
    }
}

/// Returns the chain that a request names in its path, query or body.
fn named_chain(route: Option<&Route>, query: &Query, body: &Bytes) -> Option<ChainId> {
    let route = route?;
    match route.endpoint {
        Endpoint::Work => query.get("chain").ok().flatten(),
        Endpoint::Solved => Some(WorkHeader::decode(body).ok()?.chain()),
        Endpoint::Updates => Some(ChainId::from_le_bytes(body.as_ref().try_into().ok()?)),
        _ => route.chain,
    }
}

/// Handles a request without faults.
///
/// # Errors
/// Returns the answer to a request that fails a check.
async fn handle(
    service: &Arc<Service>,
    stop: &CancellationToken,
    route: &Route,
    head: &Parts,
    query: &Query,
    body: &Bytes,
) -> Result<Answer, Answer> {
    let (exists, is_evm) = service.with(|network, _| {
        let is_evm = network.config().release.is_evm();
        (exists(network, route), is_evm)
    });
    if !exists {
        return Err(Answer::empty(StatusCode::NOT_FOUND));
    }
    let hash = match &route.hash {
        Some(text) => Some(
            text.parse()
                .map_err(|error| Answer::plain(StatusCode::BAD_REQUEST, format!("{error}")))?,
        ),
        None => None,
    };
    let media = acceptable(route, head, is_evm)?;
    let limits = service.with(|network, _| network.config().limits.clone());
    let page = |items: Items, limit: usize, has_bounds: bool| {
        let window = query.window(limit)?;
        let bounds = has_bounds
            .then(|| Bounds::parse(body, limits.branch_bounds))
            .transpose()?;
        Ok(on_chain(service, route, |network, chain| {
            headers::page(network, chain, bounds.as_ref(), &window, items, media)
        }))
    };
    match route.endpoint {
        Endpoint::Info => {
            let info = service.with(|network, _| info::node_info(network));
            Ok(Answer::json(media, &info))
        }
        Endpoint::Health => Ok(Answer::ok(media, "Health check OK.\n")),
        Endpoint::Work => mining::work(service, query, body).await,
        Endpoint::Solved => Ok(mining::solved(service, body)),
        Endpoint::Updates => stream::updates(service, stop, body).await,
        Endpoint::Cut => {
            let max_height = query.get("maxheight")?;
            let cut = service.with(|network, _| info::cut(network, max_height));
            Ok(Answer::json(media, &cut))
        }
        Endpoint::Header => {
            let hash = hash.expect("this route has a hash");
            Ok(on_chain(service, route, |network, chain| {
                headers::header(chain, hash, media, network.version())
            }))
        }
        Endpoint::Headers => page(Items::Headers, limits.page_headers, false),
        Endpoint::HeaderBranch => page(Items::Headers, limits.page_headers, true),
        Endpoint::Hashes => page(Items::Hashes, limits.page_hashes, false),
        Endpoint::HashBranch => page(Items::Hashes, limits.page_hashes, true),
        Endpoint::Event | Endpoint::Unknown => Err(Answer::empty(StatusCode::NOT_FOUND)),
    }
}

/// Whether the network has the version and the chain of the path.
fn exists(network: &Network, route: &Route) -> bool {
    let version = route.version.as_deref();
    let is_missing = network.config().cut_endpoint == CutEndpoint::Missing;
    !(route.endpoint == Endpoint::Cut && is_missing)
        && version.is_none_or(|version| version == network.version())
        && route
            .chain
            .is_none_or(|chain| network.graph().contains(chain))
}

/// Checks method, Accept and Content-Type, and returns the media type of the answer.
fn acceptable(route: &Route, head: &Parts, is_evm: bool) -> Result<Media, Answer> {
    if !route.allows(&head.method) {
        return Err(Answer::empty(StatusCode::METHOD_NOT_ALLOWED));
    }
    let offers = route.offers();
    let media = if offers.is_empty() {
        Media::Octets
    } else {
        media::negotiate(&head.headers, offers)
            .ok_or_else(|| Answer::empty(StatusCode::NOT_ACCEPTABLE))?
    };
    match route.body(is_evm) {
        Some(wanted) if !media::body_is(&head.headers, wanted) => {
            Err(Answer::empty(StatusCode::UNSUPPORTED_MEDIA_TYPE))
        }
        _ => Ok(media),
    }
}

fn on_chain(
    service: &Service,
    route: &Route,
    answer: impl FnOnce(&Network, &Chain) -> Answer,
) -> Answer {
    service.with(
        |network, _| match route.chain.and_then(|chain| network.chain(chain)) {
            Some(chain) => answer(network, chain),
            None => Answer::empty(StatusCode::NOT_FOUND),
        },
    )
}

/// Adds the headers that every answer has (`Chainweb/RestAPI/Utils.hs`).
fn respond(service: &Service, answer: Answer) -> Response<AnswerBody> {
    let (release, now) = service.with(|network, now| (network.config().release, now));
    let seconds = now.as_micros().div_euclid(1_000_000);
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(
        HeaderName::from_static("x-server-timestamp"),
        HeaderValue::from(seconds),
    );
    headers.insert(
        HeaderName::from_static("x-chainweb-node-version"),
        HeaderValue::from_static(release.package_version()),
    );
    headers.insert(SERVER, HeaderValue::from_static("Chainweb Service API"));
    cors::add_headers(headers, answer.is_permission);
    if let Some(content_type) = answer.content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if let Some(time) = answer.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(time.as_secs()));
    }
    response
}
