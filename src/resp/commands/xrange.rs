//! XRANGE, XREVRANGE, XLEN.

use ordershop_actors::read_model::{StreamIndex, View};
use ordershop_store::EntryId;

use super::super::endpoint::Endpoint;
use super::super::keyspace;
use super::super::streams::{Range, StreamKey, above, below, parse_id};
use super::super::wire::{Wire, give_way};
use super::{
    Call, Command, LongReply, READ_FAST, Refusal, Reply, Run, SYNTAX, Stop, Task, integer, is,
    of_key,
};

const fn stream(name: &'static str, arity: i32, run: Run) -> Command {
    Command { since: "5.0.0", ..of_key("stream", name, arity, run) }
}

pub(super) static COMMANDS: &[Command] = &[
    Command {
        summary: "Return a range of elements in a stream, with IDs matching the specified interval",
        syntax: "key start end [COUNT count]",
        ..stream("xrange", -4, Run::Long(forward))
    },
    Command {
        summary: "The same in reverse order (from greater to smaller IDs) compared to XRANGE",
        syntax: "key end start [COUNT count]",
        ..stream("xrevrange", -4, Run::Long(backward))
    },
    Command {
        flags: READ_FAST,
        summary: "Return the number of entries in a stream",
        syntax: "key",
        ..stream("xlen", 2, Run::Query(len))
    },
];

/// A text that is no id.
pub(super) const BAD_ID: Refusal =
    Refusal::fixed("ERR Invalid stream ID specified as stream command argument");

fn len(call: &mut Call<'_>, view: &View) -> Reply {
    let found = keyspace::stream(view, call.words.get(1))?;
    call.out.count(found.map_or(0, |(_, _, stream)| stream.len()));
    Ok(())
}

/// One end of an interval, and whether it is left out.
fn end_of(word: &[u8], missing: u64) -> Result<(EntryId, bool), Refusal> {
    if let [b'(', word @ ..] = word
        && !word.is_empty()
    {
        return Ok((parse_id(word, missing).ok_or(BAD_ID)?, true));
    }
    match word {
        b"-" => Ok((EntryId::ZERO, false)),
        b"+" => Ok((EntryId::MAX, false)),
        _ => Ok((parse_id(word, missing).ok_or(BAD_ID)?, false)),
    }
}

/// The interval between two words, both ends included.
fn interval(first: &[u8], last: &[u8]) -> Result<(EntryId, EntryId), Refusal> {
    let mut first = end_of(first, 0)?;
    if first.1 {
        let text = "ERR invalid start ID for the interval";
        first.0 = above(first.0).ok_or(Refusal::fixed(text))?;
    }
    let mut last = end_of(last, u64::MAX)?;
    if last.1 {
        last.0 = below(last.0).ok_or(Refusal::fixed("ERR invalid end ID for the interval"))?;
    }
    Ok((first.0, last.0))
}

fn forward(task: Task<'_>) -> LongReply<'_> {
    Box::pin(range(task, false))
}

fn backward(task: Task<'_>) -> LongReply<'_> {
    Box::pin(range(task, true))
}

async fn range(task: Task<'_>, backward: bool) -> Result<(), Stop> {
    let Task { words, endpoint, wire, view, .. } = task;
    let (first, last) = if backward { (3, 2) } else { (2, 3) };
    let interval = interval(words.get(first), words.get(last))?;
    let mut count = None;
    let mut next = 4;
    while next < words.len() {
        if !is(words.get(next), "COUNT") || next + 1 == words.len() {
            return Err(SYNTAX.into());
        }
        count = Some(integer(words.get(next + 1))?);
        next += 2;
    }
    let Some((topic, action, index)) = keyspace::stream(&view, words.get(1))? else {
        wire.out.array(0);
        return Ok(());
    };
    if count.is_some_and(|count| count <= 0) {
        wire.out.null_array();
        return Ok(());
    }
    let key = (topic, action);
    let range = find(endpoint, key, index, interval).await?;
    let limit = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
    write(wire, endpoint, key, index, range.limit(limit, backward), backward).await
}

/// The entries of an interval, both of its ends included.
pub(super) async fn find(
    endpoint: &Endpoint,
    key: StreamKey,
    index: &StreamIndex,
    interval: (EntryId, EntryId),
) -> Result<Range, Refusal> {
    let log = &*endpoint.log;
    let range = Range::between(&endpoint.pages, log, key, index, interval).await;
    range.map_err(|error| Endpoint::unreadable(&error))
}

/// Writes entries as an array, a page at a time.
pub(super) async fn write(
    wire: &mut Wire,
    endpoint: &Endpoint,
    key: StreamKey,
    index: &StreamIndex,
    range: Range,
    backward: bool,
) -> Result<(), Stop> {
    wire.out.array(range.len());
    let mut pieces = range.pieces();
    let mut first = true;
    while let Some(piece) = if backward { pieces.next_back() } else { pieces.next() } {
        if !std::mem::take(&mut first) {
            wire.flush_if_much(endpoint).await?;
            give_way().await;
        }
        let page = endpoint.pages.get(&*endpoint.log, key, index, piece.page).await;
        let page = page.map_err(|error| Endpoint::unreadable(&error))?;
        if backward {
            let entries = (piece.from..piece.to).rev();
            entries.for_each(|entry| wire.out.raw(page.slice(entry, entry + 1)));
        } else {
            wire.out.raw(page.slice(piece.from, piece.to));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_read_as_redis_reads_it() {
        let id = EntryId::new;
        for (first, last, expected) in [
            ("-", "+", (EntryId::ZERO, EntryId::MAX)),
            ("5", "5", (id(5, 0), id(5, u64::MAX))),
            ("(5-1", "(6-0", (id(5, 2), id(5, u64::MAX))),
            ("+", "-", (EntryId::MAX, EntryId::ZERO)),
        ] {
            assert_eq!(interval(first.as_bytes(), last.as_bytes()), Ok(expected), "{first} {last}");
        }
        for (first, last) in [("(", "+"), ("x", "+"), ("-", "(0-0"), ("(-", "+"), ("-", "(+")] {
            assert!(interval(first.as_bytes(), last.as_bytes()).is_err(), "{first} {last}");
        }
    }
}
