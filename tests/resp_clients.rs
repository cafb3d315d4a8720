//! Promise: clients made for Redis work as they are: redis-cli, and redis-py in both versions of RESP.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use support::shop::{Folder, Shop};
use support::{ids, text};

/// How many orders come in while they are followed.
const ORDERS: usize = 300;
/// How many come in one request.
const AT_ONCE: usize = 3;

/// Reads every entity of every topic over RESP, and prints them as the lists of HTTP.
const READ_ALL: &str = r#"
import json, sys, redis
port, protocol = int(sys.argv[1]), int(sys.argv[2])
shop = redis.Redis(port=port, protocol=protocol, decode_responses=True)
shop.ping()
found = {}
for topic in ["customer", "product", "inventory", "order", "billing"]:
    by_scan = set(shop.sscan_iter(f"{topic}_ids", count=7))
    assert by_scan == set(shop.smembers(f"{topic}_ids")), topic
    assert len(by_scan) == shop.scard(f"{topic}_ids"), topic
    found[topic] = {}
    pipeline = shop.pipeline(transaction=True)
    for id in sorted(by_scan):
        pipeline.hgetall(f"{topic}_entity:{id}")
    for fields in pipeline.execute():
        if "product_ids" in fields:
            fields["product_ids"] = shop.lrange(fields["product_ids"], 0, -1)
        found[topic][fields["id"]] = fields
keys = set(shop.scan_iter(count=3))
assert keys == set(shop.keys()) and len(keys) == shop.dbsize()
assert shop.info("server")["redis_version"].startswith("7.")
for stream in shop.scan_iter(match="events:*", _type="stream"):
    assert shop.xlen(stream) == len(shop.xrange(stream)) == shop.xinfo_stream(stream)["length"]
try:
    shop.set("a", "b")
    raise SystemExit("a write was taken")
except redis.exceptions.ReadOnlyError:
    pass
print(json.dumps(found))
"#;

/// Follows a stream from its end, and prints each order as it comes; when it is told, each must be
/// there as a hash, too.
const FOLLOW: &str = r#"
import json, sys, redis
port, protocol, count = (int(word) for word in sys.argv[1:])
shop = redis.Redis(port=port, protocol=protocol, decode_responses=True)
stream = "events:{order}_created"
last, seen = "0", 0
print("ready", flush=True)
while seen < count:
    answer = shop.xread({stream: last}, count=50, block=5000)
    if isinstance(answer, dict):
        answer = [(name, entries[0]) for name, entries in answer.items()]
    for name, entries in answer:
        assert name == stream
        for last, fields in entries:
            order = json.loads(fields["entity"])
            fields = shop.hgetall(f"order_entity:{order['id']}")
            assert fields["customer_id"] == order["customer_id"], order
            print(last, order["id"], flush=True)
            seen += 1
"#;

