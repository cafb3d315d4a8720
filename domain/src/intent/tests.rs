//! Tests of the intent.

use proptest::prelude::*;

use super::*;
use crate::test_support::*;
use crate::{Appearance, DomainEvent, InventoryRejection, Reject, RejectionKind};

const SHORT: RejectReason = RejectReason::Short { product_id: id(7), asked: 2, left: 1 };

fn open() -> IntentCommand {
    IntentCommand::Open { id: id(1), take: vec![line(2, 5)], give: vec![line(3, 4)] }
}

fn opened() -> IntentEvent {
    IntentEvent::IntentOpened { id: id(1), take: vec![line(2, 5)], give: vec![line(3, 4)] }
}

fn opened_to_take() -> IntentEvent {
    IntentEvent::IntentOpened { id: id(1), take: vec![line(2, 5)], give: vec![] }
}

fn rejected() -> IntentEvent {
    IntentEvent::IntentRejected { reason: SHORT }
}

fn closed() -> IntentEvent {
    IntentEvent::IntentClosed { written_off: vec![line(3, 4)] }
}

fn close() -> IntentCommand {
    IntentCommand::Close { written_off: vec![line(3, 4)] }
}

fn reject() -> IntentCommand {
    IntentCommand::Reject { reason: SHORT }
}

const CONFIRMED: IntentEvent = IntentEvent::IntentConfirmed {};
const ALREADY_REJECTED: IntentRejection = IntentRejection::AlreadyRejected { reason: SHORT };

#[test]
fn an_intent_is_opened_once() {
    let other = IntentCommand::Open { id: id(1), take: vec![line(2, 5)], give: vec![] };
    given::<Intent>([])
        .when(open())
        .then([opened()])
        .when(open())
        .then_nothing()
        .when(other)
        .then_rejected(IntentRejection::Exists);
    given::<Intent>([opened(), rejected(), closed()]).when(open()).then_nothing();
}

#[test]
fn each_record_stands_once_in_an_intent() {
    let take = vec![line(2, 4), line(2, 3), line(3, 1)];
    let give = vec![line(2, 2), line(3, 5)];
    given::<Intent>([]).when(IntentCommand::Open { id: id(1), take, give }).then([opened()]);
}

#[test]
fn an_intent_is_decided_once() {
    given::<Intent>([opened()])
        .when(IntentCommand::Confirm)
        .then([CONFIRMED])
        .when(IntentCommand::Confirm)
        .then_nothing()
        .when(reject())
        .then_rejected(IntentRejection::AlreadyConfirmed);
    given::<Intent>([opened()])
        .when(reject())
        .then([rejected()])
        .when(IntentCommand::Reject { reason: RejectReason::Abandoned })
        .then_nothing()
        .when(IntentCommand::Confirm)
        .then_rejected(ALREADY_REJECTED);
}

#[test]
fn a_decision_outlives_the_closing() {
    given::<Intent>([opened(), rejected(), closed()])
        .when(IntentCommand::Confirm)
        .then_rejected(ALREADY_REJECTED)
        .when(reject())
        .then_nothing();
    given::<Intent>([opened(), CONFIRMED, closed()])
        .when(reject())
        .then_rejected(IntentRejection::AlreadyConfirmed);
}

#[test]
fn a_barred_intent_never_comes_into_being() {
    let bar = || IntentCommand::Bar { id: id(1) };
    let state = given::<Intent>([])
        .when(bar())
        .then([IntentEvent::IntentBarred { id: id(1) }])
        .when(bar())
        .then_nothing()
        .when(open())
        .then_rejected(IntentRejection::Barred)
        .when(IntentCommand::Confirm)
        .then_rejected(IntentRejection::AlreadyRejected { reason: RejectReason::Abandoned })
        .when(reject())
        .then_nothing()
        .when(close())
        .then_nothing()
        .state();
    assert!(state.is_finished());
    given::<Intent>([opened()]).when(bar()).then_rejected(IntentRejection::Exists);
}

#[test]
fn an_intent_is_closed_once_after_its_decision() {
    given::<Intent>([opened()])
        .when(close())
        .then_rejected(IntentRejection::Undecided)
        .when(reject())
        .then([rejected()])
        .when(close())
        .then([closed()])
        .when(IntentCommand::Close { written_off: vec![] })
        .then_nothing();
}

#[test]
fn what_is_absent_is_not_found() {
    for command in [IntentCommand::Confirm, reject(), close()] {
        given::<Intent>([]).when(command).then_rejected(IntentRejection::NotFound);
    }
}

#[test]
fn an_intent_is_finished_when_nothing_remains_to_be_done() {
    let finished = |events: Vec<_>| given::<Intent>(events).state().is_finished();
    assert!(!finished(vec![]));
    assert!(!finished(vec![opened()]));
    assert!(!finished(vec![opened(), CONFIRMED]));
    assert!(finished(vec![opened(), CONFIRMED, closed()]));
    assert!(finished(vec![opened_to_take(), CONFIRMED]));
    assert!(!finished(vec![opened_to_take(), rejected()]));
    assert!(finished(vec![opened_to_take(), rejected(), closed()]));
}

