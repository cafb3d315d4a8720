//! Tests of the inventory record.

use super::*;
use crate::test_support::*;
use crate::{Appearance, DomainEvent, OpenTickets, Pieces, Reject, RejectionKind};

const INTENT: Uuid = id(50);
const OTHER: Uuid = id(51);

fn opened(amount: u64) -> InventoryEvent {
    InventoryEvent::StockOpened { id: id(1), product_id: id(7), amount: pieces(amount) }
}

fn reserve(number: u64, floor: u64, pieces: u64) -> InventoryCommand {
    let (ticket, floor) = (ticket(number), ticket(floor));
    InventoryCommand::Reserve { intent: INTENT, ticket, floor, pieces }
}

fn release(number: u64, floor: u64) -> InventoryCommand {
    InventoryCommand::Release { intent: INTENT, ticket: ticket(number), floor: ticket(floor) }
}

fn give_back(number: u64, floor: u64, pieces: u64) -> InventoryCommand {
    let (ticket, floor) = (ticket(number), ticket(floor));
    InventoryCommand::Return { intent: INTENT, ticket, floor, pieces }
}

fn reserved(number: u64, floor: u64, pieces: u64) -> InventoryEvent {
    let (ticket, floor) = (ticket(number), ticket(floor));
    InventoryEvent::StockReserved { intent: INTENT, ticket, floor, pieces }
}

fn released(number: u64, floor: u64, pieces: u64) -> InventoryEvent {
    let (ticket, floor) = (ticket(number), ticket(floor));
    InventoryEvent::StockReleased { intent: INTENT, ticket, floor, pieces }
}

fn returned(number: u64, floor: u64, pieces: u64) -> InventoryEvent {
    let (ticket, floor) = (ticket(number), ticket(floor));
    InventoryEvent::StockReturned { intent: INTENT, ticket, floor, pieces }
}

fn barred(number: u64, floor: u64) -> InventoryEvent {
    let (ticket, floor) = (ticket(number), ticket(floor));
    InventoryEvent::ReservationBarred { intent: INTENT, ticket, floor }
}

fn short(asked: u64, left: u64) -> InventoryRejection {
    InventoryRejection::Short { product_id: id(7), asked, left }
}

fn delete(floor: u64, open: &[u64], horizon: u64) -> InventoryCommand {
    let open = open.iter().map(|number| ticket(*number)).collect();
    let (floor, horizon) = (ticket(floor), ticket(horizon));
    InventoryCommand::Delete { open: OpenTickets { floor, open, horizon } }
}

fn deleted(left: u64) -> InventoryEvent {
    InventoryEvent::StockDeleted { left }
}

#[test]
fn a_record_is_opened_once_whatever_its_amount_is_by_now() {
    let open = |number, product, amount| InventoryCommand::Open {
        id: id(number),
        draft: stock_of(product, amount),
    };
    given::<Inventory>([])
        .when(open(1, 7, 5))
        .then([opened(5)])
        .when(reserve(1, 0, 2))
        .then([reserved(1, 0, 2)])
        .when(open(1, 7, 5))
        .then_nothing()
        .when(open(1, 7, 3))
        .then_rejected(InventoryRejection::Exists)
        .when(open(1, 8, 5))
        .then_rejected(InventoryRejection::Exists)
        .when(open(2, 7, 5))
        .then_rejected(InventoryRejection::Exists);
    given::<Inventory>([opened(5), deleted(5)])
        .when(open(1, 7, 5))
        .then_rejected(InventoryRejection::NotFound);
}

#[test]
fn a_second_record_of_a_product_is_kept_out_by_the_key() {
    let keys = |events: Vec<_>| given::<Inventory>(events).state().unique_keys();
    assert_eq!(keys(vec![]), Vec::<String>::new());
    assert_eq!(keys(vec![opened(5)]), [format!("product/{}", id(7))]);
    assert_eq!(keys(vec![opened(5), deleted(5)]), Vec::<String>::new());
}

