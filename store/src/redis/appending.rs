//! Appends: each topic's part of a batch is one step on the server, or a few where it is large.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use redis::Cmd;
use uuid::Uuid;

use super::fields::{text, unexpected};
use super::kept;
use super::link::Turn;
use super::script::Function;
use super::{Inner, take_answer};
use crate::{
    Action, Batch, Committed, CursorName, EntitySnapshot, EntryId, LogError, Outcome, Position,
    Refusal, Topic, Transaction,
};

/// How often an append first has to take up what others have written; each time it is bounded.
const MAX_ADOPTIONS: usize = 1000;
/// How many arguments a transaction has before its writes.
const TRANSACTION_ARGUMENTS: usize = 4;
const WRITE_ARGUMENTS: usize = 4;
const EVENT_ARGUMENTS: usize = 7;
const KEY_ARGUMENTS: usize = 2;
/// More bytes than an event takes beside its texts.
const EVENT_OVERHEAD_BYTES: usize = 256;
/// How many bytes of a command's id stand in the index of an entity.
const COMMAND_BYTES: usize = 8;

/// What is done in one step.
#[derive(Debug, Default)]
struct Step {
    /// The transactions, with their places in the batch.
    transactions: Vec<(usize, Transaction)>,
    events: usize,
    bytes: usize,
    cursors: Vec<(CursorName, Position)>,
    snapshots: Vec<(Uuid, EntitySnapshot)>,
}

/// Appends a batch: the topics at once, the steps of each one after the other. The turn ends when the
/// last step is sent.
pub(super) async fn append(
    inner: &Inner,
    batch: Batch,
    turn: Turn,
) -> Result<Vec<Outcome>, LogError> {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; batch.transactions.len()];
    let steps = plan(inner, batch, &mut outcomes)?;
    let each = |(topic, steps)| run_topic(inner, topic, steps, Turn::clone(&turn));
    let topics: Vec<_> = steps.into_iter().map(each).collect();
    drop(turn);
    let done = join_all(topics).await;
    let mut failure = None;
    let mut wrote = false;
    for topic in done {
        wrote |= topic.wrote;
        outcomes_into(&mut outcomes, topic.outcomes);
        failure = failure.or(topic.failure);
    }
    match failure {
        // What the other steps wrote is written, although the batch as a whole has failed.
        Some(error) if wrote && !error.leaves_outcome_open() => Err(LogError::Unanswered {
            address: inner.commands.address.clone(),
            reason: error.to_string().into(),
        }),
        Some(error) => Err(error),
        None => outcomes.into_iter().map(|o| o.ok_or_else(|| unexpected("outcome"))).collect(),
    }
}

fn outcomes_into(outcomes: &mut [Option<Outcome>], known: Vec<(usize, Outcome)>) {
    for (place, outcome) in known {
        outcomes[place] = Some(outcome);
    }
}

/// Divides a batch by topics, and a topic's part into steps; what is ill-formed has its outcome.
fn plan(
    inner: &Inner,
    batch: Batch,
    outcomes: &mut [Option<Outcome>],
) -> Result<BTreeMap<Topic, Vec<Step>>, LogError> {
    let options = &inner.options;
    let mut steps: BTreeMap<Topic, Vec<Step>> = BTreeMap::new();
    for (place, transaction) in batch.transactions.into_iter().enumerate() {
        if !inner.topics.contains(&transaction.topic) {
            let refusal = Refusal::Malformed("the log was not opened with its topic");
            outcomes[place] = Some(Err(refusal));
            continue;
        }
        if let Err(reason) = transaction.check_form(options.max_transaction_bytes) {
            outcomes[place] = Some(Err(Refusal::Malformed(reason)));
            continue;
        }
        let events = transaction.writes.iter().map(|write| write.events.len()).sum::<usize>();
        let bytes = transaction.writes.iter().flat_map(|write| &write.events).map(|event| {
            EVENT_OVERHEAD_BYTES + event.kind.len() + event.document.len() + event.data.len()
        });
        let bytes = bytes.sum::<usize>();
        let steps = steps.entry(transaction.topic).or_default();
        let fits = |step: &&mut Step| {
            step.events + events <= options.max_step_events
                && step.bytes + bytes <= options.max_step_bytes
        };
        let step = match steps.last_mut().filter(fits) {
            Some(step) => step,
            None => steps.push_mut(Step::default()),
        };
        step.transactions.push((place, transaction));
        step.events += events;
        step.bytes += bytes;
    }
    for (name, topic, position) in batch.cursors {
        last_step(inner, &mut steps, topic)?.cursors.push((name, position));
    }
    for (topic, entity_id, snapshot) in batch.snapshots {
        last_step(inner, &mut steps, topic)?.snapshots.push((entity_id, snapshot));
    }
    Ok(steps)
}

