//! Properties of the inventory record under any commands.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::test_support::*;
use crate::{InventoryDraft, OpenTickets};

fn any_ticket() -> impl Strategy<Value = Ticket> {
    (0..5_u64).prop_map(ticket)
}

fn any_command() -> impl Strategy<Value = InventoryCommand> {
    let draft = || {
        (any_id(), any_amount())
            .prop_map(|(product_id, amount)| InventoryDraft { product_id, amount: pieces(amount) })
    };
    let intent = || (any_id(), any_ticket(), any_ticket());
    let number = || prop_oneof![any_amount(), Just(u64::MAX)];
    let open = (any_ticket(), prop::collection::btree_set(any_ticket(), 0..4), any_ticket());
    prop_oneof![
        2 => (any_id(), draft()).prop_map(|(id, draft)| InventoryCommand::Open { id, draft }),
        2 => draft().prop_map(|draft| InventoryCommand::SetAmount { draft }),
        2 => number().prop_map(|pieces| InventoryCommand::Increase { pieces }),
        2 => number().prop_map(|pieces| InventoryCommand::Decrease { pieces }),
        4 => (intent(), number()).prop_map(|((intent, ticket, floor), pieces)| {
            InventoryCommand::Reserve { intent, ticket, floor, pieces }
        }),
        3 => intent().prop_map(|(intent, ticket, floor)| {
            InventoryCommand::Release { intent, ticket, floor }
        }),
        3 => (intent(), number()).prop_map(|((intent, ticket, floor), pieces)| {
            InventoryCommand::Return { intent, ticket, floor, pieces }
        }),
        1 => open.prop_map(|(floor, open, horizon): (_, BTreeSet<_>, _)| {
            InventoryCommand::Delete { open: OpenTickets { floor, open, horizon } }
        }),
    ]
}

/// What an event adds to the stock.
fn change(event: &InventoryEvent) -> i128 {
    match event {
        InventoryEvent::StockOpened { amount, .. } => i128::from(amount.get()),
        InventoryEvent::StockSet { from, to } => i128::from(*to) - i128::from(*from),
        InventoryEvent::StockIncreased { pieces }
        | InventoryEvent::StockReleased { pieces, .. }
        | InventoryEvent::StockReturned { pieces, .. } => i128::from(*pieces),
        InventoryEvent::StockDecreased { pieces }
        | InventoryEvent::StockReserved { pieces, .. }
        | InventoryEvent::StockDeleted { left: pieces } => -i128::from(*pieces),
        InventoryEvent::ReservationBarred { .. } => 0,
    }
}

proptest! {
    #[test]
    fn laws(commands in prop::collection::vec(any_command(), 0..40)) {
        assert_laws::<Inventory>(&commands);
    }

    #[test]
    fn the_amount_is_the_sum_of_its_events_and_never_negative(
        commands in prop::collection::vec(any_command(), 0..40),
    ) {
        let (mut state, mut sum) = (Inventory::default(), 0_i128);
        for command in &commands {
            for event in state.decide(command).unwrap_or_default() {
                sum += change(&event);
                state = state.evolve(&event);
                prop_assert!(sum >= 0);
                prop_assert_eq!(i128::from(state.amount().unwrap_or(0)), sum);
            }
        }
    }

    #[test]
    fn a_command_done_twice_in_a_row_is_done_once(
        commands in prop::collection::vec(any_command(), 0..40),
    ) {
        let mut state = Inventory::default();
        for command in &commands {
            let events = state.decide(command).unwrap_or_default();
            state = events.iter().fold(state, Inventory::evolve);
            if let InventoryCommand::Reserve { .. }
            | InventoryCommand::Release { .. }
            | InventoryCommand::Return { .. } = command
                && !events.is_empty()
            {
                prop_assert_eq!(state.decide(command), Ok(vec![]));
            }
        }
    }
}
