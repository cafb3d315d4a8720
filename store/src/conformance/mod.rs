//! The promises that every adapter keeps, each as a test that runs on any of them.
//!
//! An adapter implements [`Fixture`], and one line, `ordershop_store::conformance!(ItsFixture);`,
//! makes a test of each promise.

mod appends;
mod blobs;
mod concurrency;
mod durability;
mod given;
mod ids;
mod keys;
mod model;
mod property;
mod reads;
pub mod redis_server;
pub mod resp_client;
mod retries;
mod snapshots;

use std::future::Future;

use crate::{EventLog, Topic};

pub use self::appends::*;
pub use self::blobs::*;
pub use self::concurrency::*;
pub use self::durability::*;
pub use self::ids::*;
pub use self::keys::*;
pub use self::property::*;
pub use self::reads::*;
pub use self::redis_server::{Make, RedisServer};
pub use self::retries::*;
pub use self::snapshots::*;

/// The topics with which a fixture opens its log.
pub const TOPICS: [Topic; 2] = [PEOPLE, THINGS];
/// A topic.
pub const PEOPLE: Topic = Topic::new("conformance_people");
/// Another one.
pub const THINGS: Topic = Topic::new("conformance_things");

/// Where an adapter's log lies; every fixture has one of its own, empty at first.
pub trait Fixture: Send + Sync + 'static {
    /// The adapter.
    type Log: EventLog;

    /// Makes the place for an empty log.
    fn new() -> impl Future<Output = Self> + Send;

    /// Opens the log with [`TOPICS`]; one that was open before has been dropped.
    fn open(&self) -> impl Future<Output = Self::Log> + Send;

    /// Makes the store's clock stand still at that time, also over opening; returns whether it can.
    fn stop_clock(&self, at_us: i64) -> bool;
}

/// Makes a test of each promise, for one fixture.
#[macro_export]
macro_rules! conformance {
    ($fixture:ty) => {
        $crate::conformance!($fixture:
            a_transaction_is_accepted_whole
            a_transaction_is_refused_whole
            transactions_of_a_batch_are_decided_one_after_the_other
            another_version_than_the_expected_one_is_refused
            a_write_after_another_event_than_the_expected_one_is_refused
            versions_have_no_gaps
            an_entry_holds_what_was_given
            ill_formed_transactions_are_refused
            an_empty_batch_has_no_outcomes
            a_key_has_one_holder
            a_released_key_is_free_again
            only_its_holder_releases_a_key
            keys_change_hands_within_a_batch
            a_refused_transaction_leaves_keys_alone
            keys_of_topics_are_apart
            ids_rise_over_all_streams_of_a_topic
            ids_rise_while_the_clock_stands_still
            ids_rise_when_the_clock_goes_back
            a_stream_holds_its_action_alone
            topics_are_merged_by_id
            each_stream_has_a_position_of_its_own
            pages_follow_each_other_without_gaps
            a_limit_of_nothing_gets_nothing
            an_entity_is_read_by_its_versions
            the_latest_entry_of_each_entity
            ends_are_the_last_ids
            waiting_ends_with_an_append
            waiting_for_what_is_there_ends_at_once
            a_command_sent_twice_is_committed_once
            a_command_is_found_behind_later_ones
            a_command_with_several_writes_is_answered_as_before
            a_command_sent_twice_in_one_batch_is_committed_once
            a_command_is_found_after_opening_again
            a_refused_command_may_be_accepted_later
            everything_is_there_after_opening_again
            the_last_set_cursor_counts
            cursors_of_topics_are_apart
            the_last_saved_snapshot_counts
            snapshots_of_entities_are_apart
            the_last_saved_blob_counts
            writers_at_once_leave_no_gap_and_lose_nothing
        );

        #[test]
        fn the_log_agrees_with_its_model() {
            $crate::conformance::the_log_agrees_with_its_model::<$fixture>();
        }
    };
    ($fixture:ty: $($promise:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            $crate::conformance::$promise::<$fixture>().await;
        }
    )*};
}
