//! The story of every intent, from its own events and those of the inventories.

use std::collections::{HashMap, HashSet};

use ordershop_domain::{IntentEvent, InventoryEvent, Line};
use uuid::Uuid;

use super::{AuditRule, Complaints};

/// What became of pieces by an intent's event: by product, how many reservations are open more or
/// less, and how many were written off.
pub(super) struct Moved {
    pub(super) product_id: Uuid,
    pub(super) reserved: i128,
    pub(super) written_off: i128,
}

/// All intents.
#[derive(Default)]
pub(super) struct Intents {
    open: HashMap<Uuid, Story>,
    finished: HashSet<Uuid>,
}

/// An intent that is not finished.
struct Story {
    take: Vec<Line>,
    give: Vec<Line>,
    /// `None` until it is decided.
    confirmed: Option<bool>,
    /// What each inventory record holds for it.
    reserved: HashMap<Uuid, u64>,
    /// What each got back.
    returned: HashMap<Uuid, u64>,
}

impl Intents {
    pub(super) fn total(&self) -> u64 {
        (self.open.len() + self.finished.len()) as u64
    }

    pub(super) fn open(&self) -> u64 {
        self.open.len() as u64
    }

    /// Takes in an intent's own event; tells what it did to reservations.
    pub(super) fn event(
        &mut self,
        id: Uuid,
        event: &IntentEvent,
        complaints: &mut Complaints,
    ) -> Vec<Moved> {
        let mut wrong = |reason: &str| {
            complaints.push((AuditRule::Intents, format!("intent {id} {reason}")));
        };
        if let IntentEvent::IntentOpened { take, give, .. } = event {
            if self.open.contains_key(&id) || self.finished.contains(&id) {
                wrong("is opened a second time");
                return Vec::new();
            }
            let (take, give) = (take.clone(), give.clone());
            let (reserved, returned) = (HashMap::new(), HashMap::new());
            let story = Story { take, give, confirmed: None, reserved, returned };
            self.open.insert(id, story);
            return Vec::new();
        }
        if let IntentEvent::IntentBarred { .. } = event {
            if self.open.contains_key(&id) || !self.finished.insert(id) {
                wrong("is barred although it was there before");
            }
            return Vec::new();
        }
        let Some(story) = self.open.get_mut(&id) else {
            wrong("goes on although it is not open");
            return Vec::new();
        };
        match event {
            IntentEvent::IntentOpened { .. } | IntentEvent::IntentBarred { .. } => Vec::new(),
            IntentEvent::IntentConfirmed {} => {
                if story.confirmed.replace(true).is_some() {
                    wrong("is decided a second time");
                }
                if story.take.iter().any(|line| story.held(line) != line.pieces) {
                    wrong("is confirmed although not all was reserved");
                }
                let taken =
                    story.take.iter().map(|line| Moved::reserved(line, 0, story.held(line)));
                let given = story.give.iter().map(|line| Moved::reserved(line, line.pieces, 0));
                let moved = taken.chain(given).collect();
                if story.give.is_empty() {
                    self.finish(id);
                }
                moved
            }
            IntentEvent::IntentRejected { .. } => {
                if story.confirmed.replace(false).is_some() {
                    wrong("is decided a second time");
                }
                Vec::new()
            }
            IntentEvent::IntentClosed { written_off } => {
                let Some(confirmed) = story.confirmed else {
                    wrong("is closed undecided");
                    return Vec::new();
                };
                let outstanding = |line: &Line| {
                    if confirmed {
                        line.pieces.saturating_sub(story.back(line))
                    } else {
                        story.held(line)
                    }
                };
                let off = |line: &Line| {
                    let off = written_off.iter().find(|off| off.inventory_id == line.inventory_id);
                    off.map_or(0, |off| off.pieces)
                };
                let lines = if confirmed { &story.give } else { &story.take };
                if lines.iter().any(|line| outstanding(line) != off(line)) {
                    wrong("is closed although not all is done that was decided");
                }
                let done = lines.iter().map(|line| Moved::reserved(line, 0, outstanding(line)));
                let off = written_off.iter().map(|line| Moved {
                    written_off: i128::from(line.pieces),
                    ..Moved::reserved(line, 0, 0)
                });
                let moved = done.chain(off).collect();
                self.finish(id);
                moved
            }
        }
    }

    /// Takes in what an inventory record did for an intent.
    pub(super) fn stock_event(
        &mut self,
        record: Uuid,
        event: &InventoryEvent,
        complaints: &mut Complaints,
    ) {
        let (InventoryEvent::StockReserved { intent, pieces, .. }
        | InventoryEvent::StockReleased { intent, pieces, .. }
        | InventoryEvent::StockReturned { intent, pieces, .. }) = *event
        else {
            return;
        };
        let mut wrong = |reason: &str| {
            let reason = format!("record {record} {reason} intent {intent}");
            complaints.push((AuditRule::Intents, reason));
        };
        let Some(story) = self.open.get_mut(&intent) else {
            return wrong("moves pieces although nobody may for");
        };
        match event {
            InventoryEvent::StockReserved { .. } => {
                let line = story.take.iter().find(|line| line.inventory_id == record);
                if line.is_none_or(|line| line.pieces != pieces) {
                    wrong("reserves what was not asked for by");
                }
                if story.confirmed == Some(true) || story.reserved.insert(record, pieces).is_some()
                {
                    wrong("reserves once more for");
                }
            }
            InventoryEvent::StockReleased { .. } => {
                if story.confirmed != Some(false) || story.reserved.remove(&record) != Some(pieces)
                {
                    wrong("releases what is not to be released for");
                }
            }
            _ => {
                let line = story.give.iter().find(|line| line.inventory_id == record);
                let is_due = line.is_some_and(|line| line.pieces == pieces);
                if story.confirmed != Some(true)
                    || !is_due
                    || story.returned.insert(record, pieces).is_some()
                {
                    wrong("takes back what is not to be given by");
                }
            }
        }
    }

    fn finish(&mut self, id: Uuid) {
        self.open.remove(&id);
        self.finished.insert(id);
    }
}

impl Story {
    fn held(&self, line: &Line) -> u64 {
        self.reserved.get(&line.inventory_id).copied().unwrap_or(0)
    }

    fn back(&self, line: &Line) -> u64 {
        self.returned.get(&line.inventory_id).copied().unwrap_or(0)
    }
}

impl Moved {
    /// So many more reservations of that line's product are open, and so many less.
    pub(super) fn reserved(line: &Line, more: u64, less: u64) -> Self {
        let reserved = i128::from(more) - i128::from(less);
        Self { product_id: line.product_id, reserved, written_off: 0 }
    }
}
