//! The store's clock, from which entries take their ids and times.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A clock; tests bring one that stands still or goes back.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time, in microseconds since the Unix epoch.
    fn now_us(&self) -> i64;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the store's clock")]
    fn now_us(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
    }
}
