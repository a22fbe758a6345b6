//! Every type's values, as Postgres itself prints them: each test asks a Postgres twice, directly and through the proxy.

mod cases;
mod compare;
mod every;
mod expressions;
mod extensions;
mod fixed;
mod random;
mod settings;
