//! What clients ask for.

use std::path::Path;

use load::Outcome;
use serde_json::value::RawValue;

use crate::ids::Ids;

/// The same for all clients.
pub(crate) enum Work {
    Statements {
        read: String,
        /// What one of so many requests is instead, if anything is written.
        write: Option<String>,
        one_of: u64,
        /// `$1` of both; without it they have no parameter.
        ids: Option<Ids>,
    },
    /// Interactive transactions as Prisma's client has them: of each, the bodies of its queries.
    Transactions(Vec<Vec<Box<RawValue>>>),
}

/// One turn of a client.
pub(crate) enum Task<'a> {
    Statement { sql: &'a str, id: Option<i32>, writes: bool },
    Transaction(&'a [Box<RawValue>]),
}

impl Work {
    /// The transactions of a file: a line each, a JSON array of its queries.
    pub(crate) fn transactions(file: &Path) -> Outcome<Self> {
        let text = std::fs::read_to_string(file).map_err(|failure| format!("{}: {failure}", file.display()))?;
        let all = text.lines().map(serde_json::from_str).collect::<Result<Vec<_>, _>>();
        let all = all.map_err(|failure| format!("{}: {failure}", file.display()))?;
        if all.is_empty() {
            return Err(format!("{} is empty", file.display()).into());
        }
        Ok(Self::Transactions(all))
    }

    /// The task that a random number stands for; none if there is no more to do.
    pub(crate) fn task(&self, drawn: u64) -> Option<Task<'_>> {
        match self {
            Self::Statements { read, write, one_of, ids } => {
                let write = write.as_deref().filter(|_| drawn.is_multiple_of(*one_of));
                let id = match ids {
                    None => None,
                    Some(ids) => Some(i32::try_from(ids.id(drawn / one_of)?).ok()?),
                };
                Some(Task::Statement { sql: write.unwrap_or(read), id, writes: write.is_some() })
            }
            Self::Transactions(all) => {
                let place = usize::try_from(drawn % all.len() as u64).unwrap_or_default();
                Some(Task::Transaction(&all[place]))
            }
        }
    }
}

impl Task<'_> {
    pub(crate) fn writes(&self) -> bool {
        matches!(self, Self::Transaction(_) | Self::Statement { writes: true, .. })
    }
}
