//! The schema: its roots, its SDL, and the gate that knows it.

use std::sync::Arc;

use async_graphql::{SDLExportOptions, Schema, SchemaBuilder};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::api::access::Access;
use crate::api::context::{Facts, SharedClock};
use crate::api::input::{DEFAULT_LOG_PAGE, DEFAULT_PAGE};
use crate::api::meter::Meter;
use crate::api::mutation::Mutation;
use crate::api::query::Query;
use crate::api::subscription::Subscription;
use crate::api::transport::door::{Door, Welcome};
use crate::api::transport::gate::{Gate, PageRule, Shape};
use crate::api::types::job::MAX_EVENTS;
use crate::api::types::scalar;
use crate::api::wait::Closing;
use crate::auth::Keeper;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::limits::Limits;
use crate::scheduler::Handle;

pub(crate) type LonghaulSchema = Schema<Query, Mutation, Subscription>;

/// A schema without what it is about.
pub(crate) fn builder(limits: &Limits) -> SchemaBuilder<Query, Mutation, Subscription> {
    // The gate has judged the depth already, and says so with a code.
    Schema::build(Query, Mutation, Subscription)
        .limit_recursive_depth(limits.query_nesting.saturating_add(1))
}

/// The schema as text, sorted: what `schema.graphql` holds.
pub fn sdl() -> String {
    sdl_of(&builder(&Limits::default()).finish())
}

fn sdl_of(schema: &LonghaulSchema) -> String {
    let options = SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .prefer_single_line_descriptions()
        .include_specified_by()
        .use_space_ident();
    let sdl = schema.sdl_with_options(options);
    let lines: Vec<_> = sdl.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n").trim())
}

/// What a schema is built from.
pub(crate) struct Ingredients {
    pub(crate) handle: Handle,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) version: String,
    pub(crate) started_at: Timestamp,
    pub(crate) store: &'static str,
    pub(crate) closing: CancellationToken,
    pub(crate) introspection: bool,
    pub(crate) meter: Arc<Meter>,
}

/// The schema behind its gate.
pub(crate) fn door(from: Ingredients) -> Door<LonghaulSchema> {
    let sdl = sdl();
    let facts = Facts {
        version: from.version,
        started_at: from.started_at,
        store: from.store,
        schema_hash: hex::encode(Sha256::digest(sdl.as_bytes())),
    };
    let limits = from.handle.limits().clone();
    let slots = from.handle.worker_slots().0;
    let handle = from.handle.clone();
    let keeper = from.keeper;
    let welcome: Welcome = Arc::new(move |request, caller| {
        keeper.check(caller)?;
        Ok(request.data(Access::new(&handle, caller.clone())))
    });
    let builder = builder(&limits);
    // Where nobody may ask for the schema, no error proposes names out of it either.
    let builder = if from.introspection { builder } else { builder.disable_suggestions() };
    let schema = builder
        .data(from.handle)
        .data(SharedClock(from.clock))
        .data(facts)
        .data(Closing(from.closing))
        .finish();
    let gate = gate(&sdl, limits, slots).with_introspection(from.introspection);
    Door::new(schema, gate, welcome, from.meter)
}

