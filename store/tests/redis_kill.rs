//! A server that is killed, stopped, or restored from older files: what was acknowledged is there, or
//! is named.
#![cfg(feature = "conformance")]

mod support;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use ordershop_store::conformance::{Make, RedisServer};
use ordershop_store::redis::{Options, Redis};
use ordershop_store::{
    Action, Batch, Committed, Entry, EntryId, EventLog, LogError, Positions, Refusal, Transaction,
};
use support::size::size;
use support::{TOPIC, append, change, entity, open, read_all};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];
const WRITERS: u128 = 8;
/// How many appends are acknowledged between two kills, at least.
const ACKNOWLEDGED_BETWEEN: u64 = 100;
/// Longer than any wait that ends; a bound for the test, not a pause.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than any call may take.
const CALL: Duration = Duration::from_secs(8);
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Sends a transaction until its outcome is known, as a journal does.
async fn insist(log: &Redis, transaction: &Transaction) -> Result<Committed, Refusal> {
    let sending = async {
        loop {
            match append(log, transaction.clone()).await {
                Ok(outcome) => return outcome,
                Err(LogError::Away { .. } | LogError::Unanswered { .. }) => {
                    sleep(BETWEEN_LOOKS).await;
                }
                Err(other) => panic!("{other}"),
            }
        }
    };
    timeout(PATIENCE, sending).await.expect("the server comes back")
}

/// Writes to an entity of its own and to one of all, until told to stop; gives what was accepted.
fn write(
    log: Redis,
    writer: u128,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
) -> JoinHandle<Vec<(Transaction, Committed)>> {
    tokio::spawn(async move {
        let mut accepted = Vec::new();
        let mut versions = HashMap::new();
        for number in 0_u128.. {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            let place = if number % 2 == 0 { writer } else { 99 };
            let expected = *versions.entry(place).or_default();
            let transaction = change((writer << 32) | number, entity(place), expected);
            match insist(&log, &transaction).await {
                Ok(committed) => {
                    versions.insert(place, expected + 1);
                    count.fetch_add(1, Ordering::SeqCst);
                    accepted.push((transaction, committed));
                }
                Err(Refusal::Version { actual, .. }) => drop(versions.insert(place, actual)),
                Err(other) => panic!("refused for another reason: {other}"),
            }
        }
        accepted
    })
}

