//! `ordershop quarantine`: what subscribers could not handle, and what shall become of it.

use std::time::Duration;

use clap::{Args, Subcommand};
use ordershop_actors::runtime::{Quarantined, ReplayError, Resolved, quarantined};
use ordershop_actors::shop::effects::SUBSCRIBERS;
use ordershop_store::{EntryId, EventLog, Topic};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::moment::rfc3339;
use super::out::{Out, Paint, Style};
use super::place;
use super::source::{ShopArgs, Source, SourceArgs, unreadable};
use crate::exit::Exit;

/// How long a shop may take to carry an order out until its answer is that nobody knows.
pub const RESOLVE_PATIENCE: Duration = Duration::from_secs(20);

/// The command's options.
#[derive(Debug, Args)]
pub struct QuarantineArgs {
    #[command(subcommand)]
    order: Option<Order>,
    /// One JSON object a line, for each entry that is set aside
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: SourceArgs,
}

/// What shall become of what is set aside of an entity.
#[derive(Debug, Subcommand)]
enum Order {
    /// Handle it again, in order; stop at the first entry that fails again, and tell why
    Retry(RetryArgs),
    /// Give its first entry up for good: this subscriber will never handle it
    Skip(SkipArgs),
}

#[derive(Debug, Args)]
struct Entity {
    /// The subscriber: crm, billing, msg, keys or cache
    #[arg(value_name = "SUBSCRIBER", value_parser = SUBSCRIBERS)]
    subscriber: String,
    /// The entity's topic, as in customer or order
    #[arg(value_name = "TOPIC", value_parser = place::topic)]
    topic: Topic,
    /// The entity's id
    #[arg(value_name = "ENTITY")]
    id: Uuid,
    #[command(flatten)]
    shop: ShopArgs,
}

#[derive(Debug, Args)]
struct RetryArgs {
    #[command(flatten)]
    entity: Entity,
    /// Go no further than this entry
    #[arg(long = "id", value_name = "ID")]
    until: Option<EntryId>,
}

#[derive(Debug, Args)]
struct SkipArgs {
    #[command(flatten)]
    entity: Entity,
    /// Only if this entry is the first one, so that a repeated command gives up no other
    #[arg(long = "id", value_name = "ID")]
    first: Option<EntryId>,
    /// Give up all that is set aside of the entity
    #[arg(long, conflicts_with = "first")]
    all: bool,
}

/// An entry that is set aside, as one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    subscriber: String,
    topic: String,
    entity_id: Uuid,
    action: String,
    id: String,
    since: String,
    reason: String,
}

/// What became of an order, as JSON.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct ResolvedRow {
    released: usize,
    left: usize,
}

/// Carries the command out.
pub fn run(args: &QuarantineArgs) -> Result<(), Exit> {
    match &args.order {
        None => show(args),
        Some(Order::Retry(RetryArgs { entity, until })) => {
            let id = until.map(|id| id.to_string());
            let query: Vec<_> = id.iter().map(|id| ("id", id.as_str())).collect();
            resolve(entity, "retry", &query)
        }
        Some(Order::Skip(SkipArgs { entity, first, all })) => {
            let id = first.map(|id| id.to_string());
            let mut query: Vec<_> = id.iter().map(|id| ("id", id.as_str())).collect();
            query.extend(all.then_some(("all", "true")));
            resolve(entity, "skip", &query)
        }
    }
}

/// What is said of a subscriber that is none.
pub fn no_subscriber(name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    format!("there is no subscriber `{name}`: expected one of {}", SUBSCRIBERS.join(", "))
}

/// All that is set aside, as newline-delimited JSON: by subscriber, and in order.
pub async fn list(log: &dyn EventLog) -> Result<String, ReplayError> {
    let mut lines = String::new();
    for subscriber in SUBSCRIBERS {
        for Quarantined { entry, since_us } in quarantined(log, subscriber).await? {
            let row = Row {
                subscriber: subscriber.to_owned(),
                topic: entry.topic,
                entity_id: entry.entity_id,
                action: entry.action.name().to_owned(),
                id: entry.id.to_string(),
                since: rfc3339(since_us),
                reason: entry.reason,
            };
            lines.push_str(&serde_json::to_string(&row).expect("a struct of plain values"));
            lines.push('\n');
        }
    }
    Ok(lines)
}