fn last_step<'a>(
    inner: &Inner,
    steps: &'a mut BTreeMap<Topic, Vec<Step>>,
    topic: Topic,
) -> Result<&'a mut Step, LogError> {
    inner.known(topic)?;
    let steps = steps.entry(topic).or_default();
    if steps.is_empty() {
        steps.push(Step::default());
    }
    Ok(steps.last_mut().expect("one was just put there"))
}

/// What became of a topic's part of a batch.
#[derive(Default)]
struct Done {
    outcomes: Vec<(usize, Outcome)>,
    wrote: bool,
    failure: Option<LogError>,
}

async fn run_topic(inner: &Inner, topic: Topic, steps: Vec<Step>, turn: Turn) -> Done {
    let mut done = Done::default();
    let mut turn = Some(turn);
    let last = steps.len().saturating_sub(1);
    for (number, step) in steps.into_iter().enumerate() {
        let turn = turn.take_if(|_| number == last);
        match run_step(inner, topic, &step, turn).await {
            Ok(outcomes) => {
                done.outcomes.extend(outcomes);
                done.wrote = true;
            }
            Err(error) => {
                done.failure = Some(error);
                break;
            }
        }
    }
    done
}

async fn run_step(
    inner: &Inner,
    topic: Topic,
    step: &Step,
    mut turn: Option<Turn>,
) -> Result<Vec<(usize, Outcome)>, LogError> {
    for _ in 0..MAX_ADOPTIONS {
        let arguments = |command: &mut Cmd| add_arguments(command, inner, topic, step);
        let (link, turn) = (&inner.commands, turn.take());
        let answer = inner.script.call(link, Function::Append, topic, &arguments, turn).await?;
        let (done, results) = take_answer(topic, answer)?;
        if !done {
            // Only the first of these calls carries the transactions in vain.
            inner.adopt(topic).await?;
            continue;
        }
        if results.len() != step.transactions.len() {
            return Err(unexpected("outcome for each transaction"));
        }
        return step
            .transactions
            .iter()
            .zip(results)
            .map(|((place, transaction), result)| {
                let outcome = text(&result).and_then(|text| parse(transaction, text));
                let outcome = outcome.ok_or_else(|| unexpected("outcome"))??;
                if let Ok(committed) = &outcome {
                    witness(inner, transaction, committed);
                }
                Ok((*place, outcome))
            })
            .collect();
    }
    Err(inner.commands.away("others write faster than is taken up".to_owned()))
}

fn witness(inner: &Inner, transaction: &Transaction, committed: &Committed) {
    let events = transaction.writes.iter().flat_map(|write| &write.events);
    for (event, id) in events.zip(&committed.ids) {
        inner.witness.saw(transaction.topic, event.action, *id, event.event_id);
    }
}

fn add_arguments(command: &mut Cmd, inner: &Inner, topic: Topic, step: &Step) {
    command.arg(step.transactions.len()).arg(step.cursors.len()).arg(step.snapshots.len());
    for (_, transaction) in &step.transactions {
        add_transaction(command, transaction);
    }
    for (name, position) in &step.cursors {
        command.arg(&**name).arg(kept::encode_position(*position));
        for action in Action::ALL {
            let id = position.of(action);
            command.arg(id.to_string());
            match inner.witness.event_at(topic, action, id) {
                Some(event_id) => add_uuid(command, event_id),
                None => drop(command.arg("")),
            }
        }
    }
    for (entity_id, snapshot) in &step.snapshots {
        add_uuid(command, *entity_id);
        command.arg(kept::encode_snapshot(snapshot));
    }
}

