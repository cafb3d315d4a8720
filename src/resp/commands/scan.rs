//! SCAN, SSCAN, HSCAN: through everything in pages, and no living key is missed.
//!
//! A cursor names a place in an order that does not change: an entity stands where it was created,
//! whatever becomes of others. So what lives from the first page to the last is in one of them.

use ordershop_actors::read_model::{Table, View};
use ordershop_actors::shop::topics;
use ordershop_store::{EntryId, Topic};

use super::super::keyspace::{self, Key};
use super::super::limits::MAX_SCAN_COUNT;
use super::super::protocol::{Glob, Output, Words};
use super::hashes::write_value;
use super::{Call, Command, READ, Refusal, Reply, Run, SYNTAX, command, integer, is, of_key};

pub(super) static COMMANDS: &[Command] = &[
    Command {
        flags: READ,
        since: "2.8.0",
        summary: "Incrementally iterate the keys space",
        syntax: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
        ..command("scan", -2, Run::Query(scan))
    },
    Command {
        since: "2.8.0",
        summary: "Incrementally iterate Set elements",
        syntax: "key cursor [MATCH pattern] [COUNT count]",
        ..of_key("set", "sscan", -3, Run::Query(sscan))
    },
    Command {
        since: "2.8.0",
        summary: "Incrementally iterate hash fields and associated values",
        syntax: "key cursor [MATCH pattern] [COUNT count]",
        ..of_key("hash", "hscan", -3, Run::Query(hscan))
    },
];

/// A place among all keys: a section in the upper four bits, and a place in it.
///
/// Section 0 holds the sets and streams, one after the other; then comes a section of hashes for each
/// topic, and one of lists, each by the moment of creation in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor(u64);

/// How many bits the place in a section has.
const PLACE_BITS: u32 = 60;
/// The highest place of a section.
const LAST_PLACE: u64 = (1 << PLACE_BITS) - 1;
/// The section of the lists, behind those of the hashes.
const LISTS: u64 = topics::PUBLIC.len() as u64 + 1;
/// How many microseconds make a second.
const MICROS_PER_SECOND: u64 = 1_000_000;

impl Cursor {
    /// Where everything begins.
    pub(super) const START: Self = Self(0);

    fn new(section: u64, place: u64) -> Self {
        Self(section << PLACE_BITS | place)
    }
}

/// The place of what was created then: the same or a higher one for what came later.
fn place_of(created: EntryId) -> u64 {
    let micros = created.micros().min(MICROS_PER_SECOND - 1);
    let place = created.seconds().saturating_mul(MICROS_PER_SECOND).saturating_add(micros);
    place.min(LAST_PLACE)
}

/// The first moment that has that place.
fn created_at(place: u64) -> EntryId {
    EntryId::new(place / MICROS_PER_SECOND, place % MICROS_PER_SECOND)
}

/// Visits about so many keys, each with its type; returns where to go on, if there are more.
pub(super) fn page(
    view: &View,
    Cursor(from): Cursor,
    count: u64,
    mut visit: impl FnMut(&[u8], &'static str),
) -> Option<Cursor> {
    let (mut section, mut place) = (from >> PLACE_BITS, from & LAST_PLACE);
    let mut left = count;
    let mut text = Vec::new();
    let mut show = |key: Key, kind| {
        text.clear();
        key.write(&mut text);
        visit(&text, kind);
    };
    if section == 0 {
        for (number, key) in (0..).zip(keyspace::fixed_keys()).skip(usize::try_from(place).ok()?) {
            if left == 0 {
                return Some(Cursor::new(0, number));
            }
            if let Some(value) = key.value(view) {
                show(key, super::keys::type_of(&value));
                left -= 1;
            }
        }
        (section, place) = (1, 0);
    }
    while section <= LISTS {
        let topic = topic_of(section);
        let next = rows(view.table(topic), place, &mut left, |id, row| {
            if section == LISTS {
                if row.has_list() {
                    show(Key::List(id), "list");
                }
            } else if row.has_fields() {
                show(Key::Entity(topic, id), "hash");
            }
        });
        if let Some(place) = next {
            return Some(Cursor::new(section, place));
        }
        (section, place) = (section + 1, 0);
    }
    None
}

/// Visits rows from a place on while any are left to visit; returns where to go on, if there are
/// more. Rows of the same place stay together, since a cursor cannot tell them apart.
fn rows(
    table: &Table,
    from: u64,
    left: &mut u64,
    mut visit: impl FnMut(uuid::Uuid, &ordershop_actors::read_model::Row),
) -> Option<u64> {
    let mut last = None;
    for (place, row) in table.from(created_at(from)) {
        let here = place_of(place.created);
        if *left == 0 && last != Some(here) {
            return Some(here);
        }
        visit(place.id, row);
        *left = left.saturating_sub(1);
        last = Some(here);
    }
    None
}

fn topic_of(section: u64) -> Topic {
    let index = usize::try_from(section).unwrap_or_default().wrapping_sub(1);
    topics::PUBLIC.get(index).copied().unwrap_or(topics::ORDER)
}

/// What of everything is wanted.
struct Wanted<'a> {
    pattern: Option<Glob<'a>>,
    count: u64,
    kind: Option<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    /// Reads the options behind the cursor.
    fn read(words: Words<'a>, first: usize, with_type: bool) -> Result<Self, Refusal> {
        let mut wanted = Self { pattern: None, count: 10, kind: None };
        let mut next = first;
        while next < words.len() {
            let has_value = next + 1 < words.len();
            let (option, value) = (words.get(next), words.get(next + 1));
            if is(option, "COUNT") && has_value {
                let count = integer(value)?;
                if count < 1 {
                    return Err(SYNTAX);
                }
                wanted.count = count.unsigned_abs().min(MAX_SCAN_COUNT);
            } else if is(option, "MATCH") && has_value {
                wanted.pattern = Some(Glob::new(value)).filter(|pattern| !pattern.is_all());
            } else if is(option, "TYPE") && has_value && with_type {
                wanted.kind = Some(value);
            } else {
                return Err(SYNTAX);
            }
            next += 2;
        }
        Ok(wanted)
    }

    fn matches(&self, text: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| pattern.matches(text))
    }
}

