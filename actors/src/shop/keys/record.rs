//! What the log knows of a key: an entity of its own, of which the last event tells all.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use ordershop_store::{Action, EntityWrite, EntryId, EventLog, NewEvent, Topic, Transaction};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::runtime::event_id;
use crate::shop::{Accepted, CommandError, Invalid, topics};

/// The version of the events' schema.
const KEY_SCHEMA: u16 = 1;
/// The namespace of the ids of keys.
const NAMESPACE: Uuid = Uuid::from_u128(0x4b1d_1e5e_9c35_4b0a_8d53_6f72_6465_7273);

/// A key, as the id of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(Uuid);

impl Key {
    pub(super) fn new(key: &str) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, key.as_bytes()))
    }
}

/// Who has a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::shop) struct Claim {
    /// The id under which its command is carried out.
    pub(super) command_id: Uuid,
    /// The request with which it came.
    pub(super) fingerprint: Uuid,
    /// When it was taken, in microseconds since the Unix epoch.
    pub(super) time_us: i64,
}

/// What can happen to a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::shop) enum KeyEvent {
    /// A command has it.
    KeyTaken(Claim),
    /// Its command was answered, for good.
    KeyAnswered {
        /// Who has it.
        claim: Claim,
        /// The answer.
        answer: FinalAnswer,
    },
}

impl KeyEvent {
    const fn claim(&self) -> &Claim {
        match self {
            Self::KeyTaken(claim) | Self::KeyAnswered { claim, .. } => claim,
        }
    }
}

/// An answer that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::shop) enum FinalAnswer {
    Accepted {
        ids: Vec<Uuid>,
        positions: Vec<(String, String)>,
    },
    NotFound(String),
    Invalid {
        field: String,
        index: Option<usize>,
        message: String,
    },
    Conflict(String),
    TooLarge(String),
    /// An error that came after something was appended.
    Behind {
        error: Box<FinalAnswer>,
        positions: Vec<(String, String)>,
    },
}

fn named(positions: Vec<(Topic, EntryId)>) -> Vec<(String, String)> {
    positions.into_iter().map(|(topic, id)| (topic.to_string(), id.to_string())).collect()
}

fn known(positions: Vec<(String, String)>) -> Vec<(Topic, EntryId)> {
    let known = |(name, id): (String, String)| {
        let topic = topics::ALL.into_iter().find(|topic| topic.name() == name)?;
        Some((topic, id.parse().ok()?))
    };
    positions.into_iter().filter_map(known).collect()
}

impl FinalAnswer {
    /// The answer, if it is final: whatever was not done now may be done the next time.
    fn of(answer: &Result<Accepted, CommandError>) -> Option<Self> {
        Some(match answer.clone() {
            Ok(Accepted { ids, positions }) => Self::Accepted { ids, positions: named(positions) },
            Err(CommandError::Behind { error, positions }) => {
                let error = Box::new(Self::of(&Err(*error))?);
                Self::Behind { error, positions: named(positions) }
            }
            Err(CommandError::NotFound(reason)) => Self::NotFound(reason),
            Err(CommandError::Invalid(Invalid { field, index, message })) => {
                Self::Invalid { field, index, message }
            }
            Err(CommandError::Conflict(reason)) => Self::Conflict(reason),
            Err(CommandError::TooLarge(reason)) => Self::TooLarge(reason),
            Err(
                CommandError::KeyReused(_)
                | CommandError::Unavailable(_)
                | CommandError::OutcomeUnknown(_),
            ) => return None,
        })
    }

    fn told(self) -> Result<Accepted, CommandError> {
        Err(match self {
            Self::Accepted { ids, positions } => {
                return Ok(Accepted { ids, positions: known(positions) });
            }
            Self::Behind { error, positions } => {
                return error.told().map_err(|error| error.behind(known(positions)));
            }
            Self::NotFound(reason) => CommandError::NotFound(reason),
            Self::Invalid { field, index, message } => {
                CommandError::Invalid(Invalid { field, index, message })
            }
            Self::Conflict(reason) => CommandError::Conflict(reason),
            Self::TooLarge(reason) => CommandError::TooLarge(reason),
        })
    }
}

/// The record of a key, as its last event leaves it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    key: Key,
    version: u64,
    last_event: Option<Uuid>,
    last: Option<KeyEvent>,
    /// Where its last event stands, when it was read.
    position: EntryId,
}

impl Record {
    /// Reads it.
    pub(super) async fn read(log: &dyn EventLog, key: Key) -> Result<Self, CommandError> {
        let unavailable =
            |error: &dyn std::error::Error| CommandError::Unavailable(format!("its key: {error}"));
        let latest = log.latest(topics::COMMAND, vec![key.0]).await;
        let latest = latest.map_err(|error| unavailable(&error))?;
        let Some(entry) = latest.into_iter().flatten().next() else {
            return Ok(Self {
                key,
                version: 0,
                last_event: None,
                last: None,
                position: EntryId::ZERO,
            });
        };
        let last = serde_json::from_str(&entry.data).map_err(|error| unavailable(&error))?;
        let last_event = Some(entry.event_id);
        let (version, position) = (entry.version, entry.id);
        Ok(Self { key, version, last_event, last: Some(last), position })
    }

    /// Who has it at that time, where it is kept for so long.
    pub(super) fn claim_at(&self, now_us: i64, keep: Duration) -> Option<Claim> {
        let claim = self.last.as_ref()?.claim();
        let age_us = i128::from(now_us) - i128::from(claim.time_us);
        let kept = i128::try_from(keep.as_micros()).unwrap_or(i128::MAX);
        (age_us < kept).then(|| claim.clone())
    }

