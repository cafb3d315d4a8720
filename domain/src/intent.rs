//! The intent: what an order command wants to do to the stock, durable before anything is touched.
//!
//! Whoever finds an intent without a living driver rejects it; the decision is one event, so
//! drivers that disagree read in the log who was first, and obey.

mod message;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Adopt, Aggregate, Appearance, Line};

pub use self::message::{Decision, IntentCommand, IntentEvent, IntentRejection, RejectReason};

/// The state of an intent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Intent(State);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum State {
    #[default]
    Absent,
    Barred(Uuid),
    Opened(Opened),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Opened {
    id: Uuid,
    take: Vec<Line>,
    give: Vec<Line>,
    decision: Option<Decision>,
    closed: bool,
}

impl Intent {
    /// What is to be taken from the stock.
    pub fn take(&self) -> &[Line] {
        self.opened().map_or(&[], |opened| &opened.take)
    }

    /// What is to be given back to the stock, once confirmed.
    pub fn give(&self) -> &[Line] {
        self.opened().map_or(&[], |opened| &opened.give)
    }

    /// What was decided; one that was barred is as good as abandoned.
    pub const fn decision(&self) -> Option<Decision> {
        match &self.0 {
            State::Absent => None,
            State::Barred(_) => Some(Decision::Rejected(RejectReason::Abandoned)),
            State::Opened(opened) => opened.decision,
        }
    }

    /// Whether nothing remains to be done, so that nobody need look after it.
    pub const fn is_finished(&self) -> bool {
        match &self.0 {
            State::Absent => false,
            State::Barred(_) => true,
            State::Opened(opened) => {
                let confirmed = matches!(opened.decision, Some(Decision::Confirmed));
                opened.closed || (confirmed && opened.give.is_empty())
            }
        }
    }

    const fn opened(&self) -> Option<&Opened> {
        match &self.0 {
            State::Opened(opened) => Some(opened),
            State::Absent | State::Barred(_) => None,
        }
    }

    fn change(self, change: impl FnOnce(Opened) -> Opened) -> Self {
        Self(match self.0 {
            State::Opened(opened) => State::Opened(change(opened)),
            other @ (State::Absent | State::Barred(_)) => other,
        })
    }

    fn open(&self, id: Uuid, take: &[Line], give: &[Line]) -> Decided {
        let (take, give) = Line::net(take.iter().copied(), give.iter().copied());
        match &self.0 {
            State::Absent => Ok(vec![IntentEvent::IntentOpened { id, take, give }]),
            State::Barred(_) => Err(IntentRejection::Barred),
            State::Opened(now) => {
                let same = now.id == id && now.take == take && now.give == give;
                if same { Ok(vec![]) } else { Err(IntentRejection::Exists) }
            }
        }
    }

    fn bar(&self, id: Uuid) -> Decided {
        match &self.0 {
            State::Absent => Ok(vec![IntentEvent::IntentBarred { id }]),
            State::Barred(_) => Ok(vec![]),
            State::Opened(_) => Err(IntentRejection::Exists),
        }
    }

    fn settle(&self, wanted: Decision) -> Decided {
        let event = match wanted {
            Decision::Confirmed => IntentEvent::IntentConfirmed {},
            Decision::Rejected(reason) => IntentEvent::IntentRejected { reason },
        };
        match (&self.0, self.decision(), wanted) {
            (State::Absent, ..) => Err(IntentRejection::NotFound),
            (State::Opened(_), None, _) => Ok(vec![event]),
            (_, Some(Decision::Rejected(reason)), Decision::Confirmed) => {
                Err(IntentRejection::AlreadyRejected { reason })
            }
            (_, Some(Decision::Confirmed), Decision::Rejected(_)) => {
                Err(IntentRejection::AlreadyConfirmed)
            }
            (State::Barred(_) | State::Opened(_), ..) => Ok(vec![]),
        }
    }

    fn close(&self, written_off: &[Line]) -> Decided {
        match &self.0 {
            State::Absent => Err(IntentRejection::NotFound),
            State::Barred(_) | State::Opened(Opened { closed: true, .. }) => Ok(vec![]),
            State::Opened(Opened { decision: None, .. }) => Err(IntentRejection::Undecided),
            State::Opened(_) => {
                Ok(vec![IntentEvent::IntentClosed { written_off: written_off.to_vec() }])
            }
        }
    }
}

type Decided = Result<Vec<IntentEvent>, IntentRejection>;

impl Aggregate for Intent {
    /// Intents stand in the topic of the orders, so that one append can write both.
    const TOPIC: &'static str = "order";
    type Command = IntentCommand;
    type Event = IntentEvent;
    type Rejection = IntentRejection;
    type Document = ();

    fn decide(&self, command: &IntentCommand) -> Decided {
        match command {
            IntentCommand::Open { id, take, give } => self.open(*id, take, give),
            IntentCommand::Confirm => self.settle(Decision::Confirmed),
            IntentCommand::Reject { reason } => self.settle(Decision::Rejected(*reason)),
            IntentCommand::Bar { id } => self.bar(*id),
            IntentCommand::Close { written_off } => self.close(written_off),
        }
    }

    fn evolve(self, event: &IntentEvent) -> Self {
        match event.clone() {
            IntentEvent::IntentOpened { id, take, give } => {
                Self(State::Opened(Opened { id, take, give, decision: None, closed: false }))
            }
            IntentEvent::IntentConfirmed {} => {
                self.change(|now| Opened { decision: Some(Decision::Confirmed), ..now })
            }
            IntentEvent::IntentRejected { reason } => {
                self.change(|now| Opened { decision: Some(Decision::Rejected(reason)), ..now })
            }
            IntentEvent::IntentBarred { id } => Self(State::Barred(id)),
            IntentEvent::IntentClosed { written_off: _ } => {
                self.change(|now| Opened { closed: true, ..now })
            }
        }
    }

    fn document(&self) -> Option<()> {
        None
    }

    /// Whether it was opened and somebody must still look after it.
    fn is_living(&self) -> bool {
        self.opened().is_some() && !self.is_finished()
    }

    fn unique_keys(&self) -> Vec<String> {
        vec![]
    }
}

impl Adopt for Intent {
    /// Intents are nobody else's: what others write beside them means nothing.
    fn adopt(self, _: Appearance, (): ()) -> Self {
        self
    }
}
