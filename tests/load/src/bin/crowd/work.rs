//! What clients ask for.

use std::path::Path;

use load::Outcome;
use serde_json::value::RawValue;

/// One of so many requests writes.
const WRITES: u64 = 5;

/// The same for all clients.
pub(crate) enum Work {
    Statements {
        read: String,
        /// Every fifth is this, if anything is written.
        write: Option<String>,
        /// `$1` of both is a random number from 1 to this; without it they have no parameter.
        ids: Option<u32>,
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

    /// The task that a random number stands for.
    pub(crate) fn task(&self, drawn: u64) -> Task<'_> {
        match self {
            Self::Statements { read, write, ids } => {
                let write = write.as_deref().filter(|_| drawn.is_multiple_of(WRITES));
                let id = ids.and_then(|ids| i32::try_from(drawn / WRITES % u64::from(ids) + 1).ok());
                Task::Statement { sql: write.unwrap_or(read), id, writes: write.is_some() }
            }
            Self::Transactions(all) => {
                let place = usize::try_from(drawn % all.len() as u64).unwrap_or_default();
                Task::Transaction(&all[place])
            }
        }
    }
}

impl Task<'_> {
    pub(crate) fn writes(&self) -> bool {
        matches!(self, Self::Transaction(_) | Self::Statement { writes: true, .. })
    }
}
