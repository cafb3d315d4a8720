//! The watchdog for handlers that block their thread, on a thread of its own.
//!
//! A handler can't be stopped from outside. What can be done: say who it is, answer those who wait
//! for it, and let what lived on that thread begin anew on another one.

use std::collections::HashMap;
use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::commons::Commons;
use crate::events::Lifecycle;
use crate::pulse::Pulse;

/// After how long a handler that lets nothing else have a turn is reported, by default.
pub const DEFAULT_REPORT_AFTER: Duration = Duration::from_secs(2);

/// After how long its thread is abandoned, by default.
pub const DEFAULT_ABANDON_AFTER: Duration = Duration::from_mins(1);

/// How many threads a tree abandons before it fails, by default.
pub const DEFAULT_MAX_ABANDONED: usize = 4;

/// The watchdog looks so often within the time after which it reports.
const LOOKS: u32 = 4;

/// What is done about handlers that block their thread.
///
/// Time is counted in looks, each when it was due or later: what stops the whole process, as a
/// debugger does, is no handler's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watchdog {
    /// After how long the handler is reported, by its path, in `tracing` and in the
    /// [events](crate::Events).
    pub report_after: Duration,
    /// After how long its thread is abandoned: asks in flight end with an error, and all cells of
    /// that thread begin anew on another one, as after a crash.
    pub abandon_after: Duration,
    /// How many threads are abandoned before the tree fails. A tree whose supervisors live on that
    /// thread fails at once.
    pub max_abandoned: usize,
}

impl Default for Watchdog {
    /// 2 seconds, 1 minute, 4 threads.
    fn default() -> Self {
        Self {
            report_after: DEFAULT_REPORT_AFTER,
            abandon_after: DEFAULT_ABANDON_AFTER,
            max_abandoned: DEFAULT_MAX_ABANDONED,
        }
    }
}

/// The thread of a watchdog; dropped, it ends.
pub(crate) struct Patrol {
    /// Dropped first, which ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Patrol {
    pub(crate) fn start(root: &str, commons: &Arc<Commons>) -> Self {
        let (stop, stopped) = channel();
        let commons = Arc::downgrade(commons);
        let thread = std::thread::Builder::new()
            .name(format!("watchdog of {root}"))
            .spawn(move || patrol(&commons, &stopped));
        let thread = thread.inspect_err(|error| {
            tracing::error!(root, %error, "no thread for the watchdog: blocked handlers stay unseen");
        });
        Self { stop: Some(stop), thread: thread.ok() }
    }
}

impl Drop for Patrol {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the watchdog panicked");
        }
    }
}

impl fmt::Debug for Patrol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patrol").finish_non_exhaustive()
    }
}

/// What was last seen of a thread.
struct Seen {
    sample: (usize, u64),
    looks: u32,
    reported: bool,
    abandoned: bool,
}

fn patrol(commons: &Weak<Commons>, stopped: &Receiver<()>) {
    let mut seen: HashMap<usize, Seen> = HashMap::new();
    loop {
        let Some(watchdog) = commons.upgrade().map(|commons| commons.watchdog) else { return };
        let pause = (watchdog.report_after / LOOKS).max(Duration::from_millis(1));
        match stopped.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        let Some(commons) = commons.upgrade() else { return };
        let pulses = Pulse::all();
        seen.retain(|place, _| pulses.iter().any(|pulse| pulse.place() == *place));
        for pulse in &pulses {
            look(&commons, pulse, pause, &mut seen);
        }
    }
}

fn look(commons: &Commons, pulse: &Arc<Pulse>, pause: Duration, seen: &mut HashMap<usize, Seen>) {
    let sample = pulse.sample();
    let fresh = || Seen { sample, looks: 0, reported: false, abandoned: false };
    let known = seen.entry(pulse.place()).or_insert_with(fresh);
    if sample.0 == 0 || known.sample != sample {
        if !known.abandoned {
            *known = fresh();
        }
        return;
    }
    known.looks += 1;
    let time = pause * known.looks;
    let Watchdog { report_after, abandon_after, .. } = commons.watchdog;
    if time >= report_after && !known.reported {
        known.reported = true;
        if let Some(path) = commons.path_of(sample.0) {
            let arbiter: Arc<str> = Arc::from(pulse.name());
            tracing::error!(%path, %arbiter, ?time, "blocks its thread");
            commons.bulletin.tell(&path, Lifecycle::Blocked { arbiter, time });
        }
    }
    if time >= abandon_after && !known.abandoned {
        known.abandoned = true;
        // The one that blocks it may be of another tree.
        let culprit = commons.path_of(sample.0);
        if culprit.is_some() || commons.lives_at(pulse.place()) {
            commons.abandon(pulse, &culprit.unwrap_or_else(|| Arc::from("another tree")));
        }
    }
}
