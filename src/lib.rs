//! The program: configuration, command line, the tree put together, and the adapters.
//!
//! This is the only place that names every concrete part. The binary is a thin `main` around
//! [`cli`]; tests and other programs may use the parts.
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`], [`settings`] | what the user can say, on the command line, in the environment, in a file |
//! | [`serve`] | the life of the shop: open, start, serve, stop |
//! | [`store`] | the event log that the settings name |
//! | [`tree`] | the supervision tree, top to bottom |
//! | [`http`] | commands and queries over HTTP |
//! | [`resp`] | queries over RESP, for any Redis client |
//! | [`positions`] | how far queries must have come, over HTTP and RESP alike |
//! | [`readiness`] | whether they have come so far since their server began |
//! | [`mail`] | how mails leave the house |
//! | [`logging`], [`progress`], [`exit`] | what the program says, and how it ends |
//! | [`ops`] | the commands for people, asking a running shop or reading a stopped one's folder |
//! | [`demo`] | the shop under crashes, and the proof that nothing was lost |
//! | [`clock`] | the edge to time and chance |

pub mod cli;
pub mod clock;
pub mod demo;
pub mod exit;
pub mod http;
pub mod logging;
pub mod mail;
pub mod ops;
pub mod positions;
pub mod progress;
pub mod readiness;
pub mod resp;
pub mod serve;
pub mod settings;
pub mod store;
pub mod tree;