#[test]
fn a_replacement_sets_the_amount_and_always_writes_an_event() {
    let set = |product, amount| InventoryCommand::SetAmount { draft: stock_of(product, amount) };
    let state = given::<Inventory>([opened(5)])
        .when(set(7, 9))
        .then([InventoryEvent::StockSet { from: 5, to: 9 }])
        .when(set(7, 9))
        .then([InventoryEvent::StockSet { from: 9, to: 9 }])
        .when(set(8, 9))
        .then_rejected(InventoryRejection::ProductFixed { product_id: id(7) })
        .state();
    assert_eq!(state.amount(), Some(9));
    let message = InventoryRejection::ProductFixed { product_id: id(7) }.to_string();
    assert!(message.contains("its product cannot change"));
}

#[test]
fn stock_is_increased_up_to_the_limit() {
    let increase = |pieces| InventoryCommand::Increase { pieces };
    let too_much = |pieces| InventoryRejection::TooMuch { amount: Pieces::MAX - 1, pieces };
    given::<Inventory>([opened(Pieces::MAX - 2)])
        .when(increase(1))
        .then([InventoryEvent::StockIncreased { pieces: 1 }])
        .when(increase(2))
        .then_rejected(too_much(2))
        .when(increase(u64::MAX))
        .then_rejected(too_much(u64::MAX));
    assert_eq!(too_much(2).kind(), RejectionKind::Invalid { field: "amount" });
}

#[test]
fn stock_never_goes_below_zero() {
    given::<Inventory>([opened(5)])
        .when(InventoryCommand::Decrease { pieces: 6 })
        .then_rejected(short(6, 5))
        .when(reserve(1, 0, 6))
        .then_rejected(short(6, 5))
        .when(InventoryCommand::Decrease { pieces: 5 })
        .then([InventoryEvent::StockDecreased { pieces: 5 }])
        .when(reserve(1, 0, 1))
        .then_rejected(short(1, 0));
}

#[test]
fn a_reservation_lowers_the_amount_once() {
    let state = given::<Inventory>([opened(5)])
        .when(reserve(1, 0, 2))
        .then([reserved(1, 0, 2)])
        .when(reserve(1, 0, 2))
        .then_nothing()
        .when(reserve(1, 0, 3))
        .then_rejected(InventoryRejection::Closed)
        .state();
    assert_eq!(state.amount(), Some(3));
    assert_eq!(state.reservations().collect::<Vec<_>>(), [(ticket(1), INTENT, 2)]);
}

#[test]
fn a_release_gives_back_once_and_shuts_the_door() {
    let state = given::<Inventory>([opened(5), reserved(1, 0, 2)])
        .when(release(1, 0))
        .then([released(1, 0, 2)])
        .when(release(1, 0))
        .then_nothing()
        .when(reserve(1, 0, 2))
        .then_rejected(InventoryRejection::Closed)
        .state();
    assert_eq!(state.amount(), Some(5));
}

#[test]
fn a_release_before_the_reservation_bars_it() {
    given::<Inventory>([opened(5)])
        .when(release(1, 0))
        .then([barred(1, 0)])
        .when(release(1, 0))
        .then_nothing()
        .when(reserve(1, 0, 2))
        .then_rejected(InventoryRejection::Closed);
    assert_eq!(barred(1, 0).appearance(), Appearance::Internal);
}

#[test]
fn a_return_adds_once_and_shuts_the_door() {
    let state = given::<Inventory>([opened(5)])
        .when(give_back(1, 0, 2))
        .then([returned(1, 0, 2)])
        .when(give_back(1, 0, 2))
        .then_nothing()
        .when(release(1, 0))
        .then_nothing()
        .when(reserve(1, 0, 2))
        .then_rejected(InventoryRejection::Closed)
        .state();
    assert_eq!(state.amount(), Some(7));
}

#[test]
fn per_record_an_intent_does_only_one_of_both() {
    given::<Inventory>([opened(5), reserved(1, 0, 2)])
        .when(give_back(1, 0, 2))
        .then_rejected(InventoryRejection::Closed);
}

