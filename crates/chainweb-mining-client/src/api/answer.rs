//! Responses: JSON, and errors in JSON with a hint.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use serde::Serialize;
use utoipa::ToSchema;

/// A response of success, or of an error.
pub(super) type Answer = Result<Response, Problem>;

/// Why there is no answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    /// What is wrong.
    error: String,
    /// What to do.
    hint: String,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        error: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            status,
            error: error.into(),
            hint: hint.into(),
        }
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The engine is not running yet, or no longer.
    pub(super) fn not_running() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the program is starting or stopping",
            "ask again in a few seconds",
        )
    }
}

impl From<QueryRejection> for Problem {
    fn from(error: QueryRejection) -> Self {
        let hint = "docs/api.md and /api/v1/openapi.json list the parameters";
        Self::new(StatusCode::BAD_REQUEST, error.body_text(), hint)
    }
}

impl From<PathRejection> for Problem {
    fn from(error: PathRejection) -> Self {
        let hint = "a name is UTF-8 with %XX for other characters than letters and digits";
        Self::new(error.status(), error.body_text(), hint)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = json(&self);
        *response.status_mut() = self.status;
        response
    }
}

/// Returns a value as JSON.
pub(super) fn bytes(value: &impl Serialize) -> Bytes {
    let json = serde_json::to_vec(value).expect("the types of the model have no keys but text");
    json.into()
}

/// Responds with a value as JSON.
pub(super) fn json(value: &impl Serialize) -> Response {
    written(bytes(value))
}

/// Responds with JSON.
pub(super) fn written(json: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}
