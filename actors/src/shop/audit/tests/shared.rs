//! Logs whose topics have no common order, and to which others write.

use super::*;

/// What is wrong with a log of which one topic is read before the other, to its end.
fn read(log: &Log, first: Topic) -> Vec<Unsettled> {
    let (before, behind): (Vec<_>, Vec<_>) =
        log.written.iter().partition(|entry| entry.topic == first);
    judged(before.into_iter().chain(behind), |_| true)
}

/// What is wrong with these entries, some of which are judged.
fn judged<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    is_judged: impl Fn(&Entry) -> bool,
) -> Vec<Unsettled> {
    let mut audit = SharedAudit::default();
    let mut wrong = Vec::new();
    for entry in entries {
        let place = Some((entry.topic, entry.id));
        let told = audit.take(entry, is_judged(entry)).into_iter();
        wrong.extend(told.map(|(rule, reason)| Unsettled { rule, place, reason }));
    }
    wrong.extend(audit.settle());
    wrong
}

fn rules(wrong: &[Unsettled]) -> Vec<AuditRule> {
    wrong.iter().map(|unsettled| unsettled.rule).collect()
}

/// The rules that are broken, in whatever order the topics are read.
#[track_caller]
fn either_way(log: &Log) -> Vec<AuditRule> {
    let [orders_first, stock_first] = [topics::ORDER, topics::INVENTORY].map(|first| {
        let mut rules = rules(&read(log, first));
        rules.dedup();
        rules
    });
    assert_eq!(orders_first, stock_first);
    orders_first
}

fn returned() -> InventoryEvent {
    let (ticket, floor) = (Ticket(2, 0), Ticket(0, 0));
    InventoryEvent::StockReturned { intent: INTENT, ticket, floor, pieces: 2 }
}

fn closed() -> IntentEvent {
    IntentEvent::IntentClosed { written_off: vec![] }
}

/// An entry of another program.
fn foreign(log: &mut Log, place: (Topic, Uuid), document: &str) {
    log.add(place, (Action::Updated, ""), (document.to_owned(), String::new()), true);
    log.written.last_mut().unwrap().origin = Origin::Foreign;
}

#[test]
fn it_does_not_matter_which_topic_is_read_first() {
    let mut log = Log::begun();
    log.stock(&reserved()).intent(&IntentEvent::IntentConfirmed {}, false).order(&placed());
    assert_eq!(either_way(&log), []);
    let mut log = Log::begun();
    log.stock(&reserved()).intent(&rejected(), true).stock(&released()).intent(&closed(), true);
    assert_eq!(either_way(&log), []);
    let mut log = Log::begun();
    log.intent(&rejected(), true).intent(&closed(), true);
    assert_eq!(either_way(&log), [], "nothing was reserved");
}

#[test]
fn what_is_wrong_is_told_whichever_topic_is_read_first() {
    let mut log = Log::begun();
    log.intent(&IntentEvent::IntentConfirmed {}, false).order(&placed());
    assert_eq!(either_way(&log), [AuditRule::Intents], "nothing was reserved");
    let mut log = Log::begun();
    log.order(&placed());
    assert_eq!(either_way(&log), [AuditRule::Stock], "nobody confirmed it");
    let mut log = Log::begun();
    log.stock(&reserved()).intent(&rejected(), true).intent(&closed(), true);
    assert_eq!(either_way(&log), [AuditRule::Intents], "it keeps its pieces");
    let mut log = Log::begun();
    log.stock(&reserved()).stock(&released()).intent(&rejected(), true).intent(&rejected(), true);
    assert_eq!(either_way(&log), [AuditRule::Intents], "it is decided twice");
    let mut log = Log::begun();
    log.stock(&reserved()).intent(&IntentEvent::IntentConfirmed {}, false).order(&placed());
    log.stock(&returned());
    assert_eq!(either_way(&log), [AuditRule::Intents], "nothing was to be given back");
    let mut log = Log::begun();
    log.stock(&reserved()).stock(&reserved()).intent(&IntentEvent::IntentConfirmed {}, false);
    log.order(&placed());
    assert!(either_way(&log).contains(&AuditRule::Intents), "it is reserved twice");
}

#[test]
fn what_stands_behind_the_end_only_explains() {
    let mut log = Log::begun();
    log.stock(&reserved()).intent(&IntentEvent::IntentConfirmed {}, false).order(&placed());
    let ids: Vec<EntryId> = log.written.iter().map(|entry| entry.id).collect();
    let up_to = |end: EntryId| judged(log.written.iter(), move |entry| entry.id <= end);
    for end in ids {
        assert_eq!(up_to(end), [], "judged up to {end}");
    }
    // The end of the story is known, but not that the pieces were given back before.
    let mut log = Log::begun();
    log.stock(&reserved()).intent(&rejected(), true).intent(&closed(), true);
    let (orders, stock): (Vec<_>, Vec<_>) =
        log.written.iter().partition(|entry| entry.topic == topics::ORDER);
    let end = stock.last().unwrap().id;
    assert_eq!(judged(orders.into_iter().chain(stock), |entry| entry.id <= end), []);

    // The reservation is known, its intent is not.
    let known = log.written.iter().filter(|entry| entry.topic == topics::INVENTORY);
    assert_eq!(rules(&judged(known, |_| true)), [AuditRule::Intents]);
    let known = log.written.iter().filter(|entry| entry.topic == topics::INVENTORY);
    assert_eq!(judged(known, |entry| entry.action == Action::Created), []);
}

#[test]
fn what_others_write_is_taken_as_it_is() {
    let mut log = Log::begun();
    let document = format!(r#"{{"id":"{RECORD}","product_id":"{PRODUCT}","amount":3}}"#);
    foreign(&mut log, (topics::INVENTORY, RECORD), &document);
    // Theirs came late, or not: what our entry says counts.
    log.stock(&InventoryEvent::StockIncreased { pieces: 1 });
    foreign(&mut log, (topics::CUSTOMER, Uuid::from_u128(9)), "{}");
    assert_eq!(either_way(&log), []);
    let mut audit = SharedAudit::default();
    log.written.iter().for_each(|entry| drop(audit.take(entry, true)));
    assert_eq!((audit.shared_entities(), audit.shared_products()), (2, 1));
    assert_eq!(audit.settle(), []);
    assert_eq!(audit.audited().products, 0, "its stock is others' matter, too");
}
