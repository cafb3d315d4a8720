//! XINFO STREAM: what there is to know of a stream.

use ordershop_actors::read_model::{PAGE_ENTRIES, StreamIndex, View};
use ordershop_store::EntryId;

use super::super::endpoint::Endpoint;
use super::super::keyspace;
use super::super::streams::StreamKey;
use super::super::wire::Wire;
use super::xrange;
use super::{
    Call, Command, LongReply, Refusal, Reply, Run, SHOWN_BYTES, Stop, Task, command, integer, is,
    shown,
};

/// How many entries `FULL` shows where nobody says (as in Redis).
const FULL_COUNT: usize = 10;

pub(super) static COMMANDS: &[Command] = &[Command {
    group: "stream",
    since: "5.0.0",
    summary: "A container for stream introspection commands",
    subcommands: SUBCOMMANDS,
    ..command("xinfo", -2, Run::Plain(help))
}];

static SUBCOMMANDS: &[Command] = &[
    Command {
        flags: &["readonly"],
        keys: (2, 2, 1),
        group: "stream",
        since: "5.0.0",
        summary: "Get information about a stream",
        syntax: "key [FULL] [COUNT count]",
        ..command("xinfo|stream", -3, Run::Long(stream))
    },
    Command {
        flags: &["readonly"],
        keys: (2, 2, 1),
        group: "stream",
        since: "5.0.0",
        summary: "List the consumer groups of a stream; there are none",
        syntax: "key",
        ..command("xinfo|groups", 3, Run::Query(groups))
    },
    Command {
        flags: &["loading", "stale"],
        group: "stream",
        since: "5.0.0",
        summary: "Show helpful text about the different subcommands",
        ..command("xinfo|help", 2, Run::Plain(help))
    },
];

const NO_SUCH_KEY: Refusal = Refusal::fixed("ERR no such key");

fn help(call: &mut Call<'_>) -> Reply {
    super::table::help(call.out, "XINFO", SUBCOMMANDS);
    Ok(())
}

fn groups(call: &mut Call<'_>, view: &View) -> Reply {
    keyspace::stream(view, call.words.get(2))?.ok_or(NO_SUCH_KEY)?;
    call.out.array(0);
    Ok(())
}

fn stream(task: Task<'_>) -> LongReply<'_> {
    Box::pin(async move {
        let Task { words, endpoint, wire, view, .. } = task;
        let found = keyspace::stream(&view, words.get(2))?;
        let (topic, action, index) = found.ok_or(NO_SUCH_KEY)?;
        let full = words.len() > 3;
        let mut count = FULL_COUNT;
        if full {
            let with_count = words.len() == 6 && is(words.get(4), "COUNT");
            if !is(words.get(3), "FULL") || !(words.len() == 4 || with_count) {
                return Err(misused(words.get(1)).into());
            }
            if with_count {
                let wanted = integer(words.get(5))?;
                // As in Redis, a count below zero is the usual one, and 0 is no limit.
                count = match usize::try_from(wanted) {
                    Ok(0) => usize::MAX,
                    Ok(wanted) => wanted,
                    Err(_) => FULL_COUNT,
                };
            }
        }
        let (key, last) = ((topic, action), view.position(topic).of(action));
        let all = xrange::find(endpoint, key, index, (EntryId::ZERO, EntryId::MAX)).await?;
        let first = first_id(endpoint, key, index).await?;
        wire.out.map(if full { 9 } else { 10 });
        figures(wire, index, last, first);
        if full {
            wire.out.bulk("entries");
            xrange::write(wire, endpoint, key, index, all.limit(count, false), false).await?;
            wire.out.bulk("groups");
            wire.out.array(0);
            return Ok(());
        }
        wire.out.bulk("groups");
        wire.out.integer(0);
        for (name, from_the_end) in [("first-entry", false), ("last-entry", true)] {
            wire.out.bulk(name);
            let one = all.limit(1, from_the_end);
            let Some(piece) = one.pieces().next() else { continue };
            let page = endpoint.pages.get(&*endpoint.log, key, index, piece.page).await;
            let page = page.map_err(|error| Endpoint::unreadable(&error))?;
            wire.out.raw(page.slice(piece.from, piece.to));
        }
        Ok(())
    })
}

/// What is said of a subcommand with options that it does not take.
fn misused(subcommand: &[u8]) -> Refusal {
    let mut text = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
    text.extend_from_slice(shown(subcommand, SHOWN_BYTES));
    text.extend_from_slice(b"'. Try XINFO HELP.");
    Refusal::of_bytes(text)
}

fn figures(wire: &mut Wire, index: &StreamIndex, last: EntryId, first: EntryId) {
    let pages = index.len().div_ceil(PAGE_ENTRIES);
    let out = &mut wire.out;
    for (name, number) in
        [("length", index.len()), ("radix-tree-keys", pages), ("radix-tree-nodes", pages + 1)]
    {
        out.bulk(name);
        out.count(number);
    }
    out.bulk("last-generated-id");
    out.bulk(last.to_string());
    out.bulk("max-deleted-entry-id");
    out.bulk("0-0");
    out.bulk("entries-added");
    out.count(index.len());
    out.bulk("recorded-first-entry-id");
    out.bulk(first.to_string());
}

async fn first_id(
    endpoint: &Endpoint,
    key: StreamKey,
    index: &StreamIndex,
) -> Result<EntryId, Stop> {
    let page = endpoint.pages.get(&*endpoint.log, key, index, 0).await;
    let page = page.map_err(|error| Endpoint::unreadable(&error))?;
    Ok(page.first().unwrap_or_default())
}
