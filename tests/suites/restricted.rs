//! Keys that may not do everything.
