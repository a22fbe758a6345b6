//! What the Rust yardsticks and the generator share: a listener on loopback that says where it listens, and TLS with one
//! certificate that both ends know.

mod tls;
mod yardstick;

pub use tls::{Acceptor, client_config};
pub use yardstick::{Failure, Outcome, answer_json, serve};
