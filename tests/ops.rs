//! Promise: whoever runs a shop can look into it, while it runs and after it has stopped.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use support::fixture::assert_problem;
use support::folder::copy_folder;
use support::http::Client;
use support::scenario::Flow;
use support::shop::{Ended, Folder, Shop, ordershop, run};
use support::wait::pause;
use support::{ids, number, text};

/// A command on a running shop.
fn ask(shop: &Shop, arguments: &[&str]) -> Command {
    let mut command = ordershop();
    command.args(arguments).args(["--url", &format!("http://{}", shop.address())]);
    command
}

/// The same on the folder of a stopped one.
fn read(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = ordershop();
    command.args(arguments).args(["--store", &format!("embedded:{}", folder.data().display())]);
    command
}

/// What it wrote, if it ended with that code and, where it is 0, without a complaint.
#[track_caller]
fn ended_with(code: i32, command: Command) -> String {
    let Ended { status, stdout, stderr } = run(command);
    assert_eq!(status.code(), Some(code), "{stderr}{stdout}");
    assert_eq!(stderr.is_empty(), code == 0, "{stderr}");
    stdout
}

#[track_caller]
fn refusal(code: i32, command: Command) -> String {
    let Ended { status, stdout, stderr } = run(command);
    assert_eq!(status.code(), Some(code), "{stderr}{stdout}");
    assert_eq!((stdout.as_str(), stderr.lines().count()), ("", 1), "{stderr}");
    stderr
}

fn json_lines(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    text.lines().map(parse).collect()
}

#[test]
fn a_running_and_a_stopped_shop_list_the_same_events() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let flow = Flow::run(&shop);
    folder.wait_for_mails(support::scenario::MAILS);
    let all = ended_with(0, ask(&shop, &["events", "--json"]));
    let events = json_lines(&all);
    assert!(events.len() > 100, "{} events", events.len());
    let ids: Vec<&str> = events.iter().map(|event| text(&event["id"])).collect();

    let locked = refusal(2, read(&folder, &["events"]));
    assert!(locked.contains("--url"), "{locked}");

    let customers = ended_with(0, ask(&shop, &["events", "--json", "--topic", "customer"]));
    let customers = json_lines(&customers);
    assert!(customers.iter().all(|event| event["topic"] == "customer"));
    assert_eq!(text(&customers[0]["entity"]["id"]), flow.customers[0]);
    let some = ended_with(0, ask(&shop, &["events", "--from", ids[7], "--limit", "3", "--json"]));
    let some = json_lines(&some);
    let some: Vec<&str> = some.iter().map(|event| text(&event["id"])).collect();
    assert_eq!(some, ids[7..10]);

    let table = ended_with(0, ask(&shop, &["events"]));
    assert_eq!(table.lines().count(), events.len());
    for (line, event) in table.lines().zip(&events) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let version = event["version"].to_string();
        let fields = ["id", "action", "topic", "type", "entity_id"].map(|name| text(&event[name]));
        let [id, action, topic, kind, entity] = fields;
        assert_eq!(cells, [id, action, topic, kind, &version, entity]);
    }
    assert!(!table.contains('\u{1b}'), "no colours in a pipe");

    shop.stop();
    assert_eq!(ended_with(0, read(&folder, &["events", "--json"])), all);
    let gone = refusal(2, {
        let mut c = ordershop();
        c.args(["events", "--url", "http://127.0.0.1:1"]);
        c
    });
    assert!(gone.contains("no shop answers"), "{gone}");
    let empty = Folder::new();
    refusal(2, read(&empty, &["events"]));
    assert!(!empty.data().exists(), "reading begins no log");
}

#[test]
fn follow_sees_each_event_once_as_it_happens() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let customer = |index| json!({"name": format!("C {index}"), "email": "c@shop.example"});
    shop.post("/customers", &customer(0));
    let arguments = ["events", "--topic", "customer", "--follow", "--json", "--limit", "20"];
    let mut following = ask(&shop, &arguments).stdout(Stdio::piped()).spawn().expect("it starts");
    let lines = BufReader::new(following.stdout.take().expect("it is piped")).lines();
    let names: Vec<String> = lines
        .enumerate()
        .map(|(index, line)| {
            // Each is made only when the one before was seen, so each was waited for.
            shop.post("/customers", &customer(index + 1));
            let event: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
            text(&event["entity"]["name"]).to_owned()
        })
        .collect();
    assert_eq!(following.wait().expect("it ends").code(), Some(0));
    assert_eq!(names, (0..20).map(|index| format!("C {index}")).collect::<Vec<_>>());
}

