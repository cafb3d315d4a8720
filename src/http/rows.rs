//! Lists as bodies: written in chunks from a view, so that none is in memory whole.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use ordershop_actors::read_model::{Listing, Place, View};

use super::shown::Shown;

/// A chunk ends with the row that reaches this many bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// A part of a body.
pub(super) enum Piece {
    /// This text.
    Text(&'static str),
    /// Rows with commas between them.
    Rows {
        /// The list.
        listing: Listing,
        /// What has been written, or left out before.
        after: Option<Place>,
        /// How many are still to be written at most.
        left: usize,
        /// Whether none has been written yet.
        first: bool,
    },
}

impl Piece {
    /// The rows of a list behind a place, all of them or as many as the limit says.
    pub(super) fn rows(listing: Listing, after: Option<Place>, limit: Option<usize>) -> Self {
        Self::Rows { listing, after, left: limit.unwrap_or(usize::MAX), first: true }
    }
}

/// A body that is written as it is sent. It keeps its view, so all of it is of one moment.
pub(super) struct Rows {
    view: Arc<View>,
    pieces: VecDeque<Piece>,
    next: Option<Bytes>,
}

impl Rows {
    /// A body of these pieces; one that fits into a chunk is written at once.
    pub(super) fn begin(view: Arc<View>, pieces: impl IntoIterator<Item = Piece>) -> Shown {
        let mut rows = Self { view, pieces: pieces.into_iter().collect(), next: None };
        let chunk = rows.chunk();
        if rows.pieces.is_empty() {
            return Shown::Whole(chunk.unwrap_or_default());
        }
        rows.next = chunk;
        Shown::Streamed(rows)
    }

    /// Leaves out what has not been sent yet: an answer to HEAD has a body's headers alone.
    pub(super) fn drop_rest(&mut self) {
        self.pieces.clear();
        self.next = None;
    }

    /// The next chunk; none where everything is written.
    fn chunk(&mut self) -> Option<Bytes> {
        let mut chunk = Vec::new();
        while let Some(piece) = self.pieces.front_mut() {
            match piece {
                Piece::Text(text) => chunk.extend_from_slice(text.as_bytes()),
                Piece::Rows { listing, after, left, first } => {
                    let mut rows = self.view.rows(*listing, *after);
                    while *left > 0
                        && let Some((place, row)) = rows.next()
                    {
                        if !std::mem::take(first) {
                            chunk.push(b',');
                        }
                        chunk.extend_from_slice(row.document().as_bytes());
                        *left -= 1;
                        *after = Some(place);
                        if chunk.len() >= CHUNK_BYTES {
                            return Some(chunk.into());
                        }
                    }
                }
            }
            self.pieces.pop_front();
        }
        (!chunk.is_empty()).then(|| chunk.into())
    }
}

impl MessageBody for Rows {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let chunk = self.next.take().or_else(|| self.chunk());
        Poll::Ready(chunk.map(Ok))
    }
}
