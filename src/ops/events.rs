//! `ordershop events`: the log's entries, oldest first.

use std::time::Duration;

use clap::Args;
use ordershop_store::{EntryId, Topic};

use super::client::Client;
use super::entry::{self, EntryHead};
use super::out::{Out, Paint, Style};
use super::place::{self, Place};
use super::source::{OpenLog, Source, SourceArgs, unreadable};
use crate::exit::Exit;

/// How many entries one page of the running shop holds at most.
pub const MAX_PAGE: usize = 1000;
/// How long the running shop waits for an entry that is not there yet, at most.
pub const MAX_WAIT: Duration = Duration::from_secs(20);
/// From how many columns on the whole id of an entity has room.
const WIDE: usize = 104;

/// The command's options.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Only this topic: customer, product, inventory, order, billing or mail
    #[arg(long, value_name = "TOPIC", value_parser = place::topic)]
    topic: Option<Topic>,
    /// Begin with the entry of this id, or the first one behind it
    #[arg(long, value_name = "ID", default_value = "0-0", hide_default_value = true)]
    from: EntryId,
    /// End after so many entries
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Go on with each new entry, until Ctrl-C; needs a running shop
    #[arg(long, conflicts_with = "store")]
    follow: bool,
    /// One JSON object a line, with everything that the entry holds
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: SourceArgs,
}

/// Carries the command out.
pub fn run(args: &EventsArgs) -> Result<(), Exit> {
    let source = args.source.open()?;
    let mut list =
        List { out: Out::new(), json: args.json, left: args.limit.unwrap_or(usize::MAX) };
    let place = Place::before(args.from, args.topic);
    match source {
        Source::Shop(client) => list.shop(&client, place.to_text(), args.follow),
        Source::Log(log) => list.log(&log, place),
    }
}

struct List {
    out: Out,
    json: bool,
    left: usize,
}

impl List {
    fn shop(&mut self, client: &Client, mut after: String, follow: bool) -> Result<(), Exit> {
        let mut wait = Duration::ZERO;
        while self.left > 0 {
            let limit = self.left.min(MAX_PAGE).to_string();
            let seconds = wait.as_secs().to_string();
            let query = [("after", &*after), ("limit", &*limit), ("wait", &*seconds)];
            let answer = client.get("/ops/events", &query, wait)?;
            let is_end = answer.body.is_empty();
            for line in answer.body.lines() {
                self.show(line)?;
            }
            self.out.flush()?;
            if is_end && !follow {
                break;
            }
            // What is there comes in whole pages; only at the end is it worth waiting.
            wait = if is_end { MAX_WAIT } else { Duration::ZERO };
            after = answer.next.unwrap_or(after);
        }
        Ok(())
    }

    fn log(&mut self, open: &OpenLog, Place(mut after): Place) -> Result<(), Exit> {
        while self.left > 0 {
            let limit = self.left.min(MAX_PAGE);
            let page = open.runtime.block_on(open.log.read(after.clone(), limit));
            let page = page.map_err(unreadable)?;
            for entry in &page.entries {
                after.finish(entry);
                self.show(&entry::to_json(entry))?;
            }
            if !page.more {
                break;
            }
        }
        self.out.flush()
    }

    fn show(&mut self, line: &str) -> Result<(), Exit> {
        self.left = self.left.saturating_sub(1);
        if self.json {
            return self.out.line(line);
        }
        let head: EntryHead = serde_json::from_str(line)
            .map_err(|error| unreadable(format!("the shop sent no entry: {error}")))?;
        let row = row(&head, self.out.style);
        self.out.line(&row)
    }
}

/// An entry as one line of a table.
fn row(head: &EntryHead, style: Style) -> String {
    let EntryHead { id, topic, action, r#type, version, entity_id, .. } = head;
    let entity = entity_id.to_string();
    let entity = match style.width {
        Some(width) if width < WIDE => format!("{}…{}", &entity[..8], &entity[32..]),
        _ => entity,
    };
    let paint = match action.as_str() {
        "created" => Paint::Green,
        "updated" => Paint::Yellow,
        "deleted" => Paint::Red,
        _ => Paint::Dim,
    };
    let (id, action) = (format!("{id:<17}"), format!("{action:<8}"));
    let row = format!(
        "{} {} {topic:<9} {type:<18} {version:>4} {entity}",
        style.paint(Paint::Dim, &id),
        style.paint(paint, &action),
    );
    row.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> EntryHead {
        EntryHead {
            id: "1795501643-626523".to_owned(),
            topic: "inventory".to_owned(),
            action: "internal".to_owned(),
            r#type: "CustomerRegistered".to_owned(),
            schema: 1,
            entity_id: uuid::Uuid::from_u128(0x1234_5678 << 96 | 0x9abc),
            version: 12,
            time: String::new(),
            event_id: uuid::Uuid::nil(),
            command_id: uuid::Uuid::nil(),
            cause: None,
            ends_transaction: true,
        }
    }

    #[test]
    fn a_row_fits_into_80_columns() {
        let row = row(&head(), Style { width: Some(80), colours: false });
        assert_eq!(
            row,
            "1795501643-626523 internal inventory CustomerRegistered   12 12345678…9abc"
        );
        assert!(row.chars().count() <= 80);
    }

    #[test]
    fn a_row_in_a_pipe_has_the_whole_id() {
        let row = row(&head(), Style { width: None, colours: false });
        assert!(row.ends_with(" 12345678-0000-0000-0000-000000009abc"), "{row}");
    }
}
