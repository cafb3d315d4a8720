//! The story of every intent where order and inventory have no common order: what each topic tells of it is
//! gathered, in that topic's order, and judged as a whole.

use std::collections::{HashMap, HashSet};

use ordershop_domain::{IntentEvent, InventoryEvent, Line};
use ordershop_store::{EntryId, Topic};
use uuid::Uuid;

use super::intents::Moved;
use crate::shop::topics;

/// What is wrong with the story of an intent: in which topic, at which entry, and what.
pub(super) type Wrong = (Topic, EntryId, String);

/// All intents.
#[derive(Default)]
pub(super) struct Stories {
    open: HashMap<Uuid, Story>,
    /// Those of which all is told, and well.
    finished: HashSet<Uuid>,
}

/// What was told of an intent that is not finished.
#[derive(Default)]
struct Story {
    own: Vec<Own>,
    stock: Vec<Stock>,
}

/// Where something was told, and whether it must be explained, or only explains.
#[derive(Clone, Copy)]
pub(super) struct Told {
    pub(super) id: EntryId,
    pub(super) is_judged: bool,
}

struct Own {
    told: Told,
    event: IntentEvent,
}

struct Stock {
    told: Told,
    record: Uuid,
    kind: StockKind,
    pieces: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum StockKind {
    Reserved,
    Released,
    Returned,
}

impl Stories {
    pub(super) fn total(&self) -> u64 {
        (self.unfinished() + self.finished.len()) as u64
    }

    pub(super) fn open(&self) -> u64 {
        self.unfinished() as u64
    }

    fn unfinished(&self) -> usize {
        let is_new = |(id, story): &(&Uuid, &Story)| {
            !self.finished.contains(*id) && story.own.iter().any(|own| own.told.is_judged)
        };
        self.open.iter().filter(is_new).count()
    }

    /// Takes in an intent's own event; tells what it did to reservations.
    pub(super) fn event(&mut self, id: Uuid, told: Told, event: IntentEvent) -> Vec<Moved> {
        let story = self.open.entry(id).or_default();
        let moved = match &event {
            IntentEvent::IntentConfirmed {} => story.opened().map_or_else(Vec::new, |opened| {
                let (take, give) = opened;
                let taken = take.iter().map(|line| Moved::reserved(line, 0, line.pieces));
                let given = give.iter().map(|line| Moved::reserved(line, line.pieces, 0));
                taken.chain(given).collect()
            }),
            IntentEvent::IntentClosed { written_off } => {
                let off = written_off.iter().map(|line| Moved {
                    written_off: i128::from(line.pieces),
                    ..Moved::reserved(line, 0, line.pieces)
                });
                off.collect()
            }
            IntentEvent::IntentOpened { .. }
            | IntentEvent::IntentBarred { .. }
            | IntentEvent::IntentRejected { .. } => Vec::new(),
        };
        story.own.push(Own { told, event });
        self.finish_if_done(id);
        moved
    }

    /// Takes in what an inventory record did for an intent.
    pub(super) fn stock_event(&mut self, record: Uuid, told: Told, event: &InventoryEvent) {
        let (intent, kind, pieces) = match *event {
            InventoryEvent::StockReserved { intent, pieces, .. } => {
                (intent, StockKind::Reserved, pieces)
            }
            InventoryEvent::StockReleased { intent, pieces, .. } => {
                (intent, StockKind::Released, pieces)
            }
            InventoryEvent::StockReturned { intent, pieces, .. } => {
                (intent, StockKind::Returned, pieces)
            }
            _ => return,
        };
        let story = self.open.entry(intent).or_default();
        story.stock.push(Stock { told, record, kind, pieces });
        self.finish_if_done(intent);
    }

    /// What is wrong, when all was told.
    pub(super) fn settle(&self) -> Vec<Wrong> {
        let wrong = self.open.iter().flat_map(|(id, story)| self.judge(*id, story));
        let mut wrong: Vec<Wrong> = wrong.collect();
        wrong.sort_by_key(|(topic, id, _)| (*id, *topic));
        wrong
    }

    /// Forgets a story of which all is told. What came before an event that is judged is among what is
    /// told; of one that only explains, the other topic may lack what came before it.
    fn finish_if_done(&mut self, id: Uuid) {
        let Some(story) = self.open.get(&id) else { return };
        let is_done = story.own.iter().all(|own| own.told.is_judged)
            && story.is_complete(self.finished.contains(&id));
        if is_done && self.judge(id, story).is_empty() {
            self.open.remove(&id);
            self.finished.insert(id);
        }
    }

