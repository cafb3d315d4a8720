//! A part of a stream: found by ids, counted, and read page by page in either direction.

use ordershop_actors::read_model::{PAGE_ENTRIES, StreamIndex};
use ordershop_store::{EntryId, EventLog, LogError};

use super::pages::{Pages, StreamKey};
use super::{above, below};

/// Consecutive entries of a stream, by their ordinal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Range {
    from: u64,
    to: u64,
}

/// Entries of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Piece {
    /// The page.
    pub(in super::super) page: usize,
    /// Its first entry.
    pub(in super::super) from: usize,
    /// Behind its last entry.
    pub(in super::super) to: usize,
}

impl Range {
    /// The entries of a stream whose ids lie from `first` to `last`, both included.
    pub(in super::super) async fn between(
        pages: &Pages,
        log: &dyn EventLog,
        key: StreamKey,
        index: &StreamIndex,
        (first, last): (EntryId, EntryId),
    ) -> Result<Self, LogError> {
        let from = entries_below(pages, log, key, index, first).await?;
        let to = match above(last) {
            Some(behind) => entries_below(pages, log, key, index, behind).await?,
            None => index.len(),
        };
        Ok(Self { from, to: to.max(from) })
    }

    /// How many there are.
    pub(in super::super) fn len(self) -> usize {
        usize::try_from(self.to - self.from).unwrap_or(usize::MAX)
    }

    /// The first so many of them, or the last.
    pub(in super::super) fn limit(self, count: usize, from_the_end: bool) -> Self {
        let count = (count as u64).min(self.to - self.from);
        if from_the_end {
            Self { from: self.to - count, to: self.to }
        } else {
            Self { from: self.from, to: self.from + count }
        }
    }

    /// Its pieces in order.
    pub(in super::super) fn pieces(self) -> impl DoubleEndedIterator<Item = Piece> {
        let pages = self.from / PAGE_ENTRIES..self.to.div_ceil(PAGE_ENTRIES);
        let pages = if self.from == self.to { 0..0 } else { pages };
        pages.map(move |page| {
            let start = page * PAGE_ENTRIES;
            let within = |ordinal: u64| {
                usize::try_from(ordinal.saturating_sub(start).min(PAGE_ENTRIES)).unwrap_or(0)
            };
            let page = usize::try_from(page).unwrap_or(usize::MAX);
            Piece { page, from: within(self.from), to: within(self.to) }
        })
    }
}

/// How many entries of the stream, as the index knows it, have ids below that one.
async fn entries_below(
    pages: &Pages,
    log: &dyn EventLog,
    key: StreamKey,
    index: &StreamIndex,
    id: EntryId,
) -> Result<u64, LogError> {
    let Some(before) = below(id) else { return Ok(0) };
    let number = index.page_behind(before);
    let known = index.entries_of(number);
    let before_page = (number as u64) * PAGE_ENTRIES;
    if known == 0 {
        return Ok(before_page.min(index.len()));
    }
    let page = pages.get(log, key, index, number).await?;
    Ok(before_page + page.entries_below(id).min(known) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_falls_into_pieces_of_pages() {
        let pieces = |from, to| {
            let pieces = Range { from, to }.pieces();
            pieces.map(|piece| (piece.page, piece.from, piece.to)).collect::<Vec<_>>()
        };
        assert_eq!(pieces(5, 5), []);
        assert_eq!(pieces(0, 128), [(0, 0, 128)]);
        assert_eq!(pieces(127, 257), [(0, 127, 128), (1, 0, 128), (2, 0, 1)]);
        let range = Range { from: 10, to: 20 };
        assert_eq!(range.limit(3, false), Range { from: 10, to: 13 });
        assert_eq!(range.limit(3, true), Range { from: 17, to: 20 });
        assert_eq!(range.limit(100, true), range);
    }
}
