//! Promise: an operator can end any part of a running shop; its supervisors mend it, and the shop goes on.

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::fixture::{UNKNOWN, assert_problem};
use support::scenario::Flow;
use support::shop::{Ended, Folder, Shop, ordershop, run};
use support::wait::eventually;
use support::{ids, list, number, text};

fn ask(shop: &Shop, arguments: &[&str]) -> Command {
    let mut command = ordershop();
    command.args(arguments).args(["--url", &format!("http://{}", shop.address())]);
    command
}

#[track_caller]
fn told(command: Command) -> String {
    let Ended { status, stdout, stderr } = run(command);
    assert_eq!((status.code(), &*stderr), (Some(0), ""), "{stdout}");
    stdout
}

/// Kills it, and waits until the tree says that it failed and is up again; gives its node.
#[track_caller]
fn kill(shop: &Shop, path: &str) -> Value {
    let whole = format!("ordershop/{path}");
    let said = told(ask(shop, &["kill", path]));
    assert_eq!(said, format!("{whole} killed; `ordershop tree` shows what becomes of it\n"));
    eventually(&format!("{path}, mended"), || {
        // Its server may be among what begins anew.
        let Ended { status, stdout, stderr } = run(ask(shop, &["tree", "--json"]));
        if status.code() != Some(0) {
            return Err(stderr);
        }
        let parse = |line| serde_json::from_str::<Value>(line).expect("a line of JSON");
        let nodes: Vec<Value> = stdout.lines().map(parse).collect();
        let node = nodes.iter().find(|node| node["path"] == *whole);
        let node = node.ok_or_else(|| format!("no {path} in {stdout}"))?;
        let has_failed = number(&node["restarts"]) > 0 && !node["last_failure"].is_null();
        // A customer that was up before may not be needed again.
        let is_part = |node: &&Value| !text(&node["path"]).contains("/customers/");
        let is_mended = nodes.iter().filter(is_part).all(|node| node["state"] == "running");
        if has_failed && is_mended { Ok(node.clone()) } else { Err(stdout) }
    })
}

/// Sends until it is taken, as a client does that is told to come again.
fn send(shop: &Shop, method: &str, path: &str, body: &Value) -> Value {
    eventually(path, || match shop.client().send(method, path, Some(body)) {
        Ok(answer) if answer.status == 200 => Ok(answer.json()),
        Ok(answer) => Err(answer.shown()),
        Err(error) => Err(error.to_string()),
    })
}

#[test]
fn what_is_killed_begins_anew_and_nothing_is_lost() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let flow = Flow::run(&shop);
    let before = shop.get("/report");
    let ann = json!({"name": "Ann", "email": "ann@shop.example"});

    // An entity is up while it is in use.
    let path = format!("/customer/{}", flow.customers[5]);
    let customer = shop.get(&path);
    shop.put(&path, &customer);
    let entity = format!("entities/customers/{}", flow.customers[5]);
    let said = told(ask(&shop, &["kill", &entity, "--json"]));
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said, json!({"killed": format!("ordershop/{entity}")}));
    assert_eq!(send(&shop, "PUT", &path, &customer), json!(true));
    let tree = told(ask(&shop, &["tree", "--json"]));
    let crowd = tree.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let crowd = crowd.into_iter().find(|node| node["path"] == "ordershop/entities/customers");
    assert_eq!(crowd.expect("customers")["failures"], 1);

    for part in ["services/customer-service", "entities/customers", "readers", "journal"] {
        let node = kill(&shop, part);
        assert!(!text(&node["last_failure"]["reason"]).is_empty(), "{node}");
        assert_eq!(shop.get("/report"), before, "after {part}");
        ids(&send(&shop, "POST", "/products", &json!({"name": part, "price": 1})));
        assert_eq!(send(&shop, "PUT", &path, &customer), json!(true), "after {part}");
        let products = shop.get("/products");
        assert!(list(&products).iter().any(|product| product["name"] == *part), "{products}");
        // So that the next report is that of the beginning.
        for product in list(&products).iter().filter(|product| product["price"] == 1) {
            send(&shop, "DELETE", &format!("/product/{}", text(&product["id"])), &json!(null));
        }
    }
    ids(&send(&shop, "POST", "/customer", &ann));
    assert!(!told(ask(&shop, &["verify"])).contains("wrong"));
    shop.stop();
}

#[test]
fn what_is_not_there_is_told_with_what_is_near_it() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let refused = |arguments: &[&str]| {
        let Ended { status, stdout, stderr } = run(ask(&shop, arguments));
        assert_eq!((status.code(), &*stdout, stderr.lines().count()), (Some(1), "", 1), "{stderr}");
        stderr
    };
    let near = refused(&["kill", "jornal"]);
    assert!(near.contains("`ordershop/jornal`") && near.contains(" ordershop/journal"), "{near}");
    let near = refused(&["kill", &format!("entities/customers/{UNKNOWN}")]);
    assert!(near.contains(" ordershop/entities/customers"), "{near}");
    assert!(refused(&["kill", "ordershop"]).contains("stop the shop instead"));

    let post = |headers: &[(&str, &str)], body: &[u8]| {
        let answer = shop.client().send_bytes("POST", "/ops/kill", headers, Some(body));
        answer.expect("an answer")
    };
    let json = [("Content-Type", "application/json")];
    assert_problem(&post(&json, br#"{"path": "x"}"#), 404, "no such path");
    assert_problem(&post(&json, br#"{"path": ""}"#), 409, "the root");
    assert_problem(&post(&json, br#"{"pth": "x"}"#), 422, "no path");
    assert_problem(&post(&json, b"{"), 400, "no JSON");
    let simple = [("Content-Type", "text/plain")];
    assert_problem(&post(&simple, br#"{"path": "journal"}"#), 415, "what any page may send");
    assert_problem(&post(&[], br#"{"path": "journal"}"#), 415, "the same");
    assert_problem(&shop.send("GET", "/ops/kill", None), 405, "only by POST");
    let tree = told(ask(&shop, &["tree", "--json"]));
    assert_eq!(tree.matches("\"restarts\":0").count(), tree.lines().count(), "{tree}");
    shop.stop();
}
