//! Promise: an event that cannot be handled is set aside, with the later ones of its entity, whatever
//! crashes when; everybody else gets their mails; and whoever runs the shop sees it, and decides.
//!
//! Needs the feature `faults`, with which a subscriber's handler fails on an entity's events.

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use ordershop_actors::crash_points;
use ordershop_actors::shop::topics;
use ordershop_store::Topic;
use ordershop_store::embedded::{Embedded, Options};
use serde_json::{Value, json};

use support::fixture::assert_problem;
use support::mails::count_by_purpose;
use support::scenario::Flow;
use support::shop::{Ended, Folder, Shop, ordershop, run, serve};
use support::wait::eventually;
use support::{ids, text};

/// The points at which the process dies here.
const POINTS: [&str; 2] = ["quarantine/after-set-aside", "quarantine/before-release"];

fn on(shop: &Shop, arguments: &[&str]) -> Command {
    let mut command = ordershop();
    command.args(arguments).args(["--url", &format!("http://{}", shop.address())]);
    command
}

fn of_folder(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = ordershop();
    command.args(arguments).args(["--store", &format!("embedded:{}", folder.data().display())]);
    command
}

/// What a command wrote that ended well.
#[track_caller]
fn told(command: Command) -> String {
    let Ended { status, stdout, stderr } = run(command);
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{stdout}");
    stdout
}

/// What a command complained of that ended with 1.
#[track_caller]
fn refused(command: Command) -> String {
    let Ended { status, stdout, stderr } = run(command);
    assert_eq!((status.code(), stdout.as_str()), (Some(1), ""), "{stderr}");
    stderr
}

/// Subscriber, action and entity of all that is set aside.
fn entries(command: Command) -> Vec<(String, String, String)> {
    let of = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("a line of JSON");
        assert!(text(&row["since"]).ends_with('Z') && text(&row["id"]).contains('-'), "{row}");
        let member = |name: &str| text(&row[name]).to_owned();
        (member("subscriber"), member("action"), member("entity_id"))
    };
    told(command).lines().map(of).collect()
}

fn aside(shop: &Shop) -> Vec<(String, String, String)> {
    entries(on(shop, &["quarantine", "--json"]))
}

/// Has crm fail on everything of that customer, or no more.
fn arm(shop: &Shop, customer: &str, how: &str) {
    shop.put(&format!("/faults/subscribers/crm/customer/{customer}/{how}"), &json!(null));
}

fn customers(shop: &Shop, names: &[&str]) -> Vec<String> {
    let draft = |name: &&str| json!({"name": name, "email": "a@a.example"});
    ids(&shop.post("/customers", &names.iter().map(draft).collect()))
}

fn wait_for_aside(shop: &Shop, count: usize) -> Vec<(String, String, String)> {
    eventually("what is set aside", || {
        let found = aside(shop);
        if found.len() == count { Ok(found) } else { Err(format!("{found:?}")) }
    })
}

#[test]
fn one_customer_whom_crm_cannot_handle_holds_nobody_else_up() {
    for how in ["error", "panic"] {
        let folder = Folder::new();
        let shop = Shop::start(&folder);
        let [bad, good] = customers(&shop, &["Ann", "Bob"]).try_into().expect("two");
        folder.wait_for_mails(2);
        arm(&shop, &bad, how);
        shop.put(&format!("/customer/{bad}"), &json!({"name": "Eve", "email": "e@e.example"}));
        let expected = ("crm".to_owned(), "updated".to_owned(), bad.clone());
        assert_eq!(wait_for_aside(&shop, 1), std::slice::from_ref(&expected));

        // Later events of the same customer wait, although they could be handled now.
        arm(&shop, &bad, "never");
        shop.delete(&format!("/customer/{bad}"));
        shop.delete(&format!("/customer/{good}"));
        let deleted = ("crm".to_owned(), "deleted".to_owned(), bad.clone());
        assert_eq!(wait_for_aside(&shop, 2), [expected.clone(), deleted.clone()]);
        let mails = folder.wait_for_mails(3);
        assert_eq!(count_by_purpose(&mails).get("good-bye"), Some(&1));

        let shown = told(on(&shop, &["quarantine"]));
        assert!(shown.contains(&format!("crm customer {bad}\n")), "{shown}");
        assert!(shown.contains("a fault armed for crm"), "{shown}");
        let tree = told(on(&shop, &["tree"]));
        assert!(tree.contains("2 set aside"), "{tree}");
        assert!(!tree.contains("ago: "), "nothing was restarted for it: {tree}");

        // It waits, whatever restarts; a stopped shop's folder shows it, too.
        let ended = shop.stop();
        assert_eq!(
            ended.stderr.matches("set aside").count(),
            2,
            "told once each: {}",
            ended.stderr
        );
        assert_eq!(entries(of_folder(&folder, &["quarantine", "--json"])), [expected, deleted]);
        let verified = told(of_folder(&folder, &["verify"]));
        assert!(!verified.contains("wrong"), "{verified}");
        let shop = Shop::start(&folder);
        let retry = ["quarantine", "retry", "crm", "customer", &bad];
        assert_eq!(told(on(&shop, &retry)), "2 handled, 0 still set aside\n");
        let mails = folder.wait_for_mails(4);
        assert_eq!(count_by_purpose(&mails).get("good-bye"), Some(&2));
        assert_eq!(told(on(&shop, &["quarantine"])), "nothing is set aside\n");
        let refusal = refused(on(&shop, &retry));
        assert!(refusal.contains("nothing is set aside of customer"), "{refusal}");
        shop.stop();
    }
}

