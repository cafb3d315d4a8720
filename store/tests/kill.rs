//! A process that is killed while it appends loses nothing that it has acknowledged.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use ordershop_store::embedded::{Embedded, Options};
use ordershop_store::{
    Action, Batch, EntityWrite, EventLog, NewEvent, Positions, Topic, Transaction,
};
use uuid::Uuid;

const TOPIC: Topic = Topic::new("things");
/// The folder in which the process that is killed appends.
const FOLDER_OF_CHILD: &str = "ORDERSHOP_TEST_FOLDER";
/// What stands before the number of an acknowledged event.
const ACKNOWLEDGED: &str = "acknowledged ";
/// How often a process is killed.
const KILLS: usize = 5;

fn open(folder: &Path) -> Embedded {
    let options = Options { segment_bytes: 8192, ..Options::default() };
    Embedded::open(folder, &[TOPIC], options).expect("the log opens")
}

/// The event of that number; all are of one entity.
fn batch(number: u64) -> Batch {
    let entity_id = Uuid::from_u128(1);
    let event = NewEvent {
        action: Action::Updated,
        event_id: Uuid::from_u128(u128::from(number)),
        kind: "SomethingHappened".into(),
        schema: 1,
        document: "x".repeat(usize::try_from(number % 700).unwrap_or_default()).into(),
        data: "{}".into(),
    };
    let transaction = Transaction {
        topic: TOPIC,
        command_id: event.event_id,
        cause: None,
        writes: vec![EntityWrite {
            entity_id,
            expected: number,
            last_event: None,
            events: vec![event],
        }],
        claims: vec![],
        releases: vec![],
    };
    Batch { transactions: vec![transaction], ..Batch::default() }
}

/// How many events the log holds, all of them in order.
async fn count(log: &Embedded) -> u64 {
    let mut after = Positions::start([TOPIC]);
    let mut count = 0;
    loop {
        let page = log.read(after.clone(), 1000).await.expect("the log can be read");
        for entry in page.entries {
            assert_eq!(entry.event_id.as_u128(), u128::from(count));
            after.finish(&entry);
            count += 1;
        }
        if !page.more {
            return count;
        }
    }
}

#[tokio::test]
async fn what_a_killed_process_acknowledged_is_there() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_process_that_is_killed", "--nocapture"])
            .env(FOLDER_OF_CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = None;
        for (seen, line) in lines.map_while(Result::ok).enumerate() {
            if let Some(number) = line.strip_prefix(ACKNOWLEDGED) {
                // The last line of a killed process may be cut; so is its number, which only makes
                // it smaller.
                acknowledged = acknowledged.max(number.parse::<u64>().ok());
            }
            if seen == 20 * round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let log = open(folder.path());
        let found = count(&log).await;
        assert!(acknowledged < Some(found), "{acknowledged:?} was acknowledged, {found} are there");
        assert!(found >= 15, "it has appended");
    }
}

/// Appends until it is killed; without a folder there is nothing to do.
#[tokio::test]
async fn the_process_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER_OF_CHILD) else {
        return;
    };
    let log = open(Path::new(&folder));
    for number in count(&log).await.. {
        log.append(batch(number)).await.unwrap()[0].as_ref().unwrap();
        println!("{ACKNOWLEDGED}{number}");
    }
}
