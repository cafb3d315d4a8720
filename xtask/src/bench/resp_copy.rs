//! A copy of all that a shop shows over RESP, in a real Redis server.

use std::net::SocketAddr;

use super::resp::{Reply, RespClient, encode};
use crate::shell::Failed;

/// How many commands are sent before their replies are read, and how many entries of a stream come at once.
const AT_ONCE: usize = 500;

/// A command, word by word.
type Words = Vec<Vec<u8>>;

/// Writes every key of one server into another one, which must be empty.
pub(super) fn copy(from: SocketAddr, to: SocketAddr) -> Result<(), Failed> {
    let (mut from, mut to) = (RespClient::connect(from)?, RespClient::connect(to)?);
    let keys = replies(&mut from, &[words(&["KEYS", "*"])])?.remove(0);
    let keys: Vec<Vec<u8>> = keys.elements.into_iter().filter_map(|key| key.bulk).collect();
    for keys in keys.chunks(AT_ONCE) {
        let kinds: Vec<Words> = keys.iter().map(|key| of_key("TYPE", key, &[])).collect();
        let kinds = replies(&mut from, &kinds)?;
        let (mut reads, mut writes) = (Vec::new(), Vec::new());
        for (key, kind) in keys.iter().zip(kinds) {
            let (read, write) = match kind.text().as_str() {
                "set" => (of_key("SMEMBERS", key, &[]), of_key("SADD", key, &[])),
                "hash" => (of_key("HGETALL", key, &[]), of_key("HSET", key, &[])),
                "list" => (of_key("LRANGE", key, &["0", "-1"]), of_key("RPUSH", key, &[])),
                "stream" => {
                    copy_stream(&mut from, &mut to, key)?;
                    continue;
                }
                other => return Err(Failed::because(format!("a key holds a {other}"))),
            };
            reads.push(read);
            writes.push(write);
        }
        for (write, read) in writes.iter_mut().zip(replies(&mut from, &reads)?) {
            write.extend(read.elements.into_iter().filter_map(|element| element.bulk));
        }
        replies(&mut to, &writes)?;
    }
    Ok(())
}

/// Writes the entries of a stream, in order.
fn copy_stream(from: &mut RespClient, to: &mut RespClient, key: &[u8]) -> Result<(), Failed> {
    let (mut after, at_once) = ("-".to_owned(), AT_ONCE.to_string());
    loop {
        let read = of_key("XRANGE", key, &[&after, "+", "COUNT", &at_once]);
        let entries = replies(from, &[read])?.remove(0).elements;
        let Some(last) = entries.last().and_then(|entry| entry.elements.first()) else {
            return Ok(());
        };
        after = format!("({}", last.text());
        let writes: Vec<Words> = entries
            .into_iter()
            .map(|entry| {
                let mut write = of_key("XADD", key, &[]);
                // The id, then the fields.
                for part in entry.elements {
                    write.extend(part.bulk);
                    write.extend(part.elements.into_iter().filter_map(|element| element.bulk));
                }
                write
            })
            .collect();
        replies(to, &writes)?;
    }
}

/// Fails unless both servers reply alike to a command; the order of a set's members does not count.
pub(super) fn compare(servers: [SocketAddr; 2], command: &[&str]) -> Result<(), Failed> {
    let reply = |server| -> Result<Reply, Failed> {
        let mut client = RespClient::connect(server)?;
        let mut reply = replies(&mut client, &[words(command)])?.remove(0);
        if command.first() == Some(&"SMEMBERS") {
            reply.elements.sort();
        }
        Ok(reply)
    };
    let [ours, theirs] = servers.map(reply);
    if ours? == theirs? {
        Ok(())
    } else {
        Err(Failed::because(format!("two servers reply otherwise to {}", command.join(" "))))
    }
}

/// The replies to commands that are sent at once; an error among them is a failure.
fn replies(client: &mut RespClient, commands: &[Words]) -> Result<Vec<Reply>, Failed> {
    let encoded = commands
        .iter()
        .flat_map(|words| encode(&words.iter().map(Vec::as_slice).collect::<Vec<_>>()));
    client.send(&encoded.collect::<Vec<u8>>())?;
    let reply = |_| {
        let reply = client.reply()?;
        if reply.is_error() { Err(Failed::because(reply.shown())) } else { Ok(reply) }
    };
    commands.iter().map(reply).collect()
}

fn words(words: &[&str]) -> Words {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn of_key(name: &str, key: &[u8], rest: &[&str]) -> Words {
    let mut command = vec![name.as_bytes().to_vec(), key.to_vec()];
    command.extend(words(rest));
    command
}
