//! The view as a projection saves it, and as it begins from it.
//!
//! What is saved counts only if the log still holds, in each topic, the very event that the view had
//! taken in last; then no log has become shorter or another since.

use std::sync::Arc;

use ordershop_store::codec::{self, Format};
use ordershop_store::{Action, Blob, BlobParts, EntryId, EventLog, LogError, Topic};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Place, Row, View};
use crate::shop::topics;

/// The format of the parts.
const FORMAT: Format = Format::new(21);
/// The name under which the view is saved.
const NAME: &str = "read-model";
/// From about how many bytes on a part takes in nothing more.
const PART_BYTES: usize = 256 * 1024;
/// About what a row takes beside its document.
const ROW_BYTES: usize = 64;

/// The last entry that a view has taken in of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LastEntry {
    pub(super) action: Action,
    pub(super) id: EntryId,
    pub(super) event_id: u128,
}

#[derive(Serialize, Deserialize)]
enum Part {
    /// The last entry of each public topic that has any, by its place among them.
    Last(Vec<(usize, LastEntry)>),
    /// The name of the set of entities of each public topic.
    Members(Vec<EntryId>),
    /// A stream, by its topic's place and its own: its length, and where some of its pages end.
    Stream((usize, usize), u64, Vec<EntryId>),
    /// Entities of a topic in the order of creation: when created, which, the last entry, and the
    /// document.
    Rows(usize, Vec<(EntryId, u128, EntryId, Arc<str>)>),
}

/// Saves the view; the parts are made as they are written, from a view that no longer changes.
pub(super) async fn save(log: Arc<dyn EventLog>, view: View) -> Result<(), LogError> {
    let positions = view.positions().clone();
    log.save_blob(NAME.into(), positions, parts(view)).await
}

fn parts(view: View) -> BlobParts {
    let last = Part::Last(view.last_entries().collect());
    let ends = std::iter::once(codec::encode(FORMAT, &last));
    let members = topics::PUBLIC.map(|topic| view.table(topic).membership());
    let members = std::iter::once(codec::encode(FORMAT, &Part::Members(members.to_vec())));
    let streams: Vec<_> = view.streams().map(|(place, stream)| (place, stream.clone())).collect();
    let streams = streams.into_iter().flat_map(|(place, stream)| {
        let ends: Vec<_> = stream.ends().collect();
        let mut parts: Vec<_> = ends.chunks(PART_BYTES / size_of::<EntryId>()).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let part = |ends: &[EntryId]| Part::Stream(place, stream.len(), ends.to_vec());
        parts.into_iter().map(|ends| codec::encode(FORMAT, &part(ends))).collect::<Vec<_>>()
    });
    let rows = (0..topics::PUBLIC.len()).flat_map(move |index| {
        let table = view.table(topics::PUBLIC[index]).clone();
        let mut behind = None;
        std::iter::from_fn(move || {
            let mut bytes = 0;
            let mut rows = Vec::new();
            for (place, row) in table.behind(behind) {
                let document = row.document();
                rows.push((place.created, place.id.as_u128(), row.last(), Arc::clone(document)));
                behind = Some(place);
                bytes += ROW_BYTES + document.len();
                if bytes >= PART_BYTES {
                    break;
                }
            }
            (!rows.is_empty()).then(|| codec::encode(FORMAT, &Part::Rows(index, rows)))
        })
    });
    Box::new(ends.chain(members).chain(streams).chain(rows))
}

/// The view that was saved; the empty one where none was, or none that the log bears out.
pub(super) async fn load(log: &dyn EventLog) -> Result<View, LogError> {
    let blob = match log.blob(NAME.into()).await {
        Ok(Some(blob)) => blob,
        Ok(None) => return Ok(View::default()),
        Err(error) => {
            tracing::warn!(%error, "the saved view cannot be read, so it is made from all events");
            return Ok(View::default());
        }
    };
    let Some(view) = decode(blob) else {
        tracing::warn!("the saved view is of another format, so it is made from all events");
        return Ok(View::default());
    };
    if is_borne_out(log, &view).await? {
        Ok(view)
    } else {
        tracing::warn!("the saved view is not of this log, so it is made from all events");
        Ok(View::default())
    }
}

fn decode(blob: Blob) -> Option<View> {
    let mut view = View::at(blob.positions);
    for part in blob.parts {
        match codec::decode(FORMAT, &part).ok()? {
            Part::Last(last) => view.restore_last(last)?,
            Part::Members(members) => {
                for (index, membership) in members.into_iter().enumerate() {
                    view.restore_membership(index, membership)?;
                }
            }
            Part::Stream(place, entries, ends) => view.restore_stream(place, entries, ends)?,
            Part::Rows(index, rows) => {
                for (created, id, last, document) in rows {
                    let place = Place { created, id: Uuid::from_u128(id) };
                    view.restore_row(index, place, Row::at(document, last))?;
                }
            }
        }
    }
    Some(view)
}

/// Whether the log reaches as far as the view, and holds the last entry that it has taken in.
async fn is_borne_out(log: &dyn EventLog, view: &View) -> Result<bool, LogError> {
    let ends = log.ends(topics::PUBLIC.to_vec()).await?;
    let is_within = |topic: Topic| {
        let (reached, end) = (view.position(topic), ends.of(topic));
        Action::ALL.into_iter().all(|action| reached.of(action) <= end.of(action))
    };
    if !topics::PUBLIC.into_iter().all(is_within) {
        return Ok(false);
    }
    for (index, last) in view.last_entries() {
        let LastEntry { action, id, event_id } = last;
        let page = log.read_stream(topics::PUBLIC[index], action, id.previous(), 1).await?;
        let found = page.entries.first().map(|entry| (entry.id, entry.event_id.as_u128()));
        if found != Some((id, event_id)) {
            return Ok(false);
        }
    }
    Ok(true)
}
