//! The table of what was applied, and comparing it with the files.

use refinery_core::Migration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_postgres::SimpleQueryRow;

use crate::files;
use crate::report::{FileStatus, State};

/// In the first schema of the search path, beside the tables themselves: with `?schema=` each has its own.
pub(crate) const TABLE: &str = "refinery_schema_history";

/// Reads a row of version, name, moment and checksum; nothing if it is not as refinery writes it.
pub(crate) fn read(row: &SimpleQueryRow) -> Option<Migration> {
    let text = |column| row.try_get(column).ok().flatten();
    let moment = OffsetDateTime::parse(text(2)?, &Rfc3339).ok()?;
    Some(Migration::applied(text(0)?.parse().ok()?, text(1)?.to_owned(), moment, text(3)?.parse().ok()?))
}

/// How every file stands, and every migration of the history that is no file; in the order of their numbers.
pub(crate) fn compare(files: &[Migration], applied: &[Migration]) -> Vec<FileStatus> {
    let last = applied.iter().map(Migration::version).max();
    let of_file = |file: &Migration| {
        let state = match applied.iter().find(|known| known.version() == file.version()) {
            Some(known) if known == file => State::Applied(moment(known)),
            Some(known) => State::Changed(moment(known)),
            None if last > Some(file.version()) => State::Late,
            None => State::Pending,
        };
        (file.version(), FileStatus { file: files::name(file), state })
    };
    let unknown = applied.iter().filter(|known| !files.iter().any(|file| file.version() == known.version()));
    let of_unknown = |known: &Migration| {
        (known.version(), FileStatus { file: files::name(known), state: State::Unknown(moment(known)) })
    };
    let mut all: Vec<_> = files.iter().map(of_file).chain(unknown.map(of_unknown)).collect();
    all.sort_by_key(|(version, _)| *version);
    all.into_iter().map(|(_, status)| status).collect()
}

/// To the second, which is all that people ask for.
fn moment(applied: &Migration) -> String {
    let whole = applied.applied_on().and_then(|moment| moment.replace_nanosecond(0).ok());
    whole.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default()
}
