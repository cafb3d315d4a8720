//! Every way to exit, and what it restarts.

mod support;

use ordershop_supervisors::{AskError, ExitReason, Lost, Restart};
use support::{Do, Record, is_lost, ms, paused, probe, probe_of, tree_of, until};

/// Which exit reason an ask in flight sees, and the incarnation that answers next.
async fn crash(how: Do) -> (ExitReason, u64) {
    let (handle, spec) = probe("a", &Record::default());
    let tree = tree_of(spec).await;
    let reason = match handle.ask(how).await {
        Err(AskError::Lost(Lost::Exited(reason))) => reason,
        other => panic!("{other:?}"),
    };
    let next = handle.ask(Do::Answer).await.expect("it is restarted");
    tree.stop().await;
    (reason, next)
}

#[test]
fn a_panic_anywhere_in_a_process_restarts_it_and_its_askers_learn_why() {
    paused(async {
        for (how, text) in [
            (Do::Panic, "told to"),
            (Do::PanicInFuture, "in a future"),
            (Do::PanicInThen, "in a continuation"),
            (Do::PanicInTimer(ms(5)), "in a timer"),
            (Do::PanicPayload, "a panic without text"),
        ] {
            let (reason, next) = crash(how).await;
            match reason {
                ExitReason::Panicked(panic) => assert_eq!(panic.message, text),
                other => panic!("{text}: {other}"),
            }
            assert_eq!(next, 2, "{text}");
        }
    });
}

#[test]
fn an_error_anywhere_in_a_process_restarts_it_and_its_askers_learn_why() {
    paused(async {
        for how in [Do::Fail, Do::FailInPause(ms(5)), Do::PanicOnDrop] {
            let (reason, next) = crash(how).await;
            assert!(matches!(reason, ExitReason::Failed(_)), "{reason}");
            assert_eq!(next, 2);
        }
    });
}

#[test]
fn a_normal_exit_restarts_the_permanent_only() {
    paused(async {
        for (restart, again) in
            [(Restart::Permanent, true), (Restart::Transient, false), (Restart::Temporary, false)]
        {
            let (handle, spec) = probe_of("a", &Record::default(), |cell| cell.restart(restart));
            let tree = tree_of(spec).await;
            assert_eq!(handle.ask(Do::Stop).await.unwrap(), 1);
            let next = handle.ask(Do::Answer).await;
            if again {
                assert_eq!(next.unwrap(), 2);
            } else {
                assert!(matches!(next, Err(AskError::NotDelivered(_))), "{restart:?} {next:?}");
                until(|| handle.tell(Do::Answer).is_err()).await;
            }
            tree.stop().await;
        }
    });
}

#[test]
fn a_crash_restarts_all_but_the_temporary() {
    paused(async {
        for (restart, again) in
            [(Restart::Permanent, true), (Restart::Transient, true), (Restart::Temporary, false)]
        {
            let (handle, spec) = probe_of("a", &Record::default(), |cell| cell.restart(restart));
            let tree = tree_of(spec).await;
            assert!(is_lost(&handle.ask(Do::Panic).await));
            let next = handle.ask(Do::Answer).await;
            assert_eq!(next.ok(), again.then_some(2), "{restart:?}");
            tree.stop().await;
        }
    });
}

#[test]
fn messages_queued_behind_a_crash_are_handled_in_order_by_the_next_incarnation() {
    paused(async {
        let record = Record::default();
        let (handle, spec) = probe("a", &record);
        let tree = tree_of(spec).await;
        record.take();
        handle.tell(Do::Note(1)).unwrap();
        handle.tell(Do::Panic).unwrap();
        for n in 2..=200 {
            handle.tell(Do::Note(n)).unwrap();
        }
        assert_eq!(handle.ask(Do::Answer).await.unwrap(), 2);
        let mut expected = vec!["a notes 1".into(), "a dropped".into(), "a up 2".into()];
        expected.extend((2..=200).map(|n| format!("a notes {n}")));
        assert_eq!(record.take(), expected);
        tree.stop().await;
    });
}

#[test]
fn futures_and_timers_are_cancelled_with_their_incarnation() {
    paused(async {
        let (handle, spec) = probe("a", &Record::default());
        let tree = tree_of(spec).await;
        handle.tell(Do::PanicInTimer(ms(1000))).unwrap();
        let (late, crashed) =
            futures_util::future::join(handle.ask(Do::AnswerAfter(ms(500))), handle.ask(Do::Panic))
                .await;
        assert!(is_lost(&late) && is_lost(&crashed));
        tokio::time::sleep(ms(5000)).await;
        assert_eq!(handle.ask(Do::Answer).await.unwrap(), 2, "the old timer hit the new process");
        tree.stop().await;
    });
}

#[test]
fn a_reply_dropped_by_a_living_process_is_lost_without_a_restart() {
    paused(async {
        let (handle, spec) = probe("a", &Record::default());
        let tree = tree_of(spec).await;
        let lost = handle.ask(Do::Forget).await;
        assert!(matches!(lost, Err(AskError::Lost(Lost::Unanswered))), "{lost:?}");
        assert_eq!(handle.ask(Do::Answer).await.unwrap(), 1);
        tree.stop().await;
    });
}

#[test]
fn an_answer_that_nobody_waits_for_any_more_is_dropped_in_silence() {
    paused(async {
        let (handle, spec) = probe("a", &Record::default());
        let tree = tree_of(spec).await;
        let given_up = tokio::time::timeout(ms(10), handle.ask(Do::AnswerAfter(ms(20)))).await;
        assert!(given_up.is_err());
        tokio::time::sleep(ms(50)).await;
        assert_eq!(handle.ask(Do::Answer).await.unwrap(), 1);
        tree.stop().await;
    });
}
