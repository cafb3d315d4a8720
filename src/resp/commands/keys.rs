//! EXISTS, TYPE, TTL, KEYS.

use ordershop_actors::read_model::View;

use super::super::keyspace::{self, Value};
use super::super::limits::ROWS_AT_ONCE;
use super::super::protocol::Glob;
use super::super::wire::give_way;
use super::scan::{self, Cursor};
use super::{Call, Command, LongReply, READ, READ_FAST, Reply, Run, Task, command};

pub(super) static COMMANDS: &[Command] = &[
    Command {
        flags: READ_FAST,
        keys: (1, -1, 1),
        summary: "Determine if a key exists",
        syntax: "key...",
        ..command("exists", -2, Run::Query(exists))
    },
    Command {
        flags: READ_FAST,
        keys: (1, 1, 1),
        summary: "Determine the type stored at key",
        syntax: "key",
        ..command("type", 2, Run::Query(kind))
    },
    Command {
        flags: READ_FAST,
        keys: (1, 1, 1),
        summary: "Get the time to live for a key in seconds; no key here ever expires",
        syntax: "key",
        ..command("ttl", 2, Run::Query(ttl))
    },
    Command {
        flags: READ,
        summary: "Find all keys matching the given pattern",
        syntax: "pattern",
        ..command("keys", 2, Run::Long(keys))
    },
];

fn exists(call: &mut Call<'_>, view: &View) -> Reply {
    let found = call.words.iter().skip(1).filter(|key| keyspace::find(view, key).is_some());
    call.out.count(found.count());
    Ok(())
}

/// What Redis calls the type of a value.
pub(super) fn type_of(value: &Value<'_>) -> &'static str {
    match value {
        Value::Set(_) => "set",
        Value::Hash(_) => "hash",
        Value::List(_) => "list",
        Value::Stream(..) => "stream",
    }
}

fn kind(call: &mut Call<'_>, view: &View) -> Reply {
    let value = keyspace::find(view, call.words.get(1));
    call.out.simple(value.as_ref().map_or("none", type_of));
    Ok(())
}

fn ttl(call: &mut Call<'_>, view: &View) -> Reply {
    let value = keyspace::find(view, call.words.get(1));
    call.out.integer(if value.is_some() { -1 } else { -2 });
    Ok(())
}

/// Counts the keys first, since a reply begins with their number, then writes them; both of the same
/// view, and in steps.
fn keys(task: Task<'_>) -> LongReply<'_> {
    Box::pin(async move {
        let Task { words, endpoint, wire, view, .. } = task;
        let pattern = Glob::new(words.get(1));
        let mut matching = 0;
        let mut cursor = Some(Cursor::START);
        while let Some(from) = cursor {
            cursor = scan::page(&view, from, ROWS_AT_ONCE as u64, |key, _| {
                matching += usize::from(pattern.matches(key));
            });
            give_way().await;
        }
        wire.out.array(matching);
        let mut cursor = Some(Cursor::START);
        while let Some(from) = cursor {
            let out = &mut wire.out;
            cursor = scan::page(&view, from, ROWS_AT_ONCE as u64, |key, _| {
                if pattern.matches(key) {
                    out.bulk(key);
                }
            });
            wire.flush_if_much(endpoint).await?;
            give_way().await;
        }
        Ok(())
    })
}
