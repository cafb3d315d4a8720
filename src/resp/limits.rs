//! What one client may ask for, and how much of it: every bound of the RESP endpoint.

use std::time::Duration;

/// How many clients are connected at once; one more is told so and closed.
pub const MAX_CLIENTS: usize = 10_000;
/// How many clients wait in a blocking command at once; one more gets an error.
pub const MAX_BLOCKED: usize = 1_024;
/// How many bytes one argument of a command has at most.
pub const MAX_BULK_BYTES: usize = 1024 * 1024;
/// How many arguments a command has at most.
pub const MAX_ARGUMENTS: usize = 65_536;
/// How many bytes a command has at most, with all that frames its arguments.
pub const MAX_COMMAND_BYTES: usize = 4 * 1024 * 1024;
/// How many bytes a line has at most: an inline command, or the head of an argument (as in Redis).
pub const MAX_LINE_BYTES: usize = 64 * 1024;
/// How many arguments a client may send before it has authenticated (as in Redis).
pub const MAX_UNAUTHENTICATED_ARGUMENTS: usize = 10;
/// How many bytes such an argument has at most (as in Redis).
pub const MAX_UNAUTHENTICATED_BULK_BYTES: usize = 16_384;
/// How many commands of one client are carried out before their replies are sent and others get
/// their turn, however many it has sent.
pub const PIPELINE_DEPTH: usize = 1_024;
/// How many commands a transaction holds at most.
pub const MAX_QUEUED_COMMANDS: usize = 10_000;
/// How many bytes those have together at most.
pub const MAX_QUEUED_BYTES: usize = 4 * 1024 * 1024;
/// From how many bytes on replies are sent before the next one is made.
pub const OUTPUT_BYTES: usize = 256 * 1024;
/// How long a client may take none of the replies that wait for it before it is disconnected.
pub const SLOW_READER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may send nothing before it is disconnected; one that waits in a blocking
/// command may wait as long as it asked to.
pub const IDLE_TIME: Duration = Duration::from_mins(30);
/// For how many bytes at least there is room when a socket is read (as in Redis).
pub const READ_BYTES: usize = 16 * 1024;
/// After how many rows a long reply lets others have their turn.
pub const ROWS_AT_ONCE: usize = 2_048;
/// How many elements a page of a `SCAN` has at most, whatever its `COUNT`.
pub const MAX_SCAN_COUNT: u64 = 100_000;
/// How many bytes of encoded pages of streams are kept for the next who asks.
pub const PAGE_CACHE_BYTES: usize = 64 * 1024 * 1024;
