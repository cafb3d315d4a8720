//! Plays orders against stock with crashes, repeated, late and lost requests, and many drivers.

use proptest::prelude::*;

use super::*;

impl World {
    /// Plays one move of fate.
    fn play(&mut self, (action, a, b): (u8, usize, usize)) {
        let counts = [a % 4, a / 4 % 4, a / 16 % 4].map(|n| n as u64);
        let record = self.current[a % PRODUCTS];
        match action {
            0..=3 => {
                self.orders.push(Order::default());
                self.want(self.orders.len() - 1, counts);
            }
            4..=7 if !self.orders.is_empty() => self.want(b % self.orders.len(), counts),
            8 if !self.orders.is_empty() => self.want(b % self.orders.len(), [0; PRODUCTS]),
            9..=39 if !self.requests.is_empty() => {
                let request = self.requests.remove(a % self.requests.len());
                let answer = self.perform(&request);
                self.answers.push((request.driver, answer));
            }
            // Done, but the answer is lost, or the request comes again.
            40..=43 if !self.requests.is_empty() => {
                let request = self.requests[a % self.requests.len()].clone();
                self.perform(&request);
            }
            44..=69 if !self.answers.is_empty() => {
                let (driver, input) = self.answers.remove(a % self.answers.len());
                self.tell(driver, input, b);
            }
            70..=73 if !self.answers.is_empty() => {
                let (driver, input) = self.answers[a % self.answers.len()];
                self.tell(driver, input, b);
            }
            // The driver has waited long enough; the request is still under way.
            74..=76 if !self.requests.is_empty() => {
                let Request { driver, step, .. } = self.requests[a % self.requests.len()].clone();
                if let Step::Reserve(Line { inventory_id, .. }) = step {
                    self.tell(driver, Input::ReserveUnknown { inventory_id }, b);
                }
            }
            77..=80 if !self.drivers.is_empty() => {
                let number = a % self.drivers.len();
                self.drivers[number] = None;
            }
            81..=84 if !self.cases.is_empty() => self.resume(a % self.cases.len()),
            85..=86 if !self.cases.is_empty() => self.drive_anew(a % self.cases.len()),
            87 if !self.cases.is_empty() => {
                let number = a % self.cases.len();
                let id = self.cases[number].id;
                let _ = self.intend(number, &IntentCommand::Bar { id });
            }
            88..=89 => {
                let pieces = b as u64 % 9;
                let _ = self.stock(record, &InventoryCommand::Increase { pieces });
            }
            90 => {
                let _ = self.stock(record, &InventoryCommand::Decrease { pieces: b as u64 % 5 });
            }
            91 => {
                let product_id = id((a % PRODUCTS) as u128);
                let draft = InventoryDraft { product_id, amount: pieces(b as u64 % 9) };
                let _ = self.stock(record, &InventoryCommand::SetAmount { draft });
            }
            92..=93 => {
                let open = self.views[self.views.len() - 1 - b % self.views.len()].clone();
                let _ = self.stock(record, &InventoryCommand::Delete { open });
            }
            94..=95 if !self.records[&record].is_living() => {
                self.open_record(a % PRODUCTS, b as u64 % 9);
            }
            _ => {}
        }
        self.look();
        self.check();
    }

    /// Ends all drivers, and lets whoever finds an intent finish it.
    fn settle(&mut self) {
        self.drivers.iter_mut().for_each(|driver| *driver = None);
        let late = std::mem::take(&mut self.requests);
        self.answers.clear();
        for case in 0..self.cases.len() {
            if self.cases[case].ticket.is_some() {
                self.resume(case);
                while let Some(request) = self.requests.pop() {
                    let answer = self.perform(&request);
                    self.tell(request.driver, answer, 0);
                    self.check();
                }
                assert!(self.cases[case].intent.is_finished());
            }
            self.look();
        }
        self.come_late(late);
    }

    /// Delivers requests of drivers that slept through the end: none of them moves a piece.
    fn come_late(&mut self, late: Vec<Request>) {
        for request in late {
            let opens = request.step == Step::Open;
            let before: Vec<_> = self.records.values().map(Inventory::amount).collect();
            self.perform(&request);
            let after: Vec<_> = self.records.values().map(Inventory::amount).collect();
            assert!(opens || before == after, "{:?} found a door open", request.step);
            self.check();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn stock_is_never_lost_or_invented(
        stock in prop::array::uniform3(0..9_u64),
        moves in prop::collection::vec((0..96_u8, 0..1_000_usize, 0..1_000_usize), 0..250),
    ) {
        let mut world = World::new(stock);
        for fate in moves {
            world.play(fate);
        }
        world.settle();
    }
}
