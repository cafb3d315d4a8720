//! How far each subscriber has come, and how many entries it still has before it.

use std::sync::Arc;

use ordershop_actors::read_model::ReadModel;
use ordershop_actors::runtime::Standing;
use ordershop_actors::shop::topics;
use ordershop_store::{CursorName, EventLog, LogError, Position, Positions, Topic};
use serde_json::{Value, json};

/// How many entries are counted for each subscriber and topic, unless told otherwise.
pub const COUNTED: usize = 10_000;
/// How many are counted at most.
pub const MAX_COUNTED: usize = 1_000_000;
/// How many entries one read brings.
const PAGE: usize = 1_000;

/// The name of the subscriber that makes what the queries see.
pub const READ_MODEL: &str = "read-model";

/// A subscriber that keeps a cursor in the log.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber {
    /// The name of its cursor.
    pub name: &'static str,
    /// The topics to which it listens.
    pub topics: &'static [Topic],
}

/// One line for each subscriber and topic.
///
/// Those with a cursor are as far as it says, which is saved a moment after the work is done; one that
/// does not get on is told with the reason.
pub async fn to_json(
    log: &dyn EventLog,
    subscribers: &[Subscriber],
    standings: &[(&str, Standing)],
    read_model: &ReadModel,
    limit: usize,
) -> Result<String, LogError> {
    let ends = log.ends(topics::ALL.to_vec()).await?;
    let mut lines = String::new();
    for Subscriber { name, topics } in subscribers {
        for topic in *topics {
            let cursor = log.cursor_as_saved(CursorName::from(*name), *topic).await?;
            let finished = cursor.unwrap_or_default();
            let mut line = line(log, name, *topic, finished, &ends, limit).await?;
            let standing = standings.iter().find(|(of, _)| of == name);
            if let Some(reason) = standing.and_then(|(_, standing)| standing.held_up.as_ref()) {
                line["held_up"] = json!(reason);
            }
            push(&mut lines, &line);
        }
    }
    let view = read_model.newest();
    for topic in topics::PUBLIC {
        let finished = view.position(topic);
        push(&mut lines, &line(log, READ_MODEL, topic, finished, &ends, limit).await?);
    }
    Ok(lines)
}

fn push(lines: &mut String, line: &Value) {
    lines.push_str(&line.to_string());
    lines.push('\n');
}

async fn line(
    log: &dyn EventLog,
    name: &str,
    topic: Topic,
    finished: Position,
    ends: &Positions,
    limit: usize,
) -> Result<Value, LogError> {
    let (behind, more) = count(log, topic, finished, limit).await?;
    Ok(json!({
        "subscriber": name,
        "topic": topic.name(),
        "finished": finished.last().to_string(),
        "end": ends.of(topic).last().to_string(),
        "behind": behind,
        "more": more,
    }))
}

/// How many entries there are behind a position, up to a limit, and whether there are more.
async fn count(
    log: &dyn EventLog,
    topic: Topic,
    finished: Position,
    limit: usize,
) -> Result<(usize, bool), LogError> {
    let mut after: Positions = [(topic, finished)].into_iter().collect();
    let mut behind = 0;
    while behind < limit {
        let page = log.read(after.clone(), PAGE.min(limit - behind)).await?;
        page.entries.iter().for_each(|entry: &Arc<_>| after.finish(entry));
        behind += page.entries.len();
        if !page.more {
            return Ok((behind, false));
        }
    }
    Ok((behind, true))
}
