//! How far a reader must have come, as text: `order@1700000000-42, inventory@1700000000-40`.
//!
//! A command's answer bears it in the header `OrderShop-Position`; a query that bears it, or the
//! RESP command `ORDERSHOP.AWAIT`, waits until the read model has come so far.

use std::sync::atomic::{AtomicU64, Ordering};

use ordershop_actors::shop::topics;
use ordershop_store::{EntryId, Topic};

/// The text; empty where there is nothing to wait for.
pub(crate) fn to_text(positions: &[(Topic, EntryId)]) -> String {
    let parts: Vec<_> = positions.iter().map(|(topic, id)| format!("{topic}@{id}")).collect();
    parts.join(", ")
}

/// The positions that a text names, or what is wrong with it.
pub(crate) fn from_text(text: &str) -> Result<Vec<(Topic, EntryId)>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (topic, id) = part.split_once('@').ok_or_else(|| {
                format!("`{part}` is no position: expected one as `order@1700000000-42`")
            })?;
            let topic = topics::PUBLIC
                .into_iter()
                .find(|known| known.name() == topic)
                .ok_or_else(|| format!("`{topic}` is no topic"))?;
            Ok((topic, id.parse::<EntryId>().map_err(|error| error.to_string())?))
        })
        .collect()
}

/// The highest position of each public topic that this process has acknowledged to any client.
///
/// Ids of our own fit in 64 bits as microseconds, so that no lock is needed.
#[derive(Default)]
pub struct Acknowledged {
    micros: [AtomicU64; topics::PUBLIC.len()],
    /// How often the log had lost entries when this was begun.
    losses: AtomicU64,
}

impl Acknowledged {
    /// No query may be answered from before these positions any more.
    pub(crate) fn add(&self, positions: &[(Topic, EntryId)]) {
        for (topic, id) in positions {
            if let Some(index) = topics::PUBLIC.iter().position(|public| public == topic) {
                let micros = id.seconds().saturating_mul(1_000_000).saturating_add(id.micros());
                self.micros[index].fetch_max(micros, Ordering::AcqRel);
            }
        }
    }

    /// Begins anew where the log has lost entries since: nothing can reach a position that is gone.
    /// Nobody may be adding any meanwhile.
    pub(crate) fn begin_behind(&self, losses: u64) {
        if self.losses.swap(losses, Ordering::AcqRel) != losses {
            self.micros.iter().for_each(|micros| micros.store(0, Ordering::Release));
        }
    }

    /// Before these positions no query may be answered.
    pub(crate) fn positions(&self) -> [(Topic, EntryId); topics::PUBLIC.len()] {
        std::array::from_fn(|index| {
            let micros = self.micros[index].load(Ordering::Acquire);
            (topics::PUBLIC[index], EntryId::new(micros / 1_000_000, micros % 1_000_000))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let positions =
            vec![(topics::ORDER, EntryId::new(7, 42)), (topics::INVENTORY, EntryId::new(6, 0))];
        assert_eq!(to_text(&positions), "order@7-42, inventory@6-0");
        assert_eq!(from_text(&to_text(&positions)), Ok(positions));
        assert_eq!(from_text(""), Ok(vec![]));
        for bad in ["order", "mail@1-1", "order@x"] {
            assert!(from_text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_was_acknowledged_never_goes_back() {
        let acknowledged = Acknowledged::default();
        acknowledged.add(&[(topics::ORDER, EntryId::new(7, 42))]);
        acknowledged.add(&[(topics::ORDER, EntryId::new(7, 41))]);
        assert!(acknowledged.positions().contains(&(topics::ORDER, EntryId::new(7, 42))));
    }
}
