//! One run: connect, be the only one, compare, apply file by file.

use std::time::Duration;

use pool_proxy::postgres::{QueryError, Target};
use refinery_core::error::Kind;
use refinery_core::{Error, Migration, Runner, Target as Until};

use crate::error::MigrationError;
use crate::files::{self, EMBEDDED};
use crate::history::{self, TABLE};
use crate::report::{FileStatus, Report, State};
use crate::session::{Refused, Session};

/// How long a run waits for others to end.
const PATIENCE: Duration = Duration::from_mins(5);

/// Applies migrations to one database.
#[derive(Debug)]
pub struct Migrator {
    target: Target,
    files: Vec<Migration>,
    patience: Duration,
}

impl Migrator {
    /// A migrator with the built-in files. `root_cert` is PEM text or a path and stands for `sslrootcert` where the URL
    /// has none.
    ///
    /// # Errors
    /// When the URL cannot be used, or points at a transaction pooler.
    pub fn new(url: &str, root_cert: Option<&str>) -> Result<Self, MigrationError> {
        let target = Target::new(url.trim(), root_cert)?;
        if let Some(sign) = target.looks_like_pooler() {
            return Err(MigrationError::Pooler(sign));
        }
        Ok(Self { target, files: files::read(EMBEDDED)?, patience: PATIENCE })
    }

    /// The same with other files, as `(name, SQL)`.
    ///
    /// # Errors
    /// When a name is not `V<number>__<name>.sql`, or two have the same number.
    pub fn with_files(mut self, files: &[(&str, &str)]) -> Result<Self, MigrationError> {
        self.files = files::read(files)?;
        Ok(self)
    }

    /// The same, waiting this long for other runs to end; 5 minutes otherwise.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Applies what is pending, each file in a transaction of its own, while no other run works on the database.
    /// `progress` hears what is being done.
    ///
    /// # Errors
    /// When the database cannot be reached, others do not end in time, or a file is refused. The files before that one
    /// stay applied, so that the next run goes on from there.
    pub async fn apply(&self, progress: &mut (dyn FnMut(&str) + Send)) -> Result<Report, MigrationError> {
        let mut session = Session::open(&self.target).await?;
        let outcome = self.apply_in(&mut session, progress).await;
        session.close().await;
        outcome
    }

    /// How every file stands. Changes nothing in the database.
    ///
    /// # Errors
    /// When the database cannot be reached or the history cannot be read.
    pub async fn status(&self) -> Result<Vec<FileStatus>, MigrationError> {
        let mut session = Session::open(&self.target).await?;
        let applied = session.applied().await;
        session.close().await;
        Ok(history::compare(&self.files, &applied?))
    }

    async fn apply_in(
        &self,
        session: &mut Session,
        progress: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Report, MigrationError> {
        let mut told = false;
        let mut waiting = || {
            if !told {
                progress("waiting for another migration to end");
            }
            told = true;
        };
        session.lock(self.patience, &mut waiting).await?;
        // After the lock: a run that waited sees what the one before it has applied.
        session.make_history().await?;
        let standing = history::compare(&self.files, &session.applied().await?);
        if let Some(faulty) = standing.iter().find(|status| status.state.is_fault()) {
            return Err(fault(faulty));
        }
        let is_pending = |file: &&Migration| {
            let name = files::name(file);
            standing.iter().any(|status| status.file == name && status.state == State::Pending)
        };
        let mut report = Report { applied: vec![], before: 0 };
        for file in self.files.iter().filter(is_pending) {
            progress(&format!("applying {}", files::name(file)));
            // One at a time, so that what goes wrong is this one's.
            let mut runner = Runner::new(&self.files).set_target(Until::Version(file.version()));
            let applied = runner.set_migration_table_name(TABLE).run_async(session).await;
            applied.map_err(|error| refused(file, &error))?;
            report.applied.push(files::name(file));
        }
        report.before = standing.len() - report.applied.len();
        Ok(report)
    }
}

/// What keeps migrations from going on.
fn fault(status: &FileStatus) -> MigrationError {
    let file = status.file.clone();
    match status.state {
        State::Unknown(_) => MigrationError::Unknown(file),
        State::Late => MigrationError::Late(file),
        State::Applied(_) | State::Pending | State::Changed(_) => MigrationError::Changed(file),
    }
}

/// What refinery says of a file. That it compares the history itself is a second look at what was compared before.
fn refused(file: &Migration, error: &Error) -> MigrationError {
    let name = files::name(file);
    match (Refused::within(error), error.kind()) {
        (Some(Refused::Query(error)), _) => MigrationError::File { line: line(file, &error), file: name, error },
        (Some(Refused::Ended), _) => MigrationError::Transaction(name),
        (_, Kind::DivergentVersion(applied, _)) => MigrationError::Changed(files::name(applied)),
        (_, Kind::MissingVersion(missing)) => MigrationError::Unknown(files::name(missing)),
        (Some(Refused::History) | None, _) => MigrationError::History,
    }
}

/// The line that Postgres points at.
fn line(file: &Migration, error: &QueryError) -> Option<usize> {
    let QueryError::Database(error) = error else { return None };
    let before = usize::try_from(error.position?).ok()?.checked_sub(1)?;
    Some(1 + file.sql()?.chars().take(before).filter(|character| *character == '\n').count())
}
