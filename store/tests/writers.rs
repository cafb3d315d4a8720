//! Many writers at once, in several processes, and another program among them: no version twice and
//! none left out, nothing lost, nothing doubled, and a reader sees each entry once.
#![cfg(feature = "conformance")]

mod support;

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ordershop_store::conformance::{Make, RedisServer};
use ordershop_store::embedded::{self, Embedded};
use ordershop_store::redis::{Options, Redis};
use ordershop_store::{Entry, EntryId, EventLog, Origin, Positions, Refusal};
use support::size::size;
use support::{TOPIC, append, change, entity, open, read_all};
use tokio::task::JoinHandle;
use uuid::Uuid;

const PROCESSES: u128 = 4;
const WRITERS_PER_PROCESS: u128 = 4;
const ENTITIES: u128 = 10;
/// Where the process that writes finds the log, and which of them it is.
const URL_OF_CHILD: &str = "ORDERSHOP_TEST_URL";
const NUMBER_OF_CHILD: &str = "ORDERSHOP_TEST_NUMBER";
/// What stands before the command of an accepted, and of a refused append.
const ACCEPTED: &str = "accepted ";
const REFUSED: &str = "refused ";
/// How often the other program adds an entry.
const BETWEEN_FOREIGN: Duration = Duration::from_millis(3);

fn span() -> Duration {
    Duration::from_secs(size(2, 60) as u64)
}

/// The commands of accepted and of refused appends.
#[derive(Default)]
struct Written {
    accepted: Vec<Uuid>,
    refused: Vec<Uuid>,
}

/// Several writers in this process, each going round the same entities.
async fn write_at_once<L: EventLog>(log: Arc<L>, process: u128, writers: u128) -> Written {
    let end = Instant::now() + span();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let log = Arc::clone(&log);
            tokio::spawn(async move { write(&*log, process << 16 | writer, end).await })
        })
        .collect();
    let mut written = Written::default();
    for task in tasks {
        let Written { accepted, refused } = task.await.expect("the writer ends");
        written.accepted.extend(accepted);
        written.refused.extend(refused);
    }
    written
}

async fn write(log: &impl EventLog, writer: u128, end: Instant) -> Written {
    let mut written = Written::default();
    let mut known = HashMap::<u128, (u64, Option<Uuid>)>::new();
    let mut place = writer % ENTITIES;
    for number in 0_u128.. {
        if Instant::now() > end {
            break;
        }
        let (expected, last_event) = known.get(&place).copied().unwrap_or_default();
        let mut next = change(writer << 32 | number, entity(place), expected);
        next.writes[0].last_event = last_event;
        let (command_id, event_id) = (next.command_id, next.writes[0].events[0].event_id);
        match append(log, next).await.expect("the log takes it") {
            Ok(_) => {
                known.insert(place, (expected + 1, Some(event_id)));
                written.accepted.push(command_id);
                place = (place + 1) % ENTITIES;
            }
            Err(Refusal::Version { actual, .. }) => {
                known.insert(place, (actual, None));
                written.refused.push(command_id);
            }
            Err(other) => panic!("refused for another reason: {other}"),
        }
    }
    written
}

/// Reads on until told that all is written.
fn follow<L: EventLog>(log: Arc<L>, all_written: Arc<AtomicBool>) -> JoinHandle<Vec<Arc<Entry>>> {
    tokio::spawn(async move {
        let mut seen = Vec::new();
        let mut after = Positions::start([TOPIC]);
        loop {
            let is_last = all_written.load(Ordering::SeqCst);
            if !is_last {
                log.wait(after.clone()).await.expect("it waits");
            }
            let page = log.read(after.clone(), 100).await.expect("a page");
            if is_last && page.entries.is_empty() {
                return seen;
            }
            page.entries.iter().for_each(|entry| after.finish(entry));
            seen.extend(page.entries);
        }
    })
}

/// What must hold, whoever wrote.
async fn check(log: &impl EventLog, seen: &[Arc<Entry>], written: &Written, foreign: &[Uuid]) {
    let all = read_all(log).await;
    let own = |entries: &[Arc<Entry>]| -> Vec<EntryId> {
        entries.iter().filter(|e| e.origin == Origin::Own).map(|e| e.id).collect()
    };
    assert!(own(seen).is_sorted_by(|a, b| a < b), "our ids rise, and are read in their order");
    assert_eq!(own(seen), own(&all));
    let distinct: HashSet<_> = seen.iter().map(|entry| (entry.action, entry.id)).collect();
    assert_eq!(distinct.len(), seen.len(), "each entry is seen once");
    assert_eq!(seen.len(), all.len());

    let there: Vec<Uuid> =
        all.iter().filter(|e| e.origin == Origin::Own).map(|entry| entry.command_id).collect();
    let commands: HashSet<Uuid> = there.iter().copied().collect();
    assert_eq!(commands.len(), there.len(), "each command is there once");
    assert_eq!(commands, written.accepted.iter().copied().collect(), "what was accepted is there");
    assert!(written.refused.iter().all(|command| !commands.contains(command)));
    let events: HashSet<Uuid> = all.iter().map(|entry| entry.event_id).collect();
    assert!(foreign.iter().all(|event| events.contains(event)), "what others wrote is there");
    let sum: usize = written.accepted.len() + foreign.len();
    assert_eq!(all.len(), sum);

    let mut in_histories = 0;
    for number in 0..ENTITIES {
        let mut last: Option<Arc<Entry>> = None;
        loop {
            let after = last.as_ref().map_or(0, |entry| entry.version);
            let page = log.read_entity(TOPIC, entity(number), after, 500).await.expect("a page");
            for entry in page.entries {
                let (version, id) = last.map_or_else(Default::default, |e| (e.version, e.id));
                assert_eq!(entry.version, version + 1, "no gap");
                assert!(entry.id > id, "a later version stands behind");
                in_histories += 1;
                last = Some(entry);
            }
            if !page.more {
                break;
            }
        }
    }
    // Only what came late is in no history.
    assert!(in_histories <= sum && in_histories >= written.accepted.len());
}

