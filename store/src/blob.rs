//! A blob: what a projection has saved of itself, so that it need not read all events again.

use crate::Positions;

/// The parts of a blob, made one after the other as they are written.
pub type BlobParts = Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// A blob as it was saved: bytes of which the log knows nothing, and how far the projection had come.
///
/// It is a cache: whoever loads one asks whether the log still bears it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// How far the projection had come.
    pub positions: Positions,
    /// Its parts, in order.
    pub parts: Vec<Vec<u8>>,
}
