//! Who may ask for what: a rule for every field of the schema, in one table. A field without one fails
//! a test, so nobody forgets to decide.
//!
//! The gate asks the table before anything runs. What it lets through is judged object by object by
//! [`access`](super::access).

use crate::api::access::forbidden;
use crate::api::error::Result;
use crate::auth::Caller;

/// What a caller must be allowed before a field is even looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// To see more than one shared job.
    More,
    /// To see all jobs.
    Read,
    /// To start jobs of some kind; of which, is judged when it is known.
    Start,
    /// To stop jobs.
    Cancel,
    /// To do all.
    Admin,
}

impl Need {
    const ALL: [Self; 5] = [Self::More, Self::Read, Self::Start, Self::Cancel, Self::Admin];

    fn is_met(self, caller: &Caller) -> bool {
        match self {
            Self::More => !caller.is_share(),
            Self::Read => caller.sees_all(),
            Self::Start => caller.may_start_some(),
            Self::Cancel => caller.may_cancel(),
            Self::Admin => caller.is_admin(),
        }
    }

    /// A scope that would do.
    fn scope(self) -> &'static str {
        match self {
            Self::More | Self::Read => "read",
            Self::Start => "start:KIND",
            Self::Cancel => "cancel",
            Self::Admin => "admin",
        }
    }
}

/// All that one operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Needs(u8);

impl Needs {
    /// These and one more.
    pub(crate) fn with(self, need: Option<Need>) -> Self {
        Self(self.0 | need.map_or(0, |need| 1 << need as u8))
    }

    /// These and those.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The caller may do all of it; the error names what is missing first.
    pub(crate) fn check(self, caller: &Caller) -> Result<()> {
        let needed = |need: &Need| self.0 & (1 << *need as u8) != 0;
        match Need::ALL.into_iter().filter(needed).find(|need| !need.is_met(caller)) {
            Some(need) => Err(forbidden(need.scope())),
            None => Ok(()),
        }
    }
}

/// What `access` judges when it is known which object is meant, and what anybody may ask who may ask
/// at all.
#[cfg(test)]
const JUDGED: &[(&str, &str)] = &[
    ("Query", "job kind kinds node server viewer waitJob"),
    ("Subscription", "jobLog jobStatus"),
    // Null where it may not be seen; what a worker runs is listed as far as it may.
    ("Attempt", "worker"),
    ("Job", "idempotencyKey retryOf worker"),
    ("JobKind", "differsOn"),
    ("Token", "sharedJob"),
    ("Worker", "kinds running"),
];

/// What needs something before it is looked at.
const NEEDED: &[(&str, Need, &str)] = &[
    ("Query", Need::More, "jobs queue queues"),
    ("Query", Need::Read, "workers"),
    ("Query", Need::Start, "checkJob jobByIdempotencyKey"),
    ("Query", Need::Admin, "tokens"),
    ("Mutation", Need::Start, "retryJob startJob"),
    ("Mutation", Need::Cancel, "cancelJob"),
    ("Mutation", Need::More, "shareJob"),
    (
        "Mutation",
        Need::Admin,
        "createToken drainWorker pauseQueue resumeQueue resumeWorker revokeToken setQueueSlots",
    ),
    ("Subscription", Need::More, "jobFeed queueStats"),
    // A shared job leads to its queue, and its queue no further.
    ("Queue", Need::More, "pausedAt pausedBy pausedNote stats"),
];

/// What is a part of an object that was judged where it was reached.
#[cfg(test)]
const PARTS: &[(&str, &str)] = &[
    ("ArgProblem", "keyword message pointer"),
    ("Attempt", "endedAt exitCode number reason reasonText signal startedAt supervision usage"),
    ("CreateTokenPayload", "secret token"),
    (
        "Job",
        "args attempt attempts cancelNote cancelRequestedAt canceledBy createdAt endedAt estimate events \
         exitCode id kind labels log maxAttempts notBefore progress queue reason reasonText result \
         seq signal startedAt startedBy state terminal timeoutMs usage viewerCan wait",
    ),
    ("JobActions", "cancel readLog retry"),
    ("Estimate", "basedOnRuns endAt endAtLatest startAt startAtLatest"),
    ("JobCheck", "code estimate message ok position problems"),
    ("JobConnection", "edges feedCursor nodes pageInfo totalCount"),
    ("JobEdge", "cursor node"),
    ("JobEvent", "at attempt change cursor detail seq state text"),
    ("JobEventPage", "nodes pageInfo"),
    ("JobFeed", "cursor events reset"),
    ("JobFeedEvent", "change coalesced job jobId matches"),
    (
        "JobKind",
        "argsSchema atMostOnce declared description id maxAttempts name queue resultSchema \
         timeoutMs title typicalRunMs viewerCanStart workerLabels",
    ),
    ("JobPayload", "changed job"),
    (
        "JobStatus",
        "at change coalesced estimate id job progress reason reasonText seq state terminal wait",
    ),
    ("Label", "key value"),
    ("LogChunk", "complete cursor droppedBytes lines"),
    ("LogLine", "at attempt cursor cut number stream text"),
    ("LogPage", "complete droppedBytes nodes pageInfo"),
    ("Node", "id"),
    ("PageInfo", "endCursor hasNextPage hasPreviousPage startCursor"),
    ("Progress", "current message percent total updatedAt"),
    ("Queue", "declared id maxWaiting name paused slots viewerCanManage"),
    ("QueuePayload", "changed queue"),
    (
        "QueueStats",
        "at drainEstimateMs endedLastHour failedLastHour notBefore oldestWaitMs runP50Ms runP95Ms running \
         waitP50Ms waitP95Ms waiting",
    ),
    ("ServerInfo", "accepting limits now schemaHash startedAt store version"),
    ("ServerLimits", "argsBytes pageSize resultBytes waitMs"),
    ("StartJobPayload", "created job"),
    ("Token", "createdAt createdBy expiresAt id lastUsedAt live name revokedAt scopes"),
    ("TokenPayload", "changed token"),
    ("Usage", "cpuMs logBytes peakMemoryBytes"),
    ("Wait", "eligibleAt position reason reasonText"),
    (
        "Worker",
        "busy draining id labels lastSeenAt live name slots startedAt version viewerCanManage",
    ),
    ("WorkerPayload", "changed worker"),
];

