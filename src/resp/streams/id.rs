//! Ids of streams as clients write them, and the ids beside them.

use ordershop_store::EntryId;

use super::super::protocol::unsigned;

/// How many bytes an id has at most (as in Redis).
const MAX_ID_BYTES: usize = 127;

/// The id that a text names, with that second number where it names only the first one.
pub(in super::super) fn parse_id(text: &[u8], missing: u64) -> Option<EntryId> {
    if text.len() > MAX_ID_BYTES {
        return None;
    }
    // As in C, a text ends where a zero byte stands.
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let text = &text[..end];
    match text.iter().position(|byte| *byte == b'-') {
        None => Some(EntryId::new(unsigned(text)?, missing)),
        Some(dash) => Some(EntryId::new(unsigned(&text[..dash])?, unsigned(&text[dash + 1..])?)),
    }
}

/// The id right above this one, if there is one.
pub(in super::super) fn above(id: EntryId) -> Option<EntryId> {
    match id.micros().checked_add(1) {
        Some(micros) => Some(EntryId::new(id.seconds(), micros)),
        None => Some(EntryId::new(id.seconds().checked_add(1)?, 0)),
    }
}

/// The id right below this one, if there is one.
pub(in super::super) fn below(id: EntryId) -> Option<EntryId> {
    (id != EntryId::ZERO).then(|| id.previous())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_redis_reads_it() {
        assert_eq!(parse_id(b"7", 3), Some(EntryId::new(7, 3)));
        assert_eq!(parse_id(b"7-42", 3), Some(EntryId::new(7, 42)));
        for bad in ["", "-", "7-", "-7", "7-x", "x", "7-4-2"] {
            assert_eq!(parse_id(bad.as_bytes(), 0), None, "{bad}");
        }
    }

    #[test]
    fn the_ids_beside_one_carry_over_all_64_bits() {
        assert_eq!(above(EntryId::new(7, u64::MAX)), Some(EntryId::new(8, 0)));
        assert_eq!(below(EntryId::new(8, 0)), Some(EntryId::new(7, u64::MAX)));
        assert_eq!((above(EntryId::MAX), below(EntryId::ZERO)), (None, None));
    }
}
