//! SMEMBERS, SCARD, SISMEMBER: the ids of a topic's living entities.

use ordershop_actors::read_model::View;
use ordershop_store::EntryId;
use uuid::Uuid;

use super::super::keyspace;
use super::super::limits::ROWS_AT_ONCE;
use super::super::members::MAX_BYTES;
use super::super::protocol::Output;
use super::super::wire::give_way;
use super::{Call, Command, LongReply, READ_FAST, Reply, Run, Task, of_key};

pub(super) static COMMANDS: &[Command] = &[
    Command {
        summary: "Get all the members in a set",
        syntax: "key",
        ..of_key("set", "smembers", 2, Run::Long(members))
    },
    Command {
        flags: READ_FAST,
        summary: "Get the number of members in a set",
        syntax: "key",
        ..of_key("set", "scard", 2, Run::Query(count))
    },
    Command {
        flags: READ_FAST,
        summary: "Determine if a given value is a member of a set",
        syntax: "key member",
        ..of_key("set", "sismember", 3, Run::Query(is_member))
    },
];

fn count(call: &mut Call<'_>, view: &View) -> Reply {
    let topic = keyspace::set(view, call.words.get(1))?;
    call.out.count(topic.map_or(0, |topic| view.table(topic).len()));
    Ok(())
}

fn is_member(call: &mut Call<'_>, view: &View) -> Reply {
    let topic = keyspace::set(view, call.words.get(1))?;
    let id = keyspace::id_of(call.words.get(2));
    let place = topic.zip(id).and_then(|(topic, id)| view.table(topic).place(id));
    call.out.count(i32::from(place.is_some()));
    Ok(())
}

/// A set of usual size is kept encoded; a huge one is written in steps.
fn members(task: Task<'_>) -> LongReply<'_> {
    Box::pin(async move {
        let Task { words, endpoint, wire, view, .. } = task;
        let Some(topic) = keyspace::set(&view, words.get(1))? else {
            wire.out.set(0);
            return Ok(());
        };
        let table = view.table(topic);
        wire.out.set(table.len());
        if let Some(kept) = endpoint.members.get(topic, table) {
            wire.out.raw(&kept.bytes);
            return Ok(());
        }
        let mut encoded = Output::default();
        let (mut from, mut behind): (EntryId, Option<Uuid>) = (EntryId::ZERO, None);
        let mut all_kept = true;
        loop {
            let mut more = false;
            let mut rows = 0;
            for (place, _) in table.from(from) {
                // The step before ended with these.
                if place.created == from && behind.is_some_and(|behind| place.id <= behind) {
                    continue;
                }
                if rows == ROWS_AT_ONCE {
                    more = true;
                    break;
                }
                let mut buffer = Uuid::encode_buffer();
                encoded.bulk(&*place.id.hyphenated().encode_lower(&mut buffer));
                (from, behind) = (place.created, Some(place.id));
                rows += 1;
            }
            if !more {
                break;
            }
            if encoded.len() > MAX_BYTES {
                all_kept = false;
                wire.out.raw(encoded.bytes());
                encoded.clear(0);
                wire.flush_if_much(endpoint).await?;
            }
            give_way().await;
        }
        if all_kept {
            endpoint.members.keep(topic, table, encoded.bytes());
        }
        wire.out.raw(encoded.bytes());
        Ok(())
    })
}
