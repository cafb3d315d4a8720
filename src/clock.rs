//! The program's edge to time and chance: everything inside gets both from here.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// Now, in microseconds since the Unix epoch; zero on a clock that is set before it.
#[expect(clippy::disallowed_methods, reason = "this is the edge")]
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A fresh command id, sortable by time.
pub fn command_id() -> Uuid {
    Uuid::now_v7()
}
