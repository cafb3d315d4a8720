//! Promise: a running shop's log can be checked while clients order, whatever keeps it, and damage
//! beneath a running shop is found and told with its place.

mod support;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};
use support::fixture::assert_problem;
use support::http::Client;
use support::scenario::Flow;
use support::shop::{Ended, Folder, Shop, ordershop, run};
use support::wait::eventually;
use support::{ids, number, text};

/// How many clients order while the log is checked.
const CLIENTS: usize = 4;
/// More pieces than there are of any product.
const MORE_THAN_IN_STOCK: usize = 300;
/// How often it is checked meanwhile.
const CHECKS: usize = 3;

fn verify(shop: &Shop, json: bool) -> Command {
    let mut command = ordershop();
    command.args(["verify", "--url", &format!("http://{}", shop.address())]);
    if json {
        command.arg("--json");
    }
    command
}

/// The output of a check that finds nothing wrong.
#[track_caller]
fn whole(command: Command) -> String {
    let Ended { status, stdout, stderr } = run(command);
    assert_eq!((status.code(), &*stderr), (Some(0), ""), "{stdout}");
    assert!(!stdout.contains("wrong") && !stdout.contains("so far"), "{stdout}");
    stdout
}

/// The violations, and the sum, of a check that finds something wrong.
#[track_caller]
fn damaged(command: Command) -> (Vec<Value>, Value) {
    let Ended { status, stdout, stderr } = run(command);
    assert_eq!(status.code(), Some(1), "{stderr}{stdout}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let parse = |line| serde_json::from_str::<Value>(line).expect("a line of JSON");
    let mut lines: Vec<Value> = stdout.lines().map(parse).collect();
    let sum = lines.pop().expect("a last line")["checked"].clone();
    (lines.into_iter().map(|line| line["violation"].clone()).collect(), sum)
}

/// The sum of a check that finds nothing wrong.
#[track_caller]
fn sum_of(command: Command) -> Value {
    let stdout = whole(command);
    let line: Value = serde_json::from_str(stdout.trim()).expect("one line of JSON");
    assert_eq!(line["checked"]["violations"], json!({}), "{line}");
    line["checked"].clone()
}

/// Clients that place, change and delete orders until they are told to end.
struct Busy {
    over: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Busy {
    fn begin(address: SocketAddr, customer: &str, products: &[String]) -> Self {
        let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |index: usize| {
            let (over, done) = (Arc::clone(&over), Arc::clone(&done));
            let (customer, products) = (customer.to_owned(), products[index..].to_vec());
            thread::spawn(move || {
                let mut client = Client::new(address);
                while !over.load(Ordering::SeqCst) {
                    order(&mut client, &customer, &products);
                    done.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { over, done, clients }
    }

    /// Waits until so many more rounds are done.
    fn until_done(&self, more: usize) {
        let target = self.done.load(Ordering::SeqCst) + more;
        eventually("orders", || {
            let done = self.done.load(Ordering::SeqCst);
            if done >= target { Ok(()) } else { Err(format!("{done} of {target}")) }
        });
    }

    fn end(self) {
        self.over.store(true, Ordering::SeqCst);
        self.clients.into_iter().for_each(|client| client.join().expect("no panic"));
    }
}

fn order(client: &mut Client, customer: &str, products: &[String]) {
    let draft = |pieces: &[&String]| json!({"product_ids": pieces, "customer_id": customer});
    let mut send = |method: &str, path: &str, body: Option<&Value>| {
        let answer = client.send(method, path, body).expect("the shop answers");
        assert!(answer.status == 200 || answer.status == 409, "{}", answer.shown());
        answer
    };
    let (first, second) = (&products[0], &products[1]);
    let placed = send("POST", "/orders", Some(&draft(&[first, second, first])));
    if placed.status == 200 {
        let path = format!("/order/{}", ids(&placed.json()).remove(0));
        send("PUT", &path, Some(&draft(&[second])));
        send("DELETE", &path, None);
    }
    // Of the first there is enough, and it is given back.
    let mut too_many = vec![second; MORE_THAN_IN_STOCK];
    too_many.push(first);
    assert_eq!(send("POST", "/orders", Some(&draft(&too_many))).status, 409);
}

/// A shop whose log is checked while clients order: whole each time, and further each time.
fn check_while_busy(shop: &Shop, flow: &Flow) -> Value {
    let busy = Busy::begin(shop.address(), &flow.customers[5], &flow.products);
    let mut before = 0;
    let mut sum = Value::Null;
    for _ in 0..CHECKS {
        busy.until_done(CLIENTS);
        sum = sum_of(verify(shop, true));
        let entries = number(&sum["entries"]);
        assert!(entries > before, "{entries} entries, {before} before");
        before = entries;
    }
    busy.until_done(CLIENTS);
    busy.end();
    sum
}

#[test]
fn a_shop_is_whole_while_clients_order() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let flow = Flow::run(&shop);
    let sum = check_while_busy(&shop, &flow);
    assert_eq!((&sum["of"], &sum["indexed"]), (&json!("files"), &sum["entries"]));
    assert!(number(&sum["intents"]) > 10 && number(&sum["products"]) == 10, "{sum}");
    let report = whole(verify(&shop, false));
    assert_eq!(report.matches(" ok\n").count(), 10, "{report}");
    assert!(report.starts_with(&format!("the log of the shop at http://{}\n", shop.address())));
    assert!(report.lines().skip(1).all(|line| line.chars().count() <= 80), "{report}");
    let head = shop.send("HEAD", "/ops/verify", None);
    assert_eq!((head.status, head.body.len()), (200, 0));
    shop.stop();
    let mut gone = ordershop();
    gone.args(["verify", "--url", "http://127.0.0.1:1"]);
    let gone = run(gone);
    assert_eq!((gone.status.code(), &*gone.stdout), (Some(2), ""), "{}", gone.stderr);
    let mut stopped = ordershop();
    stopped.args(["verify", "--store", &folder.store()]);
    assert_eq!(whole(stopped).matches(" ok\n").count(), 9);
}

#[test]
fn damage_beneath_a_running_shop_is_told_with_its_place_and_the_shop_goes_on() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let flow = Flow::run(&shop);
    let events = shop.send("GET", "/ops/events?limit=3", None);
    let events = String::from_utf8(events.body).expect("text");
    let third: Value = serde_json::from_str(events.lines().last().expect("a third")).expect("JSON");
    let segment = fs::read_dir(folder.data())
        .expect("a folder")
        .map(|file| file.expect("a file").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "log"))
        .expect("a segment");
    // An entry's document stands in it as it is.
    let name = text(&third["entity"]["name"]);
    let bytes = fs::read(&segment).expect("the segment");
    let found = bytes.windows(name.len()).position(|window| window == name.as_bytes());
    let at = found.expect("it stands there") as u64;
    let file = File::options().write(true).open(&segment).expect("the segment");
    let flip = |bit: u8| {
        let byte = bytes[usize::try_from(at).expect("a small file")] ^ bit;
        file.write_all_at(&[byte], at).expect("it is changed in place");
    };

    flip(1);
    let busy = Busy::begin(shop.address(), &flow.customers[5], &flow.products);
    busy.until_done(CLIENTS);
    let (violations, sum) = damaged(verify(&shop, true));
    let first = &violations[0];
    assert_eq!((text(&first["rule"]), violations.len()), ("records", 1), "{violations:?}");
    assert_eq!(text(&first["file"]), segment.to_string_lossy());
    let byte = number(&first["byte"]);
    assert!(byte < at && at < byte + 1000, "{byte} for {at}");
    assert_eq!(first["entry"], third["id"]);
    assert!(number(&sum["unjudged"]) > 100, "{sum}");
    let shown = run(verify(&shop, false)).stdout;
    let place = format!("records: {}, byte {byte}, entry ", segment.display());
    assert!(shown.contains(&place) && shown.contains("1 wrong"), "{shown}");
    busy.until_done(CLIENTS);
    busy.end();

    flip(0);
    whole(verify(&shop, false));
    shop.stop();
}

#[test]
fn one_check_runs_at_a_time_and_ends_when_nobody_listens() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let customers: Vec<_> = (0..4000)
        .map(|index| json!({"name": format!("C {index}"), "email": "c@shop.example"}))
        .collect();
    shop.post("/customers", &json!(customers));
    let begin = || {
        let mut stream = TcpStream::connect(shop.address()).expect("the shop takes connections");
        let request = "GET /ops/verify HTTP/1.1\r\nHost: shop\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("it takes a request");
        let mut head = [0; 12];
        stream.read_exact(&mut head).expect("an answer");
        assert_eq!(&head, b"HTTP/1.1 200");
        stream
    };
    let until_free = || {
        eventually("the place of a check to which nobody listens", || {
            let answer = shop.send("GET", "/ops/verify", None);
            if answer.status == 200 { Ok(()) } else { Err(answer.shown()) }
        });
    };
    let second = eventually("a second asker to come while the first check runs", || {
        until_free();
        let first = begin();
        let second = shop.send("GET", "/ops/verify", None);
        drop(first);
        if second.status == 503 { Ok(second) } else { Err(second.shown()) }
    });
    let problem = assert_problem(&second, 503, "a second asker");
    assert_eq!(problem["type"], "/problems/unavailable");
    assert!(second.header("retry-after").is_some(), "{}", second.shown());
    // The first one has gone, so its check ends; and no check keeps a shop from closing.
    until_free();
    let held = begin();
    shop.stop();
    drop(held);
}

#[test]
fn a_shop_on_redis_is_whole_with_what_others_add_and_not_without_what_was_its_own() {
    let folder = Folder::on_redis();
    let shop = Shop::start(&folder);
    let flow = Flow::run(&shop);
    let sum = check_while_busy(&shop, &flow);
    assert_eq!((&sum["of"], &sum["foreign"]), (&json!("streams"), &json!(0)));
    assert!(number(&sum["intents"]) > 10 && number(&sum["products"]) == 10, "{sum}");
    assert!(number(&sum["indexed"]) > 100, "{sum}");

    // What the contract allows others is no damage, however odd.
    let event = |number: u32| format!("00000000-0000-4000-8000-{number:012}");
    let add = |stream: &str, id: &str, event: &str, entity: &str| {
        let (topic, action) = stream.split_once('_').expect("a topic and an action");
        let stream = format!("events:{{{topic}}}_{action}");
        folder.redis().call(&["XADD", &stream, id, "event_id", event, "entity", entity]);
    };
    let id = |number: u32| format!("00000000-0000-4000-9000-{number:012}");
    let customer =
        |number| json!({"id": id(number), "name": "Ada", "email": "a@b.example"}).to_string();
    add("customer_created", "*", &event(1), &customer(1));
    add("customer_updated", "1000-1", &event(2), &customer(1));
    add("customer_updated", "*", &event(2), &customer(1));
    add("customer_created", "*", &event(3), "{\"id\":");
    add("customer_deleted", "*", "none", "{}");
    let record = shop.get(&format!("/inventory/{}", flow.inventory[3]));
    let mut changed = record.clone();
    changed["amount"] = json!(7);
    add("inventory_updated", "*", &event(4), &changed.to_string());
    let theirs = json!({"id": id(8), "product_ids": [flow.products[4]], "customer_id": id(1)});
    add("order_created", "*", &event(5), &theirs.to_string());
    eventually("their order", || {
        let found = shop.get(&format!("/order/{}", id(8)));
        if found == theirs { Ok(()) } else { Err(found.to_string()) }
    });
    shop.put(&format!("/customer/{}", id(1)), &json!({"name": "Bob", "email": "b@b.example"}));
    // Stock of theirs is reserved as ours is, when its key is claimed.
    let product = json!({"id": id(20), "name": "Engine", "price": 7});
    let stock = json!({"id": id(21), "product_id": id(20), "amount": 50});
    add("product_created", "*", &event(6), &product.to_string());
    add("inventory_created", "*", &event(7), &stock.to_string());
    let draft = json!({"product_ids": [id(20), id(20)], "customer_id": id(1)});
    let placed = eventually("an order of their stock", || {
        let answer = shop.send("POST", "/orders", Some(&draft));
        if answer.status == 200 { Ok(ids(&answer.json()).remove(0)) } else { Err(answer.shown()) }
    });
    let billing = json!({"id": id(22), "order_id": placed, "done": 1.5});
    add("billing_created", "*", &event(8), &billing.to_string());
    eventually("the key of their billing", || {
        let again = shop.send("POST", "/billing", Some(&json!({"order_id": placed})));
        if again.status == 409 { Ok(()) } else { Err(again.shown()) }
    });
    shop.delete(&format!("/order/{placed}"));
    let sum = check_while_busy(&shop, &flow);
    assert_eq!((number(&sum["foreign"]), number(&sum["unreadable"])), (8, 2), "{sum}");
    assert_eq!((number(&sum["shared_entities"]), number(&sum["shared_products"])), (6, 3), "{sum}");
    let report = whole(verify(&shop, false));
    assert!(report.lines().skip(1).all(|line| line.chars().count() <= 80), "{report}");

    // An entity's index that was cut, and an entry that was taken out of its stream.
    let own = &flow.customers[7];
    let index = format!("ordershop:{{customer}}:{own}");
    let cut = folder.redis().client().call_bytes(&[b"RPOP", index.as_bytes()]);
    cut.expect("an item");
    let (violations, _) = damaged(verify(&shop, true));
    assert_eq!((violations.len(), text(&violations[0]["rule"])), (1, "index"), "{violations:?}");
    assert_eq!(text(&violations[0]["stream"]), "customer_created");
    shop.stop();
    let name = "events:{inventory}_updated";
    let first = folder.redis().call(&["XRANGE", name, "-", "+", "COUNT", "1"]).list().remove(0);
    let first = first.list().remove(0).text();
    assert_eq!(folder.redis().call(&["XDEL", name, &first]).integer(), 1);
    let mut alone = ordershop();
    alone.args(["verify", "--json", "--store", &folder.store()]);
    let (violations, _) = damaged(alone);
    let rules: Vec<&str> = violations.iter().map(|found| text(&found["rule"])).collect();
    assert!(rules.contains(&"versions") && rules.contains(&"index"), "{violations:?}");
}
