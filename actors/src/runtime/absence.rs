//! Beginning while the log is away: a part is up at once, and gets ready when the log is back.
//!
//! A part that must ask the log before it can work would fail to start while the log is away, and
//! so spend its supervisor's patience; one whose start waits would keep those behind it down. So it
//! waits inside, as a process that is up and not ready, which says so to whoever asks.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::future::{Either, select};
use ordershop_store::{EventLog, LogError, Topic};
use ordershop_supervisors::Failure;
use tokio::time::sleep;

use super::{AppendError, HandlerError, ReplayError};

/// The wait before the log is asked again; it doubles up to [`MAX_RETRY_DELAY`].
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(50);
/// The longest wait before the log is asked again.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(1);
/// How often a start that is under way looks whether the log is there.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Why a part did not begin.
#[derive(Debug)]
pub enum BeginError {
    /// What it needs is away; it may try again for as long as that takes.
    Away(String),
    /// It cannot.
    Failed(Failure),
}

impl From<LogError> for BeginError {
    fn from(error: LogError) -> Self {
        if error.is_absence() {
            Self::Away(error.to_string())
        } else {
            Self::Failed(Failure::new(error))
        }
    }
}

impl From<ReplayError> for BeginError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Log(error) => error.into(),
            error @ ReplayError::Undecodable { .. } => Self::Failed(Failure::new(error)),
        }
    }
}

impl From<AppendError> for BeginError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Log(error) => error.into(),
            // Whoever restarts the journal stops this part first.
            AppendError::Overloaded | AppendError::Down | AppendError::Lost => {
                Self::Away(error.to_string())
            }
        }
    }
}

impl From<HandlerError> for BeginError {
    fn from(error: HandlerError) -> Self {
        match error {
            HandlerError::Away(source) => match source.downcast::<LogError>() {
                Ok(error) => Self::from(*error),
                Err(source) => Self::Away(source.to_string()),
            },
            error @ HandlerError::Unfit { .. } => Self::Failed(Failure::new(error)),
        }
    }
}

impl From<Failure> for BeginError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<BeginError> for Failure {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Away(reason) => Self::new(reason),
            BeginError::Failed(failure) => failure,
        }
    }
}

/// What a part does before it is ready, for as long as that takes.
pub type Beginning<T> = Pin<Box<dyn Future<Output = Result<T, Failure>>>>;

/// How far a part has come at its start.
pub enum Begun<T> {
    /// It is ready.
    Ready(T),
    /// The log is away; this goes on where it stands.
    Waiting(Beginning<T>),
}

/// Waits until a part is ready, but not for a log that is away; `topic` is one of the log's.
pub async fn begin<T>(
    log: &dyn EventLog,
    topic: Topic,
    beginning: Beginning<T>,
) -> Result<Begun<T>, Failure> {
    match select(beginning, pin!(until_away(log, topic))).await {
        Either::Left((begun, _)) => begun.map(Begun::Ready),
        Either::Right(((), beginning)) => Ok(Begun::Waiting(beginning)),
    }
}

/// Waits until the log does not answer.
async fn until_away(log: &dyn EventLog, topic: Topic) {
    loop {
        match log.ends(vec![topic]).await {
            Err(error) if error.is_absence() => return,
            // What else is wrong is for whoever begins.
            Ok(_) | Err(_) => sleep(LOOK_INTERVAL).await,
        }
    }
}

/// Tries until it succeeds or fails for good; tells once that `part` waits, and once that it goes on.
pub async fn patiently<T, F>(part: &str, mut attempt: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, BeginError>>,
{
    let (mut delay, mut waits) = (FIRST_RETRY_DELAY, false);
    loop {
        match attempt().await {
            Ok(begun) => {
                if waits {
                    tracing::info!(part, "has begun");
                }
                return Ok(begun);
            }
            Err(BeginError::Failed(failure)) => return Err(failure),
            Err(BeginError::Away(reason)) => {
                if !std::mem::replace(&mut waits, true) {
                    tracing::warn!(part, reason, "waits to begin");
                }
                sleep(delay).await;
                delay = (delay * 2).min(MAX_RETRY_DELAY);
            }
        }
    }
}
