//! How far a list was read, as a text that a client hands back to go on from there.
//!
//! For each topic it names the last id of each of its streams, since an entry of another program
//! may bear an id below one of a sister stream that was read already.

use std::str::FromStr;

use ordershop_actors::shop::topics;
use ordershop_store::{Action, EntryId, Position, Positions, Topic};

/// How far a list was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(pub Positions);

/// What is no topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no topic `{0}`: expected customer, product, inventory, order, billing or mail")]
pub struct NoTopic(String);

/// What is no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in the log: take it from the header of an answer")]
pub struct NoPlace;

/// The topic of that name.
pub fn topic(name: &str) -> Result<Topic, NoTopic> {
    topics::ALL
        .into_iter()
        .find(|topic| topic.name() == name)
        .ok_or_else(|| NoTopic(name.chars().take(64).collect()))
}

impl Place {
    /// Before the entry with that id, in one topic or in all.
    pub fn before(id: EntryId, only: Option<Topic>) -> Self {
        let last = match (id.seconds(), id.micros()) {
            (0, 0) => EntryId::ZERO,
            (seconds, 0) => EntryId::new(seconds - 1, u64::MAX),
            (seconds, micros) => EntryId::new(seconds, micros - 1),
        };
        let mut position = Position::START;
        for action in Action::ALL {
            position.advance(action, last);
        }
        let topics = topics::ALL.into_iter().filter(|topic| only.is_none_or(|only| only == *topic));
        Self(topics.map(|topic| (topic, position)).collect())
    }

    /// The text.
    pub fn to_text(&self) -> String {
        let topics = self.0.iter().map(|(topic, position)| {
            let ids = Action::ALL.map(|action| position.of(action).to_string());
            format!("{topic}@{}", ids.join(","))
        });
        topics.collect::<Vec<_>>().join(";")
    }
}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let part = |part: &str| {
            let (name, ids) = part.split_once('@')?;
            let ids: Vec<EntryId> =
                ids.split(',').map(|id| id.parse().ok()).collect::<Option<_>>()?;
            let ids: [EntryId; 4] = ids.try_into().ok()?;
            let mut position = Position::START;
            for (action, id) in Action::ALL.into_iter().zip(ids) {
                position.advance(action, id);
            }
            Some((topic(name).ok()?, position))
        };
        let positions = text.split(';').map(part).collect::<Option<_>>().ok_or(NoPlace)?;
        Ok(Self(positions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back() {
        for only in [None, Some(topics::ORDER)] {
            let place = Place::before(EntryId::new(7, 42), only);
            assert_eq!(place.to_text().parse(), Ok(place));
        }
        for bad in ["", "order", "order@1-1", "cats@1-1,1-1,1-1,1-1", "order@1-1,1-1,1-1,x"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }

    #[test]
    fn before_an_id_is_behind_the_one_before_it() {
        let last = |id| Place::before(id, Some(topics::ORDER)).0.of(topics::ORDER).last();
        assert_eq!(last(EntryId::new(7, 42)), EntryId::new(7, 41));
        assert!(last(EntryId::new(7, 0)) >= EntryId::new(6, 999_999));
        assert!(last(EntryId::new(7, 0)) < EntryId::new(7, 0));
        assert_eq!(last(EntryId::ZERO), EntryId::ZERO);
    }
}