/// What the gate knows of lists: `slots` is how many jobs a worker runs.
pub(crate) fn gate(sdl: &str, limits: Limits, slots: u32) -> Gate {
    let fixed = |field, rows| PageRule { field, default: rows, max: rows, rows_per_cost: 1 };
    let pages = [
        PageRule {
            field: "Query.jobs",
            default: DEFAULT_PAGE.min(limits.page_size).into(),
            max: limits.page_size.into(),
            rows_per_cost: 1,
        },
        // They stand in the job's row.
        fixed("Job.labels", 1),
        fixed("Worker.running", slots.into()),
        // Small rows that lie together: ten cost as much as a job.
        PageRule {
            field: "Job.events",
            default: MAX_EVENTS.into(),
            max: MAX_EVENTS.into(),
            rows_per_cost: 10,
        },
        // Lines are read in one piece from a file: a hundred cost as much as a job.
        PageRule {
            field: "Job.log",
            default: DEFAULT_LOG_PAGE.min(limits.log_page_lines).into(),
            max: limits.log_page_lines.into(),
            rows_per_cost: 100,
        },
    ];
    Gate::new(Shape::new(sdl, &pages, scalar::checks()), limits)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_schema;
    use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};

    use super::*;

    #[test]
    fn the_committed_schema_is_the_one_that_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, sdl()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == sdl(),
            "schema.graphql differs from the schema in the code: `make schema` writes it anew"
        );
    }

    /// What GraphiQL and code generators ask at their start, with all that they may ask for.
    const INTROSPECTION: &str = "
        query IntrospectionQuery {
          __schema {
            description
            queryType { name kind } mutationType { name kind } subscriptionType { name kind }
            types { ...FullType }
            directives {
              name description isRepeatable locations
              args(includeDeprecated: true) { ...InputValue }
            }
          }
        }
        fragment FullType on __Type {
          kind name description specifiedByURL isOneOf
          fields(includeDeprecated: true) {
            name description
            args(includeDeprecated: true) { ...InputValue }
            type { ...TypeRef }
            isDeprecated deprecationReason
          }
          inputFields(includeDeprecated: true) { ...InputValue }
          interfaces { ...TypeRef }
          enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
          possibleTypes { ...TypeRef }
        }
        fragment InputValue on __InputValue {
          name description type { ...TypeRef } defaultValue isDeprecated deprecationReason
        }
        fragment TypeRef on __Type {
          kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
          ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind
          name } } } } } } } } }
        }";

    #[tokio::test]
    async fn tools_may_ask_for_the_whole_schema() {
        let gate = gate(&sdl(), Limits::default(), 64);
        let admitted = gate.admit(async_graphql::Request::new(INTROSPECTION));
        let admitted = admitted.map_err(|error| error.message).unwrap();
        let answer = builder(&Limits::default()).finish().execute(admitted.request).await;
        assert!(answer.errors.is_empty(), "{:?}", answer.errors);
        let told = answer.data.into_json().unwrap();
        let types = told["__schema"]["types"].as_array().unwrap();
        let node = types.iter().find(|ty| ty["name"] == "Node").unwrap();
        let mut possible: Vec<_> =
            node["possibleTypes"].as_array().unwrap().iter().map(|ty| &ty["name"]).collect();
        possible.sort_unstable_by_key(ToString::to_string);
        assert_eq!(possible, ["Job", "JobKind", "Queue", "Worker"]);
    }

    #[test]
    fn what_a_list_costs_is_known() {
        // P12: ten events as much as a job, attempts and workers as lists that nobody limits.
        let gate = gate(&sdl(), Limits::default(), 64);
        let jobs = |first: u32, inner: &str| {
            format!("{{ jobs(first: {first}) {{ nodes {{ {inner} }} }} }}")
        };
        for (query, cost) in [
            (jobs(100, "id labels { key } queue { name } worker { name }"), None),
            (jobs(90, "events { nodes { seq } }"), None),
            (jobs(100, "events { nodes { seq } }"), Some(2_200)),
            (jobs(100, "events(first: 10) { nodes { seq } }"), None),
            (jobs(100, "attempts { number }"), None),
            (jobs(100, "attempts { usage { cpuMs } }"), Some(2_200)),
            ("{ workers { running { id } } }".to_owned(), None),
            ("{ workers { running { queue { name } kind { name } } } }".to_owned(), None),
            (
                "{ workers { running { queue { name } kind { name } worker { name } } } }".to_owned(),
                Some(2_570),
            ),
            ("{ node(id: 1) { ... on Worker { running { attempts { usage { cpuMs } } } } } }".to_owned(), None),
            (
                "{ node(id: 1) { ... on Worker { running { attempts { usage { cpuMs } worker { name } } } } } }".to_owned(),
                None,
            ),
        ] {
            let told = gate.admit(async_graphql::Request::new(query.as_str())).err();
            let found = told.and_then(|error| error.extensions?.get("found").cloned());
            assert_eq!(found, cost.map(async_graphql::Value::from), "{query}");
        }
    }

    #[test]
    fn everything_in_the_schema_is_described() {
        let mut bare = Vec::new();
        for definition in parse_schema(sdl()).unwrap().definitions {
            let TypeSystemDefinition::Type(ty) = definition else { continue };
            let name = ty.node.name.node.to_string();
            let mut note = |path: String, described: bool| {
                if !described {
                    bare.push(path);
                }
            };
            note(name.clone(), ty.node.description.is_some());
            match ty.node.kind {
                TypeKind::Object(object) => {
                    for field in object.fields {
                        let path = format!("{name}.{}", field.node.name.node);
                        note(path.clone(), field.node.description.is_some());
                        for argument in field.node.arguments {
                            let path = format!("{path}({}:)", argument.node.name.node);
                            note(path, argument.node.description.is_some());
                        }
                    }
                }
                TypeKind::Enum(values) => {
                    for value in values.values {
                        let path = format!("{name}.{}", value.node.value.node);
                        note(path, value.node.description.is_some());
                    }
                }
                TypeKind::InputObject(input) => {
                    for field in input.fields {
                        let path = format!("{name}.{}", field.node.name.node);
                        note(path, field.node.description.is_some());
                    }
                }
                TypeKind::Interface(interface) => {
                    for field in interface.fields {
                        let path = format!("{name}.{}", field.node.name.node);
                        note(path, field.node.description.is_some());
                    }
                }
                TypeKind::Scalar | TypeKind::Union(_) => {}
            }
        }
        assert_eq!(bare, Vec::<String>::new());
    }
}
