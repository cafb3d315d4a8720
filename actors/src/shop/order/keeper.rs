//! The keeper of intents: finds those that were left behind, and has them finished.
//!
//! It does so before the shop opens, and goes on looking while it is open. The log position below
//! which every intent is finished is kept as a cursor, so that a start reads only what is behind it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ordershop_domain::{Aggregate, Intent, IntentEvent, Ticket};
use ordershop_store::{Action, CursorName, EntryId, EventLog, LogError, Position};
use ordershop_supervisors::{CellBuilder, ChildSpec, Context, Failure, Process};
use uuid::Uuid;

use super::driver::Resume;
use super::open_intents::ticket;
use super::{OpenIntents, Sagas};
use crate::runtime::JournalHandle;
use crate::runtime::absence::{self, BeginError, Beginning, Begun};
use crate::runtime::fault::crash_point;
use crate::shop::topics;

/// The name of the cursor.
const CURSOR: &str = "intents";
/// How many entries one read takes.
const PAGE: usize = 1024;
/// How often it looks for intents that are open for longer than this.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// How many intents are finished at the same time at the start.
const MAX_RESUMED_AT_ONCE: usize = 64;

/// The actor that keeps the intents.
pub struct IntentKeeper {
    journal: JournalHandle,
    sagas: Sagas,
    open_intents: OpenIntents,
    /// What it does before its start is done, since the log is away.
    recovering: Option<Beginning<EntryId>>,
    /// What was open at the last look.
    seen_open: BTreeSet<Uuid>,
    /// To whom a driver was sent that has not come to the end yet.
    asked: BTreeSet<Uuid>,
    saved: EntryId,
}

impl IntentKeeper {
    /// The keeper, as a child for a supervisor. Its start is done when nothing is left behind, or when
    /// the log is found away; until it is back and nothing is left behind no intent begins.
    pub fn child(
        log: Arc<dyn EventLog>,
        journal: JournalHandle,
        sagas: Sagas,
        open_intents: OpenIntents,
        cell: CellBuilder<Self>,
    ) -> ChildSpec {
        let (_, spec) = cell.factory(move |_| {
            let (log, journal) = (Arc::clone(&log), journal.clone());
            let (sagas, open_intents) = (sagas.clone(), open_intents.clone());
            async move {
                open_intents.forget_past();
                let recovering = recover(Arc::clone(&log), sagas.clone(), open_intents.clone());
                let begun = absence::begin(log.as_ref(), topics::ORDER, Box::pin(recovering));
                let (saved, recovering) = match begun.await? {
                    Begun::Ready(saved) => (saved, None),
                    Begun::Waiting(recovering) => (EntryId::ZERO, Some(recovering)),
                };
                let (seen_open, asked) = (BTreeSet::new(), BTreeSet::new());
                Ok(Self { journal, sagas, open_intents, recovering, seen_open, asked, saved })
            }
        });
        spec
    }

    fn watch(ctx: &mut Context<'_, Self>) {
        ctx.after(SWEEP_INTERVAL, |keeper, ctx| {
            keeper.sweep(ctx);
            Self::watch(ctx);
            Ok(())
        });
    }

    /// Sends a driver to whatever is open for two looks, and saves how far everything is finished.
    fn sweep(&mut self, ctx: &mut Context<'_, Self>) {
        let open = self.open_intents.ids();
        for intent_id in open.intersection(&self.seen_open) {
            let (sagas, intent_id) = (self.sagas.clone(), *intent_id);
            // An outage may last for many looks, and one that was asked goes on by itself.
            if !self.asked.insert(intent_id) {
                continue;
            }
            // A driver that is at work is not disturbed by this.
            let resume = async move { sagas.resume(intent_id).await };
            ctx.spawn(resume, move |keeper, resumed, _| {
                keeper.asked.remove(&intent_id);
                if let Err(error) = resumed {
                    tracing::warn!(%intent_id, %error, "an order intent stays open");
                }
                Ok(())
            });
        }
        self.seen_open = open;
        let (save, below) = self.save();
        ctx.spawn(save, move |keeper, saved, _| {
            if saved {
                keeper.saved = below;
            }
            Ok(())
        });
    }

    /// Saves the position below which every intent is finished.
    fn save(&self) -> (impl Future<Output = bool> + use<>, EntryId) {
        let below = last_below(self.open_intents.floor());
        let changed = below > self.saved;
        let journal = self.journal.clone();
        let save = async move {
            let mut position = Position::START;
            position.advance(Action::Internal, below);
            changed
                && journal
                    .save_cursor(CursorName::from(CURSOR), topics::ORDER, position)
                    .await
                    .is_ok()
        };
        (save, below)
    }
}

