//! What the tests of the log on Redis share: small transactions, whole reads, foreign entries.

#![allow(dead_code, reason = "each test uses a part of it")]

#[path = "../../../tests/support/size.rs"]
pub(crate) mod size;

use std::sync::Arc;

use ordershop_store::conformance::RedisServer;
use ordershop_store::redis::{Options, Redis};
use ordershop_store::{
    Action, Batch, EntityWrite, Entry, EventLog, LogError, NewEvent, Outcome, Positions, Topic,
    Transaction,
};
use uuid::Uuid;

/// The topic of these tests.
pub(crate) const TOPIC: Topic = Topic::new("customer");

/// Opens the log on that server.
pub(crate) async fn open(server: &RedisServer) -> Redis {
    Redis::open(&server.url(), &[TOPIC], Options::default()).await.expect("the log opens")
}

/// The entity of that number.
pub(crate) fn entity(number: u128) -> Uuid {
    Uuid::from_u128((0xe << 64) | number)
}

/// A write of one event to that entity; its command is made of that number.
pub(crate) fn change(number: u128, entity_id: Uuid, expected: u64) -> Transaction {
    let command_id = Uuid::from_u128((0xc << 64) | number);
    let event = NewEvent {
        action: if expected == 0 { Action::Created } else { Action::Updated },
        event_id: Uuid::new_v5(&command_id, b"event"),
        kind: "SomethingHappened".into(),
        schema: 1,
        document: format!(r#"{{"id":"{entity_id}","number":{number}}}"#).into(),
        data: "{}".into(),
    };
    let write = EntityWrite { entity_id, expected, last_event: None, events: vec![event] };
    let (claims, releases) = (Vec::new(), Vec::new());
    Transaction { topic: TOPIC, command_id, cause: None, writes: vec![write], claims, releases }
}

/// Appends one transaction.
pub(crate) async fn append(
    log: &impl EventLog,
    transaction: Transaction,
) -> Result<Outcome, LogError> {
    let batch = Batch { transactions: vec![transaction], ..Batch::default() };
    log.append(batch).await.map(|mut outcomes| outcomes.pop().expect("there is one outcome"))
}

/// All entries behind that place, merged.
pub(crate) async fn read_behind(log: &impl EventLog, mut after: Positions) -> Vec<Arc<Entry>> {
    let mut entries = Vec::new();
    loop {
        let page = log.read(after.clone(), 300).await.expect("the log can be read");
        page.entries.iter().for_each(|entry| after.finish(entry));
        entries.extend(page.entries);
        if !page.more {
            return entries;
        }
    }
}

/// All entries.
pub(crate) async fn read_all(log: &impl EventLog) -> Vec<Arc<Entry>> {
    read_behind(log, Positions::start([TOPIC])).await
}

/// Adds an entry as other programs do; gives its id.
pub(crate) fn add_foreign(
    server: &RedisServer,
    action: Action,
    id: &str,
    event_id: Uuid,
    entity_id: Uuid,
) -> String {
    let stream = format!("events:{{customer}}_{}", action.name());
    let document = format!(r#"{{"id":"{entity_id}","name":"foreign"}}"#);
    let fields = ["event_id", &event_id.to_string(), "entity", &document];
    server.call(&[&["XADD", &stream, id], &fields[..]].concat()).text()
}
