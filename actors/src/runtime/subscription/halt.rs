//! Why a subscriber with a cursor stands still although nothing is wrong with it, and how it goes on.
//!
//! When the log has lost entries, nobody here can know which of its doings rest on them: a mail may
//! have told of an order that is no more. So it handles nothing more until an operator says so. That
//! is kept in the log, as a cursor of its own with the place at which it stopped, so that no restart
//! lets it go on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ordershop_store::{Action, CursorName, EventLog, LogError, Position, Positions};
use ordershop_supervisors::{Context, Failure, Message, Receive, ReplyTo};

use super::{Handler, Phase, Subscription, SubscriptionOptions, WAITS_TO_BEGIN, begin_anew};
use crate::runtime::absence::BeginError;
use crate::runtime::{AppendError, JournalHandle};

/// What the incarnations of a subscription leave to each other.
#[derive(Clone, Default)]
pub(super) struct Past {
    /// Up to which of the log's losses an operator has let it go on.
    resumed: Arc<AtomicU64>,
    /// How far it has come, saved or not.
    finished: Arc<Mutex<Option<Positions>>>,
}

impl Past {
    pub(super) fn finished(&self, positions: &Positions) {
        *self.finished.lock().unwrap_or_else(PoisonError::into_inner) = Some(positions.clone());
    }
}

/// Why it could not be told whether a subscriber may go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum HaltError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("cannot keep that it stands still: {0}")]
    Append(#[from] AppendError),
}

impl From<HaltError> for BeginError {
    fn from(error: HaltError) -> Self {
        match error {
            HaltError::Log(error) => error.into(),
            HaltError::Append(error) => error.into(),
        }
    }
}

/// A loss in a line; all that is known of it was told when it was found.
fn shown(error: &LogError) -> String {
    match error {
        LogError::Lost(lost) => format!("the log has lost {} acknowledged entries", lost.len()),
        other => other.to_string(),
    }
}

/// The name of the cursor that says where a subscriber stands still.
fn mark(name: &str) -> CursorName {
    format!("{name}.halted").into()
}

/// Why a subscriber must not go on, where that is so; it is durable then.
pub(super) async fn reason(
    log: &dyn EventLog,
    journal: &JournalHandle,
    options: &SubscriptionOptions,
    past: &Past,
) -> Result<Option<String>, HaltError> {
    let name = &options.name;
    let mut found = match journal.last_loss() {
        Some((count, error)) if count > past.resumed.load(Ordering::Acquire) => Some(shown(&error)),
        _ => None,
    };
    let mut unmarked = Vec::new();
    for topic in &options.topics {
        match log.cursor_as_saved(mark(name), *topic).await?.unwrap_or_default() {
            Position::START => unmarked.push(*topic),
            _ => found = found.or_else(|| Some("the log had lost entries".to_owned())),
        }
        if let Err(error) = log.cursor(Arc::clone(name), *topic).await {
            if !matches!(error, LogError::Lost(_)) {
                return Err(error.into());
            }
            found = found.or_else(|| Some(shown(&error)));
        }
    }
    let Some(reason) = found else { return Ok(None) };
    let come = past.finished.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for topic in unmarked {
        let saved = log.cursor_as_saved(Arc::clone(name), topic).await?.unwrap_or_default();
        let at = come.as_ref().map_or(saved, |come| come.of(topic));
        journal.save_cursor(mark(name), topic, at).await?;
    }
    Ok(Some(format!("{reason}; `ordershop resume {name}` has it go on with what there is")))
}

/// Lets a subscriber go on: its cursor is where it stopped, or at the end of what is left there.
pub(super) async fn lift(
    log: &dyn EventLog,
    journal: &JournalHandle,
    options: &SubscriptionOptions,
    past: &Past,
) -> Result<(), HaltError> {
    let name = &options.name;
    let losses = journal.losses();
    let ends = log.ends(options.topics.clone()).await?;
    for topic in &options.topics {
        let stopped_at = log.cursor_as_saved(mark(name), *topic).await?.unwrap_or_default();
        let mut position = Position::START;
        for action in Action::ALL {
            let end = ends.of(*topic).of(action);
            position.advance(action, stopped_at.of(action).min(end));
        }
        journal.save_cursor(Arc::clone(name), *topic, position).await?;
    }
    // Only now: a crash before this line leaves it standing where it stopped.
    for topic in &options.topics {
        journal.save_cursor(mark(name), *topic, Position::START).await?;
    }
    past.resumed.store(losses, Ordering::Release);
    Ok(())
}

/// Has a subscriber go on that stands still because the log has lost entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resume;

impl Message for Resume {
    type Reply = Result<bool, ResumeError>;
}

/// A subscriber that could not go on.
#[derive(Clone, Debug, thiserror::Error)]
#[error("it still stands still: {0}")]
pub struct ResumeError(String);

impl ResumeError {
    pub(super) fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl<H: Handler> Receive<Resume> for Subscription<H> {
    fn receive(
        &mut self,
        _: Resume,
        reply: ReplyTo<Result<bool, ResumeError>>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<(), Failure> {
        if self.phase == Phase::WaitsToBegin {
            reply.send(Err(ResumeError::new(WAITS_TO_BEGIN)));
            return Ok(());
        }
        if self.phase == Phase::Runs {
            reply.send(Ok(false));
            return Ok(());
        }
        let (handle, incarnation, handler) = (ctx.handle(), ctx.incarnation(), (self.make)());
        let (log, journal, reader) =
            (Arc::clone(&self.log), self.journal.clone(), self.reader.clone());
        let (options, past) = (self.options.clone(), self.past.clone());
        let go_on = async move {
            lift(log.as_ref(), &journal, &options, &past).await?;
            begin_anew(handle, incarnation, handler, log, reader, options).await
        };
        ctx.pause(go_on, move |subscription, begun, _| {
            match begun {
                Ok((handler, from)) => {
                    let subscriber = &subscription.options.name;
                    tracing::warn!(%subscriber, "goes on, as it was told");
                    subscription.past.finished(&from);
                    subscription.handler = handler;
                    subscription.finished = from.clone();
                    subscription.saved = from;
                    subscription.phase = Phase::Runs;
                    subscription.shown.gets_on();
                    reply.send(Ok(true));
                }
                Err(failure) => reply.send(Err(ResumeError::new(failure))),
            }
            Ok(())
        });
        Ok(())
    }
}
