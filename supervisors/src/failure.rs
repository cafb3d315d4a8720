//! A fatal error of a part, for which supervision is the remedy.

use std::error::Error;
use std::fmt;

/// A fatal error of a process: it ends the incarnation.
///
/// Any error turns into it by `?`. For that reason it is not itself an [`Error`]; reach the one
/// inside by [`Failure::as_error`].
pub struct Failure(Box<dyn Error + Send + Sync>);

impl Failure {
    /// Wraps an error or a text.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// The error it was made from.
    pub fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }

    /// The cause below the error it was made from.
    pub fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }

    /// The error it was made from, if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
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
        assert_eq!(Failure::new("disk gone").to_string(), "disk gone");
    }
}
