//! Promise: a command with an `Idempotency-Key` has one effect and one answer, whatever crashes when.
//!
//! Needs the feature `faults`, with which `ORDERSHOP_CRASH=POINT@n` has the process die when it
//! comes to a point for the n-th time.

mod support;

use std::collections::BTreeMap;

use ordershop_actors::crash_points;
use ordershop_actors::shop::topics;
use ordershop_store::{Action, Position};
use serde_json::{Value, json};

use support::fixture::UNKNOWN;
use support::keyed::{KEY_POINTS, Scene, Sent, assert_same, state};
use support::shop::{Folder, Shop, serve};
use support::size::size;
use support::wait::eventually;

/// How many events the stopped shop has in each topic whose events do not tell of failed attempts,
/// the mails among them.
fn events(folder: &Folder) -> BTreeMap<&'static str, usize> {
    folder.with_log(async |log| {
        let mut counts = BTreeMap::new();
        for topic in
            [topics::CUSTOMER, topics::PRODUCT, topics::ORDER, topics::BILLING, topics::MAIL]
        {
            let start = [(topic, Position::default())].into_iter().collect();
            let page = log.read(start, usize::MAX).await.expect("the log can be read");
            assert!(!page.more, "so little is read at once");
            let counted =
                |action| action != Action::Internal || topic.name() == topics::MAIL.name();
            let count = page.entries.iter().filter(|entry| counted(entry.action)).count();
            counts.insert(topic.name(), count);
        }
        counts
    })
}

#[test]
fn a_command_that_dies_anywhere_has_one_effect_when_it_is_sent_again() {
    dies_anywhere(&Scene::new(), 1);
}

/// On every day one command at a few of the points; all of them on the embedded log.
#[test]
fn on_redis_a_command_that_dies_anywhere_has_one_effect_when_it_is_sent_again() {
    dies_anywhere(&Scene::on(Folder::on_redis()), size(3, 1));
}

/// Lets each `step`th command die at each `step`th of its points.
#[allow(clippy::print_stdout, reason = "a test that fails shows at which")]
fn dies_anywhere(scene: &Scene, step: usize) {
    for sent in scene.commands().into_iter().skip(step / 2 * 3).step_by(step * step) {
        let reference = scene.folder.copy();
        let shop = Shop::start(&reference);
        let expected_answer = sent.to(&shop, "key");
        let expected = state(&shop);
        settle_mails(&reference, shop);
        let expected_events = events(&reference);

        for point in KEY_POINTS.iter().chain(sent.dies_at).skip(step / 2).step_by(step) {
            if expected_answer.body == b"false" && point.contains("order/") {
                // Nothing of it is refused before all of it is asked for.
                continue;
            }
            let what = format!("{} dies at {point}", sent.shown());
            println!("{what}");
            let folder = scene.folder.copy();
            let mut command = serve(&folder);
            command.env("ORDERSHOP_CRASH", point);
            let shop = Shop::start_as(command);
            let lost = sent.try_to(&shop, "key");
            assert!(lost.is_err(), "{what}: an answer came");
            shop.wait_for_abort();

            let shop = Shop::start(&folder);
            let answer = sent.to(&shop, "key");
            assert_eq!(answer.status, expected_answer.status, "{what}: {}", answer.shown());
            if let Some(created) = answer.json().as_array() {
                let report = shop.get("/report");
                let all = report.to_string();
                assert!(created.iter().all(|id| all.contains(&id.to_string())), "{what}");
            } else {
                assert_eq!(answer.body, expected_answer.body, "{what}");
            }
            assert_eq!(state(&shop), expected, "{what}");
            assert_same(&sent.to(&shop, "key"), &answer, &what);
            assert_eq!(state(&shop), expected, "{what}");
            settle_mails(&folder, shop);
            assert_eq!(events(&folder), expected_events, "{what}");
            assert_eq!(folder.mails().len(), reference.mails().len(), "{what}");
        }
    }
}

