//! Promise: over RESP the shop replies as Redis does, byte for byte, in RESP2 and RESP3, save what
//! docs/resp.md lists.
//!
//! The same commands go to a real server that holds the same keys. Each is sent on a connection of
//! its own with QUIT behind it, and everything that comes until the connection ends is compared.

mod support;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::{Shutdown, SocketAddr};

use ordershop_store::conformance::{Make, RedisServer};
use serde_json::json;
use support::commands::{KEYS, OF_A_KEY, OTHERS, RAW, WRITES};
use support::escaped::unescaped;
use support::ids;
use support::resp::{Reply, RespClient, encode};
use support::shop::{Folder, Shop, serve_without_mails};
use support::twin;

/// A shop and its twin, with something of every kind in them.
struct Twins {
    shop: Shop,
    redis: RedisServer,
    customer: String,
    order: String,
    product: String,
    /// The id of the second entry of the stream of created customers.
    entry: String,
    differences: RefCell<Vec<String>>,
    _folder: Folder,
}

impl Twins {
    fn new() -> Self {
        let folder = Folder::new();
        let shop = Shop::start_with_resp(&folder);
        let customers: Vec<_> = (0..300)
            .map(|number| json!({"name": format!("Ada \"{number}\" Žižek"), "email": "a@example.org"}))
            .collect();
        let customers = ids(&shop.post("/customers", &json!(customers)));
        let long = "ü".repeat(200);
        shop.put(&format!("/customer/{}", customers[1]), &json!({"name": long, "email": "b@c.de"}));
        shop.delete(&format!("/customer/{}", customers[2]));
        let products = json!([{"name": "Lamp", "price": 30}, {"name": "Desk", "price": 0}]);
        let products = ids(&shop.post("/products", &products));
        let stock = |product: &String| json!({"product_id": product, "amount": 5000});
        shop.post("/inventory", &json!(products.iter().map(stock).collect::<Vec<_>>()));
        let order = |count: usize| {
            let product_ids: Vec<_> = (0..count).map(|index| &products[index % 2]).collect();
            json!({"product_ids": product_ids, "customer_id": customers[0]})
        };
        let orders = ids(&shop.post("/orders", &json!([order(5), order(1), order(700)])));
        shop.post("/billings", &json!({"order_id": orders[0]}));
        shop.put(&format!("/order/{}", orders[1]), &order(3));
        let redis = twin::start(&shop);
        let mut client = RespClient::connect(twin::address(&redis)).expect("it runs");
        let entries = client.ask("XRANGE events:{customer}_created - + COUNT 2");
        let entry = entries.elements[1].elements[0].text();
        let (customer, order) = (customers[0].clone(), orders[0].clone());
        Self {
            shop,
            redis,
            customer,
            order,
            product: products[0].clone(),
            entry,
            differences: RefCell::default(),
            _folder: folder,
        }
    }

    /// Fills in what a command calls by a letter.
    fn words(&self, command: &str) -> Vec<Vec<u8>> {
        let word = |word: &str| {
            let word = word
                .replace("%set", "customer_ids")
                .replace("%hash", &format!("customer_entity:{}", self.customer))
                .replace("%order", &format!("order_entity:{}", self.order))
                .replace("%list", &format!("order_product_ids:{}", self.order))
                .replace("%stream", "events:{customer}_created")
                .replace("%updated", "events:{customer}_updated")
                .replace("%c", &self.customer)
                .replace("%p", &self.product)
                .replace("%e", &self.entry)
                .replace("%none", "");
            word.into_bytes()
        };
        command.split(' ').map(word).collect()
    }

    /// Sends a command to both, in both versions.
    fn compare(&self, command: &str) {
        let words = self.words(command);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.compare_bytes(command, &encode(&words));
    }