#[test]
fn a_state_can_be_asked_as_of_any_moment() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let product = ids(&shop.post("/product", &json!({"name": "Lamp", "price": 30}))).remove(0);
    let before = json_lines(&ended_with(0, ask(&shop, &["state", "product", &product, "--json"])));
    let (entry, time) = (text(&before[0]["entry"]), text(&before[0]["time"]));
    shop.put(&format!("/product/{product}"), &json!({"name": "Lamp", "price": 31}));
    shop.delete(&format!("/product/{product}"));

    let check = |on: &dyn Fn(&[&str]) -> Command| {
        for at in [entry, time] {
            let then = ended_with(0, on(&["state", "product", &product, "--at", at, "--json"]));
            assert_eq!(json_lines(&then), before);
        }
        let now = ended_with(0, on(&["state", "product", &product, "--json"]));
        let now = &json_lines(&now)[0];
        assert_eq!((number(&now["version"]), &now["deleted"]), (3, &json!(true)));
        assert_eq!(number(&now["entity"]["price"]), 31);
        let shown = ended_with(0, on(&["state", "product", &product]));
        assert!(shown.starts_with(&format!("product {product} (deleted)\n")), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");

        let past = refusal(1, on(&["state", "product", &product, "--at", "2020-01-01T00:00:00Z"]));
        assert!(past.contains("there was no product"), "{past}");
        let none = refusal(1, on(&["state", "product", support::fixture::UNKNOWN]));
        assert!(none.contains("there is no product"), "{none}");
        refusal(2, on(&["state", "cat", &product]));
        refusal(2, on(&["state", "product", &product, "--at", "yesterday"]));
    };
    check(&|arguments| ask(&shop, arguments));
    shop.stop();
    check(&|arguments| read(&folder, arguments));
}

#[test]
fn the_tree_tells_who_runs_and_for_how_long() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    Flow::run(&shop);
    let nodes = json_lines(&ended_with(0, ask(&shop, &["tree", "--json"])));
    let find = |path: &str| {
        let found = nodes.iter().find(|node| node["path"] == path);
        found.unwrap_or_else(|| panic!("no {path} in {nodes:?}"))
    };
    assert_eq!(nodes[0]["path"], "ordershop");
    assert_eq!(nodes[0]["strategy"], "rest_for_one");
    assert_eq!(find("ordershop/http")["kind"], "process");
    assert_eq!(find("ordershop/readers/effects/crm")["restarts"], 0);
    let inventories = find("ordershop/entities/inventories");
    assert_eq!((&inventories["kind"], &inventories["failures"]), (&json!("dynamic"), &json!(0)));
    assert!(nodes.iter().all(|node| node["state"] == "running"), "{nodes:?}");

    let drawn = ended_with(0, ask(&shop, &["tree"]));
    assert_eq!(drawn.lines().count(), nodes.len() + 1);
    assert!(drawn.contains("\n├─ journal ") && drawn.contains("\n└─ http "), "{drawn}");
    assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
    let address = format!("http://{}", shop.address());
    shop.stop();
    let mut command = ordershop();
    command.args(["tree", "--url", &address]);
    refusal(2, command);
}

