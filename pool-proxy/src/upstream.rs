//! The proxy that a relay asks: where it is, whom to trust there, and warm connections to it. It knows nothing of what
//! is asked.

mod address;
mod connector;
mod lanes;
mod loan;

pub use address::{AddressError, Upstream};
pub use lanes::{Coming, Lanes, SendError};
pub use loan::{Loan, Rest};