/// Reads a cursor as C's `strtoul` does, and as Redis restricts it.
fn cursor(word: &[u8]) -> Result<u64, Refusal> {
    if word.is_empty() {
        return Ok(0);
    }
    let blank = word[0].is_ascii_whitespace() || word[0] == 0x0b;
    let number = if blank { None } else { unsigned_long(word) };
    number.ok_or(Refusal::fixed("ERR invalid cursor"))
}

fn unsigned_long(word: &[u8]) -> Option<u64> {
    let (negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let number = super::super::protocol::unsigned(digits)?;
    digits[0].is_ascii_digit().then_some(if negative { number.wrapping_neg() } else { number })
}

/// Writes a page: the cursor behind it, and its elements.
fn write(out: &mut Output, next: u64, elements: usize, encoded: &Output) {
    out.array(2);
    out.bulk(next.to_string());
    out.array(elements);
    out.raw(encoded.bytes());
}

/// As in Redis, the options are not looked at where there is no key.
fn nothing(call: &mut Call<'_>) -> Reply {
    write(call.out, 0, 0, &Output::default());
    Ok(())
}

fn scan(call: &mut Call<'_>, view: &View) -> Reply {
    let from = cursor(call.words.get(1))?;
    let wanted = Wanted::read(call.words, 2, true)?;
    let (mut elements, mut encoded) = (0, Output::default());
    let next = page(view, Cursor(from), wanted.count, |key, kind| {
        if wanted.matches(key) && wanted.kind.is_none_or(|wanted| is(wanted, kind)) {
            elements += 1;
            encoded.bulk(key);
        }
    });
    write(call.out, next.map_or(0, |Cursor(next)| next), elements, &encoded);
    Ok(())
}

fn sscan(call: &mut Call<'_>, view: &View) -> Reply {
    let from = cursor(call.words.get(2))?;
    let Some(topic) = keyspace::set(view, call.words.get(1))? else {
        return nothing(call);
    };
    let wanted = Wanted::read(call.words, 3, false)?;
    let (mut elements, mut encoded) = (0, Output::default());
    let mut left = wanted.count;
    let next = rows(view.table(topic), from.min(LAST_PLACE), &mut left, |id, _| {
        let mut buffer = uuid::Uuid::encode_buffer();
        let id = id.hyphenated().encode_lower(&mut buffer);
        if wanted.matches(id.as_bytes()) {
            elements += 1;
            encoded.bulk(id);
        }
    });
    write(call.out, next.unwrap_or(0), elements, &encoded);
    Ok(())
}

/// A hash has few fields, so that they come in one page.
fn hscan(call: &mut Call<'_>, view: &View) -> Reply {
    cursor(call.words.get(2))?;
    let hash = keyspace::hash(view, call.words.get(1))?;
    if hash.fields.is_empty() {
        return nothing(call);
    }
    let wanted = Wanted::read(call.words, 3, false)?;
    let (mut elements, mut encoded) = (0, Output::default());
    for (name, value) in hash.fields.iter().filter(|(name, _)| wanted.matches(name.as_bytes())) {
        elements += 2;
        encoded.bulk(name);
        write_value(&mut encoded, hash, name, value);
    }
    write(call.out, 0, elements, &encoded);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_redis_reads_it() {
        for (word, number) in [("", 0), ("0", 0), ("17", 17), ("+5", 5), ("007", 7)] {
            assert_eq!(cursor(word.as_bytes()), Ok(number), "{word}");
        }
        assert_eq!(cursor(b"-1"), Ok(u64::MAX));
        for bad in [" 1", "x", "1x", "1 ", "18446744073709551616", "+", "--1"] {
            assert!(cursor(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn places_rise_with_creation() {
        let ids = [(0, 0), (7, 42), (7, 999_999), (7, 5_000_000), (8, 0), (u64::MAX, 0)];
        let places = ids.map(|(seconds, micros)| place_of(EntryId::new(seconds, micros)));
        assert!(places.is_sorted(), "{places:?}");
        assert_eq!(created_at(place_of(EntryId::new(7, 42))), EntryId::new(7, 42));
        assert!(created_at(place_of(EntryId::new(7, 5_000_000))) < EntryId::new(7, 5_000_000));
    }
}