#[test]
fn verify_passes_a_busy_shop_that_was_killed_and_names_the_place_of_damage() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let flow = Flow::run(&shop);
    let keyed = [("Idempotency-Key", "one"), ("Content-Type", "application/json")];
    let body = json!({"name": "Ann", "email": "ann@a.example"}).to_string();
    let answer = shop.client().send_bytes("POST", "/customer", &keyed, Some(body.as_bytes()));
    assert_eq!(answer.expect("an answer").status, 200);
    let locked = refusal(2, read(&folder, &["verify"]));
    assert!(locked.contains("--url"), "{locked}");
    let address = shop.address();
    let busy: Vec<_> = (0..4)
        .map(|index| {
            let (customer, products) = (flow.customers[5].clone(), flow.products.clone());
            thread::spawn(move || order_until_it_is_gone(address, &customer, &products[index..]))
        })
        .collect();
    pause(Duration::from_millis(500));
    shop.kill();
    let orders: usize = busy.into_iter().map(|client| client.join().expect("no panic")).sum();
    assert!(orders > 10, "{orders} orders");

    let report = ended_with(0, read(&folder, &["verify"]));
    assert!(report.lines().all(|line| line.chars().count() <= 80 || line.contains("the log in")));
    assert_eq!(report.matches(" ok\n").count(), 9, "{report}");
    let sum = &json_lines(&ended_with(0, read(&folder, &["verify", "--json"])))[0]["checked"];
    assert!(number(&sum["intents"]) > 10 && number(&sum["products"]) == 10, "{sum}");
    assert_eq!(sum["violations"], json!({}));

    let damaged = Folder::new();
    copy_folder(&folder.data(), &damaged.data());
    let file = fs::read_dir(damaged.data())
        .expect("a folder")
        .map(|file| file.expect("a file").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "log"))
        .expect("a segment");
    let mut bytes = fs::read(&file).expect("the segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&file, &bytes).expect("the segment");
    let Ended { status, stdout, stderr } = run(read(&damaged, &["verify", "--json"]));
    assert_eq!(status.code(), Some(1), "{stderr}{stdout}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let first = &json_lines(&stdout)[0]["violation"];
    assert_eq!(first["rule"], "records", "{stdout}");
    assert_eq!(text(&first["file"]), file.to_string_lossy());
    let byte = number(&first["byte"]);
    assert!(byte <= middle as u64 && byte + 4000 > middle as u64, "{byte} for {middle}");
    assert_eq!(fs::read(&file).expect("the segment"), bytes, "verify changes nothing");

    let shop = Shop::start(&folder);
    shop.stop();
    ended_with(0, read(&folder, &["verify"]));
}

/// Orders until the shop is killed; tells how many orders were answered.
fn order_until_it_is_gone(address: SocketAddr, customer: &str, products: &[String]) -> usize {
    let mut client = Client::new(address);
    for count in 0.. {
        let product_ids = [&products[0], &products[1], &products[0]];
        let order = json!({"product_ids": product_ids, "customer_id": customer});
        let Ok(answer) = client.send("POST", "/orders", Some(&order)) else {
            return count;
        };
        if answer.status == 200 && count % 2 == 0 {
            let id = ids(&answer.json()).remove(0);
            if client.send("DELETE", &format!("/order/{id}"), None).is_err() {
                return count;
            }
        }
    }
    0
}

#[test]
fn the_subscribers_tell_how_far_they_have_come() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let customers: Vec<_> = (0..50)
        .map(|index| json!({"name": format!("C {index}"), "email": "c@shop.example"}))
        .collect();
    let told = |count: usize| {
        let path = format!("/ops/subscribers?count={count}");
        json_lines(&String::from_utf8_lossy(&shop.send("GET", &path, None).body))
    };
    let of = |lines: &[Value], subscriber: &str, topic: &str| {
        let found = lines.iter().find(|l| l["subscriber"] == subscriber && l["topic"] == topic);
        found.unwrap_or_else(|| panic!("no {subscriber} of {topic}: {lines:?}")).clone()
    };
    // A cursor is saved a moment after the work is done.
    support::wait::eventually("crm to have customers before it", || {
        shop.post("/customers", &json!(customers));
        let crm = of(&told(10), "crm", "customer");
        let many = number(&crm["behind"]) == 10 && crm["more"] == true;
        if many { Ok(()) } else { Err(crm.to_string()) }
    });
    let lines = support::wait::eventually("every subscriber to be at the end", || {
        let lines = told(10);
        let done = lines.iter().all(|line| number(&line["behind"]) == 0 && line["more"] == false);
        if done { Ok(lines) } else { Err(format!("{lines:?}")) }
    });
    for (subscriber, topic) in [("crm", "customer"), ("msg", "mail"), ("read-model", "customer")] {
        let line = of(&lines, subscriber, topic);
        assert_eq!(line["finished"], line["end"], "{line}");
        assert_ne!(line["end"], "0-0", "{line}");
    }
    assert_eq!(of(&lines, "billing", "order")["end"], "0-0", "nothing was ordered");
    assert_problem(&shop.send("GET", "/ops/subscribers?count=x", None), 400, "a bad count");
}

#[test]
fn a_bad_question_gets_a_problem_and_a_page_is_bounded() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let customers: Vec<_> = (0..1200)
        .map(|index| json!({"name": format!("C {index}"), "email": "c@shop.example"}))
        .collect();
    let id = ids(&shop.post("/customers", &json!(customers))).remove(0);
    for (status, path) in [
        (400, "/ops/events?limit=x".to_owned()),
        (400, "/ops/events?topic=cat".to_owned()),
        (400, "/ops/events?from=1".to_owned()),
        (400, "/ops/events?after=nowhere".to_owned()),
        (404, format!("/ops/state/cat/{id}")),
        (400, "/ops/state/customer/x".to_owned()),
        (400, format!("/ops/state/customer/{id}?at=yesterday")),
        (404, format!("/ops/state/customer/{}", support::fixture::UNKNOWN)),
    ] {
        assert_problem(&shop.send("GET", &path, None), status, &path);
    }
    let path = "/ops/events?topic=customer&limit=1000000";
    let page = shop.send("GET", path, None);
    assert_eq!(String::from_utf8_lossy(&page.body).lines().count(), 1000);
    let next = page.header("ordershop-next").expect("where to go on").to_owned();
    let rest = shop.send("GET", &format!("/ops/events?after={next}"), None);
    assert_eq!(String::from_utf8_lossy(&rest.body).lines().count(), 200);
    let all = ended_with(0, ask(&shop, &["events", "--topic", "customer", "--json"]));
    assert_eq!(all.lines().count(), 1200);
}
