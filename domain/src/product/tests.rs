//! Tests of the product.

use proptest::prelude::*;

use super::*;
use crate::test_support::*;

fn draft(who: &str) -> ProductDraft {
    ProductDraft { name: name(who), price: euros(5) }
}

fn added() -> ProductEvent {
    ProductEvent::ProductAdded { id: id(1), name: name("Ann"), price: euros(5) }
}

fn changed(who: &str) -> ProductEvent {
    ProductEvent::ProductChanged { name: name(who), price: euros(5) }
}

fn add(number: u128, who: &str) -> ProductCommand {
    ProductCommand::Add { id: id(number), draft: draft(who) }
}

#[test]
fn a_product_is_added_once() {
    given::<Product>([])
        .when(add(1, "Ann"))
        .then([added()])
        .when(add(1, "Ann"))
        .then_nothing()
        .when(add(1, "Bob"))
        .then_rejected(ProductRejection::Exists)
        .when(add(2, "Ann"))
        .then_rejected(ProductRejection::Exists);
}

#[test]
fn a_replacement_always_writes_an_event() {
    let change = |who| ProductCommand::Change { draft: draft(who) };
    let state = given::<Product>([added()])
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
    for events in [vec![], vec![added(), ProductEvent::ProductDeleted {}]] {
        given::<Product>(events.clone())
            .when(ProductCommand::Change { draft: draft("Ann") })
            .then_rejected(ProductRejection::NotFound)
            .when(ProductCommand::Delete)
            .then_rejected(ProductRejection::NotFound);
    }
    given::<Product>([added(), ProductEvent::ProductDeleted {}])
        .when(add(1, "Ann"))
        .then_rejected(ProductRejection::NotFound);
}

#[test]
fn a_deleted_product_leaves_its_last_state() {
    let state = given::<Product>([added(), changed("Bob")])
        .when(ProductCommand::Delete)
        .then([ProductEvent::ProductDeleted {}])
        .state();
    assert!(!state.is_living());
    assert_eq!(state.living(), None);
    let json = serde_json::to_string(&state.document().unwrap()).unwrap();
    let id = id(1);
    assert_eq!(json, format!(r#"{{"id":"{id}","name":"Bob","price":5}}"#));
    assert_eq!(Product::default().document(), None);
}

#[test]
fn what_another_program_wrote_is_a_product_like_any_other() {
    let document = ProductDocument { id: id(1), name: name("Ann"), price: euros(5) };
    let adopted = Product::default().adopt(Appearance::Updated, document);
    assert_eq!(adopted, given::<Product>([added()]).state());
}

#[test]
fn the_form_of_its_events_is_for_ever() {
    let content = r#""name":"Ann","price":5"#;
    assert_form(
        &added(),
        &format!(r#"{{"ProductAdded":{{"id":"00000000-0000-0000-0000-000000000001",{content}}}}}"#),
    );
    assert_form(&changed("Ann"), &format!(r#"{{"ProductChanged":{{{content}}}}}"#));
    assert_form(&ProductEvent::ProductDeleted {}, r#"{"ProductDeleted":{}}"#);
}

#[test]
fn events_appear_under_their_actions_and_rejections_have_their_kinds() {
    assert_eq!(added().appearance(), Appearance::Created);
    assert_eq!(changed("Ann").appearance(), Appearance::Updated);
    assert_eq!(ProductEvent::ProductDeleted {}.appearance(), Appearance::Deleted);
    assert_eq!(ProductRejection::NotFound.kind(), RejectionKind::NotFound);
    assert_eq!(ProductRejection::Exists.kind(), RejectionKind::Conflict);
}

fn any_draft() -> impl Strategy<Value = ProductDraft> {
    (any_name(), any_amount()).prop_map(|(name, price)| ProductDraft { name, price: euros(price) })
}

fn any_command() -> impl Strategy<Value = ProductCommand> {
    prop_oneof![
        3 => (any_id(), any_draft()).prop_map(|(id, draft)| ProductCommand::Add { id, draft }),
        3 => any_draft().prop_map(|draft| ProductCommand::Change { draft }),
        1 => Just(ProductCommand::Delete),
    ]
}

proptest! {
    #[test]
    fn laws(commands in prop::collection::vec(any_command(), 0..12)) {
        assert_laws::<Product>(&commands);
    }

    #[test]
    fn drafts_survive_json(draft in any_draft()) {
        assert_round_trip(&draft);
    }
}
