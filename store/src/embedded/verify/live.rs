//! A log that is in use: how far it is checked, and what it knows in memory held against its files.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use uuid::Uuid;

use super::super::checkpoint::Mark;
use super::super::segment::HEADER_LENGTH;
use super::super::shared::Shared;
use super::super::{entities, keys};
use super::rules::{Check, Key, Seen};
use super::segment::Part;
use super::{Finding, Place, Rule, Violation};
use crate::{Action, EntryId};

/// How many entries are looked up while the writer of the log has to wait.
const LOOKED_UP_AT_ONCE: usize = 256;

/// The log, and how far it is checked.
pub(super) struct Live {
    shared: Arc<Shared>,
    /// Where what is being read begins.
    begin: u64,
    /// Where the log ended when this began; all before it is durable, and never changes.
    end: Mark,
}

/// A key that has another holder in the index than by the entries.
pub(super) struct Mismatch {
    key: Key,
    by_entries: Option<Uuid>,
    by_index: Option<Uuid>,
    place: Option<Place>,
}

impl Live {
    /// The log, up to where it ends now.
    pub(super) fn begin(shared: Arc<Shared>) -> Self {
        let end = shared.view().end;
        Self { shared, begin: 0, end }
    }

    /// Up to which offset it is checked.
    pub(super) const fn end(&self) -> u64 {
        self.end.offset
    }

    /// The files that hold what is to be checked.
    pub(super) fn parts(&self) -> VecDeque<Part> {
        let (begin, end) = (self.begin, self.end.offset);
        let segments = self.shared.segments.between(begin, end);
        let ends: Vec<u64> = segments.iter().skip(1).map(|next| next.base).chain([end]).collect();
        let part = |(segment, end): (&Arc<super::super::segment::Segment>, u64)| Part {
            path: segment.path.as_path().into(),
            base: segment.base,
            from: begin.saturating_sub(segment.base),
            to: end - segment.base,
            may_be_torn: false,
        };
        segments.iter().zip(ends).map(part).collect()
    }

    /// The same for what has been appended since.
    pub(super) fn go_on(&mut self) -> VecDeque<Part> {
        self.begin = self.end.offset;
        self.end = self.shared.view().end;
        if self.end.offset == self.begin { VecDeque::new() } else { self.parts() }
    }

    /// The entry at that offset, as far as the index knows.
    pub(super) fn entry_at(&self, offset: u64) -> Option<EntryId> {
        let view = self.shared.view();
        (0..self.shared.topics.len()).find_map(|topic| {
            let topic = view.index.topic(topic);
            Action::ALL.into_iter().find_map(|action| {
                let stream = topic.stream(action);
                let found = stream.binary_search_by_key(&offset, |spot| spot.offset).ok()?;
                Some(stream[found].id())
            })
        })
    }

    /// Looks these entries up: by their streams, and by their entities.
    pub(super) fn compare(&self, seen: &[Seen], tell: &mut impl FnMut(Finding<'_>)) {
        for some in seen.chunks(LOOKED_UP_AT_ONCE) {
            let view = self.shared.view();
            for entry in some {
                let topic = view.index.topic(entry.topic);
                let stream = topic.stream_behind(entry.action, entry.id.previous());
                let in_stream = stream
                    .first()
                    .is_some_and(|spot| (spot.id(), spot.offset) == (entry.id, entry.offset));
                let versions =
                    topic.entities.behind(entry.entity_id, entry.version.saturating_sub(1));
                let what = match (in_stream, versions.first() == Some(&entry.offset)) {
                    (true, true) => continue,
                    (false, _) => "its stream".to_owned(),
                    (true, false) => format!("version {} of its entity", entry.version),
                };
                let reason = format!("the index in memory has {what} elsewhere, or not at all");
                let place = entry.place.clone();
                tell(Finding::Violation(Violation { rule: Rule::Index, place, reason }));
            }
        }
    }

    /// Compares how many entries there are.
    pub(super) fn totals(&self, check: &Check, tell: &mut impl FnMut(Finding<'_>)) {
        let end = self.end.offset;
        let mut wrong = |reason: String| {
            let place = Place { file: self.shared.folder.as_path().into(), byte: end, entry: None };
            tell(Finding::Violation(Violation { rule: Rule::Index, place, reason }));
        };
        if check.end != end
            || (check.next_batch, check.chain) != (self.end.next_batch, self.end.chain)
        {
            wrong(format!("the files end at {}, the log goes on behind {end}", check.end));
        }
        let (mut in_streams, mut of_entities) = (0, 0);
        for topic in 0..self.shared.topics.len() {
            for action in Action::ALL {
                let view = self.shared.view();
                let stream = view.index.topic(topic).stream(action);
                in_streams += stream.partition_point(|spot| spot.offset < end) as u64;
            }
            for shard in 0..entities::SHARDS {
                let view = self.shared.view();
                of_entities += view.index.topic(topic).entities.count_before(shard, end);
            }
        }
        let entries = check.checked.entries;
        if (in_streams, of_entities) != (entries, entries) {
            wrong(format!(
                "the index in memory has {in_streams} entries in streams and {of_entities} of \
                 entities, the files have {entries}"
            ));
        }
    }

    /// Compares who holds which key. The index may be ahead, so what differs must be looked into.
    pub(super) fn keys(&self, check: &Check) -> Vec<Mismatch> {
        let mut mismatches = Vec::new();
        for topic in 0..self.shared.topics.len() {
            for shard in 0..keys::SHARDS {
                let view = self.shared.view();
                for (key, by_index) in view.index.topic(topic).keys.iter_shard(shard) {
                    let key = (topic, Box::from(&**key));
                    let by_entries = check.holder(&key);
                    if by_entries.is_none() {
                        let by_index = Some(*by_index);
                        mismatches.push(Mismatch { key, by_entries, by_index, place: None });
                    }
                }
            }
        }
        for ((topic, name), (holder, place)) in check.keys() {
            let by_index = self.shared.view().index.topic(*topic).keys.holder(name);
            if by_index != Some(*holder) {
                mismatches.push(Mismatch {
                    key: (*topic, name.clone()),
                    by_entries: Some(*holder),
                    by_index,
                    place: Some(place.clone()),
                });
            }
        }
        mismatches
    }

    /// Tells those mismatches that nothing explains that was appended meanwhile.
    pub(super) fn unexplained(
        &self,
        mismatches: Vec<Mismatch>,
        check: &Check,
        tell: &mut impl FnMut(Finding<'_>),
    ) {
        let touched = check.touched.as_ref();
        for Mismatch { key, by_entries, by_index, place } in mismatches {
            if touched.is_some_and(|touched| touched.contains(&key)) {
                continue;
            }
            let name =
                |holder: Option<Uuid>| holder.map_or("nobody".to_owned(), |id| id.to_string());
            let (entries, index) = (name(by_entries), name(by_index));
            let reason =
                format!("{} is held by {entries}, but by {index} in the index in memory", key.1);
            let place = place.unwrap_or_else(|| Place {
                file: self.shared.folder.as_path().into(),
                byte: HEADER_LENGTH,
                entry: None,
            });
            tell(Finding::Violation(Violation { rule: Rule::Index, place, reason }));
        }
    }
}
