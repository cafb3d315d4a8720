//! A real Redis server that holds what a shop's RESP endpoint shows, made from what the shop tells
//! over HTTP.

use std::fmt;
use std::net::SocketAddr;

use ordershop_store::conformance::{Make, RedisServer};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::resp::RespClient;
use super::shop::Shop;
use super::text;

/// Each topic, and the path of its list.
const LISTS: [(&str, &str); 5] = [
    ("customer", "/customers"),
    ("product", "/products"),
    ("inventory", "/inventory"),
    ("order", "/orders"),
    ("billing", "/billings"),
];
/// How many commands are sent before their replies are read.
const AT_ONCE: usize = 500;

/// An entity's fields in the order in which they stand in it.
struct Entity(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Entity;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Entity, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = members.next_entry()? {
            fields.push(field);
        }
        Ok(Entity(fields))
    }
}

/// A line of `/ops/events`.
#[expect(clippy::struct_field_names, reason = "its fields are named as in the line")]
#[derive(Deserialize)]
struct Event<'a> {
    id: String,
    topic: String,
    action: String,
    r#type: String,
    schema: u16,
    entity_id: String,
    version: u64,
    time: String,
    event_id: String,
    command_id: String,
    cause: Option<String>,
    #[serde(borrow)]
    entity: &'a RawValue,
    data: &'a RawValue,
}

/// Starts a server that holds the same sets, hashes, lists and streams, and takes no writes.
pub(crate) fn start(shop: &Shop) -> RedisServer {
    // Only small hashes keep their fields in order; and there is but one database here.
    let options = ["--databases", "1", "--hash-max-listpack-value", "100000"];
    let server = RedisServer::start_with(Make::Redis, &options);
    let mut commands = cache(shop);
    commands.extend(streams(shop));
    // A replica refuses writes; that its master is away does not keep it from answering.
    commands.push(["REPLICAOF", "127.0.0.1", "1"].map(str::to_owned).to_vec());
    let mut client = RespClient::connect(address(&server)).expect("the server runs");
    for commands in commands.chunks(AT_ONCE) {
        let words = |command: &Vec<String>| {
            super::resp::encode(&command.iter().map(String::as_bytes).collect::<Vec<_>>())
        };
        let bytes: Vec<u8> = commands.iter().flat_map(words).collect();
        client.send(&bytes).expect("the server takes commands");
        for command in commands {
            let reply = client.reply().expect("the server replies");
            assert!(!reply.is_error(), "{command:?}: {}", reply.shown());
        }
    }
    server
}

/// Where the server is.
pub(crate) fn address(server: &RedisServer) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], server.port()))
}

fn cache(shop: &Shop) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for (topic, path) in LISTS {
        let answer = shop.send("GET", path, None);
        let entities: Vec<Entity> = serde_json::from_slice(&answer.body).expect("a list");
        for Entity(entity) in entities {
            let (_, id) = entity.iter().find(|(name, _)| name == "id").expect("it has an id");
            let id = text(id);
            commands.push(vec!["SADD".into(), format!("{topic}_ids"), id.into()]);
            let mut fields = vec!["HSET".to_owned(), format!("{topic}_entity:{id}")];
            for (name, value) in &entity {
                fields.push(name.clone());
                fields.push(match value {
                    Value::String(text) => text.clone(),
                    Value::Array(elements) => {
                        let key = format!("{topic}_{name}:{id}");
                        let mut push = vec!["RPUSH".to_owned(), key.clone()];
                        push.extend(elements.iter().map(|element| text(element).to_owned()));
                        commands.push(push);
                        key
                    }
                    other => other.to_string(),
                });
            }
            commands.push(fields);
        }
    }
    commands
}

fn streams(shop: &Shop) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let mut from = "after=".to_owned() + &start_of_log();
    loop {
        let answer = shop.send("GET", &format!("/ops/events?{from}"), None);
        assert_eq!(answer.status, 200, "{}", answer.shown());
        let body = String::from_utf8(answer.body.clone()).expect("text");
        if body.is_empty() {
            return commands;
        }
        for line in body.lines() {
            let event: Event<'_> = serde_json::from_str(line).expect("an event");
            let is_public = LISTS.iter().any(|(topic, _)| *topic == event.topic);
            if is_public && event.action != "internal" {
                commands.push(entry(event));
            }
        }
        from = format!("after={}", answer.header("ordershop-next").expect("where to go on"));
    }
}

/// Before the first entry of every topic.
fn start_of_log() -> String {
    let topics = ["customer", "product", "inventory", "order", "billing"];
    topics.map(|topic| format!("{topic}@0-0,0-0,0-0,0-0")).join(";")
}

fn entry(event: Event<'_>) -> Vec<String> {
    let time: jiff::Timestamp = event.time.parse().expect("a time");
    let fields = [
        ("event_id", event.event_id),
        ("entity", event.entity.get().to_owned()),
        ("type", event.r#type),
        ("schema", event.schema.to_string()),
        ("version", event.version.to_string()),
        ("time", time.as_microsecond().to_string()),
        ("command_id", event.command_id),
        ("cause", event.cause.unwrap_or_default()),
        ("data", event.data.get().to_owned()),
        ("entity_id", event.entity_id),
    ];
    let key = format!("events:{{{}}}_{}", event.topic, event.action);
    let mut command = vec!["XADD".to_owned(), key, event.id];
    for (name, value) in fields {
        command.push(name.to_owned());
        command.push(value);
    }
    command
}
