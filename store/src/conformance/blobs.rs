//! Promises about blobs.

use super::given::position;
use super::{Fixture, PEOPLE, THINGS};
use crate::{Blob, EntryId, EventLog, Positions};

fn blob(parts: usize) -> Blob {
    let at = |micros| position([1, 2, 3, 4].map(|seconds| EntryId::new(seconds, micros)));
    let parts = (0..parts).map(|part| vec![b'x'; part * 1000]).collect::<Vec<_>>();
    let positions = Positions::from_iter([(PEOPLE, at(parts.len() as u64)), (THINGS, at(7))]);
    Blob { positions, parts }
}

async fn save(log: &impl EventLog, name: &str, blob: Blob) {
    let parts = Box::new(blob.parts.into_iter());
    log.save_blob(name.into(), blob.positions, parts).await.expect("it is saved");
}

async fn get(log: &impl EventLog, name: &str) -> Option<Blob> {
    log.blob(name.into()).await.expect("it is known")
}

/// A blob is the one saved last under its name, also after opening again.
pub async fn the_last_saved_blob_counts<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    assert_eq!(get(&log, "view").await, None);
    for parts in [3, 0, 5] {
        save(&log, "view", blob(parts)).await;
        assert_eq!(get(&log, "view").await, Some(blob(parts)));
    }
    save(&log, "other", blob(2)).await;
    drop(log);
    let log = fixture.open().await;
    assert_eq!(get(&log, "view").await, Some(blob(5)));
    assert_eq!(get(&log, "other").await, Some(blob(2)));
    assert_eq!(get(&log, "none").await, None);
}
