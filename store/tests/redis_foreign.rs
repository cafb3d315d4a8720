//! What other programs add to the streams is part of the log, or is told and passed by.
#![cfg(feature = "conformance")]

mod support;

use ordershop_store::conformance::{Make, RedisServer};
use ordershop_store::redis::{Options, Redis};
use ordershop_store::{Action, EntryId, EventLog, LogError, Origin, Positions, Refusal};
use support::{TOPIC, add_foreign, append, change, entity, open, read_all, read_behind};
use uuid::Uuid;

fn event(number: u128) -> Uuid {
    Uuid::from_u128((0xf << 64) | number)
}

#[tokio::test]
async fn an_entity_that_others_created_is_changed_without_a_conflict() {
    for make in [Make::Redis, Make::Valkey] {
        let server = RedisServer::start_with(make, &[]);
        let log = open(&server).await;
        let id = add_foreign(&server, Action::Created, "1700000000-7", event(1), entity(1));

        let latest = log.latest(TOPIC, vec![entity(1)]).await.unwrap().remove(0).unwrap();
        assert_eq!((latest.id.to_string(), latest.event_id, latest.version), (id, event(1), 1));
        assert_eq!(latest.origin, Origin::Foreign);
        assert_eq!(latest.time_us, 1_700_000_000_000_007);
        assert!(latest.document.contains("foreign"));

        let outcome = append(&log, change(1, entity(1), 0)).await.unwrap();
        let refusal = Refusal::Version { entity_id: entity(1), expected: 0, actual: 1 };
        assert_eq!(outcome, Err(refusal));
        let mut next = change(2, entity(1), 1);
        next.writes[0].last_event = Some(event(1));
        append(&log, next).await.unwrap().unwrap();

        let history = log.read_entity(TOPIC, entity(1), 0, 10).await.unwrap().entries;
        let versions: Vec<_> = history.iter().map(|entry| entry.version).collect();
        assert_eq!(versions, [1, 2]);
        let read = read_all(&log).await;
        assert_eq!(read.iter().map(|entry| entry.version).collect::<Vec<_>>(), [0, 2]);
    }
}

#[tokio::test]
async fn ids_rise_above_what_is_ahead_of_the_clock() {
    let server = RedisServer::start();
    let log = open(&server).await;
    append(&log, change(1, entity(1), 0)).await.unwrap().unwrap();
    for ahead in ["9000000000-999998", "9000000000-1999999", "18446744073709551614-999999"] {
        add_foreign(&server, Action::Deleted, ahead, event(1), entity(2));
        let ahead: EntryId = ahead.parse().unwrap();
        let numbers = 10 * u128::from(ahead.micros())..;
        let mut last = ahead;
        for (number, expected) in numbers.zip(1..4) {
            let at = log.latest(TOPIC, vec![entity(1)]).await.unwrap().remove(0).unwrap().version;
            assert!(at >= expected);
            let ids = append(&log, change(number, entity(1), at)).await.unwrap().unwrap().ids;
            assert!(ids[0] > last && ids[0].micros() < 1_000_000, "{} behind {last}", ids[0]);
            last = ids[0];
        }
    }
    assert_eq!(read_all(&log).await.last().unwrap().id, EntryId::new(u64::MAX, 2));
}

#[tokio::test]
async fn a_stream_that_is_full_refuses_and_harms_nothing() {
    let server = RedisServer::start();
    let log = open(&server).await;
    append(&log, change(1, entity(1), 0)).await.unwrap().unwrap();
    add_foreign(&server, Action::Deleted, &EntryId::MAX.to_string(), event(1), entity(2));
    let refused = append(&log, change(2, entity(1), 1)).await.unwrap_err();
    assert!(matches!(refused, LogError::Refused(_)), "{refused}");
    assert!(!refused.leaves_outcome_open());
    assert_eq!(read_all(&log).await.len(), 2);
}

#[tokio::test]
async fn ids_rise_above_entries_that_are_gone() {
    let server = RedisServer::start();
    let log = open(&server).await;
    let id = add_foreign(&server, Action::Updated, "9000000000-5", event(1), entity(2));
    server.call(&["XDEL", "events:{customer}_updated", &id]);
    let mut both = change(1, entity(1), 0);
    both.writes.extend(change(2, entity(2), 0).writes);
    both.writes[1].events[0].action = Action::Updated;
    let committed = append(&log, both.clone()).await.unwrap().unwrap();
    assert!(committed.ids[0] > id.parse().unwrap());
    let read = read_all(&log).await;
    assert_eq!(read.iter().map(|entry| entry.id).collect::<Vec<_>>(), committed.ids);
    assert_eq!(append(&log, both).await.unwrap().unwrap(), committed);
}

