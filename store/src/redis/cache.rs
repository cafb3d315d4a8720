//! The entity cache: the newest public state of each entity as plain Redis types, for whoever reads
//! those and no streams.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `customer_ids` | set | the ids of the living entities |
//! | `customer_entity:<id>` | hash | an entity's fields as text |
//! | `order_product_ids:<id>` | list | a field that is a list; the hash then holds this key's name |
//!
//! An entity is written whole, in one step of the server, so that nobody sees a half of it, and
//! writing it again does no harm. Other programs may write the same keys.

use std::collections::HashSet;
use std::sync::Arc;

use redis::{Pipeline, Value};
use uuid::Uuid;

use super::Inner;
use super::fields::{text, unexpected};
use super::link::{Request, refuse};
use super::reading::array;
use crate::{BoxFuture, CachedEntity, CachedField, EntityCache, LogError, Topic};

/// How many entities are written in one go.
const MAX_AT_ONCE: usize = 128;
/// How many keys the server looks at in one step of a search.
const SCAN_COUNT: usize = 1000;

/// The entity cache on the server of a log.
#[derive(Clone, Debug)]
pub struct RedisCache(Arc<Inner>);

impl RedisCache {
    pub(super) const fn new(inner: Arc<Inner>) -> Self {
        Self(inner)
    }

    async fn write_all(
        &self,
        topic: Topic,
        lists: &[&str],
        entities: &[CachedEntity],
    ) -> Result<(), LogError> {
        for some in entities.chunks(MAX_AT_ONCE) {
            let mut pipeline = Pipeline::new();
            for entity in some {
                pipeline.cmd("MULTI");
                write_one(&mut pipeline, topic, lists, entity);
                pipeline.cmd("EXEC");
            }
            for value in self.0.reads.ask(Request::Several(&pipeline)).await? {
                // What EXEC gives holds the errors of the single commands.
                if let Value::Array(values) = refuse(value)? {
                    for value in values {
                        refuse(value)?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn all_ids(&self, topic: Topic, lists: &[&str]) -> Result<HashSet<Uuid>, LogError> {
        let mut ids: HashSet<Uuid> =
            self.members(topic).await?.iter().filter_map(|member| id(member)).collect();
        for prefix in prefixes(topic, lists) {
            let keys = self.keys(&prefix).await?;
            ids.extend(keys.iter().filter_map(|key| id(key.strip_prefix(&prefix)?)));
        }
        Ok(ids)
    }

    async fn remove_all_strangers(&self, topic: Topic, lists: &[&str]) -> Result<usize, LogError> {
        let ids_key = ids_key(topic);
        let kind = self.0.reads.ask_one(redis::cmd("TYPE").arg(&ids_key)).await?;
        let mut strangers = Vec::new();
        if matches!(text(&kind), Some("set" | "none")) {
            let members = self.members(topic).await?.into_iter();
            let remove = |member| vec!["SREM".to_owned(), ids_key.clone(), member];
            strangers.extend(members.filter(|member| id(member).is_none()).map(remove));
        } else {
            strangers.push(vec!["DEL".to_owned(), ids_key.clone()]);
        }
        for prefix in prefixes(topic, lists) {
            let keys = self.keys(&prefix).await?.into_iter();
            let is_stranger = |key: &String| key.strip_prefix(&prefix).and_then(id).is_none();
            strangers.extend(keys.filter(is_stranger).map(|key| vec!["DEL".to_owned(), key]));
        }
        for some in strangers.chunks(MAX_AT_ONCE) {
            let mut pipeline = Pipeline::new();
            for words in some {
                pipeline.cmd(&words[0]).arg(&words[1..]);
            }
            for value in self.0.reads.ask(Request::Several(&pipeline)).await? {
                refuse(value)?;
            }
        }
        Ok(strangers.len())
    }

    async fn members(&self, topic: Topic) -> Result<Vec<String>, LogError> {
        let mut members = redis::cmd("SMEMBERS");
        members.arg(ids_key(topic));
        let members = array(self.0.reads.ask_one(&members).await?)?;
        Ok(members.iter().filter_map(text).map(ToOwned::to_owned).collect())
    }

    /// The keys that begin so, each once.
    async fn keys(&self, prefix: &str) -> Result<HashSet<String>, LogError> {
        let mut found = HashSet::new();
        let mut cursor = "0".to_owned();
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(format!("{prefix}*"));
            scan.arg("COUNT").arg(SCAN_COUNT);
            let page = array(self.0.reads.ask_one(&scan).await?)?;
            let [next, keys] = <[Value; 2]>::try_from(page).map_err(|_| unexpected("page"))?;
            found.extend(array(keys)?.iter().filter_map(text).map(ToOwned::to_owned));
            text(&next).ok_or_else(|| unexpected("cursor"))?.clone_into(&mut cursor);
            if cursor == "0" {
                return Ok(found);
            }
        }
    }
}

impl EntityCache for RedisCache {
    fn write<'a>(
        &'a self,
        topic: Topic,
        lists: &'a [&'a str],
        entities: &'a [CachedEntity],
    ) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(self.write_all(topic, lists, entities))
    }

    fn ids<'a>(
        &'a self,
        topic: Topic,
        lists: &'a [&'a str],
    ) -> BoxFuture<'a, Result<HashSet<Uuid>, LogError>> {
        Box::pin(self.all_ids(topic, lists))
    }

    fn remove_strangers<'a>(
        &'a self,
        topic: Topic,
        lists: &'a [&'a str],
    ) -> BoxFuture<'a, Result<usize, LogError>> {
        Box::pin(self.remove_all_strangers(topic, lists))
    }
}

/// An id in the one form in which the cache has it.
fn id(text: &str) -> Option<Uuid> {
    text.parse().ok().filter(|id: &Uuid| id.to_string() == text)
}

/// How the keys of a topic begin that name an entity.
fn prefixes(topic: Topic, lists: &[&str]) -> Vec<String> {
    let lists = lists.iter().map(|list| format!("{topic}_{list}:"));
    std::iter::once(entity_prefix(topic)).chain(lists).collect()
}

/// The commands that write one entity.
fn write_one(pipeline: &mut Pipeline, topic: Topic, lists: &[&str], entity: &CachedEntity) {
    let id = entity.id;
    let key = format!("{}{id}", entity_prefix(topic));
    pipeline.cmd("DEL").arg(&key);
    for list in lists {
        pipeline.cmd("DEL").arg(list_key(topic, list, id));
    }
    let Some(fields) = &entity.fields else {
        pipeline.cmd("SREM").arg(ids_key(topic)).arg(id.to_string());
        return;
    };
    for (name, field) in fields {
        let value = match field {
            CachedField::Text(text) => text.clone(),
            CachedField::List(items) => {
                let list = list_key(topic, name, id);
                if !items.is_empty() {
                    pipeline.cmd("RPUSH").arg(&list).arg(items);
                }
                list
            }
        };
        pipeline.cmd("HSET").arg(&key).arg(name).arg(value);
    }
    pipeline.cmd("SADD").arg(ids_key(topic)).arg(id.to_string());
}

fn ids_key(topic: Topic) -> String {
    format!("{topic}_ids")
}

fn entity_prefix(topic: Topic) -> String {
    format!("{topic}_entity:")
}

fn list_key(topic: Topic, field: &str, id: Uuid) -> String {
    format!("{topic}_{field}:{id}")
}
