//! What was asked of an entity and is not answered yet.

use ordershop_supervisors::ReplyTo;

use super::{EntityState, Execute, ExecuteError, Executed};
use crate::runtime::EventSourced;

pub(super) type ExecuteReply<A> =
    ReplyTo<Result<Executed, ExecuteError<<A as EventSourced>::Rejection>>>;

/// What was asked, and who waits for it.
pub(super) enum Asked<A: EventSourced> {
    Command { execute: Execute<A>, reply: ExecuteReply<A>, decisions: u32 },
    State(ReplyTo<EntityState<A>>),
}

/// What is said to whoever asked.
pub(super) enum Answer<A: EventSourced> {
    Executed(Result<Executed, ExecuteError<A::Rejection>>),
    State(Box<EntityState<A>>),
}

/// How far the answer has come.
pub(super) enum Progress<A: EventSourced> {
    Undecided,
    /// Decided; its append has no outcome yet.
    InFlight,
    /// Decided, without an event, on a state that may be behind the log.
    Unverified(Answer<A>),
    Done(Answer<A>),
}

impl<A: EventSourced> Progress<A> {
    pub(super) fn refused(error: ExecuteError<A::Rejection>) -> Self {
        Self::Done(Answer::Executed(Err(error)))
    }

    /// Whether it stays as it is when the entity loads again: whatever was decided on a state that
    /// never came to be is no answer.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Done(Answer::Executed(
                Ok(Executed { repeated: false, .. })
                    | Err(ExecuteError::Taken { .. }
                        | ExecuteError::Unfit(_)
                        | ExecuteError::CompanionChanged(_)
                        | ExecuteError::Contended
                        | ExecuteError::Unavailable(_)
                        | ExecuteError::Unknown(_))
            ))
        )
    }
}

/// One of them.
pub(super) struct Pending<A: EventSourced> {
    pub(super) asked: Asked<A>,
    pub(super) progress: Progress<A>,
}
