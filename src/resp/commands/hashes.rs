//! HGET, HMGET, HGETALL, HLEN, HKEYS, HVALS, HEXISTS: an entity's fields.

use ordershop_actors::read_model::{Field, View};
use ordershop_store::Topic;
use uuid::Uuid;

use super::super::keyspace;
use super::super::protocol::Output;
use super::{Call, Command, Reply, Run, command};

const FAST: &[&str] = &["readonly", "fast"];
const SLOW: &[&str] = &["readonly"];

pub(super) static COMMANDS: &[Command] = &[
    Command {
        flags: FAST,
        keys: (1, 1, 1),
        group: "hash",
        since: "2.0.0",
        summary: "Get the value of a hash field",
        syntax: "key field",
        ..command("hget", 3, Run::Query(get))
    },
    Command {
        flags: FAST,
        keys: (1, 1, 1),
        group: "hash",
        since: "2.0.0",
        summary: "Get the values of all the given hash fields",
        syntax: "key field...",
        ..command("hmget", -3, Run::Query(get_many))
    },
    Command {
        flags: SLOW,
        keys: (1, 1, 1),
        group: "hash",
        since: "2.0.0",
        summary: "Get all the fields and values in a hash",
        syntax: "key",
        ..command("hgetall", 2, Run::Query(get_all))
    },
    Command {
        flags: FAST,
        keys: (1, 1, 1),
        group: "hash",
        since: "2.0.0",
        summary: "Get the number of fields in a hash",
        syntax: "key",
        ..command("hlen", 2, Run::Query(len))
    },
    Command {
        flags: SLOW,
        keys: (1, 1, 1),
        group: "hash",
        since: "2.0.0",
        summary: "Get all the fields in a hash",
        syntax: "key",
        ..command("hkeys", 2, Run::Query(names))
    },
    Command {
        flags: SLOW,
        keys: (1, 1, 1),
        group: "hash",
        since: "2.0.0",
        summary: "Get all the values in a hash",
        syntax: "key",
        ..command("hvals", 2, Run::Query(values))
    },
    Command {
        flags: FAST,
        keys: (1, 1, 1),
        group: "hash",
        since: "2.0.0",
        summary: "Determine if a hash field exists",
        syntax: "key field",
        ..command("hexists", 3, Run::Query(exists))
    },
];

/// Writes a field's value; that of a list is the key at which the list stands.
pub(super) fn write_value(
    out: &mut Output,
    (topic, id): (Topic, Uuid),
    name: &str,
    value: Field<'_>,
) {
    match value {
        Field::Text(text) => out.bulk(text),
        Field::List(_) => {
            let mut buffer = Uuid::encode_buffer();
            let id = id.hyphenated().encode_lower(&mut buffer);
            let parts = [topic.name(), "_", name, ":", id];
            out.bulk_of(&parts.map(str::as_bytes));
        }
    }
}

fn get(call: &mut Call<'_>, view: &View) -> Reply {
    let field = call.words.get(2);
    let found = keyspace::hash(view, call.words.get(1))?;
    let found = found.and_then(|(topic, id, fields)| Some((topic, id, fields.get(field)?)));
    match found {
        Some((topic, id, value)) => write_named(call.out, (topic, id), field, value),
        None => call.out.null(),
    }
    Ok(())
}

/// The name is one that was found, so it is text.
fn write_named(out: &mut Output, entity: (Topic, Uuid), name: &[u8], value: Field<'_>) {
    write_value(out, entity, std::str::from_utf8(name).unwrap_or_default(), value);
}

fn get_many(call: &mut Call<'_>, view: &View) -> Reply {
    let found = keyspace::hash(view, call.words.get(1))?;
    call.out.array(call.words.len() - 2);
    for name in call.words.iter().skip(2) {
        match found.and_then(|(topic, id, fields)| Some((topic, id, fields.get(name)?))) {
            Some((topic, id, value)) => write_named(call.out, (topic, id), name, value),
            None => call.out.null(),
        }
    }
    Ok(())
}

fn get_all(call: &mut Call<'_>, view: &View) -> Reply {
    let Some((topic, id, fields)) = keyspace::hash(view, call.words.get(1))? else {
        call.out.map(0);
        return Ok(());
    };
    call.out.map(fields.len());
    for (name, value) in fields.iter() {
        call.out.bulk(name);
        write_value(call.out, (topic, id), name, value);
    }
    Ok(())
}

fn len(call: &mut Call<'_>, view: &View) -> Reply {
    let found = keyspace::hash(view, call.words.get(1))?;
    call.out.count(found.map_or(0, |(_, _, fields)| fields.len()));
    Ok(())
}

fn names(call: &mut Call<'_>, view: &View) -> Reply {
    let Some((_, _, fields)) = keyspace::hash(view, call.words.get(1))? else {
        call.out.array(0);
        return Ok(());
    };
    call.out.array(fields.len());
    fields.iter().for_each(|(name, _)| call.out.bulk(name));
    Ok(())
}

fn values(call: &mut Call<'_>, view: &View) -> Reply {
    let Some((topic, id, fields)) = keyspace::hash(view, call.words.get(1))? else {
        call.out.array(0);
        return Ok(());
    };
    call.out.array(fields.len());
    for (name, value) in fields.iter() {
        write_value(call.out, (topic, id), name, value);
    }
    Ok(())
}

fn exists(call: &mut Call<'_>, view: &View) -> Reply {
    let found = keyspace::hash(view, call.words.get(1))?;
    let field = found.and_then(|(_, _, fields)| fields.get(call.words.get(2)));
    call.out.count(i32::from(field.is_some()));
    Ok(())
}
