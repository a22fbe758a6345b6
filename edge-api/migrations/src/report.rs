//! What came of it, file by file.

/// What was applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The files applied now, in order.
    pub applied: Vec<String>,
    /// How many were there before.
    pub before: usize,
}

/// How one file stands in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStatus {
    /// The file's name.
    pub file: String,
    /// How it stands.
    pub state: State,
}

/// Whether a file is applied. Moments are RFC 3339, in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Applied at this moment.
    Applied(String),
    /// Not yet applied.
    Pending,
    /// Applied at this moment, and another one since.
    Changed(String),
    /// Applied at this moment, and not among the files.
    Unknown(String),
    /// Not applied, though one with a higher number is.
    Late,
}

impl State {
    /// Whether migrations cannot go on until somebody has mended this.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Changed(_) | Self::Unknown(_) | Self::Late)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Applied(moment) => write!(f, "applied  {moment}"),
            Self::Pending => f.write_str("pending"),
            Self::Changed(moment) => write!(f, "CHANGED  since it was applied at {moment}"),
            Self::Unknown(moment) => write!(f, "UNKNOWN  to this program, applied at {moment}"),
            Self::Late => f.write_str("LATE     a higher number is already applied"),
        }
    }
}