/// Reads on, whatever happens, until told to stop and nothing is left.
fn follow(log: Redis, stop: Arc<AtomicBool>) -> JoinHandle<Vec<Arc<Entry>>> {
    tokio::spawn(async move {
        let mut seen = Vec::new();
        let mut after = Positions::start([TOPIC]);
        loop {
            let stopped = stop.load(Ordering::SeqCst);
            if !stopped && log.wait(after.clone()).await.is_err() {
                sleep(BETWEEN_LOOKS).await;
            }
            match log.read(after.clone(), 50).await {
                Ok(page) if page.entries.is_empty() && stopped => return seen,
                Ok(page) => {
                    page.entries.iter().for_each(|entry| after.finish(entry));
                    seen.extend(page.entries);
                }
                Err(LogError::Away { .. } | LogError::Unanswered { .. }) => {
                    sleep(BETWEEN_LOOKS).await;
                }
                Err(other) => panic!("{other}"),
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_and_doubles_nothing() {
    let mut server = RedisServer::start_with(Make::Redis, &DURABLE);
    let log = open(&server).await;
    let (stop, end) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let count = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| write(log.clone(), writer, Arc::clone(&stop), Arc::clone(&count)))
        .collect();
    let reader = follow(open(&server).await, Arc::clone(&end));
    for _ in 0..size(3, 10) {
        let goal = count.load(Ordering::SeqCst) + ACKNOWLEDGED_BETWEEN;
        let growing = async {
            while count.load(Ordering::SeqCst) < goal {
                sleep(BETWEEN_LOOKS).await;
            }
        };
        timeout(PATIENCE, growing).await.expect("everybody resumes");
        server = tokio::task::spawn_blocking(move || {
            server.kill();
            server.restart();
            server
        })
        .await
        .unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    let mut accepted = Vec::new();
    for writer in writers {
        accepted.extend(writer.await.unwrap());
    }
    end.store(true, Ordering::SeqCst);
    let seen = reader.await.unwrap();

    let all = read_all(&log).await;
    let ids = |entries: &[Arc<Entry>]| entries.iter().map(|e| e.id).collect::<Vec<EntryId>>();
    assert_eq!(ids(&seen), ids(&all), "a reader sees each entry once, in order");
    assert!(ids(&all).is_sorted_by(|a, b| a < b));
    let commands: HashSet<_> = all.iter().map(|entry| entry.command_id).collect();
    assert_eq!(commands.len(), all.len(), "nothing is there twice");
    assert_eq!(all.len(), accepted.len(), "what is there was acknowledged in the end");
    for (transaction, committed) in &accepted {
        let entry = all.iter().find(|entry| entry.command_id == transaction.command_id);
        assert_eq!(entry.map(|entry| entry.id), Some(committed.last()));
    }
    let mut versions = HashMap::<_, u64>::new();
    for entry in &all {
        let version = versions.entry(entry.entity_id).or_default();
        *version += 1;
        assert_eq!(entry.version, *version, "no gap");
    }
}

/// Puts copies of the files in one folder in the place of those in the other.
fn copy(from: &Path, to: &Path) {
    let files = |folder: &Path| {
        let files = fs::read_dir(folder).expect("it is a folder");
        files.map(|file| file.expect("it is readable").path()).collect::<Vec<_>>()
    };
    for file in files(to) {
        fs::remove_file(file).expect("it is removed");
    }
    for file in files(from) {
        fs::copy(&file, to.join(file.file_name().unwrap_or_default())).expect("it is copied");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_older_copy_of_the_log_lacks_is_named() {
    let mut server = RedisServer::start_with(Make::Redis, &DURABLE);
    let log = open(&server).await;
    let files = server.folder().join("appendonlydir");
    let kept = tempfile::tempdir().unwrap();
    let cursor_at = |entries: &[Arc<Entry>]| {
        let mut after = Positions::start([TOPIC]);
        for entry in entries {
            after.finish(entry);
        }
        after.of(TOPIC)
    };
    for version in 0..3 {
        append(&log, change(u128::from(version), entity(1), version)).await.unwrap().unwrap();
    }
    let first = read_all(&log).await;
    let set =
        |name: &str, at| Batch { cursors: vec![(name.into(), TOPIC, at)], ..Batch::default() };
    log.append(set("old", cursor_at(&first))).await.unwrap();
    server.kill();
    copy(&files, kept.path());
    server.restart();
    for version in 3..6 {
        append(&log, change(u128::from(version), entity(1), version)).await.unwrap().unwrap();
    }
    let all = read_all(&log).await;
    server.kill();
    copy(kept.path(), &files);
    server.restart();

    let error = append(&log, change(6, entity(1), 6)).await.unwrap_err();
    let LogError::Lost(losses) = &error else {
        panic!("{error}");
    };
    let named: Vec<_> = losses.iter().map(|loss| (loss.action, loss.id, loss.event_id)).collect();
    let lost: Vec<_> = all[3..].iter().map(|e| (Action::Updated, e.id, e.event_id)).collect();
    assert_eq!(named, lost);
    assert!(error.to_string().contains(&all[5].id.to_string()), "{error}");
    assert!(matches!(log.read(Positions::start([TOPIC]), 1).await, Err(LogError::Lost(_))));
    assert!(matches!(log.wait(Positions::start([TOPIC])).await, Err(LogError::Lost(_))));

    // Whoever made all anew goes on with what there is.
    log.accept_losses();
    let refusal = append(&log, change(6, entity(1), 6)).await.unwrap().unwrap_err();
    assert_eq!(refusal, Refusal::Version { entity_id: entity(1), expected: 6, actual: 3 });
    append(&log, change(7, entity(1), 3)).await.unwrap().unwrap();

    assert_eq!(log.cursor("old".into(), TOPIC).await.unwrap(), Some(cursor_at(&first)));
}

#[tokio::test]
async fn a_cursor_tells_that_its_entry_is_lost() {
    let server = RedisServer::start();
    let log = open(&server).await;
    append(&log, change(0, entity(1), 0)).await.unwrap().unwrap();
    append(&log, change(1, entity(1), 1)).await.unwrap().unwrap();
    let entries = read_all(&log).await;
    let mut after = Positions::start([TOPIC]);
    let mut names = Vec::new();
    for entry in &entries {
        after.finish(entry);
        names.push((entry.id.to_string().into(), TOPIC, after.of(TOPIC)));
    }
    log.append(Batch { cursors: names.clone(), ..Batch::default() }).await.unwrap();
    server.call(&["XDEL", "events:{customer}_updated", &entries[1].id.to_string()]);
    // Another process has nothing but the cursors to go by.
    let other = open(&server).await;
    assert_eq!(other.cursor(names[0].0.clone(), TOPIC).await.unwrap(), Some(names[0].2));
    let error = other.cursor(names[1].0.clone(), TOPIC).await.unwrap_err();
    let LogError::Lost(losses) = &error else {
        panic!("{error}");
    };
    let lost = (losses[0].action, losses[0].id, losses[0].event_id);
    assert_eq!((losses.len(), lost), (1, (Action::Updated, entries[1].id, entries[1].event_id)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_told_from_one_that_does_not_answer() {
    let mut server = RedisServer::start_with(Make::Redis, &DURABLE);
    let log = open(&server).await;
    append(&log, change(0, entity(1), 0)).await.unwrap().unwrap();
    let end = log.ends(vec![TOPIC]).await.unwrap();

    signal(&server, "STOP");
    let stopped = timeout(CALL, append(&log, change(1, entity(1), 1))).await.expect("it ends");
    let error = stopped.unwrap_err();
    assert!(error.leaves_outcome_open(), "{error}");
    signal(&server, "CONT");
    insist(&log, &change(1, entity(1), 1)).await.unwrap();
    insist(&log, &change(2, entity(1), 2)).await.unwrap();
    assert_eq!(read_all(&log).await.len(), 3);

    server.kill();
    // What is sent at the very moment of the end has an open outcome, which a read does not mind.
    timeout(CALL, log.ends(vec![TOPIC])).await.expect("it ends").unwrap_err();
    for number in 3..6 {
        let refused = timeout(CALL, append(&log, change(number, entity(1), 3))).await;
        let error = refused.expect("it ends").unwrap_err();
        assert!(matches!(error, LogError::Away { .. }), "{error}");
        assert!(!error.leaves_outcome_open());
    }
    let waited = timeout(CALL, log.wait(end.clone())).await.expect("it ends");
    assert!(waited.is_err());
    assert!(timeout(CALL, log.read(end.clone(), 9)).await.expect("it ends").is_err());
    let url = server.url();
    let opened = Redis::open(&url, &[TOPIC], Options::default());
    let error = timeout(CALL, opened).await.expect("it ends").unwrap_err();
    assert!(matches!(error, LogError::Away { .. }), "{error}");

    server.restart();
    insist(&log, &change(6, entity(1), 3)).await.unwrap();
    log.wait(end.clone()).await.unwrap();
    assert_eq!(read_all(&log).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_are_sent_in_the_order_in_which_they_were_begun() {
    let server = RedisServer::start();
    let log = open(&server).await;
    let chain =
        (0..200).map(|version| append(&log, change(u128::from(version), entity(1), version)));
    for outcome in join_all(chain).await {
        outcome.unwrap().expect("what it builds on was sent before");
    }
}

/// Sends a signal to the server, by its own id.
fn signal(server: &RedisServer, name: &str) {
    let command = format!("kill -{name} {}", server.process_id());
    let sent = Command::new("sh").args(["-c", &command]).status().expect("a shell starts");
    assert!(sent.success());
}
