//! The proof that nothing was lost: what was acknowledged, held against what there is.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::drill::Drill;
use super::evidence::Evidence;
use super::ledger::{Known, Ledger};
use crate::exit::Exit;
use crate::ops::out::{Paint, Style};

/// How many exceptions of one promise are told.
const TOLD_OF_EACH: usize = 3;

/// A promise, and whether it was kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Proof {
    /// What was promised.
    promise: &'static str,
    /// What was found.
    found: String,
    /// What is not as it should be.
    broken: Vec<String>,
}

/// Holds what the clients know against what the drill did and what there is when all is over.
pub(super) fn prove(drill: &Drill, ledger: &Ledger, evidence: &Evidence) -> Vec<Proof> {
    vec![
        mended(drill),
        answered(ledger),
        events(ledger, evidence),
        entities(ledger, evidence),
        mails(evidence),
        stock(evidence),
        log(evidence),
    ]
}

fn mended(drill: &Drill) -> Proof {
    let slowest = drill.crashes.iter().filter_map(|crash| crash.mended_after).max();
    let slowest = slowest.map_or(0, |time| time.as_millis());
    let mended = drill.crashes.iter().filter(|crash| crash.mended_after.is_some()).count();
    let all = drill.crashes.len();
    let mut broken: Vec<String> = drill
        .crashes
        .iter()
        .filter(|crash| crash.mended_after.is_none())
        .map(|crash| format!("{} did not come back", crash.path))
        .collect();
    broken.extend(drill.broke.iter().map(|reason| format!("the shop gave up: {reason}")));
    if all == 0 {
        broken.push("nothing was crashed".to_owned());
    }
    Proof {
        promise: "crashes mended",
        found: format!("{mended} of {all}, the slowest in {slowest} ms"),
        broken,
    }
}

fn answered(ledger: &Ledger) -> Proof {
    let Ledger { acknowledged, refused, complaints, .. } = ledger;
    let mut broken = complaints.clone();
    if *acknowledged == 0 {
        broken.push("nothing was acknowledged".to_owned());
    }
    Proof {
        promise: "commands answered",
        found: format!("{acknowledged} acknowledged, {refused} refused as sold out"),
        broken,
    }
}

/// Each acknowledged command is one public event of its entity, and there is no other.
fn events(ledger: &Ledger, evidence: &Evidence) -> Proof {
    let mut broken = Vec::new();
    let mut found = 0;
    let mut strangers: BTreeMap<&Uuid, u64> =
        evidence.entities.iter().map(|(id, entity)| (id, entity.events)).collect();
    for (id, Known { topic, events, .. }) in &ledger.entities {
        let there = strangers.remove(id).unwrap_or(0);
        found += there.min(*events);
        if there != *events {
            broken.push(format!("{topic} {id} has {there} events for {events} commands"));
        }
    }
    broken.extend(strangers.keys().map(|id| format!("nobody asked for {id}")));
    let commands = ledger.acknowledged;
    Proof {
        promise: "events found",
        found: format!("{found} for {commands} acknowledged commands, each once"),
        broken,
    }
}

/// Each entity is as its last acknowledged command left it.
fn entities(ledger: &Ledger, evidence: &Evidence) -> Proof {
    let is_so = |known: &Known, found: Option<&Value>| match (&known.state, found) {
        (None, None) => true,
        (Some(Value::Object(fields)), Some(found)) => {
            fields.iter().all(|(name, value)| found.get(name) == Some(value))
        }
        _ => false,
    };
    let of = |id| evidence.entities.get(id).and_then(|entity| entity.state.as_ref());
    let differ = ledger.entities.iter().filter(|(id, known)| !is_so(known, of(id)));
    let broken: Vec<_> =
        differ.map(|(id, known)| format!("{} {id} is not as it was left", known.topic)).collect();
    let as_left = ledger.entities.len() - broken.len();
    Proof { promise: "entities kept", found: format!("{as_left} are as they were left"), broken }
}

