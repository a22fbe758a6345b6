//! The blog's data model: the numbered SQL files beside this crate, and what applies them to a database, in order and
//! once, over its direct URL. It never goes through the pool.
//!
//! README.md says how to run it and how a migration is written.

mod error;
mod files;
mod history;
mod migrator;
mod report;
mod session;

pub use error::MigrationError;
pub use migrator::Migrator;
pub use report::{FileStatus, Report, State};

/// Applies what is pending of the built-in files to the database of a direct URL.
///
/// # Errors
/// When the URL cannot be used, the database cannot be reached, or a file is refused; see [`MigrationError`].
pub async fn apply(url: &str) -> Result<Report, MigrationError> {
    Migrator::new(url, None)?.apply(&mut |_| {}).await
}

/// What of the built-in files is applied and what is pending, in order.
///
/// # Errors
/// When the URL cannot be used, or the database cannot be reached or read.
pub async fn status(url: &str) -> Result<Vec<FileStatus>, MigrationError> {
    Migrator::new(url, None)?.status().await
}
