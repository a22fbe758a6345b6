//! Who asks: passwords, the tokens given for them, and the user that a token stands for.

mod hs256;
mod password;
mod signed_in;
mod token;

pub(crate) use password::{Scheme, Verdict, burn, hash, verify};
pub(crate) use signed_in::{MaybeSignedIn, SignedIn};
pub(crate) use token::mint;
