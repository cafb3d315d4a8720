//! Moments as people write them: an entry's id, or a time as RFC 3339 has it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use ordershop_store::{Entry, EntryId};

/// A moment of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When this entry was the last one.
    Entry(EntryId),
    /// That time, in microseconds since the Unix epoch.
    Time(i64),
}

/// A text that is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no moment: expected an entry's id, as in `1700000000-42`, or a time, as in \
     `2026-11-24T06:27:23Z`"
)]
pub struct NoMoment(String);

impl Moment {
    /// Whether the entry was in the log at that moment.
    pub fn includes(self, entry: &Entry) -> bool {
        match self {
            Self::Entry(id) => entry.id <= id,
            Self::Time(time_us) => entry.time_us <= time_us,
        }
    }
}

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Entry(id));
        }
        let time: Timestamp = text.parse().map_err(|_| NoMoment(text.to_owned()))?;
        Ok(Self::Time(time.as_microsecond()))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(id) => id.fmt(f),
            Self::Time(time_us) => f.write_str(&rfc3339(*time_us)),
        }
    }
}

/// A time as RFC 3339 has it, with all its microseconds.
pub fn rfc3339(time_us: i64) -> String {
    Timestamp::from_microsecond(time_us)
        .map_or_else(|_| time_us.to_string(), |time| format!("{time:.6}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_and_a_time_are_both_moments() {
        assert_eq!("1700000000-42".parse(), Ok(Moment::Entry(EntryId::new(1_700_000_000, 42))));
        let time = Moment::Time(1_700_000_000_000_042);
        assert_eq!("2023-11-14T22:13:20.000042Z".parse(), Ok(time));
        assert_eq!("2023-11-14T23:13:20.000042+01:00".parse(), Ok(time));
        assert_eq!(time.to_string(), "2023-11-14T22:13:20.000042Z");
        for bad in ["", "yesterday", "1700000000", "2023-11-14", "2023-11-14T22:13:20"] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }
}
