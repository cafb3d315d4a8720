//! What a service can be asked to do, and how it answers.

use ordershop_domain::{Reject, RejectionKind};
use ordershop_store::{EntryId, Refusal, Topic};
use ordershop_supervisors::Message;
use uuid::Uuid;

use crate::runtime::{AppendError, ExecuteError};

/// What to do with entities of one topic; `D` is what a client sends of one.
#[derive(Clone, Debug)]
pub enum Verb<D> {
    /// Create these, all or none.
    Create(Vec<D>),
    /// Replace the fields of one.
    Replace(Uuid, D),
    /// Delete one.
    Delete(Uuid),
}

/// Asks a service to carry out a command.
#[derive(Clone, Debug)]
pub struct Serve<D> {
    /// The command's id, from which all ids that it makes derive.
    pub command_id: Uuid,
    /// What to do.
    pub verb: Verb<D>,
    /// When the command came, in microseconds since the Unix epoch.
    pub time_us: i64,
    /// It may have been begun before, or carried out; then it has no second effect.
    pub resumed: bool,
}

impl<D: Send + 'static> Message for Serve<D> {
    type Reply = Result<Accepted, CommandError>;
}

/// A command that was carried out, durably.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The ids of the created entities, in the order given.
    pub ids: Vec<Uuid>,
    /// How far a reader of these topics must have come to see the effect.
    pub positions: Vec<(Topic, EntryId)>,
}

impl Accepted {
    /// The same, with one more topic to wait for.
    #[must_use]
    pub fn at(mut self, topic: Topic, position: Option<EntryId>) -> Self {
        self.positions.extend(position.map(|position| (topic, position)));
        self
    }
}

/// A field that was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The field's name.
    pub field: String,
    /// Which element of a batch, counted from 0; `None` where it was no batch.
    pub index: Option<usize>,
    /// What is wrong with it.
    pub message: String,
}

/// A command that was not carried out, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no such entity.
    #[error("{0}")]
    NotFound(String),
    /// What was sent is wrong, or refers to something that does not exist.
    #[error("{}: {}", .0.field, .0.message)]
    Invalid(Invalid),
    /// It conflicts with what is there.
    #[error("{0}")]
    Conflict(String),
    /// Its idempotency key came before, with another request.
    #[error("{0}")]
    KeyReused(String),
    /// It is more than can be carried out at once.
    #[error("{0}")]
    TooLarge(String),
    /// It cannot be carried out now, and was not.
    #[error("{0}")]
    Unavailable(String),
    /// It may have been carried out, or not.
    #[error("{0}")]
    OutcomeUnknown(String),
    /// It came to this error after something was appended for it, such as a reservation that was given
    /// back.
    #[error("{error}")]
    Behind {
        /// The error, which is not such a one itself.
        error: Box<CommandError>,
        /// How far a reader of these topics must have come to see all that was appended.
        positions: Vec<(Topic, EntryId)>,
    },
}

impl CommandError {
    /// The same, after something was appended at these positions.
    #[must_use]
    pub fn behind(self, mut positions: Vec<(Topic, EntryId)>) -> Self {
        let error = match self {
            Self::Behind { error, positions: before } => {
                positions.extend(before);
                error
            }
            error => Box::new(error),
        };
        if positions.is_empty() { *error } else { Self::Behind { error, positions } }
    }

    /// How far a reader must have come to see all that was appended for it, and the error by itself.
    pub fn into_parts(self) -> (Vec<(Topic, EntryId)>, Self) {
        match self {
            Self::Behind { error, positions } => (positions, *error),
            error => (Vec::new(), error),
        }
    }

    /// There is no entity of that id.
    pub fn no_such(topic: Topic, id: Uuid) -> Self {
        Self::NotFound(format!("there is no {topic} {id}"))
    }

    /// What a rejection of that entity means to whoever sent the command.
    pub fn rejected<R: Reject>(topic: Topic, id: Uuid, rejection: &R) -> Self {
        match rejection.kind() {
            RejectionKind::NotFound => Self::no_such(topic, id),
            RejectionKind::Conflict => Self::Conflict(rejection.to_string()),
            RejectionKind::Invalid { field } => Self::Invalid(Invalid {
                field: field.to_owned(),
                index: None,
                message: rejection.to_string(),
            }),
        }
    }

    /// What a failed execution means to whoever sent the command; `taken` words a held key.
    pub fn execution<R: Reject>(
        topic: Topic,
        id: Uuid,
        error: ExecuteError<R>,
        taken: impl FnOnce(&str) -> String,
    ) -> Self {
        match error {
            ExecuteError::Rejected(rejection) => Self::rejected(topic, id, &rejection),
            ExecuteError::Taken { key, .. } => Self::Conflict(taken(&key)),
            ExecuteError::Unfit(reason) => Self::TooLarge(reason.to_owned()),
            ExecuteError::CompanionChanged(_) | ExecuteError::Contended | ExecuteError::Moved => {
                Self::Unavailable("too many others change it at this moment".to_owned())
            }
            ExecuteError::Unavailable(reason) => Self::Unavailable(reason),
            ExecuteError::Unknown(reason) => Self::OutcomeUnknown(reason),
        }
    }

    /// The same, said of one element of a batch.
    #[must_use]
    pub fn of_element(self, index: usize) -> Self {
        match self {
            Self::Invalid(invalid) => Self::Invalid(Invalid { index: Some(index), ..invalid }),
            Self::Conflict(reason) => Self::Conflict(format!("element {index}: {reason}")),
            Self::Behind { error, positions } => error.of_element(index).behind(positions),
            other => other,
        }
    }
}

impl From<AppendError> for CommandError {
    fn from(error: AppendError) -> Self {
        if error.leaves_outcome_open() {
            Self::OutcomeUnknown(error.to_string())
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}

impl From<Refusal> for CommandError {
    /// What a refused transaction means where it was not expected to be refused.
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(reason) => Self::TooLarge(format!("it cannot be written: {reason}")),
            other => Self::Conflict(other.to_string()),
        }
    }
}
