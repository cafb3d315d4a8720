//! One attempt of a handler, whose panic is a value.
//!
//! A panic here must not end the subscription: its supervisor would count each as a restart, and an
//! event on which several handlers panic again and again would spend its intensity and take the
//! shop down. So the subscription is to its handler what a supervisor is: it drops the one that
//! panicked and has the factory make another.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::FutureExt;
use ordershop_store::{Entry, EntryId, Topic};

use super::{Handler, HandlerError};
use crate::runtime::fault;

/// Some entries, shared.
pub(super) type Entries = Arc<[Arc<Entry>]>;

/// Why an attempt did not succeed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What the handler needs is away.
    Away(String),
    /// It cannot handle this entry.
    Unfit {
        /// The culprit's place, as the handler says.
        culprit: (Topic, EntryId),
        /// What is wrong with it.
        reason: String,
    },
    /// It panicked, and is of no more use.
    Panicked(String),
}

/// Has the handler work on these entries.
pub(super) fn attempt<H: Handler>(
    handler: &mut H,
    subscriber: &str,
    entries: &Entries,
) -> impl Future<Output = Result<(), Trouble>> + use<H> {
    let at_work = catch_unwind(AssertUnwindSafe(|| {
        for entry in entries.iter() {
            if let Some(error) = fault::unfit_point(subscriber, entry) {
                return Err(error);
            }
        }
        Ok(handler.handle(Arc::clone(entries)))
    }));
    async move {
        let outcome = match at_work {
            Ok(Ok(work)) => AssertUnwindSafe(work).catch_unwind().await,
            Ok(Err(error)) => Ok(Err(error)),
            Err(payload) => Err(payload),
        };
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(HandlerError::Away(source))) => Err(Trouble::Away(with_causes(&*source))),
            Ok(Err(HandlerError::Unfit { topic, id, source })) => {
                Err(Trouble::Unfit { culprit: (topic, id), reason: with_causes(&*source) })
            }
            Err(payload) => {
                let panic = message(payload.as_ref());
                Err(Trouble::Panicked(format!("the handler panicked: {panic}")))
            }
        }
    }
}

/// An error's text, and those of its causes.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some errors tell their cause themselves.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        return text;
    }
    payload.downcast_ref::<String>().map_or("a panic without text", |text| text)
}
