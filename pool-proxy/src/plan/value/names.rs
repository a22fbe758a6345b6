//! The names of a record's fields.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

/// Up to so many are looked through in less time than one is hashed.
pub(in crate::plan) const FEW: usize = 32;

/// Names in their order, each there once. All rows of a result share them.
#[derive(Debug, Clone)]
pub struct Names(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    list: Box<[Box<str>]>,
    /// Where each stands, if they are many.
    places: HashMap<Box<str>, usize>,
}

impl Names {
    /// Where a name stands.
    pub fn place(&self, name: &str) -> Option<usize> {
        if self.0.list.len() <= FEW {
            return self.0.list.iter().position(|known| **known == *name);
        }
        self.0.places.get(name).copied()
    }

    /// Whether they are the very same, not only equal.
    pub fn are(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Names {
    type Target = [Box<str>];

    fn deref(&self) -> &[Box<str>] {
        &self.0.list
    }
}

impl<T: Into<Box<[Box<str>]>>> From<T> for Names {
    fn from(list: T) -> Self {
        let list = list.into();
        let mut places = HashMap::new();
        if list.len() > FEW {
            places.extend(list.iter().enumerate().map(|(place, name)| (name.clone(), place)));
        }
        Self(Arc::new(Inner { list, places }))
    }
}

impl FromIterator<Box<str>> for Names {
    fn from_iter<I: IntoIterator<Item = Box<str>>>(names: I) -> Self {
        names.into_iter().collect::<Box<[Box<str>]>>().into()
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.are(other) || **self == **other
    }
}