fn program(variable: &str) -> Command {
    let program = std::env::var_os(variable).unwrap_or_else(|| {
        panic!(
            "this test runs a client, and {variable} does not name it: run it with `cargo xtask \
             test`, which finds or fetches one"
        )
    });
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

fn python(script: &str, arguments: &[String]) -> Command {
    let mut command = program("ORDERSHOP_REDIS_PYTHON");
    command.args(["-c", script]).args(arguments);
    command
}

fn succeeded(output: &Output) -> String {
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {shown}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A shop with stock for all orders; its one product, and its one customer.
fn shop(folder: &Folder) -> (Shop, String, String) {
    let shop = Shop::start_with_resp(folder);
    let customer = json!({"name": "Ada \"Žižek\"", "email": "ada@example.org"});
    let customer = ids(&shop.post("/customer", &customer)).remove(0);
    let product = ids(&shop.post("/product", &json!({"name": "Lamp", "price": 30}))).remove(0);
    shop.post("/inventory", &json!({"product_id": product, "amount": 100_000}));
    (shop, customer, product)
}

#[test]
fn redis_py_reads_every_entity() {
    let folder = Folder::new();
    let (shop, customer, product) = shop(&folder);
    let order = json!({"product_ids": [product, product], "customer_id": customer});
    let orders = ids(&shop.post("/orders", &json!(vec![order; 20])));
    shop.post("/billings", &json!({"order_id": orders[3]}));
    shop.delete(&format!("/order/{}", orders[5]));
    let port = shop.resp_address().port().to_string();
    for protocol in ["2", "3"] {
        let mut command = python(READ_ALL, &[port.clone(), protocol.to_owned()]);
        let printed = succeeded(&command.output().expect("Python starts"));
        let found: Value = serde_json::from_str(&printed).expect("JSON");
        for (topic, path) in [
            ("customer", "/customers"),
            ("product", "/products"),
            ("inventory", "/inventory"),
            ("order", "/orders"),
            ("billing", "/billings"),
        ] {
            let listed = shop.get(path);
            let listed = support::list(&listed);
            assert_eq!(found[topic].as_object().map(serde_json::Map::len), Some(listed.len()));
            for entity in listed {
                let mut entity = entity.clone();
                for value in entity.as_object_mut().expect("an object").values_mut() {
                    if value.is_number() {
                        *value = Value::from(value.to_string());
                    }
                }
                assert_eq!(found[topic][text(&entity["id"])], entity, "RESP{protocol} {topic}");
            }
        }
    }
}

/// Reads the lines of a client; it is ended with the test.
struct Follower {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Follower {
    fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the client starts");
        let stdout = process.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines();
        let ready = lines.next().expect("the client goes on").expect("text");
        assert_eq!(ready, "ready");
        Self { process, lines }
    }

    /// All that it prints up to its end.
    fn rest(mut self) -> Vec<String> {
        let lines = self.lines.by_ref().map(|line| line.expect("text")).collect();
        let status = self.process.wait().expect("it is ours");
        assert!(status.success(), "the client ended with {status}");
        lines
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Both fail harmlessly when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn redis_py_follows_orders_as_they_come_and_misses_none() {
    let folder = Folder::new();
    let (shop, customer, product) = shop(&folder);
    let port = shop.resp_address().port().to_string();
    let followers = ["2", "3"].map(|protocol| {
        let arguments = [port.clone(), protocol.to_owned(), ORDERS.to_string()];
        Follower::start(python(FOLLOW, &arguments))
    });
    let order = json!({"product_ids": [product], "customer_id": customer});
    let mut client = shop.client();
    let body = json!(vec![order; AT_ONCE]);
    let mut placed = Vec::new();
    while placed.len() < ORDERS {
        let answer = client.send("POST", "/orders", Some(&body)).expect("an answer");
        placed.extend(ids(&answer.json()));
    }
    for follower in followers {
        let lines = follower.rest();
        let seen: Vec<&str> =
            lines.iter().filter_map(|line| Some(line.split_once(' ')?.1)).collect();
        assert_eq!(seen, placed, "every order, in the order in which they were placed");
    }
}

#[test]
fn redis_cli_asks_and_hints() {
    let folder = Folder::new();
    let (shop, customer, _) = shop(&folder);
    let port = shop.resp_address().port().to_string();
    let cli = |arguments: &[&str]| {
        let mut command = program("ORDERSHOP_REDIS_CLI");
        command.args(["-p", &port]).args(arguments);
        succeeded(&command.output().expect("redis-cli starts"))
    };
    let key = format!("customer_entity:{customer}");
    let expected = format!("id\n{customer}\nname\nAda \"Žižek\"\nemail\nada@example.org\n");
    assert_eq!(cli(&["HGETALL", &key]), expected);
    let as_pairs = format!("id {customer}\nname Ada \"Žižek\"\nemail ada@example.org\n");
    assert_eq!(cli(&["-3", "HGETALL", &key]), as_pairs);
    assert_eq!(cli(&["SMEMBERS", "customer_ids"]), format!("{customer}\n"));
    assert!(cli(&["--scan", "--pattern", "customer_entity:*"]).contains(&key));
    assert_eq!(
        cli(&["GET", "a"]).lines().next(),
        Some("ERR unknown command 'GET', with args beginning with: 'a' ")
    );
    assert!(cli(&["SET", "a", "b"]).starts_with("READONLY "));
    assert!(cli(&["INFO", "keyspace"]).contains("db0:keys="));

    // A session that is typed: with HELLO 3, a transaction, and what the hints are made of.
    let mut command = program("ORDERSHOP_REDIS_CLI");
    command.args(["-p", &port]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("redis-cli starts");
    let mut stdin = process.stdin.take().expect("it is piped");
    let typed = "HELLO 3\nMULTI\nSCARD customer_ids\nXLEN events:{customer}_created\nEXEC\nCOMMAND DOCS hget\n";
    stdin.write_all(typed.as_bytes()).expect("it reads");
    drop(stdin);
    let printed = succeeded(&process.wait_with_output().expect("it ends"));
    assert!(printed.contains("QUEUED\nQUEUED\n1\n1\n"), "{printed}");
    assert!(printed.contains("Get the value of a hash field"), "{printed}");
}
