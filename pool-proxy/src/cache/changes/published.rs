//! Which relations the stream tells of.

use std::collections::HashMap;

/// The relations whose changes the stream tells.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Published {
    relations: HashMap<u32, Told>,
}

/// How the stream tells of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Under which id: those of a partition come under its table's.
    pub relation: u32,
    /// The columns that its rows are told by, in ascending order; none where they are not told apart.
    pub identity: Box<[i16]>,
}

impl FromIterator<(u32, Told)> for Published {
    fn from_iter<T: IntoIterator<Item = (u32, Told)>>(relations: T) -> Self {
        Self { relations: relations.into_iter().collect() }
    }
}

impl Published {
    /// How it tells of a relation, if it does.
    pub fn get(&self, relation: u32) -> Option<&Told> {
        self.relations.get(&relation)
    }

    /// How many there are of which it tells under their own id.
    pub fn len(&self) -> usize {
        self.relations.iter().filter(|(relation, told)| **relation == told.relation).count()
    }

    /// Whether it tells of nothing.
    pub fn is_empty(&self) -> bool {
        self.relations.is_empty()
    }
}
