//! Tests of the order saga, step by step.

use proptest::prelude::*;

use super::*;
use crate::test_support::*;
use crate::{Aggregate, IntentEvent};

const SHORT: RejectReason = RejectReason::Short { product_id: id(7), asked: 2, left: 1 };
const OPENED: Input = Input::Opened { ticket: ticket(9) };
const CONFIRMED: Input = Input::Decided(Decision::Confirmed);

/// A saga that takes two lines and gives a third.
fn saga() -> OrderSaga {
    let mut saga = OrderSaga::new(vec![line(1, 2), line(2, 3)], vec![line(3, 4)]);
    assert_eq!(saga.start(), [Step::Open]);
    saga
}

fn reserving() -> OrderSaga {
    let mut saga = saga();
    assert_eq!(saga.advance(OPENED), [Step::Reserve(line(1, 2)), Step::Reserve(line(2, 3))]);
    saga
}

fn reserved(number: u128) -> Input {
    Input::Reserved { inventory_id: id(number) }
}

fn refused(number: u128, reason: RejectReason) -> Input {
    Input::ReserveRefused { inventory_id: id(number), reason }
}

fn unknown(number: u128) -> Input {
    Input::ReserveUnknown { inventory_id: id(number) }
}

fn rejected(reason: RejectReason) -> Input {
    Input::Decided(Decision::Rejected(reason))
}

fn released(number: u128) -> Input {
    Input::Released { inventory_id: id(number) }
}

fn returned(number: u128) -> Input {
    Input::Returned { inventory_id: id(number) }
}

fn no_record(number: u128) -> Input {
    Input::NoRecord { inventory_id: id(number) }
}

fn close(written_off: &[Line]) -> Step {
    Step::Close { written_off: written_off.to_vec() }
}

const NONE: [Step; 0] = [];

#[test]
fn all_goes_well() {
    let mut saga = reserving();
    assert_eq!(saga.ticket(), Some(ticket(9)));
    assert_eq!(saga.advance(reserved(2)), NONE);
    assert_eq!(saga.advance(reserved(1)), [Step::Confirm]);
    assert_eq!(saga.decision(), None);
    assert_eq!(saga.advance(CONFIRMED), [Step::Return(line(3, 4))]);
    assert_eq!(saga.decision(), Some(Decision::Confirmed));
    assert_eq!(saga.advance(returned(3)), [close(&[])]);
    assert_eq!(saga.advance(Input::Closed), [Step::Finished(SagaResult::Confirmed)]);
}

#[test]
fn a_confirmation_with_nothing_to_give_needs_no_closing() {
    let mut saga = OrderSaga::new(vec![line(1, 2)], vec![]);
    saga.start();
    saga.advance(OPENED);
    assert_eq!(saga.advance(reserved(1)), [Step::Confirm]);
    assert_eq!(saga.advance(CONFIRMED), [Step::Finished(SagaResult::Confirmed)]);
}

#[test]
fn with_nothing_to_take_it_decides_at_once() {
    let mut saga = OrderSaga::new(vec![], vec![line(3, 4)]);
    saga.start();
    assert_eq!(saga.advance(OPENED), [Step::Confirm]);
}

#[test]
fn it_never_decides_before_all_have_answered() {
    let mut saga = reserving();
    assert_eq!(saga.advance(refused(1, SHORT)), NONE);
    assert_eq!(saga.advance(refused(1, SHORT)), NONE);
    assert_eq!(saga.advance(reserved(2)), [Step::Reject(SHORT)]);
}