/// What became of an order, as JSON.
pub fn to_json(Resolved { released, left }: Resolved) -> String {
    serde_json::to_string(&ResolvedRow { released, left }).expect("a struct of two numbers")
}

fn show(args: &QuarantineArgs) -> Result<(), Exit> {
    let lines = match args.source.open()? {
        Source::Shop(client) => client.get("/ops/quarantine", &[], Duration::ZERO)?.body,
        Source::Log(open) => open.runtime.block_on(list(&*open.log)).map_err(unreadable)?,
    };
    let mut out = Out::new();
    if args.json {
        for line in lines.lines() {
            out.line(line)?;
        }
        return out.flush();
    }
    let rows: Vec<Row> = lines
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(format!("the shop sent no list: {error}")))?;
    for line in render(&rows, out.style) {
        out.line(&line)?;
    }
    out.flush()
}

/// The list by entity: what is wrong with its first entry, and what waits behind.
fn render(rows: &[Row], style: Style) -> Vec<String> {
    if rows.is_empty() {
        return vec!["nothing is set aside".to_owned()];
    }
    let mut rows = rows.to_vec();
    // Stable: within an entity the order is that in which entries were set aside.
    let entity = |row: &Row| (row.subscriber.clone(), row.topic.clone(), row.entity_id);
    let first_seen: Vec<_> = rows.iter().map(entity).collect();
    rows.sort_by_key(|row| first_seen.iter().position(|seen| *seen == entity(row)));
    let mut lines = Vec::new();
    for of_entity in rows.chunk_by(|one, other| entity(one) == entity(other)) {
        let Row { subscriber, topic, entity_id, .. } = &of_entity[0];
        lines.push(format!("{subscriber} {topic} {entity_id}"));
        for Row { id, action, since, reason, .. } in of_entity {
            let row = format!("  {id:<17} {action:<8} since {since}");
            lines.push(style.fit(&row));
            lines.push(style.paint(Paint::Red, &style.fit(&format!("    {reason}"))));
        }
    }
    lines
}

fn resolve(entity: &Entity, verb: &str, query: &[(&str, &str)]) -> Result<(), Exit> {
    let Entity { subscriber, topic, id, shop } = entity;
    let path = format!("/ops/quarantine/{subscriber}/{topic}/{id}/{verb}");
    let answer = shop.client()?.post(&path, query, RESOLVE_PATIENCE)?;
    let ResolvedRow { released, left } = serde_json::from_str(&answer.body)
        .map_err(|error| unreadable(format!("the shop sent no answer: {error}")))?;
    let done = if verb == "retry" { "handled" } else { "given up" };
    let mut out = Out::new();
    out.line(&format!("{released} {done}, {left} still set aside"))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_fits_into_80_columns_and_keeps_an_entity_together() {
        let row = |entity: u128, id: &str, reason: &str| Row {
            subscriber: "billing".to_owned(),
            topic: "customer".to_owned(),
            entity_id: Uuid::from_u128(entity),
            action: "internal".to_owned(),
            id: id.to_owned(),
            since: "2026-11-24T06:27:23.000042Z".to_owned(),
            reason: reason.to_owned(),
        };
        let long = "x".repeat(100);
        let rows = [row(7, "1795501643-626523", &long), row(8, "2-0", "b"), row(7, "3-0", "c")];
        let lines = render(&rows, Style { width: Some(80), colours: false });
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        let reasons: Vec<_> = lines.iter().filter(|line| line.starts_with("    ")).collect();
        assert!(reasons[0].starts_with("    xxx"), "{lines:#?}");
        assert_eq!(reasons[1..], ["    c", "    b"]);
        assert_eq!(lines.iter().filter(|line| line.starts_with("billing")).count(), 2);
    }
}
