//! `ordershop state`: one entity, now or as it was at a moment.

use std::time::Duration;

use clap::Args;
use ordershop_actors::runtime::{EventSourced, Quarantine, Replayed};
use ordershop_actors::shop::topics;
use ordershop_domain::{Billing, Customer, Intent, Inventory, Order, Product};
use ordershop_store::{Action, Entry, EventLog, LogError, Topic};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::entry::json_in_one_line;
use super::moment::{Moment, rfc3339};
use super::out::{Out, Paint, Style};
use super::place;
use super::source::{Source, SourceArgs, unreadable};
use crate::exit::Exit;

/// How many entries one read takes.
const PAGE: usize = 1024;
/// From how many columns on a piece of JSON is spread over several lines.
const SPREAD_FROM: usize = 78;

/// The command's options.
#[derive(Debug, Args)]
pub struct StateArgs {
    /// The entity's topic: customer, product, inventory, order, billing or mail
    #[arg(value_name = "TOPIC", value_parser = place::topic)]
    topic: Topic,
    /// The entity's id; in topic `order` also that of an intent
    #[arg(value_name = "ID")]
    id: Uuid,
    /// As of this entry's id, or of this time, as in `2026-11-24T06:27:23Z`; now otherwise
    #[arg(long, value_name = "ID|TIME")]
    at: Option<Moment>,
    /// One JSON object, in one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: SourceArgs,
}

/// All of an entity's state but its two texts.
#[derive(Debug, Serialize, Deserialize)]
struct StateHead {
    topic: String,
    id: Uuid,
    version: u64,
    deleted: bool,
    action: String,
    r#type: String,
    entry: String,
    event_id: Uuid,
    time: String,
}

/// What the shop answers.
#[derive(Debug, Deserialize)]
struct State {
    #[serde(flatten)]
    head: StateHead,
    entity: Value,
    inside: Value,
}

/// Carries the command out.
pub fn run(args: &StateArgs) -> Result<(), Exit> {
    let StateArgs { topic, id, at, .. } = *args;
    let line = match args.source.open()? {
        Source::Shop(client) => {
            let at = at.map(|at| at.to_string());
            let query: Vec<_> = at.iter().map(|at| ("at", at.as_str())).collect();
            client.get(&format!("/ops/state/{topic}/{id}"), &query, Duration::ZERO)?.body
        }
        Source::Log(open) => open
            .runtime
            .block_on(as_of(&*open.log, topic, id, at))
            .map_err(unreadable)?
            .ok_or_else(|| Exit::Missing(missing(topic, id, at)))?,
    };
    let mut out = Out::new();
    if args.json {
        out.line(line.trim_end())?;
    } else {
        let state: State = serde_json::from_str(&line)
            .map_err(|error| unreadable(format!("the shop sent no state: {error}")))?;
        out.line(&render(&state, out.style))?;
    }
    out.flush()
}

/// What is said of an entity that is not there.
pub fn missing(topic: Topic, id: Uuid, at: Option<Moment>) -> String {
    match at {
        None => format!("there is no {topic} {id}"),
        Some(at) => format!("there was no {topic} {id} at {at}"),
    }
}

/// The state of an entity at a moment, as one line of JSON; `None` where it had no event by then.
pub async fn as_of(
    log: &dyn EventLog,
    topic: Topic,
    id: Uuid,
    at: Option<Moment>,
) -> Result<Option<String>, LogError> {
    let mut story = Vec::new();
    let mut version = 0;
    loop {
        let page = log.read_entity(topic, id, version, PAGE).await?;
        version = page.entries.last().map_or(version, |entry| entry.version);
        story.extend(page.entries);
        if !page.more {
            break;
        }
    }
    // A late entry of another program stands behind one of a higher id, and counts by its own.
    story.retain(|entry| at.is_none_or(|at| at.includes(entry)));
    Ok(story.last().map(|last| {
        let document = story.iter().rev().find(|entry| entry.action != Action::Internal);
        to_json(last, document.map_or("", |entry| &entry.document), &inside(&story))
    }))
}

fn to_json(last: &Entry, document: &str, inside: &Value) -> String {
    let head = StateHead {
        topic: last.topic.name().to_owned(),
        id: last.entity_id,
        version: last.version,
        deleted: last.action == Action::Deleted,
        action: last.action.name().to_owned(),
        r#type: last.kind.to_string(),
        entry: last.id.to_string(),
        event_id: last.event_id,
        time: rfc3339(last.time_us),
    };
    let mut line = serde_json::to_string(&head).expect("a struct of plain values");
    line.pop();
    let entity = json_in_one_line(document);
    line + &format!(",\"entity\":{entity},\"inside\":{inside}}}")
}

