//! The promise that covers the others: whatever is appended, the log agrees with its model.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use super::given::{command, entity, key, position, read_behind, transaction, write};
use super::model::{Event, Model, Verdict};
use super::{Fixture, TOPICS};
use crate::{
    Action, Batch, CursorName, Entry, EntryId, EventLog, Outcome, Positions, Topic, Transaction,
};

/// How many random histories are tried; in proving runs, many more.
const CASES: u32 = 24;
const PROVING_CASES: u32 = 1000;

const ENTITIES: u128 = 3;
const KEYS: [&str; 3] = ["a", "b", "c"];

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// A batch, and with some of them a cursor.
    Append(Vec<Sent>, Option<(u64, Topic)>),
    /// The log is closed and opened.
    Reopen,
}

/// A transaction, as chosen before it is known at which versions the entities are.
#[derive(Clone, Debug)]
enum Sent {
    /// A new one.
    New {
        topic: Topic,
        /// Entities, how far off the expected versions are, and the actions.
        writes: Vec<(u128, i64, Vec<Action>)>,
        claims: Vec<(&'static str, u128)>,
        releases: Vec<(&'static str, u128)>,
    },
    /// One that was sent before, counted from the last.
    Again(usize),
}

fn any_sent() -> impl Strategy<Value = Sent> {
    let off = prop_oneof![10 => Just(0), 1 => Just(-1), 1 => Just(1)];
    let actions = vec(select(Action::ALL.to_vec()), 1..4);
    let keys = || vec((select(KEYS.to_vec()), 0..ENTITIES), 0..3);
    let new = (select(TOPICS.to_vec()), vec((0..ENTITIES, off, actions), 1..3), keys(), keys());
    let new = new.prop_map(|(topic, mut writes, claims, releases)| {
        writes.sort_by_key(|(entity, ..)| *entity);
        writes.dedup_by_key(|(entity, ..)| *entity);
        Sent::New { topic, writes, claims, releases }
    });
    prop_oneof![4 => new, 1 => (0_usize..12).prop_map(Sent::Again)]
}

fn any_step() -> impl Strategy<Value = Step> {
    let cursor = proptest::option::weighted(0.3, (0_u64..100, select(TOPICS.to_vec())));
    prop_oneof![
        6 => (vec(any_sent(), 0..7), cursor).prop_map(|(sent, at)| Step::Append(sent, at)),
        1 => Just(Step::Reopen),
    ]
}

/// Random batches, with openings in between: outcomes and reads are those of the model.
pub fn the_log_agrees_with_its_model<F: Fixture>() {
    let proves = std::env::var_os("ORDERSHOP_PROVE").is_some();
    let cases = if proves { PROVING_CASES } else { CASES };
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime starts");
    TestRunner::new(config)
        .run(&vec(any_step(), 1..25), |steps| {
            runtime.block_on(live_through::<F>(steps));
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

async fn live_through<F: Fixture>(steps: Vec<Step>) {
    let fixture = F::new().await;
    let mut log = fixture.open().await;
    let mut model = Model::default();
    let mut sent = Vec::new();
    for step in steps {
        match step {
            Step::Append(batch, cursor) => append(&log, &mut model, &mut sent, batch, cursor).await,
            Step::Reopen => {
                drop(log);
                log = fixture.open().await;
            }
        }
        compare(&log, &model, sent.len()).await;
    }
}

async fn append(
    log: &impl EventLog,
    model: &mut Model,
    sent: &mut Vec<Transaction>,
    batch: Vec<Sent>,
    cursor: Option<(u64, Topic)>,
) {
    let mut transactions = Vec::new();
    let mut verdicts = Vec::new();
    for chosen in batch {
        let Some(transaction) = make(model, sent, chosen) else {
            continue;
        };
        verdicts.push(model.decide(&transaction));
        sent.push(transaction.clone());
        transactions.push(transaction);
    }
    let mut cursors = Vec::new();
    if let Some((seconds, topic)) = cursor {
        let name: CursorName = "reader".into();
        let place = position([EntryId::new(seconds, 1); 4]);
        model.cursors.insert((name.clone(), topic), place);
        cursors.push((name, topic, place));
    }
    let outcomes = log
        .append(Batch { transactions, cursors, ..Batch::default() })
        .await
        .expect("the log takes a batch");
    assert_eq!(outcomes.len(), verdicts.len());
    for (outcome, verdict) in outcomes.into_iter().zip(verdicts) {
        check(model, outcome, verdict);
    }
}

/// The transaction that was chosen, as of the model's present state.
fn make(model: &Model, sent: &[Transaction], chosen: Sent) -> Option<Transaction> {
    let (topic, writes, claims, releases) = match chosen {
        Sent::Again(back) => return sent.iter().rev().nth(back).cloned(),
        Sent::New { topic, writes, claims, releases } => (topic, writes, claims, releases),
    };
    let writes = writes.into_iter().map(|(number, off, actions)| {
        let version = model.version(topic, entity(number));
        write(entity(number), version.saturating_add_signed(off), &actions)
    });
    let mut made = transaction(topic, command(sent.len() as u128), writes.collect());
    let keys = |keys: Vec<(&str, u128)>| {
        keys.into_iter().map(|(name, number)| (key(name), entity(number))).collect()
    };
    (made.claims, made.releases) = (keys(claims), keys(releases));
    Some(made)
}

fn check(model: &mut Model, outcome: Outcome, verdict: Verdict) {
    match verdict {
        Verdict::Refused(refusal) => assert_eq!(outcome, Err(refusal)),
        Verdict::Again(number) => {
            assert_eq!(outcome.expect("it was accepted before").ids, model.ids[number]);
        }
        Verdict::New(number) => {
            let ids = outcome.expect("it is accepted").ids;
            assert!(ids.is_sorted_by(|a, b| a < b), "ids rise");
            let mut events = model.events.iter().filter(|event| event.of.0 == number);
            let topic = events.next().expect("it has events").entity.0;
            assert_eq!(ids.len(), events.count() + 1);
            let before = model.events.iter().take_while(|event| event.of.0 < number);
            let last = before.filter(|e| e.entity.0 == topic).last().map(|e| model.id(e));
            assert!(last < ids.first().copied(), "ids rise from transaction to transaction");
            model.ids[number] = ids;
        }
    }
}

fn assert_same(model: &Model, entry: &Entry, event: &Event) {
    assert_eq!((entry.topic, entry.entity_id), event.entity);
    assert_eq!((entry.id, entry.version), (model.id(event), event.version));
    assert_eq!((entry.action, entry.event_id), (event.action, event.id));
    assert_eq!(entry.command_id, event.command_id);
}

/// Compares all that can be read; `number` varies pages and positions from step to step.
async fn compare(log: &impl EventLog, model: &Model, number: usize) {
    let mut after = Positions::start(TOPICS);
    for round in 0..2 {
        let read = read_behind(log, after.clone(), 1 + number % 5).await;
        let events = model.behind(&after);
        assert_eq!(read.len(), events.len());
        read.iter().zip(&events).for_each(|(entry, event)| assert_same(model, entry, event));
        if round == 0 {
            read.iter().step_by(2).take(number).for_each(|entry| after.finish(entry));
        }
    }
    for topic in TOPICS {
        let ends = log.ends(vec![topic]).await.expect("they are known");
        assert_eq!(ends.of(topic), model.end(topic));
        let names = KEYS.map(key).to_vec();
        let holders = log.holders(topic, names.clone()).await.expect("they are known");
        let expected: Vec<Option<Uuid>> =
            names.into_iter().map(|name| model.keys.get(&(topic, name)).copied()).collect();
        assert_eq!(holders, expected);
        let cursor = log.cursor("reader".into(), topic).await.expect("it is known");
        assert_eq!(cursor, model.cursors.get(&("reader".into(), topic)).copied());
        for entity_id in (0..ENTITIES).map(entity) {
            let events: Vec<_> = model.entity(topic, entity_id).collect();
            let page = log.read_entity(topic, entity_id, 0, 1000).await.expect("a page");
            assert_eq!(page.entries.len(), events.len());
            page.entries.iter().zip(&events).for_each(|(entry, e)| assert_same(model, entry, e));
            let latest = log.latest(topic, vec![entity_id]).await.expect("it is known");
            match (&latest[0], events.last()) {
                (Some(entry), Some(event)) => assert_same(model, entry, event),
                (None, None) => {}
                (entry, event) => panic!("{entry:?} is not {event:?}"),
            }
        }
    }
}
