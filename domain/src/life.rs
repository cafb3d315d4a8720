//! The three ages of every entity: not yet, living, deleted.

use serde::{Deserialize, Serialize};

use crate::Appearance;

/// Whether an entity exists, and what it holds or last held.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Life<T> {
    /// It was never created.
    #[default]
    Absent,
    /// It exists.
    Living(T),
    /// It existed; this was its last content.
    Deleted(T),
}

impl<T> Life<T> {
    /// The content, while it exists.
    pub(crate) const fn living(&self) -> Option<&T> {
        match self {
            Self::Living(content) => Some(content),
            Self::Absent | Self::Deleted(_) => None,
        }
    }

    /// The content, or after deletion the last one.
    pub(crate) const fn last(&self) -> Option<&T> {
        match self {
            Self::Living(content) | Self::Deleted(content) => Some(content),
            Self::Absent => None,
        }
    }

    /// Changes the content of one that exists; leaves any other as it is.
    pub(crate) fn change(self, change: impl FnOnce(T) -> T) -> Self {
        match self {
            Self::Living(content) => Self::Living(change(content)),
            other @ (Self::Absent | Self::Deleted(_)) => other,
        }
    }

    /// The life after an entry of another program, which tells the content and what happened.
    pub(crate) fn adopt(self, appearance: Appearance, content: T) -> Self {
        match appearance {
            Appearance::Created | Appearance::Updated => Self::Living(content),
            Appearance::Deleted => Self::Deleted(content),
            Appearance::Internal => self,
        }
    }

    /// Ends the life of one that exists; leaves any other as it is.
    pub(crate) fn end(self) -> Self {
        match self {
            Self::Living(content) => Self::Deleted(content),
            other @ (Self::Absent | Self::Deleted(_)) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_living_change_and_end() {
        assert_eq!(Life::<u8>::Absent.change(|n| n + 1).end(), Life::Absent);
        assert_eq!(Life::Living(1).change(|n| n + 1).end(), Life::Deleted(2));
        assert_eq!(Life::Deleted(1).change(|n| n + 1).end(), Life::Deleted(1));
    }

    #[test]
    fn another_program_may_tell_anything_at_any_age() {
        for life in [Life::Absent, Life::Living(1), Life::Deleted(1)] {
            assert_eq!(life.clone().adopt(Appearance::Created, 2), Life::Living(2));
            assert_eq!(life.clone().adopt(Appearance::Updated, 2), Life::Living(2));
            assert_eq!(life.clone().adopt(Appearance::Deleted, 2), Life::Deleted(2));
            assert_eq!(life.clone().adopt(Appearance::Internal, 2), life);
        }
    }
}
