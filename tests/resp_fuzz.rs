//! Promise: no bytes that a RESP client sends end the shop, another client's connection, or the bounds
//! of its memory.
//!
//! What once was, or looks, dangerous is kept in tests/corpus/resp, a file for each connection; around
//! it bytes are made up, the same in every run. A file may hold `\r`, `\n`, `\xHH` and `\*N:TEXT;`,
//! which is the text N times; its own line ends do not count.

mod support;

use std::fs;
use std::io::Read;
use std::net::Shutdown;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use support::escaped::unescaped;
use support::ids;
use support::random::Random;
use support::resp::{RespClient, encode};
use support::shop::{Folder, Shop};
use support::size::size;

/// How many bytes of memory the shop may take on, whatever is sent to it.
const MAX_GROWTH: u64 = 256 * 1024 * 1024;
/// How many bytes of replies are read of one connection.
const MAX_REPLIES: u64 = 16 * 1024 * 1024;
/// How long a connection may be silent until it is left: it waits for more of a command.
const SILENCE: Duration = Duration::from_millis(200);

/// What the commands that are kept have no word for: ours, keys and ids that are there, what is odd.
const MORE_WORDS: &[&str] = &[
    "ORDERSHOP.AWAIT",
    "ORDERSHOP.STATE",
    "AT",
    "SET",
    "XADD",
    "INFO",
    "FILTERBY",
    "PATTERN",
    "customer",
    "customer_ids",
    "order_ids",
    "events:{customer}_created",
    "events:{order}_created",
    "events:{inventory}_updated",
    "[a-",
    "**?",
    "\\",
    "18446744073709551615",
    "(0",
    "1700000000-42",
    "order@1-1",
    "customer@99999999999-0",
    "",
    "\0",
    "\r\n",
    "ü",
];

struct Target {
    shop: Shop,
    customer: String,
    _folder: Folder,
}

impl Target {
    fn new() -> Self {
        let folder = Folder::new();
        let shop = Shop::start_with_resp(&folder);
        let customers: Vec<_> = (0..500)
            .map(|number| json!({"name": format!("Ada {number}"), "email": "a@example.org"}))
            .collect();
        let customer = ids(&shop.post("/customers", &json!(customers))).remove(0);
        Self { shop, customer, _folder: folder }
    }

    /// Sends bytes on a connection of their own, and reads what comes until it ends, or is silent.
    fn send(&self, bytes: &[u8]) {
        let mut client = self.shop.resp();
        // It may close the connection before it has read everything.
        let _ = client.send(bytes);
        let socket = client.socket();
        let _ = socket.shutdown(Shutdown::Write);
        let _ = socket.set_read_timeout(Some(SILENCE));
        let _ = Read::take(socket, MAX_REPLIES).read_to_end(&mut Vec::new());
    }

    /// The shop goes on as if nothing had been.
    fn assert_well(&mut self, bystander: &mut RespClient, before: u64, what: &str) {
        assert!(self.shop.is_running(), "{what} ended the shop");
        assert_eq!(bystander.ask("PING").head, b"+PONG", "{what}");
        let key = format!("customer_entity:{}", self.customer);
        assert_eq!(bystander.call(&["HGET", &key, "name"]).text(), "Ada 0", "{what}");
        let grown = self.shop.resident_bytes().saturating_sub(before);
        assert!(grown < MAX_GROWTH, "after {what} the shop takes {grown} bytes more");
    }
}

#[test]
fn what_is_kept_and_what_is_made_up_harms_nobody() {
    let mut target = Target::new();
    let mut bystander = target.shop.resp();
    let before = target.shop.resident_bytes();
    let corpus = corpus();
    let words = [support::commands::words(), MORE_WORDS.to_vec()].concat();
    for (name, bytes) in &corpus {
        target.send(bytes);
        target.assert_well(&mut bystander, before, name);
    }
    let mut random = Random::new(6_380);
    for round in 0..size(400, 200_000) {
        let bytes = match round % 4 {
            0 => commands(&mut random, &words),
            1 => mutated(&mut random, &corpus),
            2 => {
                let mut bytes = commands(&mut random, &words);
                mutate(&mut random, &mut bytes);
                bytes
            }
            _ => (0..random.below(300)).map(|_| byte(&mut random)).collect(),
        };
        target.send(&bytes);
        if round % 50 == 0 {
            target.assert_well(&mut bystander, before, &format!("round {round}"));
        }
    }
    target.assert_well(&mut bystander, before, "everything");
    // A client that is cut off leaves nothing behind.
    let info = bystander.ask("INFO clients").text();
    assert!(info.contains("blocked_clients:0"), "{info}");
    target.shop.stop();
}

/// The kept connections, in the order of their names.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/resp");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the corpus is there")
        .map(|file| {
            let path = file.expect("it can be read").path();
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            (name, unescaped(&fs::read_to_string(&path).expect("text")))
        })
        .collect();
    files.sort();
    assert!(files.len() >= 20, "{} files are kept", files.len());
    files
}

fn byte(random: &mut Random) -> u8 {
    u8::try_from(random.below(256)).expect("it is below 256")
}

/// Well-formed commands of words in any order.
fn commands(random: &mut Random, words: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..=random.below(6) {
        let words: Vec<&[u8]> =
            (0..=random.below(7)).map(|_| random.pick(words).as_bytes()).collect();
        if random.below(5) == 0 {
            bytes.extend(words.join(&b' '));
            bytes.extend_from_slice(b"\r\n");
        } else {
            bytes.extend(encode(&words));
        }
    }
    bytes
}

fn mutated(random: &mut Random, corpus: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (_, kept) = random.pick(corpus);
    let mut bytes = kept[..kept.len().min(4_096)].to_vec();
    mutate(random, &mut bytes);
    bytes
}

/// Changes, drops and repeats some bytes.
fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] = byte(random),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, *random.pick(b"*$\r\n0123456789-\"'")),
            _ => {
                let to = (at + random.below(40)).min(bytes.len());
                let part = bytes[at..to].to_vec();
                bytes.extend(part);
            }
        }
    }
}
