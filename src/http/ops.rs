//! `/ops/...`: what the commands for people ask a running shop.
//!
//! Lists are newline-delimited JSON, in pages of bounded length; the header `OrderShop-Next` says
//! from where to go on.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use ordershop_actors::read_model::ReadModel;
use ordershop_actors::runtime::{Resolve, ResolveError, Standing, SubscriberHandle};
use ordershop_store::embedded::Embedded;
use ordershop_store::{EntryId, EventLog, LogError, Positions, Topic};
use serde::Deserialize;
use uuid::Uuid;

use super::body;
use super::problem::{Kind, Problem};
use super::traffic::Traffic;
use crate::ops::kill::{self, KillRequest, NotKilled};
use crate::ops::moment::Moment;
use crate::ops::place::{self, Place};
use crate::ops::quarantine::RESOLVE_PATIENCE;
use crate::ops::subscribers::{self, Subscriber};
use crate::ops::supervision::Supervision;
use crate::ops::{client, entry, events, quarantine, resume, state, tree};

/// What these paths need.
#[derive(Clone)]
pub struct Ops {
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// The same, where it lies in files.
    pub files: Option<Arc<Embedded>>,
    /// The tree of which all this is a part, as soon as it is up.
    pub tree: Arc<OnceLock<Supervision>>,
    /// What the queries see.
    pub read_model: ReadModel,
    /// Who else listens to the log.
    pub subscribers: &'static [Subscriber],
    /// The way to those whose entries can be set aside.
    pub subscriptions: Arc<[SubscriberHandle]>,
}

/// What a client may ask of the list of events.
#[derive(Deserialize)]
pub(super) struct EventsQuery {
    topic: Option<String>,
    from: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
    /// How many seconds to wait where there is nothing yet.
    wait: Option<u64>,
}

/// `GET /ops/events`.
pub(super) async fn list_events(
    ops: web::Data<Ops>,
    traffic: web::Data<Traffic>,
    query: web::Query<EventsQuery>,
) -> Result<HttpResponse, Problem> {
    let EventsQuery { topic, from, after, limit, wait } = query.into_inner();
    let mut after = begin(topic.as_deref(), from.as_deref(), after.as_deref())?;
    let limit = limit.unwrap_or(events::MAX_PAGE).min(events::MAX_PAGE);
    let wait = Duration::from_secs(wait.unwrap_or(0)).min(events::MAX_WAIT);
    if !wait.is_zero() {
        // Whatever ends the wait, the read below tells what is there.
        tokio::select! {
            _ = tokio::time::timeout(wait, ops.log.wait(after.clone())) => {}
            () = traffic.until_closed() => {}
        }
    }
    let page = ops.log.read(after.clone(), limit).await.map_err(unavailable)?;
    let mut body = String::new();
    for entry in &page.entries {
        after.finish(entry);
        body.push_str(&entry::to_json(entry));
        body.push('\n');
    }
    let next = HeaderValue::from_str(&Place(after).to_text()).expect("names and numbers");
    let mut answer = HttpResponse::Ok();
    answer.insert_header((client::NEXT, next));
    Ok(answer.content_type("application/x-ndjson").body(body))
}

/// Where a list begins.
fn begin(
    topic: Option<&str>,
    from: Option<&str>,
    after: Option<&str>,
) -> Result<Positions, Problem> {
    if let Some(after) = after {
        let Place(after) = after.parse().map_err(malformed)?;
        return Ok(after);
    }
    let topic = topic.map(place::topic).transpose().map_err(malformed)?;
    let from = from.map(str::parse).transpose().map_err(malformed)?;
    Ok(Place::before(from.unwrap_or_default(), topic).0)
}

/// What a client may ask of a state.
#[derive(Deserialize)]
pub(super) struct StateQuery {
    at: Option<String>,
}

/// `GET /ops/state/{topic}/{id}`.
pub(super) async fn show_state(
    ops: web::Data<Ops>,
    path: web::Path<(String, String)>,
    query: web::Query<StateQuery>,
) -> Result<HttpResponse, Problem> {
    let (topic, id) = path.into_inner();
    let topic: Topic =
        place::topic(&topic).map_err(|error| Problem::new(Kind::NotFound, error.to_string()))?;
    let id: Uuid = id.parse().map_err(malformed)?;
    let at: Option<Moment> = query.at.as_deref().map(str::parse).transpose().map_err(malformed)?;
    let state = state::as_of(&*ops.log, topic, id, at).await.map_err(unavailable)?;
    let state = state.ok_or_else(|| Problem::new(Kind::NotFound, state::missing(topic, id, at)))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(state))
}

/// `GET /ops/tree`.
pub(super) async fn show_tree(ops: web::Data<Ops>) -> Result<HttpResponse, Problem> {
    let standings = standings(&ops);
    let body = tree::to_json(&supervision(&ops)?.view.snapshot(tree::NOTABLE).await, &standings);
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").body(body))
}

fn supervision(ops: &Ops) -> Result<&Supervision, Problem> {
    let tree = ops.tree.get();
    tree.ok_or_else(|| Problem::new(Kind::Unavailable, "the shop is starting"))
}

