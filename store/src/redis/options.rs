//! What can be set on a log on Redis.

use std::time::Duration;

/// How a log on Redis is used; none of it changes what is stored there.
#[derive(Clone, Debug)]
pub struct Options {
    /// After how long a call ends, at the latest, with whatever is known then.
    pub call_limit: Duration,
    /// How long an answer may take before the connection counts as lost.
    pub answer_limit: Duration,
    /// How long it may take to connect, with all that is asked of a new connection.
    pub connect_limit: Duration,
    /// How long the server may be away before calls no longer wait for it to come back; and how
    /// long a call waits for its turn.
    pub absence_limit: Duration,
    /// How long a waiting reader stays blocked on the server at once.
    pub block: Duration,
    /// How many readers may wait at once; more wait for their turn.
    pub max_waiting: usize,
    /// How many bytes the events and keys of one transaction may have together; a larger one is
    /// refused as ill-formed.
    pub max_transaction_bytes: usize,
    /// From how many bytes on a step on the server takes in no further transaction.
    pub max_step_bytes: usize,
    /// The same in events: so long the server does nothing else.
    pub max_step_events: usize,
    /// How many entries a read takes from each stream at most.
    pub max_page_entries: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            call_limit: Duration::from_secs(2),
            answer_limit: Duration::from_millis(1200),
            connect_limit: Duration::from_millis(500),
            absence_limit: Duration::from_millis(800),
            block: Duration::from_secs(1),
            max_waiting: 64,
            max_transaction_bytes: 16 * 1024 * 1024,
            max_step_bytes: 4 * 1024 * 1024,
            max_step_events: 1024,
            max_page_entries: 512,
        }
    }
}
