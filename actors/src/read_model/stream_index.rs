//! How long a stream is, and where in it its pages begin.
//!
//! The log reads forward from an id. With an id for every so many entries, a view can count a
//! stream, and read it from any place in either direction, without holding its entries.

use ordershop_store::EntryId;
use rpds::VectorSync;

/// How many entries a page of a stream has; only the last one has fewer.
pub const PAGE_ENTRIES: u64 = 128;

/// The pages of one stream, as of one moment; a clone shares everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamIndex {
    entries: u64,
    /// The id of the last entry of each full page.
    ends: VectorSync<EntryId>,
}

impl StreamIndex {
    /// Counts the stream's next entry.
    pub(super) fn push(&mut self, id: EntryId) {
        self.entries += 1;
        if self.entries.is_multiple_of(PAGE_ENTRIES) {
            self.ends.push_back_mut(id);
        }
    }

    /// How many entries the stream has.
    pub fn len(&self) -> u64 {
        self.entries
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// How many entries that page has; 0 behind the last one.
    pub fn entries_of(&self, page: usize) -> usize {
        let before = (page as u64).saturating_mul(PAGE_ENTRIES);
        let entries = self.entries.saturating_sub(before).min(PAGE_ENTRIES);
        usize::try_from(entries).expect("a page has few")
    }

    /// The id behind which that page begins.
    pub fn begin_of(&self, page: usize) -> EntryId {
        let before = page.checked_sub(1).and_then(|before| self.ends.get(before));
        before.copied().unwrap_or(EntryId::ZERO)
    }

    /// The page in which the first entry behind `id` stands, if there is one.
    pub fn page_behind(&self, id: EntryId) -> usize {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.ends.get(middle).is_some_and(|end| *end <= id) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Where full pages end, as it is saved.
    pub(super) fn ends(&self) -> impl Iterator<Item = EntryId> + '_ {
        self.ends.iter().copied()
    }

    /// Takes in what was saved; `None` where it cannot be.
    pub(super) fn restore(&mut self, entries: u64, ends: Vec<EntryId>) -> Option<()> {
        self.entries = entries;
        for end in ends {
            self.ends.push_back_mut(end);
        }
        (self.ends.len() as u64 <= entries / PAGE_ENTRIES).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_found_in_its_page() {
        let mut index = StreamIndex::default();
        assert_eq!((index.len(), index.page_behind(EntryId::ZERO), index.entries_of(0)), (0, 0, 0));
        for number in 1..=PAGE_ENTRIES * 2 + 5 {
            index.push(EntryId::new(number, 0));
        }
        assert_eq!(index.len(), PAGE_ENTRIES * 2 + 5);
        let pages = [0, 1, 2, 3].map(|page| index.entries_of(page));
        assert_eq!(pages, [128, 128, 5, 0]);
        assert_eq!(index.begin_of(0), EntryId::ZERO);
        assert_eq!(index.begin_of(2), EntryId::new(PAGE_ENTRIES * 2, 0));
        for (id, page) in [(0, 0), (127, 0), (128, 1), (255, 1), (256, 2), (1_000, 2)] {
            assert_eq!(index.page_behind(EntryId::new(id, 0)), page, "{id}");
        }
    }
}
