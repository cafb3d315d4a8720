//! The actors: event-sourced entities, the journal, stream readers, and the shop's services.
//!
//! Two rooms:
//!
//! - [`runtime`] runs event-sourced actors for any domain: it knows aggregates, the log's port and
//!   supervision, and nothing of orders. Whoever embeds it brings an [`runtime::EventSourced`]
//!   type and gets entities that load on demand, decide, append, answer and go away when idle.
//! - [`shop`] is this shop: a service for each topic, the order saga, and the effects (mails);
//!   [`read_model`] is what its queries see.
//!
//! Nothing here knows HTTP, RESP, a file format, or how a mail leaves the house: those are
//! adapters of the program.

pub mod crash_points;
pub mod read_model;
pub mod runtime;
pub mod shop;
