//! What the two Rust yardsticks share: a listener on loopback that says where it listens.
//! The driver (`src/bin/load`) uses nothing of it; it meets the yardsticks as processes only.

mod yardstick;

pub use yardstick::{Failure, Outcome, answer_json, serve};