#[test]
fn an_intent_is_invisible_and_holds_no_keys() {
    let state = given::<Intent>([opened()]).state();
    assert_eq!((state.document(), state.unique_keys()), (None, vec![]));
    assert!(state.is_living());
    assert!(!given::<Intent>([opened(), rejected(), closed()]).state().is_living());
    for event in [opened(), CONFIRMED, rejected(), IntentEvent::IntentBarred { id: id(1) }] {
        assert_eq!(event.appearance(), Appearance::Internal);
    }
}

#[test]
fn a_refusal_becomes_a_reason() {
    let reason = |refusal| RejectReason::of_refusal(&line(2, 5), &refusal);
    let refusal = InventoryRejection::Short { product_id: id(7), asked: 2, left: 1 };
    assert_eq!(reason(refusal), SHORT);
    let gone = RejectReason::Short { product_id: id(102), asked: 5, left: 0 };
    assert_eq!(reason(InventoryRejection::NotFound), gone, "out of stock");
    assert_eq!(reason(InventoryRejection::TooOld), RejectReason::Abandoned);
    assert_eq!(reason(InventoryRejection::Closed), RejectReason::Abandoned);
    assert_eq!(reason(InventoryRejection::Exists), RejectReason::Failed);
}

#[test]
fn rejections_have_their_kinds() {
    assert_eq!(IntentRejection::NotFound.kind(), RejectionKind::NotFound);
    for conflict in [
        IntentRejection::Exists,
        IntentRejection::Barred,
        IntentRejection::AlreadyConfirmed,
        ALREADY_REJECTED,
        IntentRejection::Undecided,
    ] {
        assert_eq!(conflict.kind(), RejectionKind::Conflict);
    }
}

#[test]
fn the_form_of_its_events_is_for_ever() {
    const ONE: &str = "00000000-0000-0000-0000-000000000001";
    let take = r#"[{"product_id":"00000000-0000-0000-0000-000000000066","inventory_id":"00000000-0000-0000-0000-000000000002","pieces":5}]"#;
    let give = r#"[{"product_id":"00000000-0000-0000-0000-000000000067","inventory_id":"00000000-0000-0000-0000-000000000003","pieces":4}]"#;
    let form = format!(r#"{{"IntentOpened":{{"id":"{ONE}","take":{take},"give":{give}}}}}"#);
    assert_form(&opened(), &form);
    assert_form(&CONFIRMED, r#"{"IntentConfirmed":{}}"#);
    let form = format!(r#"{{"IntentClosed":{{"written_off":{give}}}}}"#);
    assert_form(&closed(), &form);
    let form = format!(r#"{{"IntentBarred":{{"id":"{ONE}"}}}}"#);
    assert_form(&IntentEvent::IntentBarred { id: id(1) }, &form);
    let short =
        r#"{"Short":{"product_id":"00000000-0000-0000-0000-000000000007","asked":2,"left":1}}"#;
    let form = |reason: &str| format!(r#"{{"IntentRejected":{{"reason":{reason}}}}}"#);
    assert_form(&rejected(), &form(short));
    for (reason, json) in [
        (RejectReason::Abandoned, "\"Abandoned\""),
        (RejectReason::Stale, "\"Stale\""),
        (RejectReason::Failed, "\"Failed\""),
    ] {
        assert_form(&IntentEvent::IntentRejected { reason }, &form(json));
    }
}

fn any_lines() -> impl Strategy<Value = Vec<Line>> {
    let line = (any_id(), any_id(), any::<u64>())
        .prop_map(|(product_id, inventory_id, pieces)| Line { product_id, inventory_id, pieces });
    prop::collection::vec(line, 0..4)
}

fn any_command() -> impl Strategy<Value = IntentCommand> {
    prop_oneof![
        3 => (any_id(), any_lines(), any_lines())
            .prop_map(|(id, take, give)| IntentCommand::Open { id, take, give }),
        2 => Just(IntentCommand::Confirm),
        2 => Just(reject()),
        1 => any_id().prop_map(|id| IntentCommand::Bar { id }),
        2 => any_lines().prop_map(|written_off| IntentCommand::Close { written_off }),
    ]
}

proptest! {
    #[test]
    fn laws(commands in prop::collection::vec(any_command(), 0..20)) {
        assert_laws::<Intent>(&commands);
    }

    #[test]
    fn a_decision_never_changes(commands in prop::collection::vec(any_command(), 0..20)) {
        let (mut state, mut decision) = (Intent::default(), None);
        for command in &commands {
            let events = state.decide(command).unwrap_or_default();
            state = events.iter().fold(state, Intent::evolve);
            prop_assert!(decision.is_none() || state.decision() == decision);
            decision = state.decision();
        }
    }
}