/// A process of this test that writes to the log there.
fn start_process(url: &str, number: u128) -> Child {
    Command::new(std::env::current_exe().expect("this is a program"))
        .args(["--exact", "the_process_that_writes", "--nocapture"])
        .env(URL_OF_CHILD, url)
        .env(NUMBER_OF_CHILD, number.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts")
}

fn collect(mut child: Child) -> Written {
    let mut written = Written::default();
    let output = child.stdout.take().expect("it is piped");
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let command = |text: &str| text.parse().expect("it prints commands");
        if let Some(text) = line.strip_prefix(ACCEPTED) {
            written.accepted.push(command(text));
        } else if let Some(text) = line.strip_prefix(REFUSED) {
            written.refused.push(command(text));
        }
    }
    assert!(child.wait().expect("it ends").success());
    written
}

/// Another program: it adds entries with ids of its own clock, as far as the streams take them.
#[allow(clippy::disallowed_methods, reason = "the other program has a clock of its own")]
fn write_foreign(server: &RedisServer) -> thread::JoinHandle<Vec<Uuid>> {
    let mut client = server.client();
    thread::spawn(move || {
        let end = Instant::now() + span();
        let mut added = Vec::new();
        for number in 0_u128.. {
            if Instant::now() > end {
                break;
            }
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later");
            // Some are late: nobody else writes to that stream.
            let (action, late) = match number % 3 {
                0 => ("deleted", Duration::from_millis(50)),
                _ => ("updated", Duration::ZERO),
            };
            let at = now.saturating_sub(late);
            let id = format!("{}-{}", at.as_secs(), at.subsec_micros());
            let stream = format!("events:{{customer}}_{action}");
            let event_id = Uuid::from_u128((0xf << 64) | number);
            let document = format!(r#"{{"id":"{}"}}"#, entity(number % ENTITIES));
            let fields = ["event_id", &event_id.to_string(), "entity", &document];
            // An id below the top of its stream is not taken; the next one will be.
            if client.call(&[&["XADD", &stream, &id], &fields[..]].concat()).is_ok() {
                added.push(event_id);
            }
            thread::sleep(BETWEEN_FOREIGN);
        }
        added
    })
}

async fn write_in_processes(make: Make) {
    let server = RedisServer::start_with(make, &[]);
    let log = Arc::new(open(&server).await);
    let all_written = Arc::new(AtomicBool::new(false));
    let reader = follow(Arc::clone(&log), Arc::clone(&all_written));
    let children: Vec<_> = (1..=PROCESSES)
        .map(|number| start_process(&server.url(), number))
        .map(|child| tokio::task::spawn_blocking(move || collect(child)))
        .collect();
    let foreign = write_foreign(&server);
    let mut written = Written::default();
    for child in children {
        let Written { accepted, refused } = child.await.expect("the process ends well");
        written.accepted.extend(accepted);
        written.refused.extend(refused);
    }
    let foreign = tokio::task::spawn_blocking(|| foreign.join().expect("it ends"));
    let foreign = foreign.await.expect("it ends");
    all_written.store(true, Ordering::SeqCst);
    let seen = reader.await.expect("the reader ends");
    assert!(written.accepted.len() > 100 && foreign.len() > 10, "they have written");
    check(&*log, &seen, &written, &foreign).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_in_four_processes_on_redis() {
    write_in_processes(Make::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_in_four_processes_on_valkey() {
    write_in_processes(Make::Valkey).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_on_the_embedded_log() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let log = Embedded::open(folder.path(), &[TOPIC], embedded::Options::default());
    let log = Arc::new(log.expect("the log opens"));
    let all_written = Arc::new(AtomicBool::new(false));
    let reader = follow(Arc::clone(&log), Arc::clone(&all_written));
    let written = write_at_once(Arc::clone(&log), 1, PROCESSES * WRITERS_PER_PROCESS).await;
    all_written.store(true, Ordering::SeqCst);
    // Whoever waits is woken by one more.
    let version = log.latest(TOPIC, vec![entity(0)]).await.expect("it is known");
    let version = version[0].as_ref().expect("it was written").version;
    let last = change(7 << 60, entity(0), version);
    let command_id = last.command_id;
    append(&*log, last).await.expect("it is taken").expect("nobody else writes");
    let seen = reader.await.expect("the reader ends");
    let mut written = written;
    written.accepted.push(command_id);
    check(&*log, &seen, &written, &[]).await;
}

/// Writes to the log that it is given; without one there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_process_that_writes() {
    let (Ok(url), Ok(number)) = (std::env::var(URL_OF_CHILD), std::env::var(NUMBER_OF_CHILD))
    else {
        return;
    };
    let log = Redis::open(&url, &[TOPIC], Options::default()).await.expect("the log opens");
    let number = number.parse().expect("it is a number");
    let Written { accepted, refused } =
        write_at_once(Arc::new(log), number, WRITERS_PER_PROCESS).await;
    for command in accepted {
        println!("\n{ACCEPTED}{command}");
    }
    for command in refused {
        println!("\n{REFUSED}{command}");
    }
}
