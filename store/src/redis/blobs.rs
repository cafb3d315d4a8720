//! Blobs: lists of parts, each replaced as a whole by a rename.

use redis::{Pipeline, Value};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Inner;
use super::fields::unexpected;
use super::keys::blob_key;
use super::link::{Request, refuse};
use crate::codec::{self, Format};
use crate::{Blob, BlobParts, LogError, Position, Positions};

/// The format of the head, the first element of the list.
const FORMAT: Format = Format::new(35);
/// How many parts are made before they are sent.
const PARTS_AHEAD: usize = 1;
/// How long the parts of a blob that was never finished are kept, in seconds.
const UNFINISHED_SECONDS: u64 = 600;
/// How often a blob is read again that was replaced meanwhile.
const MAX_READS: usize = 3;

/// What stands before the parts.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// Tells this save from any other.
    number: u128,
    parts: u64,
    positions: Vec<(String, Position)>,
}

/// Saves a blob in the place of the one of that name.
pub(super) async fn save(
    inner: &Inner,
    name: &str,
    positions: Positions,
    parts: BlobParts,
) -> Result<(), LogError> {
    let key = key_of(name)?;
    let number = Uuid::now_v7();
    let new_key = format!("{key}:{number}");
    let (made, mut to_send) = mpsc::channel(PARTS_AHEAD);
    let making = tokio::task::spawn_blocking(move || {
        parts.into_iter().take_while(|part| made.blocking_send(part.clone()).is_ok()).count()
    });
    let mut count = 0;
    while let Some(part) = to_send.recv().await {
        let mut push = Pipeline::new();
        // Set by its place, a part that is sent twice is there once.
        push.cmd("HSET").arg(&new_key).arg(count + 1).arg(part);
        push.cmd("EXPIRE").arg(&new_key).arg(UNFINISHED_SECONDS);
        ask(inner, &push).await?;
        count += 1;
    }
    making.await.map_err(|error| LogError::Refused(error.to_string().into()))?;
    let positions = positions.iter().map(|(topic, at)| (topic.name().to_owned(), at));
    let head = Head { number: number.as_u128(), parts: count, positions: positions.collect() };
    let mut finish = Pipeline::new();
    finish.cmd("HSET").arg(&new_key).arg(0).arg(codec::encode(FORMAT, &head));
    finish.cmd("PERSIST").arg(&new_key);
    ask(inner, &finish).await?;
    let mut rename = redis::cmd("RENAME");
    rename.arg(&new_key).arg(&key);
    match inner.reads.ask_one(&rename).await {
        // It was renamed by an attempt whose answer did not come.
        Err(LogError::Refused(_)) if load_head(inner, &key).await? == Some(head) => Ok(()),
        renamed => renamed.map(drop),
    }
}

/// The blob of that name; `None` where there is none that can be used.
pub(super) async fn load(inner: &Inner, name: &str) -> Result<Option<Blob>, LogError> {
    let key = key_of(name)?;
    for _ in 0..MAX_READS {
        let Some(head) = load_head(inner, &key).await? else {
            return Ok(None);
        };
        let mut parts = Vec::new();
        for number in 1..=head.parts {
            let Some(part) = load_part(inner, &key, number).await? else {
                break;
            };
            parts.push(part);
        }
        if load_head(inner, &key).await?.as_ref() == Some(&head) {
            if parts.len() as u64 != head.parts {
                tracing::warn!(name, "a snapshot in the store is damaged");
                return Ok(None);
            }
            let known = |(name, at): (String, Position)| {
                let topic = inner.topics.iter().find(|topic| topic.name() == name)?;
                Some((*topic, at))
            };
            let positions = head.positions.into_iter().map(known).collect::<Option<Positions>>();
            return Ok(positions.map(|positions| Blob { positions, parts }));
        }
    }
    Ok(None)
}

async fn load_head(inner: &Inner, key: &str) -> Result<Option<Head>, LogError> {
    let head = load_part(inner, key, 0).await?;
    Ok(head.and_then(|bytes| codec::decode(FORMAT, &bytes).ok()))
}

async fn load_part(inner: &Inner, key: &str, number: u64) -> Result<Option<Vec<u8>>, LogError> {
    let mut get = redis::cmd("HGET");
    get.arg(key).arg(number);
    match inner.reads.ask_one(&get).await? {
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::Nil => Ok(None),
        _ => Err(unexpected("part of a snapshot")),
    }
}

async fn ask(inner: &Inner, pipeline: &Pipeline) -> Result<(), LogError> {
    for value in inner.reads.ask(Request::Several(pipeline)).await? {
        refuse(value)?;
    }
    Ok(())
}

fn key_of(name: &str) -> Result<String, LogError> {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if plain && !name.is_empty() {
        Ok(blob_key(name))
    } else {
        Err(LogError::Refused("the name of a snapshot has small letters and dashes only".into()))
    }
}
