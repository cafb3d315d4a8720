//! The order saga: drives one intent from its opening to its end, whatever answers come when.
//!
//! ```text
//!            Open          every line answered        the log says
//! (new) ───────► Reserve … ─────┬──► Confirm ──► Confirmed ──► Return … ──► Close ──► Finished
//!                               │                    └─ nothing to give back ───────► Finished
//!                               └──► Reject ───► Rejected ───► Release … ─► Close ──► Finished
//! (found, undecided) ────────────────► Reject
//! (found, decided) ────────────────────────────► wherever it stopped
//! ```

mod message;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::{Decision, Intent, Line, RejectReason, Ticket};

pub use self::message::{Input, SagaResult, Step};

/// The driver's part in one intent, as a state machine without hands.
///
/// Whoever drives it does the steps that [`OrderSaga::start`] and [`OrderSaga::advance`] ask for, in
/// any order or at once, and tells what came of each. Every step may be repeated: after a failure
/// that leaves the outcome open, try again, or let go, and another resumes the intent from the log.
/// An input that makes no sense, or comes twice or too late, is ignored.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderSaga {
    take: Vec<Take>,
    give: Vec<Line>,
    ticket: Option<Ticket>,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq)]
struct Take {
    line: Line,
    answer: Answer,
}

/// What is known about a line that is to be reserved.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Outstanding,
    Reserved,
    Refused(RejectReason),
    Unknown,
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    Fresh,
    Found { decision: Option<Decision>, finished: bool },
    Opening,
    Reserving,
    Deciding { wanted: Decision },
    Settling { decision: Decision, outstanding: BTreeSet<Uuid>, written_off: Vec<Line> },
    Closing { decision: Decision },
    Finished { decision: Decision },
}

impl OrderSaga {
    /// The saga of an intent that is yet to be opened; lines are taken as [`Line::net`] has them.
    pub fn new(take: Vec<Line>, give: Vec<Line>) -> Self {
        Self::with(take, give, Answer::Outstanding, None, Phase::Fresh)
    }

    /// The saga of an intent that was found without a living driver.
    ///
    /// Nobody knows what the last driver still did, so every line counts as perhaps reserved. An
    /// intent that is absent is as good as abandoned; whoever wants that for sure bars it.
    pub fn resume(intent: &Intent, ticket: Ticket) -> Self {
        let absent = *intent == Intent::default();
        let decision = match intent.decision() {
            None if absent => Some(Decision::Rejected(RejectReason::Abandoned)),
            decision => decision,
        };
        let phase = Phase::Found { decision, finished: absent || intent.is_finished() };
        Self::with(
            intent.take().to_vec(),
            intent.give().to_vec(),
            Answer::Unknown,
            Some(ticket),
            phase,
        )
    }

    fn with(
        take: Vec<Line>,
        give: Vec<Line>,
        answer: Answer,
        ticket: Option<Ticket>,
        phase: Phase,
    ) -> Self {
        let (take, give) = Line::net(take, give);
        let take = take.into_iter().map(|line| Take { line, answer }).collect();
        Self { take, give, ticket, phase }
    }

