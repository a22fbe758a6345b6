//! What the doctor found.

/// How good or bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Result {
    /// As it should be.
    Fine,
    /// Neither good nor bad.
    Info,
    /// Works, but should be known.
    Warns,
    /// Would fail in production.
    Fails,
}

impl Result {
    /// The word for it, in every output.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Info => "info",
            Self::Warns => "warning",
            Self::Fails => "failure",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    /// The database, or `configuration`.
    pub(super) subject: String,
    /// What was looked at.
    pub(super) check: String,
    pub(super) result: Result,
    /// What was found, and what to do about it.
    pub(super) detail: String,
}

/// What was found about one subject.
pub(super) struct Findings {
    subject: String,
    list: Vec<Finding>,
}

impl Findings {
    pub(super) fn new(subject: &str) -> Self {
        Self { subject: subject.to_owned(), list: vec![] }
    }

    pub(super) fn into_inner(self) -> Vec<Finding> {
        self.list
    }

    pub(super) fn add(&mut self, result: Result, check: impl Into<String>, detail: impl Into<String>) {
        let subject = self.subject.clone();
        self.list.push(Finding { subject, check: check.into(), result, detail: detail.into() });
    }

    pub(super) fn fine(&mut self, check: impl Into<String>, detail: impl Into<String>) {
        self.add(Result::Fine, check, detail);
    }

    pub(super) fn info(&mut self, check: impl Into<String>, detail: impl Into<String>) {
        self.add(Result::Info, check, detail);
    }

    pub(super) fn warn(&mut self, check: impl Into<String>, detail: impl Into<String>) {
        self.add(Result::Warns, check, detail);
    }

    pub(super) fn fail(&mut self, check: impl Into<String>, detail: impl Into<String>) {
        self.add(Result::Fails, check, detail);
    }

    /// What could not be asked is no fault, but nobody should take it for fine.
    pub(super) fn unknown(&mut self, check: impl Into<String>, error: &str) {
        self.warn(check, format!("cannot be told: {error}"));
    }
}
