//! Where an entity stands in the lists.

use std::fmt;
use std::str::FromStr;

use ordershop_store::EntryId;
use uuid::Uuid;

/// Where an entity stands: when it was created, and which it is.
///
/// A place stays where it is when its entity is deleted, so a reader that goes on behind it neither
/// loses nor repeats an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The entry that created it.
    pub created: EntryId,
    /// The entity.
    pub id: Uuid,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.created, self.id.simple())
    }
}

/// A text that is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no place in a list")]
pub struct ParsePlaceError;

impl FromStr for Place {
    type Err = ParsePlaceError;

    fn from_str(text: &str) -> Result<Self, ParsePlaceError> {
        let (created, id) = text.split_once('.').ok_or(ParsePlaceError)?;
        let created = created.parse().map_err(|_| ParsePlaceError)?;
        let id = id.parse().map_err(|_| ParsePlaceError)?;
        Ok(Self { created, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        for place in [
            Place { created: EntryId::ZERO, id: Uuid::nil() },
            Place { created: EntryId::new(1_700_000_000, 42), id: Uuid::from_u128(7) },
            Place { created: EntryId::MAX, id: Uuid::max() },
        ] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for bad in ["", ".", "1-2", "1-2.", "x.00000000000000000000000000000007"] {
            assert_eq!(bad.parse::<Place>(), Err(ParsePlaceError), "{bad}");
        }
    }
}
