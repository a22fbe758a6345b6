//! Which statements a database is asked, and what they cost: as many as there is room for, those that are used most.

use super::verdicts::Judged;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moka::sync::Cache;

use crate::statement::{Verdict, normalize};
use crate::telemetry::statement::{StatementFigures, StatementMetrics};

/// Texts whose statement is known, in bytes.
const TEXTS: u64 = 8 << 20;
/// Of so many statements one is given up, when there is no room for one more: to look for them takes a look at all.
const PORTION: usize = 20;

/// The statements of one database.
#[derive(Debug)]
pub(super) struct Statements {
    /// How many are remembered.
    most: usize,
    /// Whether their names are needed all the same.
    are_logged: bool,
    /// Each text is taken apart once.
    texts: Cache<Arc<str>, Arc<StatementMetrics>>,
    known: Mutex<HashMap<u64, Known>>,
    evicted: AtomicU64,
}

#[derive(Debug)]
struct Known {
    metrics: Arc<StatementMetrics>,
    verdict: Option<Arc<Judged>>,
    /// How often it had been used when room was made the last time.
    uses: u64,
    /// How much it was used of late: what is long ago counts half of it each time room is made.
    weight: u64,
}

/// A statement, as operators see it.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The name of its database.
    pub database: Arc<str>,
    metrics: Arc<StatementMetrics>,
    /// What it had cost when it was looked at.
    pub figures: StatementFigures,
    /// Whether its answers may be kept, or the word for why not; `None` while that is not known.
    pub cacheable: Option<Result<(), &'static str>>,
}

impl Statement {
    /// The same for statements that differ in their constants only.
    pub fn fingerprint(&self) -> u64 {
        self.metrics.fingerprint
    }

    /// Without constants; `None` if those cannot be told from the rest, or while Postgres has never taken it for a statement.
    pub fn text(&self) -> Option<&str> {
        self.metrics.text()
    }
}

