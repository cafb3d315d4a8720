//! A fatal error of a part, for which supervision is the remedy.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::Panic;

/// A fatal error of a process: it ends the incarnation.
///
/// Any error turns into it by `?`. For that reason it is not itself an [`Error`]; reach the one
/// inside by [`Failure::as_error`].
pub struct Failure {
    error: Box<dyn Error + Send + Sync>,
    place: &'static Location<'static>,
}

impl Failure {
    /// Wraps an error or a text.
    #[track_caller]
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), place: Location::caller() }
    }

    /// Where it was made, as `file:line`; of a panic, where that happened.
    pub fn place(&self) -> Arc<str> {
        match self.downcast_ref::<Panic>() {
            Some(Panic { place: Some(place), .. }) => Arc::clone(place),
            _ => Arc::from(format!("{}:{}", self.place.file(), self.place.line())),
        }
    }

    /// The error it was made from.
    pub fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }

    /// The cause below the error it was made from.
    pub fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }

    /// The error it was made from, if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        Self { error: Box::new(error), place: Location::caller() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_turns_into_a_failure_and_can_be_found_in_it() {
        fn parse(text: &str) -> Result<u8, Failure> {
            Ok(text.parse::<u8>()?)
        }
        let failure = parse("x").unwrap_err();
        assert!(failure.downcast_ref::<std::num::ParseIntError>().is_some());
        assert_eq!(failure.to_string(), "invalid digit found in string");
        // The line of the question mark.
        let line = line!() - 6;
        let place = failure.place();
        assert!(place.ends_with(&format!("failure.rs:{line}")), "{place}");
        assert_eq!(Failure::new("disk gone").to_string(), "disk gone");
    }
}
