//! The paths of the API.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{HeaderMap, StatusCode, Uri};

use super::answer::{Answer, Problem, json, written};
use super::openapi::DOCUMENT;
use super::page;
use super::published::{Document, Published};
use super::remembered::{blocks, earnings, history, worker, workers};
use super::shared::Shared;
use super::stream::stream;
use crate::metrics::Format;

pub(super) fn router(shared: Shared) -> Router {
    let of_snapshot = |document| {
        get(async move |State(shared): State<Shared>| -> Answer {
            let render = move |published: &Published| published.document(document);
            Ok(written(shared.render(render).await?))
        })
    };
    Router::new()
        .route("/", get(page::index))
        .route("/page/{*file}", get(page::file))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/v1/status", of_snapshot(Document::Status))
        .route("/api/v1/nodes", of_snapshot(Document::Nodes))
        .route("/api/v1/jobs", of_snapshot(Document::Jobs))
        .route("/api/v1/workers", of_snapshot(Document::Workers))
        .route("/api/v1/workers/{name}", get(worker))
        .route("/api/v1/events", of_snapshot(Document::Events))
        .route("/api/v1/blocks", get(blocks))
        .route("/api/v1/history", get(history))
        .route("/api/v1/history/workers", get(workers))
        .route("/api/v1/earnings", get(earnings))
        .route("/api/v1/stream", get(stream))
        .route(
            "/api/v1/openapi.json",
            get(async || written(Bytes::from_static(DOCUMENT.as_bytes()))),
        )
        .method_not_allowed_fallback(async || {
            let hint = "use GET: the API changes nothing";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed", hint)
        })
        .fallback(not_found)
        .with_state(shared)
        .layer(map_response(with_headers))
}

async fn ready(State(shared): State<Shared>) -> Answer {
    let readiness = shared.latest().await?.readiness(Instant::now());
    let mut response = json(&readiness);
    if !readiness.ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

async fn metrics(State(shared): State<Shared>, headers: HeaderMap) -> Answer {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    let page = Arc::clone(&shared.metrics);
    let render = move |published: &Published| published.metrics(&page, format);
    let text = shared.render(render).await?;
    Ok(([(CONTENT_TYPE, format.content_type())], text).into_response())
}

async fn not_found(uri: Uri) -> Problem {
    let error = format!("nothing is at {}", uri.path());
    let hint = "/api/v1/openapi.json lists what there is";
    Problem::new(StatusCode::NOT_FOUND, error, hint)
}

/// Adds what keeps browsers from taking a response for something else, or showing it elsewhere.
async fn with_headers(response: Response) -> impl IntoResponse {
    let mut response = response;
    let headers = response.headers_mut();
    let policy = "default-src 'self'; frame-ancestors 'none'";
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, policy),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
