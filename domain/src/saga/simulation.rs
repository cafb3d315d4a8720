//! A small world of orders and stock, in which the order saga is simulated.

mod fate;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::test_support::{id, pieces};
use crate::{
    Aggregate, IntentCommand, IntentEvent, IntentRejection, Inventory, InventoryCommand,
    InventoryDraft, InventoryEvent, InventoryRejection, OpenTickets,
};

const PRODUCTS: usize = 3;

/// How many pieces of each product.
type Counts = [u64; PRODUCTS];

#[derive(Default)]
struct World {
    records: BTreeMap<Uuid, Inventory>,
    /// Each product's present record.
    current: [Uuid; PRODUCTS],
    orders: Vec<Order>,
    cases: Vec<Case>,
    drivers: Vec<Option<Driver>>,
    requests: Vec<Request>,
    answers: Vec<(usize, Input)>,
    /// What readers of the log knew at each moment.
    views: Vec<OpenTickets>,
    last_id: u128,
    last_ticket: u64,
    put_in: i128,
    taken_out: i128,
    written_off: i128,
}

/// An order; one without pieces does not exist.
#[derive(Default)]
struct Order {
    counts: Counts,
    revision: u64,
}

/// An intent, with what it is to do to an order.
struct Case {
    id: Uuid,
    order: usize,
    base: u64,
    after: Counts,
    take: Vec<Line>,
    give: Vec<Line>,
    intent: Intent,
    ticket: Option<Ticket>,
    /// What records say they have given to it, and got from it.
    reserved: i128,
    returned: i128,
    decisions: usize,
}

struct Driver {
    case: usize,
    saga: OrderSaga,
}

#[derive(Clone)]
struct Request {
    driver: usize,
    case: usize,
    step: Step,
    ticket: Ticket,
    floor: Ticket,
}

impl World {
    fn new(stock: Counts) -> Self {
        let mut world = Self::default();
        for (product, amount) in stock.into_iter().enumerate() {
            world.open_record(product, amount);
        }
        world.look();
        world
    }

    fn new_id(&mut self) -> Uuid {
        self.last_id += 1;
        id(self.last_id)
    }

    fn open_record(&mut self, product: usize, amount: u64) {
        let record = self.new_id();
        self.current[product] = record;
        let draft = InventoryDraft { product_id: id(product as u128), amount: pieces(amount) };
        self.stock(record, &InventoryCommand::Open { id: record, draft }).unwrap();
    }

    /// Sends a command to a record, and counts what its events say.
    fn stock(
        &mut self,
        record: Uuid,
        command: &InventoryCommand,
    ) -> Result<(), InventoryRejection> {
        let mut state = self.records.remove(&record).unwrap_or_default();
        let decided = state.decide(command);
        for event in decided.iter().flatten() {
            match event {
                InventoryEvent::StockOpened { amount, .. } => {
                    self.put_in += i128::from(amount.get());
                }
                InventoryEvent::StockSet { from, to } => {
                    self.put_in += i128::from(*to);
                    self.taken_out += i128::from(*from);
                }
                InventoryEvent::StockIncreased { pieces } => self.put_in += i128::from(*pieces),
                InventoryEvent::StockDecreased { pieces: left }
                | InventoryEvent::StockDeleted { left } => self.taken_out += i128::from(*left),
                InventoryEvent::StockReserved { intent, pieces, .. } => {
                    self.case(*intent).reserved += i128::from(*pieces);
                }
                InventoryEvent::StockReleased { intent, pieces, .. } => {
                    self.case(*intent).reserved -= i128::from(*pieces);
                }
                InventoryEvent::StockReturned { intent, pieces, .. } => {
                    self.case(*intent).returned += i128::from(*pieces);
                }
                InventoryEvent::ReservationBarred { .. } => {}
            }
            state = state.evolve(event);
        }
        self.records.insert(record, state);
        decided.map(|_| ())
    }

    fn case(&mut self, intent: Uuid) -> &mut Case {
        self.cases.iter_mut().find(|case| case.id == intent).unwrap()
    }

