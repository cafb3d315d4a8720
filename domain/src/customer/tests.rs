//! Tests of the customer.

use proptest::prelude::*;

use super::*;
use crate::test_support::*;

fn draft(who: &str) -> CustomerDraft {
    CustomerDraft { name: name(who), email: mailbox("ann@example.org") }
}

fn registered() -> CustomerEvent {
    CustomerEvent::CustomerRegistered {
        id: id(1),
        name: name("Ann"),
        email: mailbox("ann@example.org"),
    }
}

fn changed(who: &str) -> CustomerEvent {
    CustomerEvent::CustomerChanged { name: name(who), email: mailbox("ann@example.org") }
}

fn register(number: u128, who: &str) -> CustomerCommand {
    CustomerCommand::Register { id: id(number), draft: draft(who) }
}

#[test]
fn a_customer_is_registered_once() {
    given::<Customer>([])
        .when(register(1, "Ann"))
        .then([registered()])
        .when(register(1, "Ann"))
        .then_nothing()
        .when(register(1, "Bob"))
        .then_rejected(CustomerRejection::Exists)
        .when(register(2, "Ann"))
        .then_rejected(CustomerRejection::Exists);
}

#[test]
fn a_replacement_always_writes_an_event() {
    let change = |who| CustomerCommand::Change { draft: draft(who) };
    let state = given::<Customer>([registered()])
        .when(change("Bob"))
        .then([changed("Bob")])
        .when(change("Bob"))
        .then([changed("Bob")])
        .state();
    assert_eq!(state.living().unwrap().name, name("Bob"));
    assert_eq!(state.living().unwrap().id, id(1));
}

#[test]
fn what_is_absent_or_deleted_is_not_found() {
    for events in [vec![], vec![registered(), CustomerEvent::CustomerDeleted {}]] {
        given::<Customer>(events.clone())
            .when(CustomerCommand::Change { draft: draft("Ann") })
            .then_rejected(CustomerRejection::NotFound)
            .when(CustomerCommand::Delete)
            .then_rejected(CustomerRejection::NotFound);
    }
    given::<Customer>([registered(), CustomerEvent::CustomerDeleted {}])
        .when(register(1, "Ann"))
        .then_rejected(CustomerRejection::NotFound);
}

#[test]
fn a_deleted_customer_leaves_its_last_state() {
    let state = given::<Customer>([registered(), changed("Bob")])
        .when(CustomerCommand::Delete)
        .then([CustomerEvent::CustomerDeleted {}])
        .state();
    assert!(!state.is_living());
    assert_eq!(state.living(), None);
    let json = serde_json::to_string(&state.document().unwrap()).unwrap();
    let id = id(1);
    assert_eq!(json, format!(r#"{{"id":"{id}","name":"Bob","email":"ann@example.org"}}"#));
    assert_eq!(Customer::default().document(), None);
}

#[test]
fn what_another_program_wrote_is_a_customer_like_any_other() {
    let json = format!(r#"{{"id":"{}","name":"Ann","email":"ann@example.org"}}"#, id(1));
    let document: CustomerDocument = serde_json::from_str(&json).unwrap();
    let adopted = Customer::default().adopt(Appearance::Created, document.clone());
    assert_eq!(adopted, given::<Customer>([registered()]).state());
    let gone = adopted.adopt(Appearance::Deleted, document);
    assert_eq!(gone.decide(&CustomerCommand::Delete), Err(CustomerRejection::NotFound));
}

#[test]
fn the_form_of_its_events_is_for_ever() {
    let content = r#""name":"Ann","email":"ann@example.org""#;
    assert_form(
        &registered(),
        &format!(
            r#"{{"CustomerRegistered":{{"id":"00000000-0000-0000-0000-000000000001",{content}}}}}"#
        ),
    );
    assert_form(&changed("Ann"), &format!(r#"{{"CustomerChanged":{{{content}}}}}"#));
    assert_form(&CustomerEvent::CustomerDeleted {}, r#"{"CustomerDeleted":{}}"#);
}

#[test]
fn events_appear_under_their_actions_and_rejections_have_their_kinds() {
    assert_eq!(registered().appearance(), Appearance::Created);
    assert_eq!(changed("Ann").appearance(), Appearance::Updated);
    assert_eq!(CustomerEvent::CustomerDeleted {}.appearance(), Appearance::Deleted);
    assert_eq!(CustomerRejection::NotFound.kind(), RejectionKind::NotFound);
    assert_eq!(CustomerRejection::Exists.kind(), RejectionKind::Conflict);
}

fn any_draft() -> impl Strategy<Value = CustomerDraft> {
    (any_name(), any_mailbox()).prop_map(|(name, email)| CustomerDraft { name, email })
}

fn any_command() -> impl Strategy<Value = CustomerCommand> {
    prop_oneof![
        3 => (any_id(), any_draft()).prop_map(|(id, draft)| CustomerCommand::Register { id, draft }),
        3 => any_draft().prop_map(|draft| CustomerCommand::Change { draft }),
        1 => Just(CustomerCommand::Delete),
    ]
}

proptest! {
    #[test]
    fn laws(commands in prop::collection::vec(any_command(), 0..12)) {
        assert_laws::<Customer>(&commands);
    }

    #[test]
    fn drafts_survive_json(draft in any_draft()) {
        assert_round_trip(&draft);
    }
}
