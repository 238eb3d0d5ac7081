//! The description of the API in OpenAPI 3.1. The schemas are made from the types of the answers.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{RefOr, Required, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::answer::Problem;
use super::model::event::{Event, Events};
use super::model::history::{Blocks, History, WorkerHistory};
use super::model::job::Jobs;
use super::model::node::Nodes;
use super::model::status::Status;
use super::model::tick::Tick;
use super::model::worker::{Worker, Workers};
use super::ready::Readiness;
use super::remembered::{BlocksQuery, HistoryQuery};
use super::stream::Place;

const ABOUT: &str = "What chainweb-mining-client does. Times end in `_unix_ms` and are milliseconds \
    since the Unix epoch, hash rates are in hashes per second, difficulties in hashes. What is not \
    known is null.";

/// The schemas by name.
#[derive(Default)]
struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Returns a reference to the schema of a type.
    fn of<T: ToSchema>(&mut self) -> Value {
        let mut all = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut all);
        for (name, schema) in all {
            self.add(name, &schema);
        }
        json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
    }

    fn add(&mut self, name: String, schema: &RefOr<Schema>) {
        let schema = json!(schema);
        let former = self.0.insert(name.clone(), schema.clone());
        let is_same = former.is_none_or(|former| former == schema);
        assert!(is_same, "two types have the name {name}");
    }
}

/// The description as JSON.
pub(super) static DOCUMENT: LazyLock<String> = LazyLock::new(document);

fn document() -> String {
    let mut schemas = Schemas::default();
    let problem = json!({
        "description": "An error.",
        "content": { "application/json": { "schema": schemas.of::<Problem>() } },
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
    const JSON: &str = "application/json";
    let text = || json!({ "type": "string" });
    let name = ParameterBuilder::new()
        .name("name")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The name of the worker, percent-encoded."))
        .schema(Some(String::schema()))
        .build();
    let table = |schema| vec![(JSON, schema), ("text/csv", text())];
    let totals = json!({ "oneOf": [schemas.of::<History>(), schemas.of::<WorkerHistory>()] });
    let data = json!([schemas.of::<Tick>(), schemas.of::<Event>()]);
    let messages = json!({
        "type": "string",
        "description": "Messages `status` and `event`, with a `Tick` or an `Event` as their data.",
        "x-data": data,
    });
    vec![
        (
            "/healthz",
            "Whether the program is alive",
            vec![],
            vec![("text/plain", text())],
        ),
        (
            "/readyz",
            "Whether it is ready to mine",
            vec![],
            vec![(JSON, schemas.of::<Readiness>())],
        ),
        (
            "/api/v1/status",
            "The state of the program",
            vec![],
            vec![(JSON, schemas.of::<Status>())],
        ),
        (
            "/api/v1/nodes",
            "The nodes",
            vec![],
            vec![(JSON, schemas.of::<Nodes>())],
        ),
        (
            "/api/v1/jobs",
            "The live jobs",
            vec![],
            vec![(JSON, schemas.of::<Jobs>())],
        ),
        (
            "/api/v1/workers",
            "The mining devices",
            vec![],
            vec![(JSON, schemas.of::<Workers>())],
        ),
        (
            "/api/v1/workers/{name}",
            "A mining device",
            vec![name],
            vec![(JSON, schemas.of::<Worker>())],
        ),
        (
            "/api/v1/events",
            "The latest events",
            vec![],
            vec![(JSON, schemas.of::<Events>())],
        ),
        (
            "/api/v1/stream",
            "Figures each second, and events as they happen",
            parameters::<Place>(),
            vec![("text/event-stream", messages)],
        ),
        (
            "/api/v1/blocks",
            "Blocks of ours",
            parameters::<BlocksQuery>(),
            table(schemas.of::<Blocks>()),
        ),
        (
            "/api/v1/history",
            "Totals by time",
            parameters::<HistoryQuery>(),
            table(totals),
        ),
        (
            "/api/v1/openapi.json",
            "This description",
            vec![],
            vec![(JSON, json!({ "type": "object" }))],
        ),
    ]
}

fn parameters<T: IntoParams>() -> Vec<Parameter> {
    T::into_params(|| Some(ParameterIn::Query))
}