    /// The position before which the command of a taken key had no effect.
    pub(super) const fn begin(&self) -> EntryId {
        // One second for logs in which each topic has a clock of its own.
        EntryId::new(self.position.seconds().saturating_sub(1), self.position.micros())
    }

    /// The answer, where there is one.
    pub(super) fn answer(&self) -> Option<Result<Accepted, CommandError>> {
        match &self.last {
            Some(KeyEvent::KeyAnswered { answer, .. }) => Some(answer.clone().told()),
            Some(KeyEvent::KeyTaken(_)) | None => None,
        }
    }

    /// What takes the key, now that nobody has it. The transaction's id is made of the new
    /// command's, so that of two who take the key at the same time one is refused.
    pub(super) fn taken(&self, claim: &Claim) -> Transaction {
        self.append(claim, "KeyTaken", &KeyEvent::KeyTaken(claim.clone()))
    }

    /// The record once the key is taken.
    pub(super) fn after_taking(self, claim: &Claim) -> Self {
        Self {
            version: self.version + 1,
            last_event: Some(event_id(claim.command_id, self.key.0, 0)),
            last: Some(KeyEvent::KeyTaken(claim.clone())),
            ..self
        }
    }

    /// What notes an answer, if it is final.
    pub(super) fn answered(
        &self,
        claim: &Claim,
        answer: &Result<Accepted, CommandError>,
    ) -> Option<Transaction> {
        let answer = FinalAnswer::of(answer)?;
        let event = KeyEvent::KeyAnswered { claim: claim.clone(), answer };
        Some(self.append(claim, "KeyAnswered", &event))
    }

    fn append(&self, claim: &Claim, kind: &'static str, event: &KeyEvent) -> Transaction {
        let (entity_id, index) = (self.key.0, usize::from(kind != "KeyTaken"));
        let event_id = event_id(claim.command_id, entity_id, index);
        let data = serde_json::to_string(event).expect("texts, numbers and ids");
        let event = NewEvent {
            action: Action::Internal,
            event_id,
            kind: Cow::Borrowed(kind),
            schema: KEY_SCHEMA,
            document: Arc::from(""),
            data: data.into(),
        };
        let (expected, last_event) = (self.version, self.last_event);
        Transaction {
            topic: topics::COMMAND,
            command_id: event_id,
            cause: None,
            writes: vec![EntityWrite { entity_id, expected, last_event, events: vec![event] }],
            claims: Vec::new(),
            releases: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim {
        Claim { command_id: Uuid::from_u128(1), fingerprint: Uuid::from_u128(2), time_us: 1_000 }
    }

    fn told(answer: &Result<Accepted, CommandError>) -> Option<Result<Accepted, CommandError>> {
        FinalAnswer::of(answer).map(FinalAnswer::told)
    }

    #[test]
    fn final_answers_are_told_as_they_were() {
        let positions = vec![(topics::ORDER, EntryId::new(7, 8))];
        let invalid =
            Invalid { field: "name".to_owned(), index: Some(3), message: "too long".to_owned() };
        let short = CommandError::Conflict("short".to_owned());
        for answer in [
            Err(short.behind(positions.clone())),
            Ok(Accepted { ids: vec![Uuid::from_u128(9)], positions }),
            Err(CommandError::NotFound("none".to_owned())),
            Err(CommandError::Invalid(invalid)),
            Err(CommandError::Conflict("short".to_owned())),
            Err(CommandError::TooLarge("huge".to_owned())),
        ] {
            assert_eq!(told(&answer), Some(answer));
        }
    }

    #[test]
    fn what_may_be_done_the_next_time_is_not_kept() {
        assert_eq!(told(&Err(CommandError::Unavailable("away".to_owned()))), None);
        assert_eq!(told(&Err(CommandError::OutcomeUnknown("lost".to_owned()))), None);
    }

    #[test]
    fn a_key_is_free_again_when_its_time_is_over() {
        let key = Key::new("a");
        let free =
            Record { key, version: 0, last_event: None, last: None, position: EntryId::ZERO };
        let keep = Duration::from_micros(10);
        assert_eq!(free.claim_at(1_000, keep), None);
        let taken = free.after_taking(&claim());
        assert_eq!(taken.claim_at(1_009, keep), Some(claim()));
        assert_eq!(taken.claim_at(500, keep), Some(claim()), "also when the clock goes back");
        assert_eq!(taken.claim_at(1_010, keep), None);
    }

    #[test]
    fn what_was_written_once_can_be_read_for_ever() {
        let id = "00000000-0000-0000-0000-000000000001";
        let claim = format!(r#"{{"command_id":"{id}","fingerprint":"{id}","time_us":5}}"#);
        for event in [
            format!(r#"{{"KeyTaken":{claim}}}"#),
            format!(
                r#"{{"KeyAnswered":{{"claim":{claim},"answer":{{"Accepted":{{"ids":["{id}"],"positions":[["order","7-8"]]}}}}}}}}"#
            ),
            format!(r#"{{"KeyAnswered":{{"claim":{claim},"answer":{{"Conflict":"short"}}}}}}"#),
            format!(
                r#"{{"KeyAnswered":{{"claim":{claim},"answer":{{"Behind":{{"error":{{"Conflict":"short"}},"positions":[["order","7-8"]]}}}}}}}}"#
            ),
        ] {
            let read: KeyEvent = serde_json::from_str(&event).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), event);
        }
    }
}