#[test]
fn a_command_that_dies_again_when_it_is_resumed_still_has_one_effect() {
    let scene = Scene::new();
    let commands = scene.commands();
    let of = |method: &str, path: &str| {
        let found = commands.iter().find(|sent| sent.method == method && sent.path.contains(path));
        found.expect("one of the commands")
    };
    for (sent, points) in [
        (of("POST", "/customers"), ["key/after-taken", "journal/after-append"]),
        (of("PUT", "/customer/"), ["key/after-taken", "entity/before-append"]),
        (of("PUT", "/customer/"), ["entity/before-answer", "key/before-answer"]),
        (of("POST", "/incr/"), ["key/before-answer", "key/after-answer"]),
        (of("POST", "/orders"), ["order/after-reservation", "order/after-reservations"]),
        (of("POST", "/orders"), ["order/after-open", "order/after-decision"]),
        (of("POST", "/orders"), ["order/after-decision", "key/before-answer"]),
        (of("PUT", "/order/"), ["order/after-decision", "key/before-answer"]),
        (of("PUT", "/order/"), ["order/after-reservation", "order/before-return"]),
        (of("DELETE", "/order/"), ["order/before-decision", "order/after-decision"]),
        (of("POST", "/decr_from_order"), ["order/after-reservation", "order/before-answer"]),
    ] {
        let reference = scene.folder.copy();
        let shop = Shop::start(&reference);
        sent.to(&shop, "key");
        let expected = state(&shop);

        let folder = scene.folder.copy();
        for point in points {
            println!("{} dies at {point}", sent.shown());
            let mut command = serve(&folder);
            command.env("ORDERSHOP_CRASH", point);
            // A start that finishes what the first left behind may come to the second point, too.
            match Shop::try_start_as(command) {
                Ok(shop) => {
                    assert!(sent.try_to(&shop, "key").is_err());
                    shop.wait_for_abort();
                }
                Err(ended) => assert!(ended.status.code().is_none(), "{}", ended.stderr),
            }
        }
        let shop = Shop::start(&folder);
        let answer = sent.to(&shop, "key");
        assert_eq!(answer.status, 200, "{}", answer.shown());
        assert_eq!(state(&shop), expected, "{}", sent.shown());
        assert_same(&sent.to(&shop, "key"), &answer, &sent.shown());
        assert_eq!(state(&shop), expected, "{}", sent.shown());
        shop.stop();
    }
}

#[test]
fn what_was_done_to_a_record_is_not_done_again_to_its_successor() {
    let scene = Scene::new();
    let (tea, record) = (&scene.products[0], &scene.inventory[0]);
    let path = format!("/incr/{tea}/3");
    let sent = Sent { method: "POST", path, body: Value::Null, dies_at: &[] };
    let mut command = serve(&scene.folder);
    command.env("ORDERSHOP_CRASH", "key/before-answer");
    let shop = Shop::start_as(command);
    assert!(sent.try_to(&shop, "key").is_err());
    shop.wait_for_abort();

    let shop = Shop::start(&scene.folder);
    assert_eq!(shop.get(&format!("/inventory/{record}"))["amount"], 8 + 3);
    shop.delete(&format!("/inventory/{record}"));
    shop.post("/inventory", &json!({"product_id": tea, "amount": 1}));
    let before = shop.get("/inventory");
    assert_eq!(sent.to(&shop, "key").json(), json!(true));
    assert_eq!(shop.get("/inventory"), before);
    shop.stop();
}

/// Stops the shop when each accepted mail has left.
fn settle_mails(folder: &Folder, shop: Shop) {
    // Behind this customer's welcome nothing of before is still to come.
    let mark = json!({"name": "The last", "email": "last@a.example"});
    shop.post("/customer", &mark);
    let order = json!({"order_id": UNKNOWN});
    assert_eq!(shop.send("POST", "/billing", Some(&order)).status, 422);
    eventually("the last mail", || {
        let found = folder.mails().iter().any(|mail| mail.to == "last@a.example");
        found.then_some(()).ok_or_else(|| "it is not there".to_owned())
    });
    shop.stop();
}

#[test]
fn every_crash_point_of_a_key_is_gone_through() {
    let of_keys: Vec<_> =
        crash_points::ALL.into_iter().filter(|point| point.starts_with("key/")).collect();
    assert_eq!(of_keys, KEY_POINTS);
}
