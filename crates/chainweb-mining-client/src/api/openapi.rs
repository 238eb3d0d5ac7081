//! The description of the API in OpenAPI 3.1. The schemas are made from the types of the answers.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::answer::Problem;
use super::model::earnings::Earnings;
use super::model::event::{Event, Events};
use super::model::history::{BlockPage, History, KnownWorker, KnownWorkers, WorkerHistory};
use super::model::job::Jobs;
use super::model::node::Nodes;
use super::model::status::Status;
use super::model::tick::Tick;
use super::model::worker::{Worker, Workers};
use super::ready::Readiness;
use super::remembered::{BlocksQuery, HistoryQuery};
use super::stream::Place;
use crate::metrics::Format;

const ABOUT: &str = "What chainweb-mining-client does. Times end in `_unix_ms` and are milliseconds \
    since the Unix epoch, hash rates are in hashes per second, difficulties in hashes. What is not \
    known is null.";

const JSON: &str = "application/json";

/// The schemas by name.
#[derive(Default)]
struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Returns a reference to the schema of a type.
    fn of<T: ToSchema>(&mut self) -> Value {
        let mut all = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut all);
        for (name, schema) in all {
            let schema = json!(schema);
            let former = self.0.insert(name, schema.clone());
            assert!(
                former.is_none_or(|former| former == schema),
                "two types have the same name: {schema}"
            );
        }
        json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
    }
}

/// The description as JSON.
pub(super) static DOCUMENT: LazyLock<String> = LazyLock::new(document);

fn document() -> String {
    let mut schemas = Schemas::default();
    let problem = json!({
        "description": "An error.",
        "content": { JSON: { "schema": schemas.of::<Problem>() } },
    });
    let mut paths = BTreeMap::new();
    for (path, summary, parameters, content) in paths_of(&mut schemas) {
        let content: BTreeMap<_, _> = content
            .into_iter()
            .map(|(media, schema)| (media, json!({ "schema": schema })))
            .collect();
        let mut responses = BTreeMap::from([
            ("200", json!({ "description": summary, "content": content })),
            ("default", problem.clone()),
        ]);
        if path == "/readyz" {
            let unready = json!({ "description": "It is not ready.", "content": content });
            responses.insert("503", unready);
        }
        let get = json!({ "summary": summary, "parameters": parameters, "responses": responses });
        paths.insert(path, json!({ "get": get }));
    }
    let description = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "chainweb-mining-client",
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
        },
        "paths": paths,
        "components": { "schemas": schemas.0 },
    });
    format!("{description:#}\n")
}

type Path = (
    &'static str,
    &'static str,
    Vec<Parameter>,
    Vec<(&'static str, Value)>,
);

/// Returns each path with its summary, its parameters and the schemas of its answers.
fn paths_of(schemas: &mut Schemas) -> Vec<Path> {
    let text = json!({ "type": "string" });
    let name = ParameterBuilder::new()
        .name("name")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The name of the worker, percent-encoded."))
        .schema(Some(String::schema()))
        .build();
    let mut paths = vec![
        json_at(
            "/readyz",
            "Whether it is ready to mine",
            schemas.of::<Readiness>(),
        ),
        json_at("/api/v1/status", "The state", schemas.of::<Status>()),
        json_at("/api/v1/nodes", "The nodes", schemas.of::<Nodes>()),
        json_at("/api/v1/jobs", "The live jobs", schemas.of::<Jobs>()),
        json_at("/api/v1/workers", "The devices", schemas.of::<Workers>()),
        json_at(
            "/api/v1/workers/{name}",
            "A device; one that has not connected in this run, from the history",
            json!({ "oneOf": [schemas.of::<Worker>(), schemas.of::<KnownWorker>()] }),
        ),
        json_at(
            "/api/v1/events",
            "The latest events",
            schemas.of::<Events>(),
        ),
        json_at(
            "/api/v1/earnings",
            "What the last day, week and 30 days brought",
            schemas.of::<Earnings>(),
        ),
        json_at(
            "/api/v1/history/workers",
            "The devices of all runs",
            schemas.of::<KnownWorkers>(),
        ),
        json_at("/api/v1/openapi.json", "This", json!({ "type": "object" })),
    ];
    paths[5].2.push(name);
    let alive = vec![("text/plain", text.clone())];
    paths.push(("/healthz", "Whether the program is alive", vec![], alive));
    let formats = [Format::OpenMetrics, Format::Prometheus];
    let formats = formats.map(|format| (format.media_type(), text.clone()));
    paths.push(("/metrics", "The metrics", vec![], formats.into()));
    for (path, summary, parameters, schema) in [
        (
            "/api/v1/blocks",
            "Blocks of ours",
            parameters::<BlocksQuery>(),
            schemas.of::<BlockPage>(),
        ),
        (
            "/api/v1/history",
            "Totals by time",
            parameters::<HistoryQuery>(),
            json!({ "oneOf": [schemas.of::<History>(), schemas.of::<WorkerHistory>()] }),
        ),
    ] {
        let forms = vec![(JSON, schema), ("text/csv", text.clone())];
        paths.push((path, summary, parameters, forms));
    }
    let messages = json!({
        "type": "string",
        "description": "Messages `status` and `event`, with a `Tick` or an `Event` as their data.",
        "x-data": [schemas.of::<Tick>(), schemas.of::<Event>()],
    });
    let messages = vec![("text/event-stream", messages)];
    let summary = "Figures each second, and events as they happen";
    paths.push(("/api/v1/stream", summary, parameters::<Place>(), messages));
    paths
}

fn json_at(path: &'static str, summary: &'static str, schema: Value) -> Path {
    (path, summary, vec![], vec![(JSON, schema)])
}

fn parameters<T: IntoParams>() -> Vec<Parameter> {
    T::into_params(|| Some(ParameterIn::Query))
}
