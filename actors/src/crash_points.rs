//! The names of all crash points: the places in which a test can have the process die.
//!
//! A build with the feature `faults` dies at the point that the environment variable
//! `ORDERSHOP_CRASH` names (see [`crate::runtime::fault::crash_point`]); in any other build the
//! points are nothing. A new point stands here, too, so that the tests go through it.

/// All of them, each as `PART/WHEN`.
pub const ALL: [&str; 30] = [
    "order/before-open",
    "order/after-open",
    "order/after-reservation",
    "order/after-reservations",
    "order/before-decision",
    "order/after-decision",
    "order/before-release",
    "order/after-release",
    "order/before-return",
    "order/after-return",
    "order/before-close",
    "order/after-close",
    "order/before-answer",
    "keeper/after-resume",
    "key/before-taken",
    "key/after-taken",
    "key/before-answer",
    "key/after-answer",
    "journal/before-append",
    "journal/after-append",
    "entity/before-append",
    "entity/before-answer",
    "msg/after-accept",
    "sender/before-mail",
    "sender/after-mail",
    "sender/after-mails",
    "subscription/after-handling",
    "subscription/before-cursor",
    "quarantine/after-set-aside",
    "quarantine/before-release",
];
