//! Transactions that stay open between requests, as SQL clients use them over plain HTTP.

mod ends;
mod open;
mod principals;
mod room;
mod steps;
