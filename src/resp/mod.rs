//! Queries over RESP: any Redis client can ask, of the read model and of the log, and change nothing.
//!
//! | file | what it is |
//! |---|---|
//! | `protocol` | RESP2 and RESP3: requests in, replies out |
//! | `server` | the supervised server: it accepts clients and gives each to a worker |
//! | `connection`, `wire`, `idle` | one client: its commands in order, its replies, its limits |
//! | `session` | what the server remembers of a client: name, transaction, authentication |
//! | `endpoint` | what all clients share: the read model, the log, caches, counters |
//! | `keyspace` | which keys there are, and what they stand for |
//! | `streams` | the log's streams in encoded pages |
//! | `commands` | the command table; a file for each family |
//! | `limits` | every bound |

mod clients;
mod commands;
mod connection;
mod endpoint;
mod idle;
mod keyspace;
pub mod limits;
mod members;
pub mod protocol;
mod server;
mod session;
mod streams;
mod wire;

pub use endpoint::{Endpoint, Setup};
pub use server::{RespServer, RespServerContext};