fn add_transaction(command: &mut Cmd, transaction: &Transaction) {
    let Transaction { command_id, cause, writes, claims, releases, .. } = transaction;
    let events = writes.iter().map(|write| write.events.len()).sum::<usize>();
    let arguments = TRANSACTION_ARGUMENTS
        + writes.len() * WRITE_ARGUMENTS
        + events * EVENT_ARGUMENTS
        + (releases.len() + claims.len()) * KEY_ARGUMENTS;
    let shape = format!("{} {} {} {events}", writes.len(), releases.len(), claims.len());
    command.arg(arguments).arg(shape);
    add_uuid(command, *command_id);
    let command_head = &command_id.as_bytes()[..COMMAND_BYTES];
    match cause {
        Some(cause) => add_uuid(command, *cause),
        None => drop(command.arg("")),
    }
    for write in writes {
        add_uuid(command, write.entity_id);
        command.arg(write.expected);
        match &write.last_event {
            Some(event) => drop(command.arg(&event.as_bytes()[..])),
            None => drop(command.arg("")),
        }
        command.arg(write.events.len());
        // A version that nobody can have is refused, so it does not matter what comes behind it.
        let versions = (1..).map(|count| write.expected.saturating_add(count));
        for (event, version) in write.events.iter().zip(versions) {
            add_uuid(command, event.event_id);
            let mut head = [0_u8; 16 + COMMAND_BYTES + 1];
            head[..16].copy_from_slice(event.event_id.as_bytes());
            head[16..16 + COMMAND_BYTES].copy_from_slice(command_head);
            head[16 + COMMAND_BYTES] = stream_digit(event.action);
            command.arg(&head[..]).arg(&*event.kind).arg(event.schema);
            command.arg(&*event.document).arg(&*event.data);
            command.arg(version);
        }
    }
    for (key, entity_id) in releases.iter().chain(claims) {
        command.arg(&**key);
        add_uuid(command, *entity_id);
    }
}

/// The number of a stream as the server's part counts it, from 1.
fn stream_digit(action: Action) -> u8 {
    b'1' + u8::try_from(action.index()).expect("there are four actions")
}

fn add_uuid(command: &mut Cmd, uuid: Uuid) {
    command.arg(&*uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
}

/// The outcome that a text of the server's part stands for; the inner error is a failed write.
fn parse(transaction: &Transaction, text: &str) -> Option<Result<Outcome, LogError>> {
    let (kind, rest) = text.split_at_checked(1)?;
    if kind == "X" {
        return Some(Err(LogError::Refused(rest.into())));
    }
    let (first, second) = rest.split_once(' ')?;
    let write = || transaction.writes.get(first.parse::<usize>().ok()?);
    let outcome = match kind {
        "C" => {
            let (first, count): (EntryId, usize) = (first.parse().ok()?, second.parse().ok()?);
            let ids = std::iter::successors(Some(first), |id| Some(id.next())).take(count);
            Ok(Committed { ids: ids.collect() })
        }
        "V" => {
            let (write, actual) = (write()?, second.parse().ok()?);
            let (entity_id, expected) = (write.entity_id, write.expected);
            Err(Refusal::Version { entity_id, expected, actual })
        }
        "O" => {
            Err(Refusal::Overtaken { entity_id: write()?.entity_id, version: second.parse().ok()? })
        }
        "T" => {
            let (key, _) = transaction.claims.get(first.parse::<usize>().ok()?)?;
            Err(Refusal::Taken { key: key.clone(), holder: second.parse().ok()? })
        }
        _ => return None,
    };
    Some(Ok(outcome))
}
