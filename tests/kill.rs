//! Promise: whatever was acknowledged survives `kill -9` at any moment, nothing is half there, no
//! stock is lost or invented, and every event has exactly its mails.

mod support;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use serde_json::json;
use support::crowd::{Round, Worker};
use support::ids;
use support::mails::Mail;
use support::random::Random;
use support::scenario::{self, Flow, MAILS};
use support::shop::{Folder, Shop};
use support::size::size;
use support::stock::{EndOnDrop, Stock, assert_mails, observe, settle};
use support::wait::{eventually, pause};

const CLIENTS: usize = 8;

#[test]
fn a_kill_after_the_flow_changes_no_answer_and_repeats_no_mail() {
    kill_after_the_flow(&Folder::new());
}

#[test]
fn on_redis_a_kill_after_the_flow_changes_no_answer_and_repeats_no_mail() {
    kill_after_the_flow(&Folder::on_redis());
}

fn kill_after_the_flow(folder: &Folder) {
    let shop = Shop::start(folder);
    let flow = Flow::run(&shop);
    let answers = flow.answers(&shop);
    let mails = folder.wait_for_mails(MAILS);
    shop.kill();

    let shop = Shop::start(folder);
    assert_eq!(flow.answers(&shop), answers);
    scenario::assert_mails(&folder.mails());

    // The mails of later events come behind those of the earlier ones of their topic: when they
    // are there, nothing of before is still to come.
    let body = json!({"name": "The last", "email": "last@example.org"});
    let customer = ids(&shop.post("/customer", &body)).remove(0);
    let order = json!({"product_ids": [flow.products[0]], "customer_id": customer});
    let order = ids(&shop.post("/order", &order)).remove(0);
    shop.post("/billing", &json!({"order_id": order}));
    assert_eq!(shop.delete(&format!("/customer/{customer}")), json!(true));
    let now = folder.wait_for_mails(MAILS + 5);
    let old: Vec<Mail> = now.into_iter().filter(|mail| mail.to != "last@example.org").collect();
    assert_eq!(old, mails);
    shop.stop();
    assert_eq!(folder.mails().len(), MAILS + 5);
}

#[test]
fn a_kill_before_the_mails_are_out_loses_none() {
    kill_before_the_mails(&Folder::new());
}

#[test]
fn on_redis_a_kill_before_the_mails_are_out_loses_none() {
    kill_before_the_mails(&Folder::on_redis());
}

fn kill_before_the_mails(folder: &Folder) {
    let shop = Shop::start(folder);
    Flow::run(&shop);
    shop.kill();

    let shop = Shop::start(folder);
    scenario::assert_mails(&folder.wait_for_mails(MAILS));
    shop.stop();
    scenario::assert_mails(&folder.mails());
}

#[test]
fn kills_in_the_middle_of_commands_lose_nothing_that_was_acknowledged() {
    kill_in_the_middle(&Folder::new(), size(8, 20));
}

#[test]
fn on_redis_kills_in_the_middle_of_commands_lose_nothing_that_was_acknowledged() {
    kill_in_the_middle(&Folder::on_redis(), size(2, 20));
}

/// Kills the shop so often while it works on the same data.
#[allow(clippy::print_stdout, reason = "a test that fails shows at which")]
fn kill_in_the_middle(folder: &Folder, kills: usize) {
    let mut shop = Shop::start(folder);
    let stock = Stock::put_in(&shop);
    let mut workers: Vec<Worker> =
        (0..CLIENTS).map(|index| Worker::new(&shop, index, &stock.products())).collect();
    let mut random = Random::new(2);

    for kill in 0..kills {
        let acknowledged = 50 + random.below(400);
        let late = Duration::from_micros(u64::try_from(random.below(5000)).expect("small"));
        work_until_killed(shop, &mut workers, &stock, acknowledged, late);
        shop = Shop::start(folder);
        settle(&shop, &mut workers, &stock);
        println!("kill {kill}: behind {acknowledged} acknowledged commands, all is there");
    }
    assert_mails(folder, &workers);
    shop.stop();
    assert_mails(folder, &workers);
}

/// Lets all clients work, and kills the shop a little after enough has been acknowledged: right at
/// an answer it would die between two commands more often than inside of one.
fn work_until_killed(
    mut shop: Shop,
    workers: &mut [Worker],
    stock: &Stock,
    acknowledged: usize,
    late: Duration,
) {
    let round = Round::new(&shop);
    thread::scope(|scope| {
        // Also when this fails: else the clients would work on, and the scope wait for them.
        let _end = EndOnDrop(&round);
        for worker in workers {
            scope.spawn(|| worker.work(&round));
        }
        scope.spawn(|| observe(&round, stock));
        eventually("commands", || match round.acknowledged.load(Ordering::SeqCst) {
            done if done >= acknowledged => Ok(()),
            done => Err(format!("{done} acknowledged, waiting for {acknowledged}")),
        });
        pause(late);
        assert!(shop.is_running(), "the shop ended by itself");
        round.killed.store(true, Ordering::SeqCst);
        shop.kill();
    });
}
