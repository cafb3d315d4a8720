//! Promise: the contract's whole flow, each effect visible right after its command, with 32 mails.

mod support;

use support::scenario::{Flow, MAILS, assert_mails, assert_queries_agree};
use support::shop::{Folder, Shop, serve_without_mails};

#[test]
fn the_whole_flow_ends_as_the_contract_says() {
    the_whole_flow(&Folder::new());
}

#[test]
fn on_redis_the_whole_flow_ends_as_the_contract_says() {
    the_whole_flow(&Folder::on_redis());
}

fn the_whole_flow(folder: &Folder) {
    let shop = Shop::start(folder);
    let flow = Flow::run(&shop);
    flow.assert_stock(&shop);
    assert_queries_agree(&shop);
    assert_mails(&folder.wait_for_mails(MAILS));

    shop.stop();
    assert_mails(&folder.mails());
}

#[test]
fn a_shop_that_mails_nothing_answers_all_the_same() {
    let folder = Folder::new();
    let shop = Shop::start_as(serve_without_mails(&folder));
    Flow::run(&shop);
    assert_queries_agree(&shop);
    shop.stop();
    assert!(!folder.mail().exists());
}