/// What the entity's own actor knows of it: its events, replayed; `null` where they cannot be.
fn inside(story: &[std::sync::Arc<Entry>]) -> Value {
    let Some(first) = story.first() else { return Value::Null };
    match first.topic {
        topics::CUSTOMER => replayed::<Customer>(story),
        topics::PRODUCT => replayed::<Product>(story),
        topics::INVENTORY => replayed::<Inventory>(story),
        topics::ORDER if first.action == Action::Internal => replayed::<Intent>(story),
        topics::ORDER => replayed::<Order>(story),
        topics::BILLING => replayed::<Billing>(story),
        topics::QUARANTINE => replayed::<Quarantine>(story),
        // A mail is its one event.
        _ => serde_json::from_str(&first.data).unwrap_or_default(),
    }
}

fn replayed<A: EventSourced + Serialize>(story: &[std::sync::Arc<Entry>]) -> Value {
    let end = story.iter().try_fold(Replayed::<A>::nothing(), |state, entry| state.after(entry));
    end.ok().and_then(|end| serde_json::to_value(end.state).ok()).unwrap_or_default()
}

fn render(state: &State, style: Style) -> String {
    let StateHead { topic, id, version, deleted, action, r#type, entry, time, .. } = &state.head;
    let deleted = if *deleted { style.paint(Paint::Red, " (deleted)") } else { String::new() };
    let mut lines = vec![format!("{topic} {id}{deleted}")];
    for (name, value) in [
        ("version", version.to_string()),
        ("last event", format!("{type} ({action})")),
        ("entry", entry.clone()),
        ("time", time.clone()),
    ] {
        lines.push(format!("  {} {value}", style.paint(Paint::Dim, &format!("{name:<10}"))));
    }
    for (name, value) in [("entity", &state.entity), ("inside", &state.inside)] {
        if value.is_null() {
            continue;
        }
        lines.push(format!("  {}", style.paint(Paint::Dim, name)));
        spread("    ", "", value, "", &mut lines);
    }
    lines.join("\n")
}

/// Shows JSON in as few lines as fit: what is too long for one is spread over several.
fn spread(indent: &str, name: &str, value: &Value, end: &str, lines: &mut Vec<String>) {
    let whole = format!("{indent}{name}{value}{end}");
    let (open, close, children): (_, _, Vec<(String, &Value)>) = match value {
        Value::Object(members) if whole.chars().count() > SPREAD_FROM => {
            let members = members.iter().map(|(key, value)| (format!("\"{key}\": "), value));
            ('{', '}', members.collect())
        }
        Value::Array(elements) if whole.chars().count() > SPREAD_FROM => {
            ('[', ']', elements.iter().map(|value| (String::new(), value)).collect())
        }
        _ => return lines.push(whole),
    };
    lines.push(format!("{indent}{name}{open}"));
    let last = children.len().saturating_sub(1);
    for (index, (name, child)) in children.iter().enumerate() {
        let end = if index < last { "," } else { "" };
        spread(&format!("{indent}  "), name, child, end, lines);
    }
    lines.push(format!("{indent}{close}{end}"));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_is_shown_in_80_columns() {
        let head = StateHead {
            topic: "inventory".to_owned(),
            id: Uuid::nil(),
            version: 3,
            deleted: true,
            action: "deleted".to_owned(),
            r#type: "StockDeleted".to_owned(),
            entry: "1795501643-626523".to_owned(),
            event_id: Uuid::nil(),
            time: rfc3339(1_700_000_000_000_042),
        };
        let state = State {
            head,
            entity: json!({"amount": 8}),
            inside: json!(["a".repeat(40), "b".repeat(40)]),
        };
        let shown = render(&state, Style { width: Some(80), colours: false });
        let expected = "\
inventory 00000000-0000-0000-0000-000000000000 (deleted)
  version    3
  last event StockDeleted (deleted)
  entry      1795501643-626523
  time       2023-11-14T22:13:20.000042Z
  entity
    {\"amount\":8}
  inside
    [
      \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",
      \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"
    ]";
        assert_eq!(shown, expected);
    }
}