impl Statements {
    /// With room for so many; with none nothing is counted, unless they are logged.
    pub(super) fn new(most: usize, are_logged: bool) -> Self {
        let texts = Cache::builder()
            .max_capacity(TEXTS)
            .weigher(|text: &Arc<str>, _| u32::try_from(text.len() + 128).unwrap_or(u32::MAX))
            .build();
        Self { most, are_logged, texts, known: Mutex::default(), evicted: AtomicU64::new(0) }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<u64, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody is shown them.
    pub(super) fn are_shown(&self) -> bool {
        self.most > 0
    }

    /// Where a text's statement is counted.
    pub(super) fn of(&self, text: &Arc<str>) -> Option<Arc<StatementMetrics>> {
        if self.most == 0 && !self.are_logged {
            return None;
        }
        if let Some(metrics) = self.texts.get(text) {
            self.remember(&metrics);
            return Some(metrics);
        }
        let normal = normalize(text);
        let metrics = {
            let mut known = self.known();
            if let Some(known) = known.get(&normal.fingerprint) {
                Arc::clone(&known.metrics)
            } else {
                let metrics = Arc::new(StatementMetrics::new(normal.fingerprint, normal.text));
                self.insert(&mut known, &metrics);
                metrics
            }
        };
        self.texts.insert(Arc::clone(text), Arc::clone(&metrics));
        Some(metrics)
    }

    /// Answers were given without a run of their own.
    pub(super) fn hit(&self, statements: &[Arc<StatementMetrics>]) {
        for metrics in statements {
            metrics.hit();
            self.remember(metrics);
        }
    }

    /// What it is has become known.
    pub(super) fn judged(&self, text: &Arc<str>, verdict: &Arc<Judged>) {
        let Some(metrics) = self.of(text) else { return };
        metrics.accept();
        if let Some(known) = self.known().get_mut(&metrics.fingerprint) {
            known.verdict = Some(Arc::clone(verdict));
        }
    }

    /// Takes one up again that others needed the place of, and that is used again.
    fn remember(&self, metrics: &Arc<StatementMetrics>) {
        if metrics.is_forgotten() {
            let mut known = self.known();
            if metrics.is_forgotten() && !known.contains_key(&metrics.fingerprint) {
                self.insert(&mut known, metrics);
            }
        }
    }

    fn insert(&self, known: &mut HashMap<u64, Known>, metrics: &Arc<StatementMetrics>) {
        if self.most == 0 {
            return;
        }
        if known.len() >= self.most {
            self.make_room(known);
        }
        metrics.set_forgotten(false);
        let new = Known { metrics: Arc::clone(metrics), verdict: None, uses: metrics.uses(), weight: 0 };
        known.insert(metrics.fingerprint, new);
    }

    /// Forgets those that were used least of late.
    fn make_room(&self, known: &mut HashMap<u64, Known>) {
        let mut weights = Vec::with_capacity(known.len());
        for (fingerprint, known) in known.iter_mut() {
            let uses = known.metrics.uses();
            known.weight = known.weight / 2 + uses.saturating_sub(known.uses);
            known.uses = uses;
            weights.push((known.weight, *fingerprint));
        }
        weights.sort_unstable();
        for (_, fingerprint) in weights.into_iter().take((self.most / PORTION).max(1)) {
            if let Some(known) = known.remove(&fingerprint) {
                known.metrics.set_forgotten(true);
                self.evicted.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many had to make room for others.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Everything begins at zero. The statements stay known, so that those that kept answers were asked for go on being counted.
    pub(super) fn reset(&self) {
        for known in self.known().values_mut() {
            known.metrics.reset();
            (known.uses, known.weight) = (0, 0);
        }
        self.evicted.store(0, Ordering::Relaxed);
    }

    /// All that were used.
    pub(super) fn list(
        &self,
        database: &Arc<str>,
        cacheable: impl Fn(&Verdict) -> Result<(), &'static str>,
    ) -> Vec<Statement> {
        let known = self.known();
        let statements = known.values().map(|known| Statement {
            database: Arc::clone(database),
            metrics: Arc::clone(&known.metrics),
            figures: known.metrics.figures(),
            cacheable: known.verdict.as_deref().map(|judged| cacheable(judged)),
        });
        statements.filter(|statement| statement.figures.calls + statement.figures.hits > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Statements;
    use crate::telemetry::statement::Ran;

    fn run(statements: &Statements, text: &str) {
        let ran = Ran { took: std::time::Duration::from_millis(1), rows: 1, bytes: 1, failed: false };
        statements.of(&Arc::from(text)).unwrap().ran(ran);
    }

    fn calls(statements: &Statements) -> Vec<u64> {
        let mut calls: Vec<u64> =
            statements.list(&"d".into(), |_| Ok(())).into_iter().map(|statement| statement.figures.calls).collect();
        calls.sort_unstable();
        calls
    }

    #[test]
    fn the_least_used_make_room() {
        let statements = Statements::new(3, false);
        for text in ["select a", "select a", "select b", "select b", "select c", "select d", "select a", "select e"] {
            run(&statements, text);
        }
        assert_eq!(calls(&statements), [1, 2, 3]);
        assert_eq!(statements.evicted(), 2);
    }

    #[test]
    fn one_that_was_forgotten_is_taken_up_where_it_was() {
        let statements = Statements::new(1, false);
        let first = statements.of(&"select a".into()).unwrap();
        statements.hit(std::slice::from_ref(&first));
        run(&statements, "select b");
        assert!(first.is_forgotten());
        statements.hit(&[first]);
        let list = statements.list(&"d".into(), |_| Ok(()));
        assert_eq!((list.len(), list[0].figures.hits), (1, 2));
    }

    #[test]
    fn there_may_be_none() {
        let statements = Statements::new(0, false);
        assert!(statements.of(&"select a".into()).is_none());
        assert!(calls(&statements).is_empty());
    }
}