    fn compare_bytes(&self, what: &str, bytes: &[u8]) {
        for version in [2, 3] {
            let [ours, theirs] = [self.shop.resp_address(), twin::address(&self.redis)]
                .map(|address| replies(address, version, bytes));
            let [ours, theirs] =
                [ours, theirs].map(|replies| replies.into_iter().map(canonical(what)));
            let [ours, theirs]: [Vec<_>; 2] = [ours.collect(), theirs.collect()];
            let shown = |replies: &[Reply]| {
                let shown: Vec<_> = replies.iter().map(Reply::shown).collect();
                shown.join("\n    ")
            };
            if ours != theirs {
                self.differences.borrow_mut().push(format!(
                    "RESP{version} {what:?}\n  ours\n    {}\n  Redis\n    {}",
                    shown(&ours),
                    shown(&theirs)
                ));
            }
        }
    }

    /// Fails with all replies that differed.
    fn assert_alike(&self) {
        let differences = self.differences.borrow();
        assert!(
            differences.is_empty(),
            "{} differ:\n{}",
            differences.len(),
            differences.join("\n")
        );
    }
}

/// All that a server says to these bytes.
fn replies(address: SocketAddr, version: u8, bytes: &[u8]) -> Vec<Reply> {
    let mut client = RespClient::connect(address).expect("it takes connections");
    if version == 3 {
        client.ask("HELLO 3");
    }
    let bytes = [bytes, b"QUIT\r\n"].concat();
    // It may close the connection before it has read everything.
    let _ = client.send(&bytes);
    if bytes.windows(5).any(|word| word == b"REPLY") {
        // A QUIT that is not replied to leaves the connection open.
        let _ = client.socket().shutdown(Shutdown::Write);
    }
    client.replies_to_the_end().unwrap_or_else(|error| {
        panic!("{address}, RESP{version} {:?}: {error}", String::from_utf8_lossy(&bytes))
    })
}

/// What docs/resp.md excepts: the order of what has none, ids of connections, and the shape of a tree.
fn canonical(what: &str) -> impl Fn(Reply) -> Reply {
    let name = what.split(' ').next().unwrap_or_default().to_ascii_uppercase();
    let is_hello = what.contains("HELLO");
    move |mut reply| {
        match name.as_str() {
            "SMEMBERS" | "KEYS" => reply.elements.sort(),
            "XINFO" => mask(&mut reply, &["radix-tree-keys", "radix-tree-nodes"]),
            _ => {}
        }
        if is_hello {
            mask(&mut reply, &["id"]);
        }
        reply
    }
}

fn mask(reply: &mut Reply, names: &[&str]) {
    for pair in reply.elements.chunks_mut(2) {
        if let [name, value] = pair
            && names.contains(&name.text().as_str())
        {
            (value.head, value.bulk) = (b":".to_vec(), None);
        }
    }
    reply.elements.iter_mut().for_each(|element| mask(element, names));
}

#[test]
fn every_reply_is_that_of_redis() {
    let twins = Twins::new();
    let mut commands = 0;
    for key in KEYS.lines() {
        for command in OF_A_KEY.lines() {
            twins.compare(&command.replace('@', key));
            commands += 1;
        }
    }
    for command in OTHERS.lines() {
        twins.compare(command);
        commands += 1;
    }
    for name in WRITES.lines() {
        for arguments in ["", " a b c d e f g h i", " a", " a b c"] {
            // A name alone, and one that takes any number of arguments, are told apart by both.
            twins.compare(&format!("{name}{arguments}"));
            commands += 1;
        }
    }
    for line in RAW.lines() {
        twins.compare_bytes(line, &unescaped(line));
        commands += 1;
    }
    twins.assert_alike();
    assert!(commands > 1_000, "{commands} commands were compared");
}

/// Up to how many words a command is sent with.
const MOST_WORDS: i64 = 10;

/// Every arity: each command that `COMMAND` tells of, with fewer and with more words than it takes.
#[test]
fn a_wrong_number_of_arguments_is_told_as_redis_tells_it() {
    let twins = Twins::new();
    let mut client = RespClient::connect(twins.shop.resp_address()).expect("it takes connections");
    let commands = client.ask("COMMAND").elements;
    let (mut names, mut wrong) = (0, 0);
    let with_subcommands = commands
        .iter()
        .flat_map(|command| [command].into_iter().chain(&command.elements[9].elements));
    for command in with_subcommands {
        let (name, arity) = (command.elements[0].text(), command.elements[1].number());
        if name.starts_with("ordershop.") {
            continue;
        }
        names += 1;
        let mut line = name.to_ascii_uppercase().replace('|', " ");
        // A subcommand has two words already.
        for count in (1..MOST_WORDS).skip(line.split(' ').count() - 1) {
            let fits = if arity < 0 { count >= -arity } else { count == arity };
            if !fits {
                twins.compare(&line);
                wrong += 1;
            }
            line.push_str(" a");
        }
    }
    twins.assert_alike();
    assert!(names > 50 && wrong > 200, "{wrong} wrong numbers for {names} commands");
}