#[test]
fn a_ticket_belongs_to_one_intent() {
    let (t, floor) = (ticket(1), ticket(0));
    given::<Inventory>([opened(5), reserved(1, 0, 2)])
        .when(InventoryCommand::Reserve { intent: OTHER, ticket: t, floor, pieces: 2 })
        .then_rejected(InventoryRejection::Closed)
        .when(InventoryCommand::Release { intent: OTHER, ticket: t, floor })
        .then_rejected(InventoryRejection::Closed)
        .when(InventoryCommand::Return { intent: OTHER, ticket: t, floor, pieces: 2 })
        .then_rejected(InventoryRejection::Closed);
}

#[test]
fn an_intent_older_than_the_oldest_open_one_finds_every_door_shut() {
    for (events, floor) in [(vec![opened(5)], 4), (vec![opened(5), barred(9, 4)], 0)] {
        given::<Inventory>(events)
            .when(reserve(3, floor, 2))
            .then_rejected(InventoryRejection::TooOld)
            .when(release(3, floor))
            .then_nothing()
            .when(give_back(3, floor, 2))
            .then_nothing();
    }
}

#[test]
fn the_floor_rises_and_what_lies_below_is_forgotten() {
    let state = given::<Inventory>([opened(9), reserved(2, 0, 1), reserved(5, 0, 1)])
        .when(reserve(7, 4, 1))
        .then([reserved(7, 4, 1)])
        .when(release(8, 3))
        .then([barred(8, 4)])
        .state();
    assert_eq!(state.floor(), ticket(4));
    assert_eq!(state.amount(), Some(6), "the reservation below the floor is done, not undone");
    let tickets: Vec<_> = state.reservations().map(|(ticket, ..)| ticket).collect();
    assert_eq!(tickets, [ticket(5), ticket(7)]);
}

#[test]
fn open_reservations_keep_a_record_from_deletion() {
    given::<Inventory>([opened(5), reserved(4, 0, 2)])
        .when(delete(0, &[4], 9))
        .then_rejected(InventoryRejection::OpenReservations)
        .when(delete(0, &[], 3))
        .then_rejected(InventoryRejection::OpenReservations)
        .when(delete(0, &[], 9))
        .then([deleted(3)]);
    given::<Inventory>([opened(5), reserved(4, 0, 2), released(4, 0, 2)])
        .when(delete(0, &[4], 9))
        .then([deleted(5)]);
    given::<Inventory>([opened(5), reserved(4, 0, 2)]).when(delete(5, &[4], 9)).then([deleted(3)]);
}

#[test]
fn what_is_absent_or_deleted_is_not_found() {
    for events in [vec![], vec![opened(5), deleted(5)]] {
        for command in [
            InventoryCommand::SetAmount { draft: stock_of(7, 1) },
            InventoryCommand::Increase { pieces: 1 },
            InventoryCommand::Decrease { pieces: 1 },
            reserve(1, 0, 1),
            give_back(1, 0, 1),
            delete(0, &[], 9),
        ] {
            given::<Inventory>(events.clone())
                .when(command)
                .then_rejected(InventoryRejection::NotFound);
        }
    }
}

#[test]
fn a_deleted_record_remembers_what_it_has_given_and_got() {
    given::<Inventory>([opened(5), returned(1, 0, 2), deleted(7)])
        .when(give_back(1, 0, 2))
        .then_nothing();
    given::<Inventory>([opened(5), reserved(1, 0, 2), released(1, 0, 2), deleted(5)])
        .when(release(1, 0))
        .then_nothing();
    given::<Inventory>([opened(5), reserved(1, 0, 2), deleted(3)])
        .when(release(1, 0))
        .then_rejected(InventoryRejection::NotFound);
}

#[test]
fn a_release_where_nothing_can_have_been_reserved_writes_nothing_off() {
    given::<Inventory>([opened(5), deleted(5)]).when(release(1, 0)).then_nothing();
    let state = given::<Inventory>([])
        .when(release(1, 0))
        .then([barred(1, 0)])
        .when(InventoryCommand::Open { id: id(1), draft: stock_of(7, 5) })
        .then([opened(5)])
        .when(reserve(1, 0, 1))
        .then_rejected(InventoryRejection::Closed)
        .state();
    assert_eq!(state.amount(), Some(5));
}

