//! Promise: what a Redis server has lost is found and named under a living shop; queries and commands
//! go on with what there is, and mails only when an operator says so.

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::folder::{DURABLE, copy_folder};
use support::ids;
use support::mails::Mail;
use support::shop::{Folder, Shop, ordershop, run};
use support::wait::eventually;

/// What has it go on.
const ADVICE: &str = "`ordershop resume crm`";

#[test]
fn after_a_loss_all_is_made_anew_and_mails_wait_for_an_operator() {
    let folder = Folder::on_redis_with(&DURABLE);
    let shop = Shop::start(&folder);
    let create = |path: &str, body: Value| ids(&shop.post(path, &body)).remove(0);
    let customer = |name: &str| json!({"name": name, "email": format!("{name}@a.example")});
    let ann = create("/customer", customer("ann"));
    let tea = create("/product", json!({"name": "Tea", "price": 3}));
    let stock = create("/inventory", json!({"product_id": tea, "amount": 9}));
    let order = json!({"product_ids": [tea], "customer_id": ann});
    let kept = create("/order", order.clone());
    folder.wait_for_mails(3);
    caught_up(&shop);
    let report = shop.get("/report");

    // A copy of the log's files is made, and takes their place when more has been acknowledged.
    let copy = tempfile::tempdir().expect("a folder for temporary files");
    let files = {
        let mut redis = folder.redis();
        redis.kill();
        let files = redis.folder().join("appendonlydir");
        copy_folder(&files, copy.path());
        redis.restart();
        files
    };
    let bob = accepted(&shop, "/customer", &customer("bob"));
    let lost = accepted(&shop, "/order", &order);
    shop.put(&format!("/inventory/{stock}"), &json!({"product_id": tea, "amount": 100}));
    let before = folder.wait_for_mails(3 + 1 + 2);
    restore(&folder, copy.path(), &files);

    eventually("queries about what there is", || {
        let answer = shop.client().send("GET", "/report", None).map_err(|e| e.to_string())?;
        let now = answer.json();
        if answer.status == 200 && now == report { Ok(()) } else { Err(answer.shown()) }
    });
    assert_eq!(shop.get(&format!("/customer/{bob}")), Value::Null);
    assert_eq!(shop.get(&format!("/order/{lost}")), Value::Null);
    stands_still(&shop);

    // Commands go on.
    accepted(&shop, "/customer", &customer("carl"));
    assert_eq!(shop.put(&format!("/customer/{ann}"), &customer("anna")), json!(true));
    assert_eq!(shop.delete(&format!("/order/{kept}")), json!(true));
    accepted(&shop, "/order", &order);
    assert_eq!(shop.get(&format!("/inventory/{stock}"))["amount"], 8);
    let told = shop.stop().stderr;
    let named = told.lines().find(|line| line.contains("the log has lost")).expect("it is told");
    for stream in ["customer_created", "order_created", "inventory_updated", "mail_internal"] {
        assert!(named.contains(stream), "{stream} is not named in {named}");
    }

    // No restart has mails go on; a command does.
    let shop = Shop::start(&folder);
    stands_still(&shop);
    assert_eq!(folder.mails(), before, "nobody was written to");
    assert_eq!(
        resume(&shop, "all"),
        "crm goes on\nbilling goes on\nmsg goes on\nkeys goes on\ncache goes on\n"
    );
    let now = folder.wait_for_mails(before.len() + 1 + 2);
    let new: Vec<&Mail> = now.iter().filter(|mail| !before.contains(mail)).collect();
    assert!(new.iter().all(|mail| mail.to != "bob@a.example"), "{new:?}");
    caught_up(&shop);
    assert_eq!(resume(&shop, "msg"), "msg did not stand still\n");
    shop.stop();

    let shop = Shop::start(&folder);
    accepted(&shop, "/customer", &customer("dora"));
    folder.wait_for_mails(now.len() + 1);
    shop.stop();
}

/// Puts the copy in the place of the log's files.
fn restore(folder: &Folder, copy: &Path, files: &Path) {
    let mut redis = folder.redis();
    redis.kill();
    fs::remove_dir_all(files).expect("the files of a server that is down");
    copy_folder(copy, files);
    redis.restart();
}

/// Sends a creation until the shop takes commands again.
fn accepted(shop: &Shop, path: &str, body: &Value) -> String {
    eventually("an accepted command", || {
        let answer = shop.client().send("POST", path, Some(body)).map_err(|e| e.to_string())?;
        assert!([200, 503].contains(&answer.status), "{}", answer.shown());
        if answer.status == 200 { Ok(ids(&answer.json()).remove(0)) } else { Err(answer.shown()) }
    })
}

/// Waits until every subscriber has handled and saved all that there is.
fn caught_up(shop: &Shop) {
    eventually("subscribers that have caught up", || {
        let lines = lines(shop, "/ops/subscribers");
        let behind = lines.iter().find(|line| line["behind"] != 0 || !line["held_up"].is_null());
        behind.map_or(Ok(()), |line| Err(line.to_string()))
    });
}

/// All three who send or have sent mails stand still, visibly, and say what to do.
fn stands_still(shop: &Shop) {
    for path in ["/ops/tree", "/ops/subscribers"] {
        let told = lines(shop, path);
        let held_up = |name: &str| {
            let is_meant = |line: &&Value| {
                let path = line["path"].as_str().unwrap_or_default();
                line["subscriber"] == name || path.ends_with(&format!("/effects/{name}"))
            };
            let line = told.iter().find(is_meant).unwrap_or_else(|| panic!("no {name} in {path}"));
            line["held_up"].as_str().unwrap_or_else(|| panic!("it goes on: {line}")).to_owned()
        };
        assert!(held_up("crm").contains(ADVICE), "{}", held_up("crm"));
        held_up("billing");
        held_up("msg");
    }
}

fn lines(shop: &Shop, path: &str) -> Vec<Value> {
    let answer = shop.send("GET", path, None);
    assert_eq!(answer.status, 200, "{}", answer.shown());
    let body = String::from_utf8(answer.body).expect("text");
    body.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn resume(shop: &Shop, subscriber: &str) -> String {
    let mut command = ordershop();
    command.args(["resume", subscriber, "--url", &format!("http://{}", shop.address())]);
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    ended.stdout
}