/// `POST /ops/kill`.
///
/// Its body must be said to be JSON: no browser sends that for a page of another site unasked.
pub(super) async fn kill(
    ops: web::Data<Ops>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    if !request.headers().contains_key(header::CONTENT_TYPE) {
        let detail = "the body has no Content-Type; send application/json";
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    let KillRequest { path } = body::one(&body::read(&request, payload).await?)?;
    let killed = kill::kill(supervision(&ops)?, &path).await.map_err(|error| {
        let kind = match error {
            NotKilled::NotThere { .. } => Kind::NotFound,
            NotKilled::Root(_) => Kind::Conflict,
            NotKilled::Unheard(_) => Kind::TimedOut,
        };
        Problem::new(kind, error.to_string())
    })?;
    let killed = serde_json::to_string(&killed).expect("a struct of text");
    Ok(HttpResponse::Ok().content_type("application/json").body(killed))
}

/// How each subscriber stands.
fn standings(ops: &Ops) -> Vec<(&str, Standing)> {
    ops.subscriptions.iter().map(|known| (known.name(), known.standing())).collect()
}

/// What a client may ask of the subscribers.
#[derive(Deserialize)]
pub(super) struct SubscribersQuery {
    /// Up to how many entries are counted for each.
    count: Option<usize>,
}

/// `GET /ops/subscribers`.
pub(super) async fn show_subscribers(
    ops: web::Data<Ops>,
    query: web::Query<SubscribersQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = query.count.unwrap_or(subscribers::COUNTED).clamp(1, subscribers::MAX_COUNTED);
    let (subscribers, standings) = (ops.subscribers, standings(&ops));
    let body = subscribers::to_json(&*ops.log, subscribers, &standings, &ops.read_model, limit);
    let body = body.await.map_err(unavailable)?;
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").body(body))
}

/// `POST /ops/subscribers/{subscriber}/resume`.
pub(super) async fn resume(
    ops: web::Data<Ops>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let resumed = tokio::time::timeout(RESOLVE_PATIENCE, find(&ops, &path)?.resume()).await;
    let resumed = resumed.map_err(|_| {
        let seconds = RESOLVE_PATIENCE.as_secs();
        Problem::new(Kind::TimedOut, format!("it is not done after {seconds} seconds; try again"))
    })?;
    let resumed = resumed.map_err(|error| Problem::new(Kind::Unavailable, error.to_string()))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(resume::to_json(resumed)))
}

/// The subscriber of that name.
fn find<'a>(ops: &'a Ops, name: &str) -> Result<&'a SubscriberHandle, Problem> {
    let known = ops.subscriptions.iter().find(|known| known.name() == name);
    known.ok_or_else(|| Problem::new(Kind::NotFound, quarantine::no_subscriber(name)))
}

/// `GET /ops/quarantine`.
pub(super) async fn list_quarantine(ops: web::Data<Ops>) -> Result<HttpResponse, Problem> {
    let list = quarantine::list(&*ops.log).await;
    let list = list.map_err(|error| Problem::new(Kind::Unavailable, error.to_string()))?;
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").body(list))
}

/// What a client may say of what shall be resolved.
#[derive(Deserialize)]
pub(super) struct ResolveQuery {
    id: Option<String>,
    #[serde(default)]
    all: bool,
}

/// `POST /ops/quarantine/{subscriber}/{topic}/{entity}/{retry|skip}`.
pub(super) async fn resolve(
    ops: web::Data<Ops>,
    path: web::Path<(String, String, String, String)>,
    query: web::Query<ResolveQuery>,
) -> Result<HttpResponse, Problem> {
    let (subscriber, topic, entity, verb) = path.into_inner();
    let not_found = |detail: String| Problem::new(Kind::NotFound, detail);
    let subscriber = find(&ops, &subscriber)?;
    let topic = place::topic(&topic).map_err(|error| not_found(error.to_string()))?;
    let entity_id: Uuid = entity.parse().map_err(malformed)?;
    let id: Option<EntryId> = query.id.as_deref().map(str::parse).transpose().map_err(malformed)?;
    let resolve = match (&*verb, query.all) {
        ("retry", false) => Resolve::Retry(id),
        ("skip", false) => Resolve::SkipFirst(id),
        ("skip", true) if id.is_none() => Resolve::SkipAll,
        ("skip", true) => return Err(malformed("either an id or all, not both")),
        _ => return Err(not_found(format!("what is set aside cannot be told to {verb}"))),
    };
    let resolved = subscriber.resolve(topic, entity_id, resolve);
    let resolved = tokio::time::timeout(RESOLVE_PATIENCE, resolved).await;
    let resolved = resolved.map_err(|_| {
        let seconds = RESOLVE_PATIENCE.as_secs();
        Problem::new(Kind::TimedOut, format!("it is not done after {seconds} seconds; list again"))
    })?;
    let resolved = resolved.map_err(|error| {
        let kind = match error {
            ResolveError::NothingThere { .. } | ResolveError::NotThere(_) => Kind::NotFound,
            ResolveError::NotFirst(..) | ResolveError::FailedAgain { .. } => Kind::Conflict,
            ResolveError::Unavailable { .. } => Kind::Unavailable,
        };
        Problem::new(kind, error.to_string())
    })?;
    Ok(HttpResponse::Ok().content_type("application/json").body(quarantine::to_json(resolved)))
}

fn malformed(error: impl std::fmt::Display) -> Problem {
    Problem::new(Kind::Malformed, error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn unavailable(error: LogError) -> Problem {
    Problem::new(Kind::Unavailable, error.to_string())
}
