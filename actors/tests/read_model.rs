//! A view that begins from what was saved is the view that all events give, whatever was saved.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordershop_actors::read_model::{ReadModel, View};
use ordershop_actors::runtime::{Handler, Save};
use ordershop_actors::shop::topics;
use ordershop_store::embedded::{Embedded, Options};
use ordershop_store::{
    Action, Batch, EntityWrite, EventLog, NewEvent, Positions, Topic, Transaction,
};
use tempfile::TempDir;
use uuid::Uuid;

const PAGE: usize = 7;
/// How many entities there are of each topic.
const ENTITIES: u64 = 9;

fn open(folder: &Path) -> Arc<Embedded> {
    Arc::new(Embedded::open(folder, &topics::ALL, Options::default()).unwrap())
}

fn saved_in(folder: &Path) -> PathBuf {
    folder.join("snapshots/read-model")
}

/// The number behind this one in a row without visible order.
fn next_random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

fn entity(topic: Topic, number: u64) -> Uuid {
    Uuid::new_v5(&Uuid::nil(), format!("{topic}/{number}").as_bytes())
}

/// Appends events of any kind to any entities; what comes of it is for the views to agree on.
async fn append(log: &Embedded, seed: &mut u64, count: u64) {
    for _ in 0..count {
        let topic = topics::PUBLIC[usize::try_from(next_random(seed) % 5).unwrap()];
        let number = next_random(seed) % ENTITIES;
        let entity_id = entity(topic, number);
        let before = log.latest(topic, vec![entity_id]).await.unwrap().remove(0);
        let expected = before.as_ref().map_or(0, |entry| entry.version);
        let action = match (&before, next_random(seed) % 8) {
            (None, _) => Action::Created,
            (_, 0) => Action::Internal,
            (_, 1) => Action::Deleted,
            _ => Action::Updated,
        };
        // An order has one billing at most.
        let order = entity(topics::ORDER, number);
        let text = next_random(seed);
        let events = [action, Action::Internal].into_iter().take(1 + (text % 3 / 2) as usize);
        let events = events.map(|action| NewEvent {
            action,
            event_id: Uuid::from_u128(u128::from(next_random(seed)) << 64 | u128::from(text)),
            kind: "SomethingHappened".into(),
            schema: 1,
            document: match action {
                Action::Internal => "".into(),
                _ => format!(r#"{{"id":"{entity_id}","order_id":"{order}","n":{text}}}"#).into(),
            },
            data: "{}".into(),
        });
        let events = events.collect();
        let transaction = Transaction {
            topic,
            command_id: Uuid::from_u128(u128::from(next_random(seed)) << 64 | 1),
            cause: None,
            writes: vec![EntityWrite { entity_id, expected, last_event: None, events }],
            claims: vec![],
            releases: vec![],
        };
        let batch = Batch { transactions: vec![transaction], ..Batch::default() };
        log.append(batch).await.unwrap().remove(0).unwrap();
    }
}

/// Where a projector began, and its view of the whole log; it saves at its end.
async fn project(log: &Arc<Embedded>, from_saved: bool) -> (Positions, Arc<View>) {
    let model = ReadModel::default();
    let mut projector = model.projector(Arc::clone(log) as _);
    let nothing = Positions::start(topics::PUBLIC);
    let begun = if from_saved { projector.begin().await.unwrap() } else { Positions::default() };
    let mut reached: Positions =
        nothing.iter().map(|(topic, _)| (topic, begun.of(topic))).collect();
    loop {
        let page = log.read(reached.clone(), PAGE).await.unwrap();
        page.entries.iter().for_each(|entry| reached.finish(entry));
        if !page.entries.is_empty() {
            projector.handle(page.entries.into()).await.unwrap();
        }
        if !page.more {
            break;
        }
    }
    if let (true, Some(save)) = (from_saved, projector.save(Save::Now)) {
        save.await.unwrap();
    }
    (begun, model.newest())
}

async fn assert_same(log: &Arc<Embedded>, begins_from_saved: bool) {
    let (begun, view) = project(log, true).await;
    let (_, whole) = project(log, false).await;
    assert!(*view == *whole, "the views differ");
    assert_eq!(begun != Positions::default(), begins_from_saved);
}

async fn saved_log(seed: u64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    append(&log, &mut seed.clone(), 60).await;
    project(&log, true).await;
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn saved_and_rest_is_the_view_of_all_events() {
    for seed in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let mut random = seed;
        for round in 0..8 {
            let log = open(folder.path());
            append(&log, &mut random, 1 + (seed + round) * 3).await;
            assert_same(&log, round > 0).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_one_is_ignored() {
    let folder = saved_log(1).await;
    let path = saved_in(folder.path());
    let good = fs::read(&path).unwrap();
    let log = open(folder.path());
    for at in (0..good.len()).step_by(211) {
        let mut bytes = good.clone();
        bytes[at] ^= 2;
        fs::write(&path, bytes).unwrap();
        assert_same(&log, false).await;
        fs::write(&path, &good[..at]).unwrap();
        assert_same(&log, false).await;
    }
    fs::write(&path, &good).unwrap();
    assert_same(&log, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_from_the_future_or_of_another_log_is_ignored() {
    let folder = saved_log(2).await;
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
    }
    let other = saved_log(3).await;
    let longer = open(folder.path());
    append(&longer, &mut 4, 20).await;
    project(&longer, true).await;
    for log in [copy.path(), other.path()] {
        fs::create_dir_all(saved_in(log).parent().unwrap()).unwrap();
        fs::copy(saved_in(folder.path()), saved_in(log)).unwrap();
        assert_same(&open(log), false).await;
        assert_same(&open(log), true).await;
    }
}
