//! The id of an entry: where it stands in its stream, and when it was written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How many microseconds make a second; our own ids carry into the seconds here.
const MICROS_PER_SECOND: u64 = 1_000_000;

/// The id of an entry, in the form of a Redis stream id: `<Unix seconds>-<microseconds>`.
///
/// Ids compare as Redis compares them, the first number before the second. Ids made by us have
/// microseconds below one million; an id that another program wrote may hold any two numbers.
///
/// Source: <https://redis.io/docs/latest/develop/data-types/streams/#entry-ids>.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct EntryId {
    seconds: u64,
    micros: u64,
}

impl EntryId {
    /// The position before every entry.
    pub const ZERO: Self = Self { seconds: 0, micros: 0 };
    /// The position behind every entry.
    pub const MAX: Self = Self { seconds: u64::MAX, micros: u64::MAX };

    /// The id with these two numbers, in the order of their text.
    pub const fn new(seconds: u64, micros: u64) -> Self {
        Self { seconds, micros }
    }

    /// The id of a moment, in microseconds since the Unix epoch; a moment before it is zero.
    pub const fn from_unix_micros(micros: i64) -> Self {
        let micros = if micros < 0 { 0 } else { micros.unsigned_abs() };
        Self { seconds: micros / MICROS_PER_SECOND, micros: micros % MICROS_PER_SECOND }
    }

    /// The number before the dash: Unix time in seconds.
    pub const fn seconds(self) -> u64 {
        self.seconds
    }

    /// The number behind the dash: microseconds within the second.
    pub const fn micros(self) -> u64 {
        self.micros
    }

    /// The largest id below this one; zero has none below.
    #[must_use]
    pub const fn previous(self) -> Self {
        match (self.seconds, self.micros) {
            (0, 0) => Self::ZERO,
            (seconds, 0) => Self { seconds: seconds - 1, micros: u64::MAX },
            (seconds, micros) => Self { seconds, micros: micros - 1 },
        }
    }

    /// The smallest id of ours above this one: a microsecond later, carried into the seconds.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.micros + 1 >= MICROS_PER_SECOND {
            Self { seconds: self.seconds + 1, micros: 0 }
        } else {
            Self { seconds: self.seconds, micros: self.micros + 1 }
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.seconds, self.micros)
    }
}

/// A text that is no entry id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no entry id: expected two whole numbers joined by a dash, as in `1700000000-42`")]
pub struct ParseEntryIdError(String);

impl FromStr for EntryId {
    type Err = ParseEntryIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| {
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse::<u64>().ok()).flatten()
        };
        text.split_once('-')
            .and_then(|(seconds, micros)| Some(Self::new(number(seconds)?, number(micros)?)))
            .ok_or_else(|| ParseEntryIdError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_id_carries_into_the_seconds() {
        assert_eq!(EntryId::new(7, 999_999).next(), EntryId::new(8, 0));
        assert_eq!(EntryId::new(7, 5).next(), EntryId::new(7, 6));
    }

    #[test]
    fn the_id_after_a_foreign_one_is_one_of_ours() {
        assert_eq!(EntryId::new(7, 5_000_000).next(), EntryId::new(8, 0));
    }

    #[test]
    fn ids_compare_by_seconds_before_micros() {
        assert!(EntryId::new(1, 999_999) < EntryId::new(2, 0));
        assert!(EntryId::new(2, 9) < EntryId::new(2, 10));
    }

    #[test]
    fn text_and_back() {
        let id = EntryId::from_unix_micros(1_700_000_000_000_042);
        assert_eq!(id.to_string(), "1700000000-42");
        assert_eq!("1700000000-42".parse(), Ok(id));
        for bad in ["", "1", "1-", "-1", "+1-2", "1-2-3", "a-b", "1 -2"] {
            assert!(bad.parse::<EntryId>().is_err(), "{bad}");
        }
    }
}
