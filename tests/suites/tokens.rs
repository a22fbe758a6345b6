//! JSON Web Tokens: which are taken, which role and claims they give, and where their issuers' keys come from.

mod jwks;
pub(crate) mod mint;
mod roles;
mod rows;
mod signed;
