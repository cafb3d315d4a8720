//! Tests of the billing.

use proptest::prelude::*;

use super::*;
use crate::test_support::*;

const NOW_US: i64 = 1_700_000_000_250_000;

fn bill(number: u128, order: u128, done_us: i64) -> BillingCommand {
    let draft = BillingDraft { order_id: id(order) };
    BillingCommand::Bill { id: id(number), draft, done_us, facts: billing_facts(5) }
}

fn billed() -> BillingEvent {
    let facts = billing_facts(5);
    BillingEvent::OrderBilled { id: id(1), order_id: id(7), done_us: NOW_US, facts }
}

fn change(order: u128) -> BillingCommand {
    let draft = BillingDraft { order_id: id(order) };
    BillingCommand::Change { draft, done_us: NOW_US + 1, facts: billing_facts(6) }
}

fn changed(order: u128) -> BillingEvent {
    let facts = billing_facts(6);
    BillingEvent::BillingChanged { order_id: id(order), done_us: NOW_US + 1, facts }
}

#[test]
fn a_billing_is_created_once_whatever_the_time_is_by_now() {
    given::<Billing>([])
        .when(bill(1, 7, NOW_US))
        .then([billed()])
        .when(bill(1, 7, NOW_US + 9))
        .then_nothing()
        .when(bill(1, 8, NOW_US))
        .then_rejected(BillingRejection::Exists)
        .when(bill(2, 7, NOW_US))
        .then_rejected(BillingRejection::Exists);
}

#[test]
fn a_replacement_always_writes_an_event_and_sets_done_anew() {
    let state = given::<Billing>([billed()])
        .when(change(7))
        .then([changed(7)])
        .when(change(7))
        .then([changed(7)])
        .state();
    assert!((state.document().unwrap().done - 1_700_000_000.250_001).abs() < 1e-7);
}

#[test]
fn an_order_is_billed_at_most_once_since_the_billing_holds_its_key() {
    let key = |order| vec![format!("order/{}", id(order))];
    assert_eq!(given::<Billing>([]).state().unique_keys(), Vec::<String>::new());
    assert_eq!(given::<Billing>([billed()]).state().unique_keys(), key(7));
    assert_eq!(given::<Billing>([billed(), changed(8)]).state().unique_keys(), key(8));
    let deleted = given::<Billing>([billed(), BillingEvent::BillingDeleted {}]).state();
    assert_eq!(deleted.unique_keys(), Vec::<String>::new());
}

#[test]
fn what_is_absent_or_deleted_is_not_found() {
    for events in [vec![], vec![billed(), BillingEvent::BillingDeleted {}]] {
        given::<Billing>(events)
            .when(change(7))
            .then_rejected(BillingRejection::NotFound)
            .when(BillingCommand::Delete)
            .then_rejected(BillingRejection::NotFound);
    }
    given::<Billing>([billed(), BillingEvent::BillingDeleted {}])
        .when(bill(1, 7, NOW_US))
        .then_rejected(BillingRejection::NotFound);
}

#[test]
fn done_is_a_float_of_seconds() {
    let state = given::<Billing>([billed()])
        .when(BillingCommand::Delete)
        .then([BillingEvent::BillingDeleted {}])
        .state();
    let json = serde_json::to_string(&state.document().unwrap()).unwrap();
    let (one, seven) = (id(1), id(7));
    assert_eq!(json, format!(r#"{{"id":"{one}","order_id":"{seven}","done":1700000000.25}}"#));
    assert_eq!(serde_json::to_string(&seconds(1_700_000_000_000_000)).unwrap(), "1700000000.0");
    assert_eq!(
        serde_json::to_string(&seconds(1_700_000_000_123_457)).unwrap(),
        "1700000000.123457"
    );
}

#[test]
fn a_billing_of_another_program_holds_its_key_and_has_no_facts() {
    let document = given::<Billing>([billed()]).state().document().unwrap();
    let billing = Billing::default().adopt(Appearance::Created, document.clone());
    assert_eq!(billing.document(), Some(document));
    assert_eq!(billing.facts(), None);
    assert_eq!(billing.unique_keys(), [format!("order/{}", id(7))]);
    assert_eq!((micros(f64::MAX), micros(f64::NAN)), (i64::MAX, 0));
}

#[test]
fn the_form_of_its_events_is_for_ever() {
    const ONE: &str = "00000000-0000-0000-0000-000000000001";
    const SEVEN: &str = "00000000-0000-0000-0000-000000000007";
    let content = |done: i64, sum: u64| {
        format!(
            r#""order_id":"{SEVEN}","done_us":{done},"facts":{{"customer":{{"name":"Ann","email":"ann@example.org"}},"sum":{sum}}}"#
        )
    };
    let form = format!(r#"{{"OrderBilled":{{"id":"{ONE}",{}}}}}"#, content(NOW_US, 5));
    assert_form(&billed(), &form);
    let form = format!(r#"{{"BillingChanged":{{{}}}}}"#, content(NOW_US + 1, 6));
    assert_form(&changed(7), &form);
    assert_form(&BillingEvent::BillingDeleted {}, r#"{"BillingDeleted":{}}"#);
}

#[test]
fn events_appear_under_their_actions_and_rejections_have_their_kinds() {
    assert_eq!(billed().appearance(), Appearance::Created);
    assert_eq!(changed(7).appearance(), Appearance::Updated);
    assert_eq!(BillingEvent::BillingDeleted {}.appearance(), Appearance::Deleted);
    assert_eq!(BillingRejection::NotFound.kind(), RejectionKind::NotFound);
    assert_eq!(BillingRejection::Exists.kind(), RejectionKind::Conflict);
}

fn any_command() -> impl Strategy<Value = BillingCommand> {
    let facts = || {
        (any_customer_facts(), any::<u64>())
            .prop_map(|(customer, sum)| BillingFacts { customer, sum })
    };
    let draft = || any_id().prop_map(|order_id| BillingDraft { order_id });
    prop_oneof![
        3 => (any_id(), draft(), any::<i64>(), facts()).prop_map(|(id, draft, done_us, facts)| {
            BillingCommand::Bill { id, draft, done_us, facts }
        }),
        3 => (draft(), any::<i64>(), facts()).prop_map(|(draft, done_us, facts)| {
            BillingCommand::Change { draft, done_us, facts }
        }),
        1 => Just(BillingCommand::Delete),
    ]
}

proptest! {
    #[test]
    fn laws(commands in prop::collection::vec(any_command(), 0..12)) {
        let state = assert_laws::<Billing>(&commands);
        prop_assert!(state.document().is_none_or(|billing| billing.done.is_finite()));
    }
}
