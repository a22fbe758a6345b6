//! What of a database something reads or changes, and things found by where they meet.

use std::collections::hash_map::{Entry, HashMap};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::sync::LazyLock;

use foldhash::quality::RandomState;

/// What of a database an answer was read from, or a transaction changes. It may say too much, never too little.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Whatever there is.
    everything: bool,
    relations: BTreeMap<u32, Rows>,
}

/// Which rows of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rows {
    All,
    Some(BTreeSet<RowKey>),
}

/// A row, by the values of its replica identity. Two rows may share one: then one is taken for the other's change, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey(u64);

/// Differs from process to process, so that nobody knows which rows share a key.
static ROWS: LazyLock<RandomState> = LazyLock::new(RandomState::default);

impl RowKey {
    /// Of the values, in the order of the columns, as Postgres prints them.
    pub fn new<'v>(values: impl IntoIterator<Item = &'v str>) -> Self {
        let values: Vec<&str> = values.into_iter().collect();
        Self(ROWS.hash_one(values))
    }
}

impl Scope {
    /// Whatever there is: what is not known to touch less.
    pub fn everything() -> Self {
        Self { everything: true, relations: BTreeMap::new() }
    }

    /// All rows of these.
    pub fn of(relations: impl IntoIterator<Item = u32>) -> Self {
        Self { everything: false, relations: relations.into_iter().map(|relation| (relation, Rows::All)).collect() }
    }

    /// All of a relation.
    pub fn add(&mut self, relation: u32) {
        self.relations.insert(relation, Rows::All);
    }

    /// A row of a relation.
    pub fn add_row(&mut self, relation: u32, row: RowKey) {
        match self.relations.entry(relation).or_insert_with(|| Rows::Some(BTreeSet::new())) {
            Rows::All => {}
            Rows::Some(rows) => _ = rows.insert(row),
        }
    }

    /// All of what `other` is of, too.
    pub fn extend(&mut self, other: &Self) {
        self.everything |= other.everything;
        for (relation, rows) in &other.relations {
            match rows {
                Rows::All => self.add(*relation),
                Rows::Some(rows) => rows.iter().for_each(|row| self.add_row(*relation, *row)),
            }
        }
    }

    /// Whether it is of nothing.
    pub fn is_empty(&self) -> bool {
        !self.everything && self.relations.is_empty()
    }

    /// How many relations and rows it names.
    pub fn len(&self) -> usize {
        let rows = |rows: &Rows| match rows {
            Rows::All => 1,
            Rows::Some(rows) => rows.len(),
        };
        usize::from(self.everything) + self.relations.values().map(rows).sum::<usize>()
    }

    /// The relations it names.
    pub fn relations(&self) -> impl Iterator<Item = u32> {
        self.relations.keys().copied()
    }
}

/// Things kept by scope.
#[derive(Debug)]
pub(super) struct Places<V> {
    everything: V,
    /// What has the scope of nothing, which no other meets.
    nothing: V,
    relations: HashMap<u32, Place<V>>,
}

#[derive(Debug, Default)]
struct Place<V> {
    all: V,
    rows: HashMap<RowKey, V>,
}

/// Something that can be empty, and is not kept then.
pub(super) trait Part: Default {
    fn is_empty(&self) -> bool;
}

impl<V: Part> Default for Places<V> {
    fn default() -> Self {
        Self { everything: V::default(), nothing: V::default(), relations: HashMap::new() }
    }
}

impl<V: Part> Places<V> {
    /// Changes what is kept under each part of a scope.
    pub(super) fn change(&mut self, scope: &Scope, mut change: impl FnMut(&mut V)) {
        if scope.everything {
            change(&mut self.everything);
        } else if scope.is_empty() {
            change(&mut self.nothing);
        }
        for (relation, rows) in &scope.relations {
            let mut entry = match self.relations.entry(*relation) {
                Entry::Occupied(entry) => entry,
                Entry::Vacant(entry) => entry.insert_entry(Place::default()),
            };
            let place = entry.get_mut();
            match rows {
                Rows::All => change(&mut place.all),
                Rows::Some(rows) => {
                    for row in rows {
                        match place.rows.entry(*row) {
                            Entry::Occupied(mut entry) => {
                                change(entry.get_mut());
                                if entry.get().is_empty() {
                                    entry.remove();
                                }
                            }
                            Entry::Vacant(entry) => {
                                let mut value = V::default();
                                change(&mut value);
                                if !value.is_empty() {
                                    entry.insert(value);
                                }
                            }
                        }
                    }
                }
            }
            if place.is_empty() {
                entry.remove();
            }
        }
    }

    /// Shows everything that is kept under something that meets the scope.
    pub(super) fn meet(&self, scope: &Scope, mut show: impl FnMut(&V)) {
        show(&self.everything);
        if scope.everything {
            for place in self.relations.values() {
                show(&place.all);
                place.rows.values().for_each(&mut show);
            }
            return;
        }
        for (relation, rows) in &scope.relations {
            let Some(place) = self.relations.get(relation) else { continue };
            show(&place.all);
            match rows {
                Rows::All => place.rows.values().for_each(&mut show),
                Rows::Some(rows) => rows.iter().filter_map(|row| place.rows.get(row)).for_each(&mut show),
            }
        }
    }

    /// Changes all that is kept.
    pub(super) fn each(&mut self, mut change: impl FnMut(&mut V)) {
        change(&mut self.everything);
        change(&mut self.nothing);
        self.relations.retain(|_, place| {
            change(&mut place.all);
            place.rows.retain(|_, value| {
                change(value);
                !value.is_empty()
            });
            !place.is_empty()
        });
    }
}

impl<V: Part> Place<V> {
    fn is_empty(&self) -> bool {
        self.all.is_empty() && self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests;
