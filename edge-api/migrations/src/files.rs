//! The SQL files, embedded when this crate is compiled.

use refinery_core::Migration;

use crate::error::MigrationError;

/// Every file, in the order of their numbers. One that was applied anywhere is never edited again.
pub(crate) const EMBEDDED: &[(&str, &str)] =
    &[("V1__users.sql", include_str!("../V1__users.sql")), ("V2__posts.sql", include_str!("../V2__posts.sql"))];

/// Reads `(name, SQL)` pairs, such as [`EMBEDDED`], and puts them in the order of their numbers.
pub(crate) fn read(files: &[(&str, &str)]) -> Result<Vec<Migration>, MigrationError> {
    let mut read: Vec<Migration> = Vec::with_capacity(files.len());
    for (name, sql) in files {
        let wrong = || MigrationError::FileName((*name).to_owned());
        let stem = name.strip_suffix(".sql").ok_or_else(wrong)?;
        let migration = Migration::unapplied(stem, sql).map_err(|_| wrong())?;
        // refinery takes what only begins like a name, and files whose order it does not know.
        if migration.to_string() != stem || !stem.starts_with('V') {
            return Err(wrong());
        }
        if read.iter().any(|known| known.version() == migration.version()) {
            return Err(MigrationError::Repeated((*name).to_owned()));
        }
        read.push(migration);
    }
    read.sort();
    Ok(read)
}

/// The file that a migration is, or was when it was applied.
pub(crate) fn name(migration: &Migration) -> String {
    format!("{migration}.sql")
}

#[cfg(test)]
mod tests;