/// Has all finished that was left behind, however long the log is away; gives the position below which
/// everything was finished before.
async fn recover(
    log: Arc<dyn EventLog>,
    sagas: Sagas,
    open_intents: OpenIntents,
) -> Result<EntryId, Failure> {
    let look = || async {
        let saved = match log.cursor(CursorName::from(CURSOR), topics::ORDER).await {
            Ok(cursor) => cursor.unwrap_or_default().of(Action::Internal),
            // What it stood for is gone, so all intents are looked at.
            Err(LogError::Lost(_)) => EntryId::ZERO,
            Err(error) => return Err(error.into()),
        };
        let (unfinished, end) = unfinished(log.as_ref(), saved).await?;
        Ok((saved, unfinished, end))
    };
    let (saved, unfinished, end) = absence::patiently("intent-keeper", look).await?;
    for (intent_id, ticket) in &unfinished {
        open_intents.opened(*intent_id, *ticket);
    }
    // Else reservations of before the start would count as open.
    open_intents.known_up_to(end);
    let count = unfinished.len();
    let ids: Vec<_> = unfinished.into_iter().map(|(id, _)| id).collect();
    for some in ids.chunks(MAX_RESUMED_AT_ONCE) {
        let resumed = some.iter().map(|id| sagas.resume(*id));
        futures_util::future::try_join_all(resumed).await?;
    }
    if count > 0 {
        tracing::info!(count, "finished order intents that were left behind");
    }
    open_intents.past_is_known();
    Ok(saved)
}

/// The highest id of ours below that ticket.
const fn last_below(floor: Ticket) -> EntryId {
    match floor {
        Ticket(0, 0) => EntryId::ZERO,
        Ticket(seconds, 0) => EntryId::new(seconds - 1, 999_999),
        Ticket(seconds, micros) => EntryId::new(seconds, micros - 1),
    }
}

/// The intents behind `after` that are not finished, and up to where it has read.
async fn unfinished(
    log: &dyn EventLog,
    mut after: EntryId,
) -> Result<(Vec<(Uuid, Ticket)>, EntryId), BeginError> {
    let mut intents: HashMap<Uuid, (Intent, Ticket)> = HashMap::new();
    loop {
        let page = log.read_stream(topics::ORDER, Action::Internal, after, PAGE).await?;
        for entry in &page.entries {
            after = entry.id;
            let event: IntentEvent = serde_json::from_str(&entry.data).map_err(Failure::new)?;
            let opens = matches!(event, IntentEvent::IntentOpened { .. });
            if !opens && !intents.contains_key(&entry.entity_id) {
                continue;
            }
            let (intent, ticket) = intents
                .remove(&entry.entity_id)
                .unwrap_or_else(|| (Intent::default(), ticket(entry.id)));
            let intent = Aggregate::evolve(intent, &event);
            if !intent.is_finished() {
                intents.insert(entry.entity_id, (intent, ticket));
            }
        }
        if !page.more {
            let intents = intents.into_iter().map(|(id, (_, ticket))| (id, ticket)).collect();
            return Ok((intents, after));
        }
    }
}

impl Process for IntentKeeper {
    fn started(&mut self, ctx: &mut Context<'_, Self>) -> Result<(), Failure> {
        let Some(recovering) = self.recovering.take() else {
            Self::watch(ctx);
            return Ok(());
        };
        ctx.spawn(recovering, |keeper, saved, ctx| {
            keeper.saved = saved?;
            Self::watch(ctx);
            Ok(())
        });
        Ok(())
    }

    fn stopping(&mut self, ctx: &mut Context<'_, Self>) {
        if !self.open_intents.is_past_known() {
            return;
        }
        let (save, _) = self.save();
        ctx.pause(save, |_, _, _| Ok(()));
    }
}

impl Sagas {
    /// Has a driver see to the end of an intent; done when it is finished.
    pub(super) async fn resume(&self, intent_id: Uuid) -> Result<(), Failure> {
        self.0
            .ask(&intent_id, Resume)
            .await
            .map_err(|error| Failure::new(format!("intent {intent_id} has no driver: {error}")))?;
        crash_point("keeper/after-resume");
        Ok(())
    }
}
