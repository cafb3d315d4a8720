//! LRANGE, LLEN, LINDEX: the products of an order.

use ordershop_actors::read_model::View;

use super::super::keyspace;
use super::{Call, Command, READ_FAST, Reply, Run, integer, of_key};

pub(super) static COMMANDS: &[Command] = &[
    Command {
        summary: "Get a range of elements from a list",
        syntax: "key start stop",
        ..of_key("list", "lrange", 4, Run::Query(range))
    },
    Command {
        flags: READ_FAST,
        summary: "Get the length of a list",
        syntax: "key",
        ..of_key("list", "llen", 2, Run::Query(len))
    },
    Command {
        summary: "Get an element from a list by its index",
        syntax: "key index",
        ..of_key("list", "lindex", 3, Run::Query(index))
    },
];

fn range(call: &mut Call<'_>, view: &View) -> Reply {
    let (start, stop) = (integer(call.words.get(2))?, integer(call.words.get(3))?);
    let list = keyspace::list(view, call.words.get(1))?;
    let len = i64::try_from(list.len()).unwrap_or(i64::MAX);
    let from_end = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let (start, stop) = (from_end(start).max(0), from_end(stop).min(len - 1));
    let range = usize::try_from(start).unwrap_or(0)..usize::try_from(stop + 1).unwrap_or(0);
    call.out.array(range.len());
    range.filter_map(|index| list.get(index)).for_each(|element| call.out.bulk(element));
    Ok(())
}

fn len(call: &mut Call<'_>, view: &View) -> Reply {
    let list = keyspace::list(view, call.words.get(1))?;
    call.out.count(list.len());
    Ok(())
}

fn index(call: &mut Call<'_>, view: &View) -> Reply {
    let list = keyspace::list(view, call.words.get(1))?;
    if list.is_empty() {
        // As in Redis, even where the index is none.
        call.out.null();
        return Ok(());
    }
    let index = integer(call.words.get(2))?;
    let len = i64::try_from(list.len()).unwrap_or(i64::MAX);
    let index = if index < 0 { index.saturating_add(len) } else { index };
    match usize::try_from(index).ok().and_then(|index| list.get(index)) {
        Some(element) => call.out.bulk(element),
        None => call.out.null(),
    }
    Ok(())
}