/// Each event has led to one mail of each kind that it calls for, and there is no other.
fn mails(evidence: &Evidence) -> Proof {
    let Evidence { mails_due, mails_sent, .. } = evidence;
    let missing = mails_due.difference(mails_sent).map(|name| format!("{name} was not sent"));
    let strangers =
        mails_sent.difference(mails_due).map(|name| format!("nothing calls for {name}"));
    let sent = mails_due.intersection(mails_sent).count();
    Proof {
        promise: "mails sent",
        found: format!("{sent} of {}, each once", mails_due.len()),
        broken: missing.chain(strangers).collect(),
    }
}

/// What was put in is in stock, or in an order that lives.
fn stock(evidence: &Evidence) -> Proof {
    let [mut put_in, mut left, mut in_orders] = [0; 3];
    let mut broken = Vec::new();
    for (product, shelf) in &evidence.shelves {
        put_in += shelf.put_in;
        left += shelf.left;
        in_orders += shelf.in_orders;
        if shelf.put_in != shelf.left + shelf.in_orders {
            let (put_in, left, in_orders) = (shelf.put_in, shelf.left, shelf.in_orders);
            broken.push(format!("{product}: {put_in} put in, {left} left, {in_orders} in orders"));
        }
    }
    Proof {
        promise: "stock balanced",
        found: format!("{put_in} put in = {left} left + {in_orders} in orders"),
        broken,
    }
}

/// The whole log keeps its rules, as `ordershop verify` has them.
fn log(evidence: &Evidence) -> Proof {
    let Evidence { records, open_intents, violations, .. } = evidence;
    let mut broken = violations.clone();
    if *open_intents > 0 {
        broken.push(format!("{open_intents} intents of orders are open"));
    }
    Proof { promise: "log verified", found: format!("{records} entries keep all rules"), broken }
}

/// The proofs as people read them.
pub(super) fn lines(proofs: &[Proof], style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for Proof { promise, found, broken } in proofs {
        let verdict = if broken.is_empty() {
            style.paint(Paint::Green, "ok    ")
        } else {
            style.paint(Paint::Red, "broken")
        };
        lines.push(format!("  {verdict}  {promise:<17}  {found}"));
        for exception in broken.iter().take(TOLD_OF_EACH) {
            lines.push(style.paint(Paint::Red, &style.fit(&format!("          {exception}"))));
        }
        let more = broken.len().saturating_sub(TOLD_OF_EACH);
        if more > 0 {
            lines.push(style.paint(Paint::Red, &format!("          and {more} more")));
        }
    }
    lines
}