    fn judge(&self, id: Uuid, story: &Story) -> Vec<Wrong> {
        let was_finished = self.finished.contains(&id);
        let mut wrong = Vec::new();
        let mut say = |topic, told: Told, reason: String| {
            if told.is_judged {
                wrong.push((topic, told.id, reason));
            }
        };
        let mut intent = |told, reason| say(topics::ORDER, told, format!("intent {id} {reason}"));
        let (mut is_open, mut confirmed) = (false, None);
        for Own { told, event } in &story.own {
            match event {
                IntentEvent::IntentOpened { .. } => {
                    if is_open || was_finished {
                        intent(*told, "is opened a second time");
                    }
                    is_open = true;
                }
                IntentEvent::IntentBarred { .. } => {
                    if is_open || was_finished {
                        intent(*told, "is barred although it was there before");
                    }
                }
                _ if !is_open => intent(*told, "goes on although it is not open"),
                IntentEvent::IntentConfirmed {} => {
                    if confirmed.replace(true).is_some() {
                        intent(*told, "is decided a second time");
                    }
                    if story.take().iter().any(|line| story.reserved(line) != line.pieces) {
                        intent(*told, "is confirmed although not all was reserved");
                    }
                }
                IntentEvent::IntentRejected { .. } => {
                    if confirmed.replace(false).is_some() {
                        intent(*told, "is decided a second time");
                    }
                }
                IntentEvent::IntentClosed { written_off } => match confirmed {
                    None => intent(*told, "is closed undecided"),
                    Some(confirmed) if !story.is_settled(confirmed, written_off) => {
                        intent(*told, "is closed although not all is done that was decided");
                    }
                    Some(_) => {}
                },
            }
        }
        for (number, stock) in story.stock.iter().enumerate() {
            let before = &story.stock[..number];
            let reason = match (is_open, was_finished) {
                (true, _) => story.objection(stock, before, confirmed),
                // All was told of it before, so whatever comes must leave it as it was.
                (false, true) if story.is_balanced(stock.record) => None,
                (false, _) => Some("moves pieces although nobody may for"),
            };
            if let Some(reason) = reason {
                let record = stock.record;
                let reason = format!("record {record} {reason} intent {id}");
                say(topics::INVENTORY, stock.told, reason);
            }
        }
        wrong
    }
}

impl Story {
    /// What it wants to take and to give.
    fn opened(&self) -> Option<(&[Line], &[Line])> {
        self.own.iter().find_map(|own| match &own.event {
            IntentEvent::IntentOpened { take, give, .. } => Some((&**take, &**give)),
            _ => None,
        })
    }

    fn take(&self) -> &[Line] {
        self.opened().map_or(&[], |(take, _)| take)
    }

    fn give(&self) -> &[Line] {
        self.opened().map_or(&[], |(_, give)| give)
    }

    fn pieces(&self, record: Uuid, kind: StockKind) -> u64 {
        let moved = self.stock.iter().filter(|s| s.record == record && s.kind == kind);
        moved.map(|stock| stock.pieces).sum()
    }

    fn reserved(&self, line: &Line) -> u64 {
        self.pieces(line.inventory_id, StockKind::Reserved)
    }

    fn is_balanced(&self, record: Uuid) -> bool {
        let of = |kind| self.pieces(record, kind);
        of(StockKind::Returned) == 0 && of(StockKind::Reserved) == of(StockKind::Released)
    }

    /// Whether all was done that was decided, or written off.
    fn is_settled(&self, confirmed: bool, written_off: &[Line]) -> bool {
        let lines = if confirmed { self.give() } else { self.take() };
        lines.iter().all(|line| {
            let record = line.inventory_id;
            let done = if confirmed {
                self.pieces(record, StockKind::Returned)
            } else {
                self.pieces(record, StockKind::Released)
            };
            let due = if confirmed { line.pieces } else { self.reserved(line) };
            let off = written_off.iter().find(|off| off.inventory_id == record);
            due.checked_sub(done) == Some(off.map_or(0, |off| off.pieces))
        })
    }

    /// What speaks against a movement of stock of an intent that is told from its begin.
    fn objection(
        &self,
        stock: &Stock,
        before: &[Stock],
        confirmed: Option<bool>,
    ) -> Option<&'static str> {
        let came_before =
            |kind| before.iter().any(|other| other.record == stock.record && other.kind == kind);
        let asked = |lines: &[Line]| {
            let line = lines.iter().find(|line| line.inventory_id == stock.record);
            line.is_some_and(|line| line.pieces == stock.pieces)
        };
        let again = came_before(stock.kind);
        match stock.kind {
            StockKind::Reserved if !asked(self.take()) => {
                Some("reserves what was not asked for by")
            }
            StockKind::Reserved if again => Some("reserves once more for"),
            StockKind::Released
                if again || confirmed != Some(false) || !came_before(StockKind::Reserved) =>
            {
                Some("releases what is not to be released for")
            }
            StockKind::Returned if again || confirmed != Some(true) || !asked(self.give()) => {
                Some("takes back what is not to be given by")
            }
            _ => None,
        }
    }

    /// Whether nothing more need be told.
    fn is_complete(&self, was_finished: bool) -> bool {
        let has = |is: &dyn Fn(&IntentEvent) -> bool| self.own.iter().any(|own| is(&own.event));
        let closed = has(&|event| matches!(event, IntentEvent::IntentClosed { .. }));
        let confirmed = has(&|event| matches!(event, IntentEvent::IntentConfirmed { .. }));
        let barred = has(&|event| matches!(event, IntentEvent::IntentBarred { .. }));
        let follows = was_finished && self.own.is_empty();
        follows || barred || closed || (confirmed && self.give().is_empty())
    }
}