/// The cursors are another server's own; what they lead through is the same.
#[test]
fn scans_find_everything_that_redis_finds() {
    let twins = Twins::new();
    for (command, behind) in [
        ("SCAN", ""),
        ("SCAN", " COUNT 1"),
        ("SCAN", " COUNT 1000"),
        ("SCAN", " MATCH *_ids*"),
        ("SCAN", " TYPE hash"),
        ("SCAN", " TYPE list COUNT 7"),
        ("SCAN", " TYPE stream MATCH events:{order}*"),
        ("SCAN", " TYPE nonsense"),
        ("SSCAN customer_ids", ""),
        ("SSCAN customer_ids", " COUNT 3 MATCH *a*"),
        ("SSCAN missing", ""),
    ] {
        let found = |address| {
            let mut client = RespClient::connect(address).expect("it takes connections");
            let (mut cursor, mut found) = ("0".to_owned(), BTreeSet::new());
            loop {
                let page = client.ask(&format!("{command} {cursor}{behind}"));
                found.extend(page.elements[1].texts());
                cursor = page.elements[0].text();
                if cursor == "0" {
                    return found;
                }
            }
        };
        let ours = found(twins.shop.resp_address());
        let theirs = found(twin::address(&twins.redis));
        assert_eq!(ours, theirs, "{command}{behind}");
    }
}

/// A server that wants a password says so to everything else, and takes little before it has it.
#[test]
fn before_the_password_nothing_is_answered() {
    let folder = Folder::new();
    let mut command = serve_without_mails(&folder);
    command.args(["--resp", "127.0.0.1:0"]).env("ORDERSHOP_RESP_PASSWORD", "secret");
    let shop = Shop::start_as(command);
    let redis = RedisServer::start_with(Make::Redis, &["--requirepass", "secret"]);
    let large = format!("*2\r\n$4\r\nAUTH\r\n${}\r\n", 20_000);
    for bytes in [
        "PING\r\n",
        "NOSUCH\r\n",
        "DBSIZE\r\nSMEMBERS a\r\nXREAD STREAMS a 0\r\n",
        "MULTI\r\nEXEC\r\n",
        "EXEC\r\n",
        "SET a b\r\n",
        "SET a\r\n",
        "HELLO\r\n",
        "HELLO 3\r\n",
        "HELLO 3 AUTH default wrong\r\nPING\r\n",
        "HELLO 3 AUTH default secret\r\nSMEMBERS a\r\n",
        "HELLO 2 AUTH default secret SETNAME x\r\nCLIENT GETNAME\r\n",
        "AUTH wrong\r\nPING\r\n",
        "AUTH secret\r\nPING\r\n",
        "AUTH default secret\r\nPING\r\n",
        "AUTH someone secret\r\nPING\r\n",
        "AUTH a b c\r\n",
        "AUTH secret\r\nRESET\r\nPING\r\n",
        "RESET\r\n",
        "AUTH secret\r\nAUTH wrong\r\nPING\r\n",
        "*11\r\n",
        &large,
    ] {
        let [ours, theirs] = [shop.resp_address(), twin::address(&redis)].map(|address| {
            let mut client = RespClient::connect(address).expect("it takes connections");
            // It may close the connection before it has read everything.
            let _ = client.send(&[bytes.as_bytes(), b"QUIT\r\n"].concat());
            let mut replies = client.replies_to_the_end().expect("whole replies");
            for reply in &mut replies {
                mask(reply, &["id", "role"]);
            }
            replies.iter().map(Reply::shown).collect::<Vec<_>>()
        });
        assert_eq!(ours, theirs, "{bytes:?}");
    }
}