/// How the program ends: with exit code 1 if any promise is broken.
pub(super) fn conclude(proofs: &[Proof]) -> Result<(), Exit> {
    let broken = proofs.iter().filter(|proof| !proof.broken.is_empty());
    let broken: Vec<&str> = broken.map(|proof| proof.promise).collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(Exit::Missing(format!("not as promised: {}", broken.join(", "))))
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;
    use std::time::Duration;

    use ordershop_actors::shop::topics;
    use serde_json::json;

    use super::super::drill::{Crash, Level};
    use super::super::evidence::{Found, Shelf};
    use super::*;

    const CUSTOMER: Uuid = Uuid::from_u128(1);
    const ORDER: Uuid = Uuid::from_u128(2);
    const PRODUCT: Uuid = Uuid::from_u128(3);

    /// A run after which all is as promised.
    fn run() -> (Drill, Ledger, Evidence) {
        let mut ledger = Ledger::default();
        ledger.created(topics::CUSTOMER, CUSTOMER, json!({"name": "Ann"}));
        ledger.created(topics::ORDER, ORDER, json!({"product_ids": [PRODUCT]}));
        ledger.changed(ORDER, Some(json!({"product_ids": [PRODUCT, PRODUCT]})));
        let mut evidence = Evidence { records: 9, ..Evidence::default() };
        let customer = json!({"id": CUSTOMER, "name": "Ann"});
        let order = json!({"id": ORDER, "product_ids": [PRODUCT, PRODUCT]});
        evidence.entities.insert(CUSTOMER, Found { events: 1, state: Some(customer) });
        evidence.entities.insert(ORDER, Found { events: 2, state: Some(order) });
        for mails in [&mut evidence.mails_due, &mut evidence.mails_sent] {
            mails.extend(["1.welcome".to_owned(), "2.thanks".to_owned()]);
        }
        evidence.shelves.insert(PRODUCT, Shelf { put_in: 10, left: 8, in_orders: 2 });
        let mut crash = Crash::new(Level::Journal, "journal", Duration::ZERO);
        crash.mended_after = Some(Duration::from_millis(120));
        (Drill { crashes: vec![crash], ..Drill::default() }, ledger, evidence)
    }

    fn code(drill: &Drill, ledger: &Ledger, evidence: &Evidence) -> (ExitCode, String) {
        match conclude(&prove(drill, ledger, evidence)) {
            Ok(()) => (ExitCode::SUCCESS, String::new()),
            Err(exit) => (exit.code(), exit.to_string()),
        }
    }

    #[test]
    fn what_is_as_promised_is_proved() {
        let (drill, ledger, evidence) = run();
        let proofs = prove(&drill, &ledger, &evidence);
        assert!(conclude(&proofs).is_ok());
        let told = lines(&proofs, Style { width: Some(80), colours: false });
        let expected = [
            "  ok      crashes mended     1 of 1, the slowest in 120 ms",
            "  ok      commands answered  3 acknowledged, 0 refused as sold out",
            "  ok      events found       3 for 3 acknowledged commands, each once",
            "  ok      entities kept      2 are as they were left",
            "  ok      mails sent         2 of 2, each once",
            "  ok      stock balanced     10 put in = 8 left + 2 in orders",
            "  ok      log verified       9 entries keep all rules",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn each_broken_promise_is_exit_code_1_and_is_named() {
        type Break = fn(&mut Drill, &mut Ledger, &mut Evidence);
        let cases: [(&str, Break); 13] = [
            ("crashes mended", |drill, _, _| drill.crashes[0].mended_after = None),
            ("crashes mended", |drill, _, _| drill.crashes.clear()),
            ("crashes mended", |drill, _, _| drill.broke = Some("too often".to_owned())),
            ("commands answered", |_, ledger, _| ledger.complaints.push("no answer".to_owned())),
            ("events found", |_, _, found| found.entities.get_mut(&ORDER).unwrap().events = 1),
            ("events found", |_, _, found| found.entities.get_mut(&ORDER).unwrap().events = 3),
            ("events found", |_, _, found| {
                found.entities.insert(PRODUCT, Found { events: 1, state: None });
            }),
            ("entities kept", |_, _, found| {
                found.entities.get_mut(&ORDER).unwrap().state = Some(json!({"product_ids": []}));
            }),
            ("entities kept", |_, _, found| {
                found.entities.get_mut(&CUSTOMER).unwrap().state = None;
            }),
            ("mails sent", |_, _, found| drop(found.mails_sent.pop_first())),
            ("mails sent", |_, _, found| drop(found.mails_due.pop_first())),
            ("stock balanced", |_, _, found| {
                found.shelves.get_mut(&PRODUCT).unwrap().left = 9;
            }),
            ("log verified", |_, _, found| found.violations.push("a gap".to_owned())),
        ];
        for (promise, break_it) in cases {
            let (mut drill, mut ledger, mut evidence) = run();
            break_it(&mut drill, &mut ledger, &mut evidence);
            let (code, told) = code(&drill, &ledger, &evidence);
            assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(1)), "{promise}");
            assert_eq!(told, format!("not as promised: {promise}"));
        }
    }
}
