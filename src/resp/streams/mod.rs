//! The log's streams as clients read them: in encoded pages, up to the moment of a view.
//!
//! A page of a stream never changes once it is full, so its bytes are kept for the next who asks.

mod entry;
mod id;
mod pages;
mod range;

pub(super) use id::{above, below, parse_id};
pub(super) use pages::{Pages, StreamKey};
pub(super) use range::Range;