    /// What is to be taken from the stock: each record once.
    pub fn take(&self) -> impl Iterator<Item = Line> + '_ {
        self.take.iter().map(|take| take.line)
    }

    /// What is to be given back once confirmed: each record once, and none of those in `take`.
    pub fn give(&self) -> &[Line] {
        &self.give
    }

    /// The intent's age, as soon as it is known.
    pub const fn ticket(&self) -> Option<Ticket> {
        self.ticket
    }

    /// What the log says about the intent, as soon as it is known.
    pub const fn decision(&self) -> Option<Decision> {
        match &self.phase {
            Phase::Found { decision, .. } => *decision,
            Phase::Settling { decision, .. }
            | Phase::Closing { decision }
            | Phase::Finished { decision } => Some(*decision),
            Phase::Fresh | Phase::Opening | Phase::Reserving | Phase::Deciding { .. } => None,
        }
    }

    /// The first steps; none if it was started before.
    pub fn start(&mut self) -> Vec<Step> {
        match self.phase {
            Phase::Fresh => {
                self.phase = Phase::Opening;
                vec![Step::Open]
            }
            Phase::Found { decision: None, .. } => {
                self.want(Decision::Rejected(RejectReason::Abandoned))
            }
            Phase::Found { decision: Some(decision), finished: true } => self.finish(decision),
            Phase::Found { decision: Some(decision), finished: false } => self.settle(decision),
            Phase::Opening
            | Phase::Reserving
            | Phase::Deciding { .. }
            | Phase::Settling { .. }
            | Phase::Closing { .. }
            | Phase::Finished { .. } => vec![],
        }
    }

    /// The steps to which an input leads.
    pub fn advance(&mut self, input: Input) -> Vec<Step> {
        match input {
            Input::Opened { ticket } => self.opened(ticket),
            Input::Reserved { inventory_id } => self.answered(inventory_id, Answer::Reserved),
            Input::ReserveRefused { inventory_id, reason } => {
                self.answered(inventory_id, Answer::Refused(reason))
            }
            Input::ReserveUnknown { inventory_id } => self.answered(inventory_id, Answer::Unknown),
            Input::Decided(decision) => self.decided(decision),
            Input::DecisionStale => match self.phase {
                Phase::Deciding { wanted: Decision::Confirmed } => {
                    self.want(Decision::Rejected(RejectReason::Stale))
                }
                _ => vec![],
            },
            Input::Released { inventory_id } => match self.decision() {
                Some(Decision::Rejected(_)) => self.settled(inventory_id, false),
                Some(Decision::Confirmed) | None => vec![],
            },
            Input::Returned { inventory_id } => match self.decision() {
                Some(Decision::Confirmed) => self.settled(inventory_id, false),
                Some(Decision::Rejected(_)) | None => vec![],
            },
            Input::NoRecord { inventory_id } => self.settled(inventory_id, true),
            Input::Closed => match self.phase {
                Phase::Closing { decision } => self.finish(decision),
                _ => vec![],
            },
        }
    }

    fn opened(&mut self, ticket: Ticket) -> Vec<Step> {
        if self.phase != Phase::Opening {
            return vec![];
        }
        self.ticket = Some(ticket);
        self.phase = Phase::Reserving;
        if self.take.is_empty() {
            return self.want(Decision::Confirmed);
        }
        self.take().map(Step::Reserve).collect()
    }

    fn answered(&mut self, inventory_id: Uuid, answer: Answer) -> Vec<Step> {
        if !matches!(self.phase, Phase::Reserving | Phase::Deciding { .. }) {
            return vec![];
        }
        let Some(take) = self.take.iter_mut().find(|t| t.line.inventory_id == inventory_id) else {
            return vec![];
        };
        take.answer = match (take.answer, answer) {
            (Answer::Outstanding, answer) => answer,
            // Answers that contradict each other: it may be reserved, so it must be released.
            (Answer::Refused(_), Answer::Reserved | Answer::Unknown) => Answer::Unknown,
            (known, _) => known,
        };
        let complete = self.take.iter().all(|take| take.answer != Answer::Outstanding);
        if self.phase == Phase::Reserving && complete {
            let wanted = self.refusal().map_or(Decision::Confirmed, Decision::Rejected);
            return self.want(wanted);
        }
        vec![]
    }

    /// Why the intent cannot be confirmed, whichever answer came first: a shortage, which tells the
    /// client most, before other reasons; the earlier line before the later one.
    fn refusal(&self) -> Option<RejectReason> {
        let reasons = || {
            self.take.iter().filter_map(|take| match take.answer {
                Answer::Reserved => None,
                Answer::Refused(reason) => Some(reason),
                Answer::Outstanding | Answer::Unknown => Some(RejectReason::Failed),
            })
        };
        let short = |reason: &RejectReason| matches!(reason, RejectReason::Short { .. });
        reasons().find(short).or_else(|| reasons().next())
    }

    fn want(&mut self, wanted: Decision) -> Vec<Step> {
        self.phase = Phase::Deciding { wanted };
        match wanted {
            Decision::Confirmed => vec![Step::Confirm],
            Decision::Rejected(reason) => vec![Step::Reject(reason)],
        }
    }

    fn decided(&mut self, decision: Decision) -> Vec<Step> {
        match (&self.phase, decision) {
            (Phase::Reserving | Phase::Deciding { .. }, _) => self.settle(decision),
            // It was barred before it was opened, so nothing was touched in its name.
            (Phase::Opening, Decision::Rejected(_)) => self.finish(decision),
            _ => vec![],
        }
    }

    /// Does what the decision asks for: gives back one or the other.
    fn settle(&mut self, decision: Decision) -> Vec<Step> {
        let lines: Vec<Line> = match decision {
            Decision::Confirmed => self.give.clone(),
            // A line without an answer is released too: should its request come later, it finds
            // the intent barred.
            Decision::Rejected(_) => {
                // So does a second request for a line that was short. Only a line that found the
                // intent itself shut needs nothing: whoever shut it has seen to that.
                let shut = Answer::Refused(RejectReason::Abandoned);
                let perhaps = |take: &&Take| take.answer != shut;
                self.take.iter().filter(perhaps).map(|take| take.line).collect()
            }
        };
        if lines.is_empty() {
            return match decision {
                Decision::Confirmed => self.finish(decision),
                Decision::Rejected(_) => self.close(decision, vec![]),
            };
        }
        let outstanding = lines.iter().map(|line| line.inventory_id).collect();
        self.phase = Phase::Settling { decision, outstanding, written_off: vec![] };
        let step = match decision {
            Decision::Confirmed => Step::Return,
            Decision::Rejected(_) => Step::Release,
        };
        lines.into_iter().map(step).collect()
    }

    fn settled(&mut self, inventory_id: Uuid, no_record: bool) -> Vec<Step> {
        let Phase::Settling { decision, outstanding, written_off } = &mut self.phase else {
            return vec![];
        };
        if !outstanding.remove(&inventory_id) {
            return vec![];
        }
        if no_record {
            let lines = self.give.iter().chain(self.take.iter().map(|take| &take.line));
            written_off.extend(lines.filter(|line| line.inventory_id == inventory_id));
        }
        if !outstanding.is_empty() {
            return vec![];
        }
        let (decision, written_off) = (*decision, std::mem::take(written_off));
        self.close(decision, written_off)
    }

    fn close(&mut self, decision: Decision, written_off: Vec<Line>) -> Vec<Step> {
        self.phase = Phase::Closing { decision };
        vec![Step::Close { written_off }]
    }

    fn finish(&mut self, decision: Decision) -> Vec<Step> {
        self.phase = Phase::Finished { decision };
        vec![Step::Finished(match decision {
            Decision::Confirmed => SagaResult::Confirmed,
            Decision::Rejected(reason) => SagaResult::Rejected(reason),
        })]
    }
}
