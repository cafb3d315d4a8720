//! The keys whose commands are under way in this process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use uuid::Uuid;

use super::record::Key;
use super::reused;
use crate::shop::{Accepted, CommandError};

/// How many commands with keys are under way at most; more are refused at once.
const MAX_UNDER_WAY: usize = 16 * 1024;

type Result = std::result::Result<Accepted, CommandError>;

/// The keys under way; clones share them.
#[derive(Clone, Default)]
pub(super) struct UnderWay(Arc<Mutex<HashMap<Key, Waiting>>>);

struct Waiting {
    fingerprint: Uuid,
    answer: Answer,
}

/// The answer to come.
#[derive(Clone)]
pub(super) struct Answer(watch::Receiver<Option<Result>>);

/// Who comes with a key.
pub(super) enum Place {
    /// The first, who has the command carried out.
    First(First),
    /// Another one, who waits for the first one's answer.
    Second(Answer),
}

/// The place of a key's first; the key is free again when it is dropped.
pub(super) struct First {
    key: Key,
    under_way: UnderWay,
    sender: watch::Sender<Option<Result>>,
}

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Waiting>> {
        // Every change is one operation of the map.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(
        &self,
        key: Key,
        fingerprint: Uuid,
    ) -> std::result::Result<Place, CommandError> {
        let mut under_way = self.lock();
        let full = under_way.len() >= MAX_UNDER_WAY;
        match under_way.entry(key) {
            Entry::Occupied(waiting) if waiting.get().fingerprint != fingerprint => Err(reused()),
            Entry::Occupied(waiting) => Ok(Place::Second(waiting.get().answer.clone())),
            Entry::Vacant(_) if full => {
                Err(CommandError::Unavailable("too many commands with keys are under way".into()))
            }
            Entry::Vacant(vacant) => {
                let (sender, answer) = watch::channel(None);
                vacant.insert(Waiting { fingerprint, answer: Answer(answer) });
                Ok(Place::First(First { key, under_way: self.clone(), sender }))
            }
        }
    }
}

impl First {
    pub(super) fn answer(&self) -> Answer {
        Answer(self.sender.subscribe())
    }

    /// Frees the key, then tells all who wait: whoever comes again after an answer is a first, and
    /// does not get a fleeting answer such as an unknown outcome twice.
    pub(super) fn leave(self, result: Result) {
        let sender = self.sender.clone();
        drop(self);
        sender.send_replace(Some(result));
    }
}

impl Drop for First {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.key);
    }
}

impl Answer {
    pub(super) async fn wait(mut self) -> Result {
        match self.0.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or_else(|| Err(lost())),
            Err(_) => Err(lost()),
        }
    }
}

fn lost() -> CommandError {
    CommandError::OutcomeUnknown("whoever carried it out crashed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_has_the_answer_finds_the_key_free() {
        let under_way = UnderWay::default();
        let (key, request) = (Key::new("key"), Uuid::nil());
        let Ok(Place::First(first)) = under_way.enter(key, request) else { panic!("it is free") };
        let Ok(Place::Second(waiting)) = under_way.enter(key, request) else { panic!("it is not") };
        let asked_again = {
            let under_way = under_way.clone();
            tokio::spawn(async move {
                waiting.wait().await.unwrap();
                matches!(under_way.enter(key, request), Ok(Place::First(_)))
            })
        };
        first.leave(Ok(Accepted::default()));
        assert!(asked_again.await.unwrap());
    }
}
