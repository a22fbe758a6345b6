//! The pool, as clients and Postgres see it.
