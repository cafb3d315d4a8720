//! XREAD: of several streams what stands behind an id, and where asked to, waiting for it.
//!
//! Streams end where the view ends; so whoever is woken by an event finds its entity, too.

use std::sync::Arc;
use std::time::Duration;

use ordershop_actors::read_model::View;
use ordershop_store::{Action, EntryId, Topic};

use super::super::endpoint::Endpoint;
use super::super::keyspace::{self, Key};
use super::super::protocol::{Version, Words};
use super::super::streams::{Range, StreamKey, above, parse_id};
use super::super::wire::Wire;
use super::xrange::{self, BAD_ID};
use super::{Command, LongReply, Refusal, Run, SYNTAX, Stop, Task, command, integer, is};

/// How many entries of a stream wake a client that named no count (as in Redis).
const WOKEN_COUNT: usize = 1_000;

pub(super) static COMMANDS: &[Command] = &[Command {
    flags: &["readonly", "blocking", "movablekeys"],
    group: "stream",
    since: "5.0.0",
    summary: "Return never seen elements in multiple streams, with IDs greater than the ones \
              reported by the caller for each stream. Can block.",
    syntax: "[COUNT count] [BLOCK milliseconds] STREAMS key... id...",
    ..command("xread", -4, Run::Long(read))
}];

/// What a client asks for.
struct Asked<'a> {
    count: Option<usize>,
    /// How long it would wait; `Duration::MAX` is for ever.
    block: Option<Duration>,
    streams: Vec<Followed<'a>>,
}

/// A stream, and the id behind which it is read.
struct Followed<'a> {
    name: &'a [u8],
    /// The stream, where the name is that of one that may be.
    key: Option<StreamKey>,
    after: EntryId,
}

impl Followed<'_> {
    /// The stream's name and whether it has anything behind that id.
    fn has_more(&self, view: &View) -> Option<StreamKey> {
        self.key.filter(|(topic, action)| end_of(view, *topic, *action) > self.after)
    }
}

/// The last id of a stream.
fn end_of(view: &View, topic: Topic, action: Action) -> EntryId {
    view.position(topic).of(action)
}

impl<'a> Asked<'a> {
    fn read(words: Words<'a>, view: &View) -> Result<Self, Refusal> {
        let (mut count, mut block, mut first) = (None, None, None);
        let mut next = 1;
        while next < words.len() {
            let (option, has_more) = (words.get(next), next + 1 < words.len());
            if is(option, "BLOCK") && has_more {
                next += 1;
                block = Some(milliseconds(words.get(next))?);
            } else if is(option, "COUNT") && has_more {
                next += 1;
                let number = integer(words.get(next))?;
                count = usize::try_from(number).ok().filter(|count| *count > 0);
            } else if is(option, "STREAMS") && has_more {
                first = Some(next + 1);
                break;
            } else if is(option, "GROUP") && words.len() - 1 - next >= 2 {
                return Err(Refusal::fixed(
                    "ERR The GROUP option is only supported by XREADGROUP. You called XREAD \
                     instead.",
                ));
            } else if is(option, "NOACK") {
                return Err(Refusal::fixed(
                    "ERR The NOACK option is only supported by XREADGROUP. You called XREAD \
                     instead.",
                ));
            } else {
                return Err(SYNTAX);
            }
            next += 1;
        }
        let first = first.ok_or(SYNTAX)?;
        let named = words.len() - first;
        if !named.is_multiple_of(2) {
            return Err(Refusal::fixed(
                "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be \
                 specified.",
            ));
        }
        let named = named / 2;
        let streams = (first..first + named)
            .map(|place| Followed::read(view, words.get(place), words.get(place + named)));
        Ok(Self { count, block, streams: streams.collect::<Result<_, _>>()? })
    }
}

impl<'a> Followed<'a> {
    fn read(view: &View, name: &'a [u8], id: &[u8]) -> Result<Self, Refusal> {
        keyspace::stream(view, name)?;
        let key = match Key::parse(name) {
            Some(Key::Stream(topic, action)) => Some((topic, action)),
            _ => None,
        };
        let after = match id {
            b"$" => key.map_or(EntryId::ZERO, |(topic, action)| end_of(view, topic, action)),
            b">" => {
                return Err(Refusal::fixed(
                    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP \
                     <group> <consumer> option.",
                ));
            }
            _ => parse_id(id, 0).ok_or(BAD_ID)?,
        };
        Ok(Self { name, key, after })
    }
}

/// How long a client would wait; 0 is for ever.
fn milliseconds(word: &[u8]) -> Result<Duration, Refusal> {
    let number = super::super::protocol::integer(word)
        .ok_or(Refusal::fixed("ERR timeout is not an integer or out of range"))?;
    match u64::try_from(number) {
        Ok(0) => Ok(Duration::MAX),
        Ok(number) => Ok(Duration::from_millis(number)),
        Err(_) => Err(Refusal::fixed("ERR timeout is negative")),
    }
}

fn read(task: Task<'_>) -> LongReply<'_> {
    Box::pin(async move {
        let Task { words, endpoint, wire, view, alone, .. } = task;
        let asked = Asked::read(words, &view)?;
        if serve(wire, endpoint, &view, &asked, asked.count).await? {
            return Ok(());
        }
        drop(view);
        let Some(patience) = asked.block.filter(|_| alone) else {
            wire.out.null_array();
            return Ok(());
        };
        let Some(view) = wait(wire, endpoint, &asked, patience).await? else {
            wire.out.null_array();
            return Ok(());
        };
        let count = asked.count.or(Some(WOKEN_COUNT));
        serve(wire, endpoint, &view, &asked, count).await?;
        Ok(())
    })
}

/// Waits for a view in which a followed stream has more; `None` where none came in time.
async fn wait(
    wire: &mut Wire,
    endpoint: &Endpoint,
    asked: &Asked<'_>,
    patience: Duration,
) -> Result<Option<Arc<View>>, Stop> {
    let _blocked = endpoint.block()?;
    wire.flush(endpoint).await?;
    let has_more = |view: &View| asked.streams.iter().any(|stream| stream.has_more(view).is_some());
    tokio::select! {
        view = endpoint.read_model.until(has_more) => Ok(Some(view)),
        () = tokio::time::sleep(patience) => Ok(None),
        gone = wire.until_gone() => Err(gone.into()),
    }
}

/// Writes what the followed streams have; nothing, where none has anything.
async fn serve(
    wire: &mut Wire,
    endpoint: &Endpoint,
    view: &View,
    asked: &Asked<'_>,
    count: Option<usize>,
) -> Result<bool, Stop> {
    let mut found = Vec::new();
    for stream in &asked.streams {
        let Some(key) = stream.has_more(view) else { continue };
        let Some(index) = view.stream(key.0, key.1) else { continue };
        let first = above(stream.after).unwrap_or(EntryId::MAX);
        let range: Range = xrange::find(endpoint, key, index, (first, EntryId::MAX)).await?;
        let range = range.limit(count.unwrap_or(usize::MAX), false);
        found.push((stream.name, key, index, range));
    }
    if found.is_empty() {
        return Ok(false);
    }
    match wire.out.version {
        Version::Two => wire.out.array(found.len()),
        Version::Three => wire.out.map(found.len()),
    }
    for (name, key, index, range) in found {
        if wire.out.version == Version::Two {
            wire.out.array(2);
        }
        wire.out.bulk(name);
        xrange::write(wire, endpoint, key, index, range, false).await?;
    }
    Ok(true)
}