#[test]
fn a_rejection_releases_every_line_whose_door_is_not_known_to_be_shut() {
    let mut saga = reserving();
    saga.advance(refused(1, SHORT));
    saga.advance(reserved(2));
    let release = [Step::Release(line(1, 2)), Step::Release(line(2, 3))];
    assert_eq!(saga.advance(rejected(SHORT)), release);
    assert_eq!(saga.advance(released(1)), NONE);
    assert_eq!(saga.advance(released(2)), [close(&[])]);
    assert_eq!(saga.advance(Input::Closed), [Step::Finished(SagaResult::Rejected(SHORT))]);

    let mut saga = reserving();
    saga.advance(refused(1, RejectReason::Abandoned));
    assert_eq!(saga.advance(unknown(2)), [Step::Reject(RejectReason::Abandoned)]);
    let steps = saga.advance(rejected(RejectReason::Abandoned));
    assert_eq!(steps, [Step::Release(line(2, 3))]);
}

#[test]
fn a_rejection_with_nothing_to_release_is_closed_all_the_same() {
    let mut saga = OrderSaga::new(vec![line(1, 2)], vec![]);
    saga.start();
    saga.advance(OPENED);
    saga.advance(refused(1, RejectReason::Abandoned));
    assert_eq!(saga.advance(rejected(RejectReason::Abandoned)), [close(&[])]);
}

#[test]
fn what_may_have_been_reserved_is_no_ground_to_confirm() {
    let mut saga = reserving();
    saga.advance(unknown(1));
    assert_eq!(saga.advance(reserved(2)), [Step::Reject(RejectReason::Failed)]);
    assert_eq!(saga.advance(reserved(1)), NONE, "too late");
}

#[test]
fn the_reason_does_not_depend_on_the_order_of_the_answers() {
    for answers in [[refused(2, SHORT), unknown(1)], [unknown(1), refused(2, SHORT)]] {
        let mut saga = reserving();
        let steps: Vec<_> = answers.into_iter().flat_map(|input| saga.advance(input)).collect();
        assert_eq!(steps, [Step::Reject(SHORT)]);
    }
}

#[test]
fn whoever_lost_obeys() {
    let mut saga = reserving();
    saga.advance(reserved(1));
    assert_eq!(saga.advance(reserved(2)), [Step::Confirm]);
    let steps = saga.advance(rejected(RejectReason::Abandoned));
    assert_eq!(steps, [Step::Release(line(1, 2)), Step::Release(line(2, 3))]);

    let mut saga = reserving();
    saga.advance(reserved(1));
    assert_eq!(saga.advance(refused(2, SHORT)), [Step::Reject(SHORT)]);
    assert_eq!(saga.advance(CONFIRMED), [Step::Return(line(3, 4))]);
}

#[test]
fn a_decision_of_another_ends_the_reserving() {
    let mut saga = reserving();
    let steps = saga.advance(rejected(RejectReason::Abandoned));
    assert_eq!(steps, [Step::Release(line(1, 2)), Step::Release(line(2, 3))]);
    assert_eq!(saga.advance(reserved(1)), NONE);
}

#[test]
fn an_intent_that_was_barred_is_left_alone() {
    let mut saga = saga();
    let finished = [Step::Finished(SagaResult::Rejected(RejectReason::Abandoned))];
    assert_eq!(saga.advance(rejected(RejectReason::Abandoned)), finished);
}

#[test]
fn an_order_that_changed_meanwhile_rejects_the_intent() {
    let mut saga = reserving();
    saga.advance(reserved(1));
    saga.advance(reserved(2));
    assert_eq!(saga.advance(Input::DecisionStale), [Step::Reject(RejectReason::Stale)]);
    assert_eq!(saga.advance(Input::DecisionStale), NONE);
}

#[test]
fn what_finds_no_record_is_written_off() {
    let mut saga = reserving();
    saga.advance(reserved(1));
    saga.advance(reserved(2));
    saga.advance(CONFIRMED);
    assert_eq!(saga.advance(no_record(3)), [close(&[line(3, 4)])]);

    let mut saga = reserving();
    saga.advance(rejected(RejectReason::Abandoned));
    assert_eq!(saga.advance(no_record(1)), NONE);
    assert_eq!(saga.advance(no_record(1)), NONE);
    assert_eq!(saga.advance(released(2)), [close(&[line(1, 2)])]);
}

