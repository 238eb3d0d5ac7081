//! The page: files in the program, so that it needs nothing from elsewhere.
//!
//! Its links are relative, so it works below the path of a reverse proxy.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH};

use super::answer::Problem;

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// A file of the page.
#[derive(Debug)]
struct File {
    name: &'static str,
    media: &'static str,
    content: &'static str,
}

macro_rules! files {
    ($($path:literal $media:expr;)*) => {
        &[$(File {
            name: $path,
            media: $media,
            content: include_str!(concat!("../../web/", $path)),
        }),*]
    };
}

const FILES: &[File] = files! {
    "index.html" "text/html; charset=utf-8";
    "style.css" STYLE;
    "icon.svg" "image/svg+xml";
    "theme.js" SCRIPT;
    "main.js" SCRIPT;
    "data.js" SCRIPT;
    "dom.js" SCRIPT;
    "text.js" SCRIPT;
    "headline.js" SCRIPT;
    "rate.js" SCRIPT;
    "odds.js" SCRIPT;
    "devices.js" SCRIPT;
    "chains.js" SCRIPT;
    "blocks.js" SCRIPT;
    "nodes.js" SCRIPT;
    "vendor/uPlot.iife.min.js" SCRIPT;
    "vendor/uPlot.min.css" STYLE;
};

/// Answers with the page.
pub(super) async fn index(headers: HeaderMap) -> Response {
    FILES[0].respond(&headers)
}

/// Answers with a file of the page.
pub(super) async fn file(
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(path) = path?;
    let file = FILES.iter().find(|file| file.name == path);
    let file = file.ok_or_else(|| {
        let error = "the page has no such file";
        Problem::new(StatusCode::NOT_FOUND, error, "reload the page")
    })?;
    Ok(file.respond(&headers))
}

impl File {
    /// Responds with the file, unless the browser has it already.
    fn respond(&self, headers: &HeaderMap) -> Response {
        let mut hasher = DefaultHasher::new();
        self.content.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish());
        let is_known = headers
            .get(IF_NONE_MATCH)
            .is_some_and(|known| known.as_bytes() == tag.as_bytes());
        let caching = [(ETAG, tag), (CACHE_CONTROL, "no-cache".to_owned())];
        if is_known {
            return (StatusCode::NOT_MODIFIED, caching).into_response();
        }
        (caching, [(CONTENT_TYPE, self.media)], self.content).into_response()
    }
}