/// What the caller of a field must be allowed.
pub(crate) fn need(parent: &str, field: &str) -> Option<Need> {
    let is_here = |(of, _, fields): &&(&str, Need, &str)| *of == parent && lists(fields, field);
    NEEDED.iter().find(is_here).map(|(_, need, _)| *need)
}

fn lists(fields: &str, field: &str) -> bool {
    fields.split_whitespace().any(|listed| listed == field)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use async_graphql::parser::parse_schema;
    use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};

    use super::*;
    use crate::api::schema::sdl;
    use crate::auth::caller_with;

    /// Every field of the schema, as `Type.field`.
    fn fields() -> Vec<String> {
        let mut all = Vec::new();
        for definition in parse_schema(sdl()).unwrap().definitions {
            let TypeSystemDefinition::Type(ty) = definition else { continue };
            let fields = match &ty.node.kind {
                TypeKind::Object(object) => &object.fields,
                TypeKind::Interface(interface) => &interface.fields,
                TypeKind::Scalar
                | TypeKind::Union(_)
                | TypeKind::Enum(_)
                | TypeKind::InputObject(_) => continue,
            };
            let of = &ty.node.name.node;
            all.extend(fields.iter().map(|field| format!("{of}.{}", field.node.name.node)));
        }
        all
    }

    #[test]
    fn every_field_has_one_rule_and_every_rule_a_field() {
        let mut rules: BTreeMap<String, usize> = BTreeMap::new();
        let needed = NEEDED.iter().map(|(of, _, fields)| (*of, *fields));
        for (of, fields) in JUDGED.iter().chain(PARTS).copied().chain(needed) {
            for field in fields.split_whitespace() {
                *rules.entry(format!("{of}.{field}")).or_default() += 1;
            }
        }
        let fields = fields();
        let without: Vec<_> = fields.iter().filter(|field| !rules.contains_key(*field)).collect();
        assert!(without.is_empty(), "fields without a rule: {without:?}");
        rules.retain(|field, count| *count != 1 || !fields.contains(field));
        assert!(rules.is_empty(), "rules twice, or of no field: {rules:?}");
    }

    #[test]
    fn each_need_is_met_by_its_scopes() {
        let share = "job:019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";
        let met = |scopes: &[&str]| {
            let caller = caller_with("ci", scopes);
            Need::ALL.map(|need| Needs::default().with(Some(need)).check(&caller).is_ok())
        };
        assert_eq!(met(&["read"]), [true, true, false, false, false]);
        assert_eq!(met(&["start:a"]), [true, false, true, false, false]);
        assert_eq!(met(&["cancel"]), [true, false, false, true, false]);
        assert_eq!(met(&["admin"]), [true; 5]);
        assert_eq!(met(&[share]), [false; 5]);
    }

    #[test]
    fn what_an_operation_needs_is_all_that_its_parts_need() {
        let needs = Needs::default().with(need("Query", "tokens")).and(Needs::default());
        let needs = needs.and(Needs::default().with(need("Mutation", "cancelJob")));
        let told = |scopes: &[&str]| {
            let checked = needs.check(&caller_with("ci", scopes));
            checked.map_err(|error| error.into_server_error().message)
        };
        assert!(told(&["cancel"]).unwrap_err().contains("`admin`"));
        assert!(told(&["read"]).unwrap_err().contains("`cancel`"));
        assert_eq!(told(&["admin"]), Ok(()));
    }
}
