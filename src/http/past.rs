//! Time travel: entities and lists as they were, and how an entity came to be as it is.

use actix_web::http::header;
use actix_web::web::Query;
use actix_web::{HttpRequest, HttpResponse, web};
use ordershop_actors::shop::Invalid;
use ordershop_store::LogError;
use serde::Deserialize;
use uuid::Uuid;

use super::Ops;
use super::commands::Resource;
use super::problem::{Kind, Problem};
use crate::ops::entry;
use crate::ops::moment::Moment;
use crate::ops::past;

/// How many events a page of a history holds at most, and where nobody says.
const MAX_EVENTS: usize = 1_000;

/// The moment that a query string names in `at`.
pub(super) fn moment_in(query: &str) -> Result<Option<Moment>, Problem> {
    let pairs = Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|error| Problem::new(Kind::Malformed, error.to_string()))?;
    let mut moments = pairs.iter().filter(|(name, _)| name == "at").map(|(_, text)| moment(text));
    match (moments.next(), moments.next()) {
        (moment, None) => moment.transpose(),
        (_, Some(_)) => Err(wrong("at", "it is given more than once")),
    }
}

/// The moment that a text names.
pub(super) fn moment(text: &str) -> Result<Moment, Problem> {
    text.parse().map_err(|error: crate::ops::moment::NoMoment| wrong("at", error.to_string()))
}

fn wrong(parameter: &str, message: impl Into<String>) -> Problem {
    Problem::invalid(Invalid { field: parameter.into(), index: None, message: message.into() })
}

/// What is said where the log cannot be read.
#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
pub(super) fn unreadable(error: LogError) -> Problem {
    Problem::new(Kind::Unavailable, error.to_string())
}

/// Which events of a history are wanted.
#[derive(Deserialize)]
pub(super) struct HistoryQuery {
    /// Those behind this version.
    after: Option<u64>,
    limit: Option<usize>,
}

/// `GET /order/{id}/history`, and so on: an entity's events, oldest first; none where there never
/// was such an entity.
pub(super) async fn history<R: Resource>(
    ops: web::Data<Ops>,
    request: HttpRequest,
    id: web::Path<String>,
    query: web::Query<HistoryQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = query.limit.unwrap_or(MAX_EVENTS);
    if !(1..=MAX_EVENTS).contains(&limit) {
        return Err(wrong("limit", format!("it is no whole number from 1 to {MAX_EVENTS}")));
    }
    let after = query.after.unwrap_or(0);
    let (events, more) = match id.parse::<Uuid>() {
        Ok(id) => {
            past::history(&*ops.log, (R::TOPIC, id), after, limit).await.map_err(unreadable)?
        }
        Err(_) => (Vec::new(), false),
    };
    let mut answer = HttpResponse::Ok();
    if let Some(last) = events.last().filter(|_| more) {
        let (path, version) = (request.path(), last.version);
        let next = format!("<{path}?limit={limit}&after={version}>; rel=\"next\"");
        answer.insert_header((header::LINK, next));
    }
    let lines: Vec<_> = events.iter().map(|event| entry::to_json(event)).collect();
    Ok(answer.content_type("application/json").body(format!("[{}]", lines.join(","))))
}
