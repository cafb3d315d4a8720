//! A panic as a value: its message, and where it happened.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::panic::PanicHookInfo;
use std::sync::{Arc, Once};

use crate::contain;

/// A panic that was caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    /// Its message.
    pub message: String,
    /// Where it happened, as `file:line`; unknown when the program has set a panic hook of its own
    /// since the first tree was started.
    pub place: Option<Arc<str>>,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)
    }
}

impl Error for Panic {}

static HOOK: Once = Once::new();

thread_local! {
    static LAST: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// Has the places of panics noted from now on; the hook of before goes on doing what it does.
pub(crate) fn note_places() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            note(info);
            before(info);
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    if contain::is_containing()
        && let Some(place) = info.location()
    {
        let place = Arc::from(format!("{}:{}", place.file(), place.line()));
        // At the end of a thread there is nobody left to ask for it.
        let _ = LAST.try_with(|last| last.replace(Some(place)));
    }
}

/// The place of the panic that was just caught on this thread.
pub(crate) fn last_place() -> Option<Arc<str>> {
    LAST.try_with(RefCell::take).ok().flatten()
}
