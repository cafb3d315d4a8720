//! ORDERSHOP.AWAIT and ORDERSHOP.STATE: what no Redis has.

use std::time::Duration;

use uuid::Uuid;

use super::super::endpoint::Endpoint;
use super::{Command, LongReply, Refusal, Run, SYNTAX, Stop, Task, command, is};
use crate::ops::moment::Moment;
use crate::ops::{place, state};
use crate::positions;

/// How long a client may wait for a position at most.
const MAX_PATIENCE: Duration = Duration::from_mins(1);
/// How many positions a connection is held to at most; a client that names more repeats itself.
const MAX_POSITIONS: usize = 64;

pub(super) static COMMANDS: &[Command] = &[
    Command {
        flags: &["readonly", "blocking"],
        summary: "Wait until queries see everything up to a position, as answers to commands name it",
        syntax: "position milliseconds",
        ..command("ordershop.await", 3, Run::Long(wait))
    },
    Command {
        flags: &["readonly"],
        summary: "One entity as its events leave it, now or at an entry's id or a time",
        syntax: "topic id [AT moment]",
        ..command("ordershop.state", -3, Run::Long(show))
    },
];

fn text(word: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(word).map_err(|_| Refusal::fixed("ERR it is no text"))
}

fn wrong(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(format!("ERR {error}"))
}

/// Waits; from then on no query of this connection is answered from before that position.
fn wait(task: Task<'_>) -> LongReply<'_> {
    Box::pin(async move {
        let Task { words, endpoint, session, wire, alone, .. } = task;
        let wanted = positions::from_text(text(words.get(1))?).map_err(wrong)?;
        if wanted.len() > MAX_POSITIONS {
            return Err(wrong(format!("more than {MAX_POSITIONS} positions")).into());
        }
        let patience = super::super::protocol::integer(words.get(2))
            .and_then(|milliseconds| u64::try_from(milliseconds).ok())
            .ok_or(Refusal::fixed("ERR timeout is not an integer or out of range"))?;
        let patience = Duration::from_millis(patience).min(MAX_PATIENCE);
        let patience = if alone { patience } else { Duration::ZERO };
        let _blocked = endpoint.block()?;
        wire.flush_if_much(endpoint).await?;
        let reached = tokio::select! {
            reached = endpoint.read_model.at(&wanted, patience) => reached,
            gone = wire.until_gone() => return Err(gone.into()),
        };
        reached.map_err(|error| Refusal::new(format!("TRYAGAIN {error}")))?;
        for (topic, id) in wanted {
            match session.floor.iter_mut().find(|(known, _)| *known == topic) {
                Some((_, known)) => *known = id.max(*known),
                None => session.floor.push((topic, id)),
            }
        }
        wire.out.ok();
        Ok(())
    })
}

fn show(task: Task<'_>) -> LongReply<'_> {
    Box::pin(async move {
        let Task { words, endpoint, wire, .. } = task;
        let topic = place::topic(text(words.get(1))?).map_err(wrong)?;
        let id: Uuid = text(words.get(2))?.parse().map_err(wrong)?;
        let at: Option<Moment> = match words.len() {
            3 => None,
            5 if is(words.get(3), "AT") => Some(text(words.get(4))?.parse().map_err(wrong)?),
            _ => return Err(SYNTAX.into()),
        };
        let state = state::as_of(&*endpoint.log, topic, id, at).await;
        match state.map_err(|error| Stop::from(Endpoint::unreadable(&error)))? {
            Some(state) => wire.out.bulk(state),
            None => wire.out.null(),
        }
        Ok(())
    })
}
