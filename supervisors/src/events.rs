//! What happens in a tree, as a stream of events.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast::{self, error::RecvError};

use crate::ExitReason;

/// How many events are kept for a listener that lags; it is told how many older ones it missed.
pub const EVENTS_KEPT: usize = 1024;

/// Something that happened in a tree.
#[derive(Clone, Debug)]
pub struct LifecycleEvent {
    /// The names from the root down to whom it happened, joined by `/`.
    pub path: Arc<str>,
    /// What happened.
    pub what: Lifecycle,
}

/// What happened to a process or a supervisor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Lifecycle {
    /// It is up; a supervisor, when all its children are.
    Started {
        /// The number of the incarnation, from 1.
        incarnation: u64,
    },
    /// It ended by itself, or did not come up.
    Exited {
        /// The number of the incarnation; 0 if none began.
        incarnation: u64,
        /// Why.
        reason: ExitReason,
    },
    /// It begins anew after a while.
    Restarting {
        /// How long its supervisor waits first.
        after: Duration,
    },
    /// Its supervisor stopped it.
    Stopped {
        /// The number of the incarnation.
        incarnation: u64,
        /// How it took it: in good order, or killed.
        reason: ExitReason,
    },
    /// It gives up, because a child failed too often, and fails to its own supervisor.
    Escalated {
        /// The path of the child.
        child: Arc<str>,
        /// How that child ended.
        reason: ExitReason,
    },
    /// A child of a dynamic supervisor failed too often, and is unavailable for a while.
    CoolingDown {
        /// How long.
        time: Duration,
    },
    /// It has been keeping its thread from everything else.
    Blocked {
        /// The name of the arbiter's thread.
        arbiter: Arc<str>,
        /// For how long, at least.
        time: Duration,
    },
    /// The thread it blocks was given up; what lived there begins anew on another one.
    Abandoned {
        /// The name of the arbiter's thread.
        arbiter: Arc<str>,
    },
}

impl fmt::Display for LifecycleEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.path)?;
        match &self.what {
            Lifecycle::Started { incarnation } => write!(f, "started as incarnation {incarnation}"),
            Lifecycle::Exited { reason, .. } => write!(f, "{reason}"),
            Lifecycle::Restarting { after } => write!(f, "begins anew in {after:?}"),
            Lifecycle::Stopped { reason, .. } => write!(f, "was stopped: {reason}"),
            Lifecycle::Escalated { child, reason } => {
                write!(f, "gives up: {child} failed too often, at last: {reason}")
            }
            Lifecycle::CoolingDown { time } => write!(f, "is unavailable for {time:?}"),
            Lifecycle::Blocked { arbiter, time } => write!(f, "has blocked {arbiter} for {time:?}"),
            Lifecycle::Abandoned { arbiter } => write!(f, "blocks {arbiter}, which is given up"),
        }
    }
}

/// Listens to what happens in a tree.
pub struct Events(broadcast::Receiver<LifecycleEvent>);

/// What a listener hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// Something happened.
    Event(LifecycleEvent),
    /// It lagged, and so many events are lost to it; the next it hears is the oldest kept.
    Missed(u64),
}

impl Events {
    /// The next thing heard; none once the tree is gone.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(event) => Some(Heard::Event(event)),
            Err(RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("waiting", &self.0.len()).finish()
    }
}

/// Where a tree tells what happens, until it is gone.
pub(crate) struct Bulletin(Mutex<Option<broadcast::Sender<LifecycleEvent>>>);

impl Bulletin {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Some(broadcast::Sender::new(EVENTS_KEPT))))
    }

    fn lock(&self) -> MutexGuard<'_, Option<broadcast::Sender<LifecycleEvent>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn listen(&self) -> Events {
        // After the end there is nothing to hear, which the channel of a dropped sender says.
        let over = || broadcast::channel(1).1;
        Events(self.lock().as_ref().map_or_else(over, broadcast::Sender::subscribe))
    }

    /// Whether anybody listens; spares the making of events that nobody hears.
    pub(crate) fn is_heard(&self) -> bool {
        self.lock().as_ref().is_some_and(|sender| sender.receiver_count() > 0)
    }

    pub(crate) fn tell(&self, path: &Arc<str>, what: Lifecycle) {
        if let Some(sender) = self.lock().as_ref().filter(|sender| sender.receiver_count() > 0) {
            // The last listener may have gone since.
            let _ = sender.send(LifecycleEvent { path: Arc::clone(path), what });
        }
    }

    /// The end of the tree, and with it of the stream.
    pub(crate) fn close(&self) {
        self.lock().take();
    }
}
