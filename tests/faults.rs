//! Promise: a handler that panics costs its caller a 500, and nobody else anything.
//!
//! Needs the feature `faults`, with which the shop has `PUT /faults/{topic}/{id}`: the next
//! command of that entity panics in its handler.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use support::http::{Answer, Client};
use support::mails::count_by_purpose;
use support::scenario::{Flow, MAILS, TEN};
use support::shop::{Folder, Shop, ordershop, run};
use support::text;

#[test]
fn a_panic_in_any_topic_fails_one_command_and_no_other() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let flow = Flow::run(&shop);
    let mails = folder.wait_for_mails(MAILS);

    let paths = [
        format!("customer/{}", flow.customers[4]),
        format!("product/{}", flow.products[4]),
        format!("inventory/{}", flow.inventory[4]),
        format!("order/{}", flow.orders[4]),
        format!("billing/{}", flow.billing),
    ];
    for path in &paths {
        let entity = shop.get(&format!("/{path}"));
        assert_eq!(shop.put(&format!("/faults/{path}"), &json!(null)), json!(true), "{path}");

        let path = format!("/{path}");
        assert_is_problem_500(&shop.send("PUT", &path, Some(&entity)), &path);
        assert_eq!(shop.get(&path), entity, "a command that panicked has no effect");
        assert_eq!(shop.put(&path, &entity), json!(true), "the next incarnation serves {path}");
        flow.assert_stock(&shop);
    }

    // The same entity can fail again, and again only once.
    let path = format!("/{}", paths[0]);
    let entity = shop.get(&path);
    shop.put(&format!("/faults{path}"), &json!(null));
    assert_is_problem_500(&shop.send("DELETE", &path, None), &path);
    assert_eq!(shop.get(&path), entity);
    assert_eq!(shop.delete(&path), json!(true));
    assert_eq!(shop.get(&path), Value::Null);

    let now = folder.wait_for_mails(MAILS + 1);
    assert_eq!(count_by_purpose(&now).get("good-bye"), Some(&2));
    assert!(mails.iter().all(|mail| now.contains(mail)), "earlier mails are as they were");

    let answers = flow.answers(&shop);
    shop.stop();
    let shop = Shop::start(&folder);
    assert_eq!(flow.answers(&shop), answers);
}

#[test]
fn while_one_entity_panics_the_others_notice_nothing() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let flow = Flow::run(&shop);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _done = SetOnDrop(&done);
        for index in 3..TEN {
            let path = format!("/customer/{}", flow.customers[index]);
            let (shop, done) = (&shop, &done);
            scope.spawn(move || serve_without_a_fault(shop, &path, done));
        }
        let victim = format!("/customer/{}", flow.customers[0]);
        let entity = shop.get(&victim);
        for _ in 0..5 {
            shop.put(&format!("/faults{victim}"), &json!(null));
            assert_is_problem_500(&shop.send("PUT", &victim, Some(&entity)), &victim);
            assert_eq!(shop.put(&victim, &entity), json!(true));
        }
    });
    shop.stop();
}

/// Changes and reads one entity over one connection until the test is done.
fn serve_without_a_fault(shop: &Shop, path: &str, done: &AtomicBool) {
    let mut client: Client = shop.client();
    let mut serial = 0;
    while !done.load(Ordering::SeqCst) {
        serial += 1;
        let name = format!("Name {serial}");
        let body = json!({"name": name, "email": "calm@example.org"});
        let answer = client.send("PUT", path, Some(&body)).expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.shown());
        let entity = client.send("GET", path, None).expect("an answer").json();
        assert_eq!(entity["name"], *name);
    }
    assert!(serial > 0);
}

fn assert_is_problem_500(answer: &Answer, path: &str) {
    assert_eq!(answer.status, 500, "{path}: {}", answer.shown());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
    let problem = answer.json();
    assert_eq!(problem["status"], 500, "{problem}");
    for member in ["type", "title", "detail"] {
        assert!(!text(&problem[member]).is_empty(), "{member} in {problem}");
    }
}

/// Ends the other threads also when the test fails.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn the_tree_shows_the_entity_that_panicked_and_why() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let flow = Flow::run(&shop);
    let victim = &flow.customers[4];
    let path = format!("/customer/{victim}");
    let entity = shop.get(&path);
    shop.put(&format!("/faults{path}"), &json!(null));
    assert_is_problem_500(&shop.send("PUT", &path, Some(&entity)), &path);
    assert_eq!(shop.put(&path, &entity), json!(true), "the next incarnation is up");

    let mut tree = ordershop();
    tree.args(["tree", "--json", "--url", &format!("http://{}", shop.address())]);
    let nodes: Vec<Value> = run(tree)
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    let find = |path: &str| {
        let found = nodes.iter().find(|node| node["path"] == path);
        found.unwrap_or_else(|| panic!("no {path} in {nodes:?}")).clone()
    };
    assert_eq!(find("ordershop/entities/customers")["failures"], 1);
    let failed = find(&format!("ordershop/entities/customers/{victim}"));
    assert!(text(&failed["last_failure"]["reason"]).starts_with("panicked: "), "{failed}");
    assert_eq!(failed["restarts"], 1, "{failed}");
    assert_eq!(find("ordershop/entities/orders")["failures"], 0);
}
