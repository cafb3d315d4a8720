//! Order commands that were begun before: what became of their intents.

use ordershop_domain::{Decision, Intent, RejectReason};
use ordershop_store::{EntryId, Topic};
use uuid::Uuid;

use super::OrderCommands;
use super::commands::{intent_id, rejected};
use crate::runtime::{Replayed, replay};
use crate::shop::resume::{carried_out, unavailable};
use crate::shop::{Accepted, CommandError, topics};

/// How many intents one command has at most, over all that it is sent again.
const MAX_INTENTS: usize = 1024;

/// What the intents of a command came to.
pub(super) enum Earlier {
    /// One was confirmed; its effect can be seen at these positions.
    Confirmed(Vec<(Topic, EntryId)>),
    /// None was, and none ever will be.
    Undone {
        /// How many there were.
        attempts: usize,
    },
}

impl OrderCommands {
    /// Sees to the end of whatever intents the command has, and says what they came to.
    ///
    /// A shortage is told as it was found then. The other reasons for which an intent is rejected
    /// say nothing of the command, so it may have another intent.
    pub(super) async fn earlier(&self, command_id: Uuid) -> Result<Earlier, CommandError> {
        for attempt in 0..MAX_INTENTS {
            let id = intent_id(command_id, attempt);
            let mut intent = self.intent(id).await?;
            if intent.version == 0 {
                return Ok(Earlier::Undone { attempts: attempt });
            }
            if !intent.state.is_finished() {
                let finished = self.sagas.resume(id).await;
                finished.map_err(|error| CommandError::Unavailable(error.to_string()))?;
                intent = self.intent(id).await?;
            }
            match intent.state.decision() {
                Some(Decision::Confirmed) => {
                    let topics = vec![topics::ORDER, topics::INVENTORY];
                    let accepted = carried_out(self.log.as_ref(), Vec::new(), topics).await;
                    let accepted = accepted.map_err(|error| unavailable(&error))?;
                    return Ok(Earlier::Confirmed(accepted.positions));
                }
                Some(Decision::Rejected(reason @ RejectReason::Short { .. })) => {
                    let topics = vec![topics::ORDER, topics::INVENTORY];
                    let ends = carried_out(self.log.as_ref(), Vec::new(), topics).await;
                    let Accepted { positions, .. } = ends.map_err(|error| unavailable(&error))?;
                    return Err(rejected(reason).behind(positions));
                }
                Some(Decision::Rejected(_)) => {}
                None => {
                    let reason = "its first attempt is not yet decided";
                    return Err(CommandError::Unavailable(reason.to_owned()));
                }
            }
        }
        Err(CommandError::Unavailable("it was attempted too often".to_owned()))
    }

    async fn intent(&self, id: Uuid) -> Result<Replayed<Intent>, CommandError> {
        let intent = replay(self.log.as_ref(), id).await;
        intent.map_err(|error| CommandError::Unavailable(error.to_string()))
    }
}
