//! HGET, HMGET, HGETALL, HLEN, HKEYS, HVALS, HEXISTS: an entity's fields.

use ordershop_actors::read_model::{Field, View};
use uuid::Uuid;

use super::super::keyspace::{self, Hash};
use super::super::protocol::Output;
use super::{Call, Command, READ_FAST, Reply, Run, of_key};

const fn hash(name: &'static str, arity: i32, run: Run) -> Command {
    Command { since: "2.0.0", ..of_key("hash", name, arity, run) }
}

pub(super) static COMMANDS: &[Command] = &[
    Command {
        flags: READ_FAST,
        summary: "Get the value of a hash field",
        syntax: "key field",
        ..hash("hget", 3, Run::Query(get))
    },
    Command {
        flags: READ_FAST,
        summary: "Get the values of all the given hash fields",
        syntax: "key field...",
        ..hash("hmget", -3, Run::Query(get_many))
    },
    Command {
        summary: "Get all the fields and values in a hash",
        syntax: "key",
        ..hash("hgetall", 2, Run::Query(get_all))
    },
    Command {
        flags: READ_FAST,
        summary: "Get the number of fields in a hash",
        syntax: "key",
        ..hash("hlen", 2, Run::Query(len))
    },
    Command {
        summary: "Get all the fields in a hash",
        syntax: "key",
        ..hash("hkeys", 2, Run::Query(names))
    },
    Command {
        summary: "Get all the values in a hash",
        syntax: "key",
        ..hash("hvals", 2, Run::Query(values))
    },
    Command {
        flags: READ_FAST,
        summary: "Determine if a hash field exists",
        syntax: "key field",
        ..hash("hexists", 3, Run::Query(exists))
    },
];

/// Writes a field's value; that of a list is the key at which the list stands.
pub(super) fn write_value(out: &mut Output, hash: Hash<'_>, name: &str, value: Field<'_>) {
    match value {
        Field::Text(text) => out.bulk(text),
        Field::List(_) => {
            let mut buffer = Uuid::encode_buffer();
            let id = hash.id.hyphenated().encode_lower(&mut buffer);
            let parts = [hash.topic.name(), "_", name, ":", id];
            out.bulk_of(&parts.map(str::as_bytes));
        }
    }
}

fn get(call: &mut Call<'_>, view: &View) -> Reply {
    let hash = keyspace::hash(view, call.words.get(1))?;
    write_if_there(call.out, hash, call.words.get(2));
    Ok(())
}

fn write_if_there(out: &mut Output, hash: Hash<'_>, name: &[u8]) {
    match hash.fields.get(name) {
        // The name is one that was found, so it is text.
        Some(value) => {
            write_value(out, hash, std::str::from_utf8(name).unwrap_or_default(), value);
        }
        None => out.null(),
    }
}

fn get_many(call: &mut Call<'_>, view: &View) -> Reply {
    let hash = keyspace::hash(view, call.words.get(1))?;
    call.out.array(call.words.len() - 2);
    for name in call.words.iter().skip(2) {
        write_if_there(call.out, hash, name);
    }
    Ok(())
}

fn get_all(call: &mut Call<'_>, view: &View) -> Reply {
    let hash = keyspace::hash(view, call.words.get(1))?;
    call.out.map(hash.fields.len());
    for (name, value) in hash.fields.iter() {
        call.out.bulk(name);
        write_value(call.out, hash, name, value);
    }
    Ok(())
}

fn len(call: &mut Call<'_>, view: &View) -> Reply {
    let hash = keyspace::hash(view, call.words.get(1))?;
    call.out.count(hash.fields.len());
    Ok(())
}

fn names(call: &mut Call<'_>, view: &View) -> Reply {
    let hash = keyspace::hash(view, call.words.get(1))?;
    call.out.array(hash.fields.len());
    hash.fields.iter().for_each(|(name, _)| call.out.bulk(name));
    Ok(())
}

fn values(call: &mut Call<'_>, view: &View) -> Reply {
    let hash = keyspace::hash(view, call.words.get(1))?;
    call.out.array(hash.fields.len());
    for (name, value) in hash.fields.iter() {
        write_value(call.out, hash, name, value);
    }
    Ok(())
}

fn exists(call: &mut Call<'_>, view: &View) -> Reply {
    let hash = keyspace::hash(view, call.words.get(1))?;
    let field = hash.fields.get(call.words.get(2));
    call.out.count(i32::from(field.is_some()));
    Ok(())
}
