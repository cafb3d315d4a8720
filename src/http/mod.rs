//! The shop over HTTP: commands by POST, PUT and DELETE, queries by GET.
//!
//! | file | what it is |
//! |---|---|
//! | `routes` | every path, in one list |
//! | `commands`, `body` | from a request to a command, and from its outcome to an answer |
//! | `keys` | the header `Idempotency-Key` |
//! | `queries`, `paging` | from a request to a view, and to a page of a list |
//! | `past` | entities and lists as they were, and their histories |
//! | `rows`, `shown` | from a view to an answer: streamed lists, `ETag`, gzip |
//! | `ops` | what the commands for people ask: events, states, the supervision tree |
//! | `verify` | the check of the log, streamed |
//! | `gateway` | what all handlers share: the bus, the read model, read-your-writes |
//! | `problem` | every error as `application/problem+json` |
//! | `admission` | how much may be under way at once, and how much of it for one client |
//! | `server`, `traffic` | the supervised server, and its orderly stop |

mod admission;
mod body;
mod commands;
#[cfg(feature = "faults")]
pub(crate) mod faults;
mod gateway;
mod keys;
mod ops;
mod paging;
mod past;
mod problem;
mod queries;
mod routes;
mod rows;
mod server;
mod shown;
mod traffic;
mod verify;

pub use admission::Limits;
pub use gateway::{Gateway, QUERY_PATIENCE};
pub use ops::Ops;
pub use server::{CatchUp, HttpServer, HttpServerContext};
