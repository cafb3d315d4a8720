//! What the queries see: an in-memory projection of the public topics.
//!
//! One projector writes it; readers get immutable [`View`]s, each the shop at one moment. A query
//! names the positions that its view must have reached, and waits for them a bounded time.
//! The projector saves its view now and then, and begins from it.

mod fields;
mod late;
mod lookup;
mod place;
mod projector;
mod row;
mod saved;
mod stream_index;
mod table;
mod view;

pub use fields::{Elements, Field, Fields};
pub use lookup::{LOOKUPS, Lookup};
pub use place::{ParsePlaceError, Place};
pub use projector::{Projector, ReadModel, ViewError};
pub use row::{LIST_FIELD, Row};
pub use stream_index::{PAGE_ENTRIES, StreamIndex};
pub use table::Table;
pub use view::{Listing, STREAMS, View};
