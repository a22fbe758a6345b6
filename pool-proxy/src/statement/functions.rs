//! What a function means for cache, session and restricted principals: by where it comes from and its volatility, and by name
//! only for functions of Postgres's own, which nobody else can take (schema `pg_catalog` and an id given by initdb).
//!
//! The lists were made by going through every volatile and every stable function of Postgres 15 and 18. A volatile one that is on
//! no list counts as dangerous, so a new one needs no entry to be safe.

mod lists;

use super::Refusal;
use super::labels::FIRST_USER_OID;
use lists::{
    DERIVABLE, EXTENSION_GENERATORS, EXTENSION_RUNS_TEXT, HARMLESS, LEAVES_NOTHING, PURE_EXTENSIONS, RUNS_INPUT,
    RUNS_TEXT, SEQUENCE_STATE, SESSION,
};

/// One row of `pg_proc`.
pub(super) struct Function {
    pub(super) oid: u32,
    pub(super) namespace: u32,
    /// `schema.name`, each quoted where SQL needs it.
    pub(super) full_name: String,
    pub(super) name: String,
    pub(super) volatility: Volatility,
    pub(super) language: u32,
    /// The extension it belongs to.
    pub(super) extension: Option<String>,
    pub(super) aggregate: bool,
}

/// `provolatile`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Volatility {
    Immutable,
    Stable,
    Volatile,
}

/// What calling a function means.
// Four independent answers, not a state.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) cacheable: Result<(), Refusal>,
    /// Does its result follow from its arguments, and from settings that a change of is seen?
    pub(super) derivable: Result<(), Refusal>,
    /// It writes no relation.
    pub(super) contained: bool,
    pub(super) clean: bool,
    pub(super) reads_sequence_state: bool,
    /// May a restricted principal call it?
    pub(super) allowed: bool,
}

impl Function {
    /// Its full name, for a message; Postgres's own without the schema.
    pub(super) fn title(&self) -> String {
        if self.is_builtin() { format!("{}()", self.name) } else { format!("{}()", self.full_name) }
    }

    fn is_volatile(&self) -> bool {
        self.volatility == Volatility::Volatile
    }

    /// Made by initdb, in a schema made by initdb and not meant for users: `pg_catalog` or `information_schema`. A superuser can
    /// put functions into `pg_catalog`, but not with such an id.
    pub(super) fn is_builtin(&self) -> bool {
        self.oid < FIRST_USER_OID && self.namespace < FIRST_USER_OID && self.namespace != PUBLIC
    }

    pub(super) fn effect(&self) -> Effect {
        if self.is_builtin() { self.builtin() } else { self.foreign() }
    }

    fn builtin(&self) -> Effect {
        let name = self.name.as_str();
        let on = |list: &[&str]| list.contains(&name);
        let reads_sequence_state = on(SEQUENCE_STATE);
        let (cacheable, clean, allowed) = if on(RUNS_TEXT) {
            (Err(Refusal::Volatile), false, false)
        } else if on(RUNS_INPUT) {
            (Err(Refusal::Volatile), false, true)
        } else if !self.is_volatile() {
            (if on(SESSION) { Err(Refusal::Session) } else { Ok(()) }, true, true)
        } else {
            let refusal = if on(SESSION) || reads_sequence_state { Refusal::Session } else { Refusal::Volatile };
            (Err(refusal), on(HARMLESS) || on(LEAVES_NOTHING), on(HARMLESS))
        };
        let derivable = match self.volatility {
            Volatility::Stable if !DERIVABLE.contains(&name) => Err(Refusal::Changing),
            _ => cacheable,
        };
        let contained = !on(RUNS_TEXT) && !on(RUNS_INPUT);
        Effect { cacheable, derivable, contained, clean, reads_sequence_state, allowed }
    }

    /// A user's function may set anything whatever it is declared as (findings, A17), so it is never clean. What it does for a
    /// restricted principal is its owner's risk, except for volatile C code: `dblink` and its like open doors of their own.
    fn foreign(&self) -> Effect {
        let compiled = matches!(self.language, INTERNAL | C);
        let pure = compiled
            && self.volatility == Volatility::Immutable
            && self.extension.as_deref().is_some_and(|extension| PURE_EXTENSIONS.contains(&extension));
        let runs_text = compiled && EXTENSION_RUNS_TEXT.contains(&self.name.as_str());
        let generator = EXTENSION_GENERATORS.contains(&self.name.as_str());
        Effect {
            cacheable: if self.is_volatile() || runs_text { Err(Refusal::Volatile) } else { Ok(()) },
            derivable: if pure { Ok(()) } else { Err(Refusal::Function) },
            contained: pure,
            clean: false,
            reads_sequence_state: false,
            allowed: !runs_text && (!compiled || !self.is_volatile() || generator),
        }
    }
}

/// `PG_PUBLIC_NAMESPACE`, `INTERNALlanguageId` and `ClanguageId`: pinned ids of `pg_namespace.dat` and `pg_language.dat`.
const PUBLIC: u32 = 2200;
const INTERNAL: u32 = 12;
const C: u32 = 13;

#[cfg(test)]
mod tests;