#[test]
fn a_retry_that_fails_again_tells_why_and_a_skip_gives_up_one() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let bad = customers(&shop, &["Ann"]).remove(0);
    folder.wait_for_mails(1);
    arm(&shop, &bad, "error");
    let path = format!("/customer/{bad}");
    shop.put(&path, &json!({"name": "Eve", "email": "e@e.example"}));
    shop.delete(&path);
    wait_for_aside(&shop, 2);
    let list = told(on(&shop, &["quarantine", "--json"]));
    let first: Value = serde_json::from_str(list.lines().next().expect("two")).expect("JSON");
    let first = text(&first["id"]);

    let refusal = refused(on(&shop, &["quarantine", "retry", "crm", "customer", &bad]));
    assert!(refusal.contains("failed again: a fault armed for crm"), "{refusal}");
    let skip = ["quarantine", "skip", "crm", "customer", &bad, "--id", first];
    assert_eq!(told(on(&shop, &skip)), "1 given up, 1 still set aside\n");
    let refusal = refused(on(&shop, &skip));
    assert!(refusal.contains("is not the first"), "{refusal}");
    arm(&shop, &bad, "never");
    let retry = ["quarantine", "retry", "crm", "customer", &bad];
    assert_eq!(told(on(&shop, &retry)), "1 handled, 0 still set aside\n");
    let mails = folder.wait_for_mails(2);
    assert_eq!(count_by_purpose(&mails).get("good-bye"), Some(&1));

    for (path, status) in [
        (format!("/ops/quarantine/nobody/customer/{bad}/retry"), 404),
        (format!("/ops/quarantine/crm/cats/{bad}/retry"), 404),
        (format!("/ops/quarantine/crm/customer/{bad}/retry"), 404),
        (format!("/ops/quarantine/crm/customer/{bad}/forget"), 404),
        (format!("/ops/quarantine/read-model/customer/{bad}/retry"), 404),
        ("/ops/quarantine/crm/customer/none/retry".to_owned(), 400),
        (format!("/ops/quarantine/crm/customer/{bad}/skip?id=x"), 400),
        (format!("/ops/quarantine/crm/customer/{bad}/skip?id=1-1&all=true"), 400),
    ] {
        assert_problem(&shop.send("POST", &path, None), status, &path);
    }
    shop.stop();
}

#[test]
fn a_death_between_setting_aside_and_the_cursor_or_the_release_changes_nothing() {
    let folder = Folder::new();
    let mut command = serve(&folder);
    command.env("ORDERSHOP_CRASH", POINTS[0]);
    let shop = Shop::start_as(command);
    let [bad, good] = customers(&shop, &["Ann", "Bob"]).try_into().expect("two");
    folder.wait_for_mails(2);
    arm(&shop, &bad, "error");
    shop.delete(&format!("/customer/{bad}"));
    shop.wait_for_abort();

    let mut command = serve(&folder);
    command.env("ORDERSHOP_CRASH", POINTS[1]);
    let shop = Shop::start_as(command);
    shop.delete(&format!("/customer/{good}"));
    folder.wait_for_mails(3);
    let expected = [("crm".to_owned(), "deleted".to_owned(), bad.clone())];
    assert_eq!(aside(&shop), expected, "it is no more armed, and yet it waits");
    let retry = ["quarantine", "retry", "crm", "customer", &bad];
    let ended = run(on(&shop, &retry));
    assert_eq!(ended.status.code(), Some(2), "it got no answer: {}", ended.stdout);
    shop.wait_for_abort();

    let shop = Shop::start(&folder);
    assert_eq!(aside(&shop), expected);
    assert_eq!(told(on(&shop, &retry)), "1 handled, 0 still set aside\n");
    let mails = folder.wait_for_mails(4);
    assert_eq!(count_by_purpose(&mails).get("good-bye"), Some(&2), "each once");
    shop.stop();
}

#[test]
fn every_crash_point_of_it_is_gone_through() {
    let all = crash_points::ALL.into_iter().filter(|point| point.starts_with("quarantine/"));
    assert_eq!(all.collect::<BTreeSet<_>>(), BTreeSet::from(POINTS));
}

#[test]
fn a_folder_from_before_there_was_a_quarantine_opens() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let flow = Flow::run(&shop);
    let answers = flow.answers(&shop);
    let mails = folder.wait_for_mails(support::scenario::MAILS);
    shop.stop();

    // Its checkpoint is of the topics that there were then.
    let before: Vec<Topic> =
        topics::ALL.into_iter().filter(|topic| *topic != topics::QUARANTINE).collect();
    let log = Embedded::open(folder.data(), &before, Options::default()).expect("the log");
    log.close();
    drop(log);

    let shop = Shop::start(&folder);
    assert_eq!(flow.answers(&shop), answers);
    assert_eq!(told(on(&shop, &["quarantine"])), "nothing is set aside\n");
    shop.stop();
    assert_eq!(folder.mails(), mails, "no mail again");
}