fn found(events: &[IntentEvent]) -> OrderSaga {
    let (take, give) = (vec![line(1, 2), line(2, 3)], vec![line(3, 4)]);
    let opened = IntentEvent::IntentOpened { id: id(5), take, give };
    let intent = Intent::default().evolve(&opened);
    OrderSaga::resume(&events.iter().fold(intent, Intent::evolve), ticket(9))
}

#[test]
fn whoever_finds_an_undecided_intent_rejects_it() {
    let mut saga = found(&[]);
    assert_eq!(saga.ticket(), Some(ticket(9)));
    assert_eq!(saga.start(), [Step::Reject(RejectReason::Abandoned)]);
    assert_eq!(saga.start(), NONE);
    let steps = saga.advance(rejected(RejectReason::Abandoned));
    assert_eq!(steps, [Step::Release(line(1, 2)), Step::Release(line(2, 3))]);

    let mut saga = found(&[]);
    saga.start();
    assert_eq!(saga.advance(CONFIRMED), [Step::Return(line(3, 4))], "it came too late");
}

#[test]
fn whoever_finds_a_decided_intent_finishes_it() {
    let reject = IntentEvent::IntentRejected { reason: SHORT };
    let confirm = IntentEvent::IntentConfirmed {};
    let close = IntentEvent::IntentClosed { written_off: vec![] };
    let steps = [Step::Release(line(1, 2)), Step::Release(line(2, 3))];
    assert_eq!(found(std::slice::from_ref(&reject)).start(), steps);
    assert_eq!(found(std::slice::from_ref(&confirm)).start(), [Step::Return(line(3, 4))]);
    let finished = [Step::Finished(SagaResult::Rejected(SHORT))];
    assert_eq!(found(&[reject, close.clone()]).start(), finished);
    assert_eq!(found(&[confirm, close]).start(), [Step::Finished(SagaResult::Confirmed)]);
}

#[test]
fn an_intent_that_is_not_there_is_as_good_as_abandoned() {
    let mut saga = OrderSaga::resume(&Intent::default(), ticket(9));
    let finished = [Step::Finished(SagaResult::Rejected(RejectReason::Abandoned))];
    assert_eq!(saga.start(), finished);
}

fn any_input() -> impl Strategy<Value = Input> {
    let record = || (1..5_u128).prop_map(id);
    prop_oneof![
        2 => Just(OPENED),
        4 => record().prop_map(|inventory_id| Input::Reserved { inventory_id }),
        1 => record()
            .prop_map(|inventory_id| Input::ReserveRefused { inventory_id, reason: SHORT }),
        1 => record().prop_map(|inventory_id| Input::ReserveUnknown { inventory_id }),
        2 => prop_oneof![Just(CONFIRMED), Just(rejected(SHORT))],
        1 => Just(Input::DecisionStale),
        2 => record().prop_map(|inventory_id| Input::Released { inventory_id }),
        2 => record().prop_map(|inventory_id| Input::Returned { inventory_id }),
        1 => record().prop_map(|inventory_id| Input::NoRecord { inventory_id }),
        1 => Just(Input::Closed),
    ]
}

proptest! {
    /// It is total, and asks for nothing twice, whatever it is told.
    #[test]
    fn no_input_confuses_it(inputs in prop::collection::vec(any_input(), 0..60)) {
        let mut saga = saga();
        let mut steps = vec![];
        for input in inputs {
            let before = saga.decision();
            steps.extend(saga.advance(input));
            prop_assert!(before.is_none() || saga.decision() == before);
        }
        for (index, step) in steps.iter().enumerate() {
            prop_assert!(!steps[..index].contains(step), "{step:?} was asked for twice");
        }
        let gave = |steps: &[Step]| steps.iter().any(|step| matches!(step, Step::Return(_)));
        let let_go = |steps: &[Step]| steps.iter().any(|step| matches!(step, Step::Release(_)));
        prop_assert!(!(gave(&steps) && let_go(&steps)));
    }
}