    /// Sends a command to an intent; gives whether it led to an event.
    fn intend(&mut self, case: usize, command: &IntentCommand) -> Result<bool, IntentRejection> {
        let case = &mut self.cases[case];
        let events = case.intent.decide(command)?;
        for event in &events {
            match event {
                IntentEvent::IntentOpened { .. } => {
                    self.last_ticket += 1;
                    case.ticket = Some(Ticket(self.last_ticket, 0));
                }
                IntentEvent::IntentConfirmed {} | IntentEvent::IntentRejected { .. } => {
                    case.decisions += 1;
                }
                IntentEvent::IntentClosed { written_off } => {
                    self.written_off += sum(written_off);
                }
                IntentEvent::IntentBarred { .. } => {}
            }
            case.intent = std::mem::take(&mut case.intent).evolve(event);
        }
        Ok(!events.is_empty())
    }

    /// A new intent that makes an order hold these pieces, with its first driver.
    fn want(&mut self, order: usize, after: Counts) {
        let Order { counts: before, revision: base } = self.orders[order];
        let (mut take, mut give) = (vec![], vec![]);
        for (product, inventory_id) in self.current.into_iter().enumerate() {
            let line = |pieces| Line { product_id: id(product as u128), inventory_id, pieces };
            take.push(line(after[product].saturating_sub(before[product])));
            give.push(line(before[product].saturating_sub(after[product])));
        }
        let (take, give) = Line::net(take, give);
        let (id, intent) = (self.new_id(), Intent::default());
        self.cases.push(Case {
            id,
            order,
            base,
            after,
            take,
            give,
            intent,
            ticket: None,
            reserved: 0,
            returned: 0,
            decisions: 0,
        });
        self.drive_anew(self.cases.len() - 1);
    }

    fn drive_anew(&mut self, case: usize) {
        let Case { take, give, .. } = &self.cases[case];
        let saga = OrderSaga::new(take.clone(), give.clone());
        self.drive(case, saga);
    }

    fn resume(&mut self, case: usize) {
        let Case { intent, ticket, .. } = &self.cases[case];
        if let Some(ticket) = *ticket {
            let saga = OrderSaga::resume(intent, ticket);
            self.drive(case, saga);
        }
    }

    fn drive(&mut self, case: usize, mut saga: OrderSaga) {
        let steps = saga.start();
        self.drivers.push(Some(Driver { case, saga }));
        self.send(self.drivers.len() - 1, steps, 0);
    }

    /// Puts a driver's steps on their way; `lag` is how old its view of the log is.
    fn send(&mut self, number: usize, steps: Vec<Step>, lag: usize) {
        let Some(Driver { case, saga }) = &self.drivers[number] else {
            return;
        };
        let (case, ticket) = (*case, saga.ticket().unwrap_or_default());
        let floor = self.views[self.views.len() - 1 - lag % self.views.len()].floor;
        for step in steps {
            if let Step::Finished(result) = step {
                let decision = match result {
                    SagaResult::Confirmed => Decision::Confirmed,
                    SagaResult::Rejected(reason) => Decision::Rejected(reason),
                };
                assert_eq!(self.cases[case].intent.decision(), Some(decision));
                assert!(self.cases[case].intent.is_finished());
                self.drivers[number] = None;
            } else {
                self.requests.push(Request { driver: number, case, step, ticket, floor });
            }
        }
    }

    fn tell(&mut self, driver: usize, input: Input, lag: usize) {
        if let Some(living) = &mut self.drivers[driver] {
            let steps = living.saga.advance(input);
            self.send(driver, steps, lag);
        }
    }