#[tokio::test]
async fn a_late_entry_reaches_readers_and_changes_no_state() {
    let server = RedisServer::start();
    let log = open(&server).await;
    append(&log, change(1, entity(1), 0)).await.unwrap().unwrap();
    let read = read_all(&log).await;
    let mut after = Positions::start([TOPIC]);
    after.finish(&read[0]);

    add_foreign(&server, Action::Deleted, "1000-1", event(9), entity(1));
    log.wait(after.clone()).await.unwrap();
    let late = read_behind(&log, after).await;
    assert_eq!(late.iter().map(|entry| entry.event_id).collect::<Vec<_>>(), [event(9)]);
    let latest = log.latest(TOPIC, vec![entity(1)]).await.unwrap().remove(0).unwrap();
    assert_eq!((latest.id, latest.version), (read[0].id, 1));
    append(&log, change(2, entity(1), 1)).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_stops_nothing() {
    let server = RedisServer::start();
    let log = open(&server).await;
    let stream = "events:{customer}_created";
    let (id, event_id) = (entity(1).to_string(), event(1).to_string());
    let good = format!(r#"{{"id":"{id}"}}"#);
    let simple = format!(r#"{{"id":"{}"}}"#, entity(1).simple());
    let bad: [&[&str]; 9] = [
        &["something", "else"],
        &["event_id", &event_id],
        &["event_id", "17", "entity", &good],
        &["entity", &good],
        &["event_id", &event_id, "entity", "{\"id\":"],
        &["event_id", &event_id, "entity", "[]"],
        &["event_id", &event_id, "entity", "{\"id\":17}"],
        &["event_id", &event_id, "entity", &simple],
        &["event_id", &event_id, "entity", "null"],
    ];
    for fields in bad {
        server.call(&[&["XADD", stream, "*"], fields].concat());
    }
    let broken = [b"XADD".as_slice(), stream.as_bytes(), b"*", b"event_id", event_id.as_bytes()];
    let broken = [&broken[..], &[b"entity", b"{\"id\":\"\xff\"}"]].concat();
    server.client().call_bytes(&broken).unwrap();
    // In the form of others' milliseconds, all these are far ahead of the clock.
    add_foreign(&server, Action::Created, "*", event(2), entity(2));
    append(&log, change(1, entity(1), 0)).await.unwrap().unwrap();
    append(&log, change(2, entity(2), 1)).await.unwrap().unwrap();

    let read = read_all(&log).await;
    assert_eq!(read.len(), bad.len() + 4);
    for entry in &read[..=bad.len()] {
        let Origin::Unreadable(reason) = &entry.origin else {
            panic!("{entry:?} can be read");
        };
        assert!(reason.starts_with("it"), "{reason}");
    }
    assert_eq!(read[4].document.as_ref(), "{\"id\":");
    assert_eq!(read[bad.len() + 1].entity_id, entity(2));
    assert_eq!(read[bad.len() + 1].origin, Origin::Foreign);
}

#[tokio::test]
async fn many_entries_are_taken_up_in_the_order_of_their_ids() {
    let server = RedisServer::start();
    let log = open(&server).await;
    let actions = [Action::Created, Action::Updated, Action::Deleted];
    let mut client = server.client();
    for (second, action) in (1..=1000).zip(actions.into_iter().cycle()) {
        let stream = format!("events:{{customer}}_{}", action.name());
        let document = format!(r#"{{"id":"{}"}}"#, entity(second % 7));
        let (id, event_id) = (format!("{second}-0"), event(second).to_string());
        client.call(&["XADD", &stream, &id, "event_id", &event_id, "entity", &document]).unwrap();
    }
    let expected = (1000 - 3) / 7 + 1;
    append(&log, change(1, entity(3), expected)).await.unwrap().unwrap();
    let history = log.read_entity(TOPIC, entity(3), 0, 400).await.unwrap().entries;
    assert_eq!(history.len() as u64, expected + 1);
    assert!(history.is_sorted_by(|a, b| a.id < b.id && a.version + 1 == b.version));
}

#[tokio::test]
async fn the_indexes_of_entities_are_made_again_from_the_streams() {
    let server = RedisServer::start();
    let log = open(&server).await;
    for version in 0..9 {
        let mut next = change(u128::from(version), entity(1), version);
        if version == 5 {
            next.writes[0].events[0].action = Action::Internal;
        }
        append(&log, next).await.unwrap().unwrap();
    }
    let before = log.read_entity(TOPIC, entity(1), 0, 100).await.unwrap().entries;
    let index = format!("ordershop:{{customer}}:{}", entity(1));
    server.call(&["DEL", "ordershop:{customer}:ids", &index]);
    let after = log.read_entity(TOPIC, entity(1), 0, 100).await.unwrap().entries;
    assert_eq!(before, after);
    // Commands are found by the index made anew, too.
    append(&log, change(3, entity(1), 3)).await.unwrap().unwrap();
    assert_eq!(read_all(&log).await.len(), 9);
}

#[tokio::test]
async fn the_part_in_the_server_is_loaded_again_when_it_is_gone() {
    let server = RedisServer::start();
    let log = open(&server).await;
    append(&log, change(1, entity(1), 0)).await.unwrap().unwrap();
    server.call(&["FUNCTION", "FLUSH"]);
    append(&log, change(2, entity(1), 1)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_user_without_functions_appends_with_scripts() {
    let server = RedisServer::start();
    let rules = ["on", ">secret", "~events:*", "~ordershop:*", "+@all", "-@admin", "-fcall"];
    let rules = [&["ACL", "SETUSER", "shop"], &rules[..], &["-function"]].concat();
    server.call(&rules);
    let url = format!("redis://shop:secret@{}/3", server.address());
    let log = Redis::open(&url, &[TOPIC], Options::default()).await.unwrap();
    append(&log, change(1, entity(1), 0)).await.unwrap().unwrap();
    server.call(&["SCRIPT", "FLUSH"]);
    append(&log, change(2, entity(1), 1)).await.unwrap().unwrap();
    assert_eq!(read_all(&log).await.len(), 2);

    let wrong = format!("redis://shop:wrong@{}", server.address());
    let refused = Redis::open(&wrong, &[TOPIC], Options::default()).await.unwrap_err();
    assert!(matches!(refused, LogError::Refused(_)), "{refused}");
}
