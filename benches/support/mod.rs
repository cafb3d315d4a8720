//! What the programs of this folder share: customers for a log, and the middle of some figures.

#![allow(dead_code, reason = "each program uses its own part")]

pub(crate) mod elsewhere;
pub(crate) mod watched;

use std::error::Error;

use ordershop_actors::runtime::decide;
use ordershop_actors::shop::topics;
use ordershop_domain::{Customer, CustomerCommand, CustomerDraft, Mailbox, Name};
use ordershop_store::{Batch, EventLog, Transaction};
use uuid::Uuid;

/// The allocator that the shop has, too.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why a program cannot go on.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// How many customers one append makes.
const BATCH: usize = 1_000;

/// The id of that customer.
pub(crate) fn id(number: usize) -> Uuid {
    Uuid::new_v5(&Uuid::nil(), &number.to_be_bytes())
}

/// What is known of that customer.
pub(crate) fn draft(number: usize) -> Result<CustomerDraft, Failure> {
    let name = Name::new(format!("Customer {number}"))?;
    Ok(CustomerDraft { name, email: Mailbox::new("customer@example.org")? })
}

/// Makes so many customers, with an event each.
pub(crate) async fn fill(log: &dyn EventLog, count: usize) -> Result<(), Failure> {
    for first in (0..count).step_by(BATCH) {
        let numbers = first..(first + BATCH).min(count);
        let transactions = numbers.map(registration).collect::<Result<_, _>>()?;
        let outcomes = log.append(Batch { transactions, ..Batch::default() }).await?;
        if outcomes.iter().any(Result::is_err) {
            return Err("a customer was refused".into());
        }
    }
    Ok(())
}

/// The one transaction by which that customer comes into being.
pub(crate) fn registration(number: usize) -> Result<Transaction, Failure> {
    let id = id(number);
    let command = CustomerCommand::Register { id, draft: draft(number)? };
    let decided = decide(&Customer::default(), 0, None, id, id, &command)?;
    let decision = decided.ok_or("a new customer has no event")?;
    Ok(Transaction {
        topic: topics::CUSTOMER,
        command_id: id,
        cause: None,
        writes: vec![decision.write],
        claims: decision.claims,
        releases: decision.releases,
    })
}

/// The middle one; of an even number the lower of both in the middle.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}
