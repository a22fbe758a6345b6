//! The loader, by cases.