#[test]
fn pieces_for_which_there_is_no_place_are_not_swallowed() {
    let full = InventoryEvent::StockSet { from: 0, to: u64::MAX };
    given::<Inventory>([opened(5), reserved(1, 0, 2), full])
        .when(release(1, 0))
        .then_rejected(InventoryRejection::NotFound)
        .when(give_back(2, 0, 1))
        .then_rejected(InventoryRejection::NotFound);
}

#[test]
fn the_document_shows_what_can_still_be_taken() {
    let state = given::<Inventory>([opened(5), reserved(1, 0, 2), deleted(3)]).state();
    let json = serde_json::to_string(&state.document().unwrap()).unwrap();
    let (one, seven) = (id(1), id(7));
    assert_eq!(json, format!(r#"{{"id":"{one}","product_id":"{seven}","amount":3}}"#));
}

#[test]
fn what_another_program_wrote_sets_the_amount_and_opens_no_door() {
    let document = InventoryDocument { id: id(1), product_id: id(7), amount: 9 };
    let state = given::<Inventory>([opened(5), reserved(1, 0, 2), barred(2, 0)])
        .state()
        .adopt(Appearance::Updated, document.clone());
    assert_eq!(state.document(), Some(document));
    assert_eq!(state.decide(&reserve(2, 0, 1)), Err(InventoryRejection::Closed));
    assert_eq!(state.decide(&release(1, 0)), Ok(vec![released(1, 0, 2)]));
}

#[test]
fn the_form_of_its_events_is_for_ever() {
    const ONE: &str = "00000000-0000-0000-0000-000000000001";
    const SEVEN: &str = "00000000-0000-0000-0000-000000000007";
    let intent = r#""intent":"00000000-0000-0000-0000-000000000032","ticket":[9,0],"floor":[4,0]"#;
    let form = format!(r#"{{"StockOpened":{{"id":"{ONE}","product_id":"{SEVEN}","amount":5}}}}"#);
    assert_form(&opened(5), &form);
    let set = InventoryEvent::StockSet { from: 5, to: 9 };
    assert_form(&set, r#"{"StockSet":{"from":5,"to":9}}"#);
    let increased = InventoryEvent::StockIncreased { pieces: 3 };
    assert_form(&increased, r#"{"StockIncreased":{"pieces":3}}"#);
    let decreased = InventoryEvent::StockDecreased { pieces: 3 };
    assert_form(&decreased, r#"{"StockDecreased":{"pieces":3}}"#);
    let form = |name: &str| format!(r#"{{"{name}":{{{intent},"pieces":3}}}}"#);
    assert_form(&reserved(9, 4, 3), &form("StockReserved"));
    assert_form(&released(9, 4, 3), &form("StockReleased"));
    assert_form(&returned(9, 4, 3), &form("StockReturned"));
    assert_form(&barred(9, 4), &format!(r#"{{"ReservationBarred":{{{intent}}}}}"#));
    assert_form(&deleted(3), r#"{"StockDeleted":{"left":3}}"#);
}

#[test]
fn events_appear_under_their_actions_and_rejections_have_their_kinds() {
    assert_eq!(opened(5).appearance(), Appearance::Created);
    assert_eq!(deleted(5).appearance(), Appearance::Deleted);
    for event in [reserved(1, 0, 1), released(1, 0, 1), returned(1, 0, 1)] {
        assert_eq!(event.appearance(), Appearance::Updated);
    }
    assert_eq!(InventoryRejection::NotFound.kind(), RejectionKind::NotFound);
    for conflict in [
        InventoryRejection::Exists,
        InventoryRejection::ProductFixed { product_id: id(7) },
        short(2, 1),
        InventoryRejection::TooOld,
        InventoryRejection::Closed,
        InventoryRejection::OpenReservations,
    ] {
        assert_eq!(conflict.kind(), RejectionKind::Conflict);
    }
}
