//! Tests of the order.

use proptest::prelude::*;

use super::*;
use crate::test_support::*;

fn place(number: u128, products: &[u128], price: u64) -> OrderCommand {
    let (draft, facts) = (order_of(7, products), order_facts(price));
    OrderCommand::Place { id: id(number), draft, facts }
}

fn placed() -> OrderEvent {
    let OrderDraft { product_ids, customer_id } = order_of(7, &[1, 1]);
    OrderEvent::OrderPlaced { id: id(1), product_ids, customer_id, facts: order_facts(5) }
}

fn change(base: u64, products: &[u128]) -> OrderCommand {
    OrderCommand::Change { base, draft: order_of(7, products), facts: order_facts(6) }
}

fn changed(products: &[u128]) -> OrderEvent {
    let OrderDraft { product_ids, customer_id } = order_of(7, products);
    OrderEvent::OrderChanged { product_ids, customer_id, facts: order_facts(6) }
}

#[test]
fn an_order_is_placed_once_whatever_the_facts_are_by_now() {
    given::<Order>([])
        .when(place(1, &[1, 1], 5))
        .then([placed()])
        .when(place(1, &[1, 1], 5))
        .then_nothing()
        .when(place(1, &[1, 1], 9))
        .then_nothing()
        .when(place(1, &[1], 5))
        .then_rejected(OrderRejection::Exists)
        .when(place(2, &[1, 1], 5))
        .then_rejected(OrderRejection::Exists);
}

#[test]
fn a_replacement_always_writes_an_event_with_the_facts_of_its_moment() {
    let state = given::<Order>([placed()])
        .when(change(1, &[1, 1]))
        .then([changed(&[1, 1])])
        .when(change(2, &[1, 1]))
        .then([changed(&[1, 1])])
        .state();
    assert_eq!(state.revision(), 3);
    assert_eq!(state.facts(), Some(&order_facts(6)));
    assert_eq!(state.customer_id(), Some(id(7)));
    assert_eq!(state.product_ids().unwrap().counts(), [(id(1), 2)]);
}

#[test]
fn whoever_computed_from_an_older_revision_must_compute_again() {
    let stale = OrderRejection::Stale { base: 1, revision: 2 };
    assert_eq!(stale.kind(), RejectionKind::Conflict);
    given::<Order>([placed(), changed(&[2])])
        .when(change(1, &[1]))
        .then_rejected(stale.clone())
        .when(OrderCommand::Delete { base: 1 })
        .then_rejected(stale)
        .when(OrderCommand::Delete { base: 2 })
        .then([OrderEvent::OrderDeleted {}]);
}

#[test]
fn what_is_absent_or_deleted_is_not_found() {
    for events in [vec![], vec![placed(), OrderEvent::OrderDeleted {}]] {
        let revision = events.len() as u64;
        given::<Order>(events)
            .when(change(revision, &[1]))
            .then_rejected(OrderRejection::NotFound)
            .when(OrderCommand::Delete { base: revision })
            .then_rejected(OrderRejection::NotFound);
    }
    given::<Order>([placed(), OrderEvent::OrderDeleted {}])
        .when(place(1, &[1, 1], 5))
        .then_rejected(OrderRejection::NotFound);
}

#[test]
fn a_deleted_order_leaves_its_last_state_and_holds_nothing() {
    let state = given::<Order>([placed(), OrderEvent::OrderDeleted {}]).state();
    assert!(!state.is_living());
    assert_eq!((state.product_ids(), state.customer_id(), state.facts()), (None, None, None));
    let json = serde_json::to_string(&state.document().unwrap()).unwrap();
    let (one, seven) = (id(1), id(7));
    assert_eq!(
        json,
        format!(r#"{{"id":"{one}","product_ids":["{one}","{one}"],"customer_id":"{seven}"}}"#)
    );
}

#[test]
fn an_order_of_another_program_counts_as_a_revision_and_has_no_facts() {
    let document = given::<Order>([placed()]).state().document().unwrap();
    let order = Order::default().adopt(Appearance::Created, document.clone());
    assert_eq!((order.revision(), order.facts()), (1, None));
    assert_eq!(order.document(), Some(document));
    assert_eq!(order.decide(&change(1, &[2])), Ok(vec![changed(&[2])]));
}

#[test]
fn the_form_of_its_events_is_for_ever() {
    const ONE: &str = "00000000-0000-0000-0000-000000000001";
    const SEVEN: &str = "00000000-0000-0000-0000-000000000007";
    let content = |price: u64| {
        format!(
            r#""product_ids":["{ONE}","{ONE}"],"customer_id":"{SEVEN}","facts":{{"customer":{{"name":"Ann","email":"ann@example.org"}},"products":[{{"id":"{ONE}","name":"Pen","price":{price}}}]}}"#
        )
    };
    assert_form(&placed(), &format!(r#"{{"OrderPlaced":{{"id":"{ONE}",{}}}}}"#, content(5)));
    assert_form(&changed(&[1, 1]), &format!(r#"{{"OrderChanged":{{{}}}}}"#, content(6)));
    assert_form(&OrderEvent::OrderDeleted {}, r#"{"OrderDeleted":{}}"#);
}

#[test]
fn events_appear_under_their_actions() {
    assert_eq!(placed().appearance(), Appearance::Created);
    assert_eq!(changed(&[1]).appearance(), Appearance::Updated);
    assert_eq!(OrderEvent::OrderDeleted {}.appearance(), Appearance::Deleted);
    assert_eq!(OrderRejection::NotFound.kind(), RejectionKind::NotFound);
    assert_eq!(OrderRejection::Exists.kind(), RejectionKind::Conflict);
}

fn any_command() -> impl Strategy<Value = OrderCommand> {
    let content = || (any_order_draft(), any_order_facts());
    prop_oneof![
        3 => (any_id(), content())
            .prop_map(|(id, (draft, facts))| OrderCommand::Place { id, draft, facts }),
        5 => (0..6_u64, content())
            .prop_map(|(base, (draft, facts))| OrderCommand::Change { base, draft, facts }),
        1 => (0..6_u64).prop_map(|base| OrderCommand::Delete { base }),
    ]
}

proptest! {
    #[test]
    fn laws(commands in prop::collection::vec(any_command(), 0..12)) {
        assert_laws::<Order>(&commands);
    }

    #[test]
    fn drafts_survive_json(draft in any_order_draft(), facts in any_order_facts()) {
        assert_round_trip(&draft);
        assert_round_trip(&facts);
    }
}