    /// Does what a request asks for, and gives the answer.
    fn perform(&mut self, request: &Request) -> Input {
        let Request { case: number, ticket, floor, .. } = *request;
        let Case { id: intent, take, give, .. } = &self.cases[number];
        let intent = *intent;
        match &request.step {
            Step::Open => {
                let (take, give) = (take.clone(), give.clone());
                match self.intend(number, &IntentCommand::Open { id: intent, take, give }) {
                    Ok(_) => Input::Opened { ticket: self.cases[number].ticket.unwrap() },
                    Err(refusal) => {
                        assert_eq!(refusal, IntentRejection::Barred);
                        Input::Decided(self.cases[number].intent.decision().unwrap())
                    }
                }
            }
            Step::Reserve(line) => {
                let Line { inventory_id, pieces, .. } = *line;
                let command = InventoryCommand::Reserve { intent, ticket, floor, pieces };
                match self.stock(inventory_id, &command) {
                    Ok(()) => Input::Reserved { inventory_id },
                    Err(refusal) => {
                        let reason = RejectReason::of_refusal(line, &refusal);
                        Input::ReserveRefused { inventory_id, reason }
                    }
                }
            }
            Step::Confirm => self.confirm(number),
            Step::Reject(reason) => {
                // The answer is what the log says, whoever was first.
                let _ = self.intend(number, &IntentCommand::Reject { reason: *reason });
                Input::Decided(self.cases[number].intent.decision().unwrap())
            }
            Step::Release(line) => {
                let inventory_id = line.inventory_id;
                match self.stock(inventory_id, &InventoryCommand::Release { intent, ticket, floor })
                {
                    Ok(()) => Input::Released { inventory_id },
                    Err(refusal) => gone(inventory_id, &refusal),
                }
            }
            Step::Return(line) => {
                let Line { inventory_id, pieces, .. } = *line;
                let command = InventoryCommand::Return { intent, ticket, floor, pieces };
                match self.stock(inventory_id, &command) {
                    Ok(()) => Input::Returned { inventory_id },
                    Err(refusal) => gone(inventory_id, &refusal),
                }
            }
            Step::Close { written_off } => {
                let written_off = written_off.clone();
                self.intend(number, &IntentCommand::Close { written_off }).unwrap();
                Input::Closed
            }
            Step::Finished(_) => unreachable!("it is no request"),
        }
    }

    /// Writes the order and the confirmation in one step, or neither.
    fn confirm(&mut self, number: usize) -> Input {
        let Case { order, base, after, .. } = self.cases[number];
        let undecided = self.cases[number].intent.decision().is_none();
        if undecided && self.orders[order].revision != base {
            return Input::DecisionStale;
        }
        if self.intend(number, &IntentCommand::Confirm) == Ok(true) {
            self.orders[order] = Order { counts: after, revision: base + 1 };
        }
        Input::Decided(self.cases[number].intent.decision().unwrap())
    }

    /// Takes note of which intents are open now.
    fn look(&mut self) {
        let unfinished = self.cases.iter().filter(|case| !case.intent.is_finished());
        let open: BTreeSet<Ticket> = unfinished.filter_map(|case| case.ticket).collect();
        let floor = open.first().copied().unwrap_or(Ticket(self.last_ticket + 1, 0));
        self.views.push(OpenTickets { floor, open, horizon: Ticket(self.last_ticket, 0) });
    }

    /// The invariant; that no stock is negative is in its type.
    fn check(&self) {
        let stock: i128 = self.records.values().filter_map(Inventory::amount).map(i128::from).sum();
        let in_orders: i128 = self.orders.iter().flat_map(|o| o.counts).map(i128::from).sum();
        let mut under_way = 0;
        for case in &self.cases {
            assert!(case.decisions <= 1, "decided twice");
            under_way += match (case.intent.decision(), case.intent.is_finished()) {
                (_, true) => 0,
                (None | Some(Decision::Rejected(_)), false) => case.reserved,
                (Some(Decision::Confirmed), false) => sum(&case.give) - case.returned,
            };
            if case.intent.decision() == Some(Decision::Confirmed) {
                assert_eq!(case.reserved, sum(&case.take), "confirmed without all reserved");
            }
        }
        let balance = self.put_in - self.taken_out - self.written_off;
        assert_eq!(stock + in_orders + under_way, balance, "pieces were lost or invented");
    }
}

fn sum(lines: &[Line]) -> i128 {
    lines.iter().map(|line| i128::from(line.pieces)).sum()
}

fn gone(inventory_id: Uuid, refusal: &InventoryRejection) -> Input {
    assert_eq!(*refusal, InventoryRejection::NotFound);
    Input::NoRecord { inventory_id }
}
