//! Finding a command that was committed before: what makes it safe to send one again.
//!
//! No table of commands is kept. A command that is sent again expects a version that its entity has
//! left behind, by that very command if it was committed; so its entries stand right behind there.

use uuid::Uuid;

use super::loading::{ALONE_BYTES, Loader};
use super::shared::{Located, Shared};
use crate::{Committed, LogError};

/// How many entries of an entity are looked up at once.
const LOOKUP_ENTRIES: usize = 256;

/// What was answered to the command, if it wrote to the entity behind the version `after`.
///
/// The answer holds the ids of the whole transaction. Its entries stand one behind the other in
/// the log, beginning with those of the entity to which it wrote first, which is the one asked for.
pub(super) fn find_command(
    shared: &Shared,
    topic: usize,
    entity_id: Uuid,
    mut after: u64,
    command_id: Uuid,
) -> Result<Option<Committed>, LogError> {
    let mut loader = Loader::new(shared, ALONE_BYTES);
    loop {
        let found = locate(shared, topic, entity_id, after);
        if found.is_empty() {
            return Ok(None);
        }
        after += found.len() as u64;
        for located in found {
            let offset = located.offset;
            if loader.entry(located)?.command_id == command_id {
                return Ok(Some(Committed { ids: loader.transaction_ids(offset)? }));
            }
        }
    }
}

/// The next entries of the entity.
fn locate(shared: &Shared, topic: usize, entity_id: Uuid, after: u64) -> Vec<Located> {
    let view = shared.view();
    let offsets = view.index.topic(topic).entities.behind(entity_id, after);
    offsets.iter().take(LOOKUP_ENTRIES).map(|&offset| view.locate(topic, offset)).collect()
}
