//! A statement that is prepared on a connection, and what is known of its results.

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_postgres::Statement;

/// A prepared statement. Cheap to clone; it is closed when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Prepared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    statement: Statement,
    columns: Columns,
}

impl Prepared {
    /// With its columns, whose types' lengths tokio-postgres does not keep.
    pub(super) fn new(statement: Statement, length: impl Fn(u32) -> i16) -> Self {
        let columns = statement.columns().iter().map(|column| Column {
            name: column.name().into(),
            type_oid: column.type_().oid(),
            type_length: length(column.type_().oid()),
            type_modifier: column.type_modifier(),
            table_oid: column.table_oid().unwrap_or(0),
            column_id: column.column_id().unwrap_or(0),
        });
        let columns = Columns::new(columns);
        Self(Arc::new(Inner { statement, columns }))
    }

    /// The columns of its results; none for a statement that returns nothing.
    pub fn columns(&self) -> &Columns {
        &self.0.columns
    }
}

impl Deref for Prepared {
    type Target = Statement;

    fn deref(&self) -> &Statement {
        &self.0.statement
    }
}

/// A result column, as `RowDescription` has it.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name; several columns may have the same.
    pub name: Box<str>,
    /// The type's OID.
    pub type_oid: u32,
    /// The type's length in bytes, negative where it varies.
    pub type_length: i16,
    /// Such as the length of a varchar; -1 for none.
    pub type_modifier: i32,
    /// The table it comes from, or 0.
    pub table_oid: u32,
    /// Its attribute number there, or 0.
    pub column_id: i16,
}

/// The columns of a statement's results.
#[derive(Debug)]
pub struct Columns {
    list: Box<[Column]>,
    derived: OnceCell<Box<dyn Any + Send + Sync>>,
}

/// The most columns of which anything is kept: a connection has hundreds of statements.
const KEPT: usize = 128;

impl Columns {
    /// These.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { list: columns.into_iter().collect(), derived: OnceCell::new() }
    }

    /// What follows from the columns alone: made when it is first asked for, and kept as long as they are, unless they are many. The first kind of thing
    /// that is asked for is the one that is kept; others are made each time.
    pub fn derived<T: Send + Sync + 'static>(&self, make: impl FnOnce(&[Column]) -> Arc<T>) -> Arc<T> {
        if self.list.len() > KEPT {
            return make(&self.list);
        }
        if let Some(kept) = self.derived.get() {
            return kept.downcast_ref::<Arc<T>>().map_or_else(|| make(&self.list), Arc::clone);
        }
        let first = make(&self.list);
        // Or another was quicker.
        let _ = self.derived.set(Box::new(Arc::clone(&first)));
        first
    }
}

impl Deref for Columns {
    type Target = [Column];

    fn deref(&self) -> &[Column] {
        &self.list
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Column, Columns};

    #[test]
    fn what_follows_from_columns_is_made_once_and_another_kind_each_time() {
        let column = |name: &str| Column {
            name: name.into(),
            type_oid: 25,
            type_length: -1,
            type_modifier: -1,
            table_oid: 0,
            column_id: 0,
        };
        let columns = Columns::new([column("a"), column("b")]);
        let names = |columns: &[Column]| Arc::new(columns.iter().map(|it| it.name.to_string()).collect::<Vec<_>>());
        let first = columns.derived(names);
        assert_eq!(*first, ["a", "b"]);
        assert!(Arc::ptr_eq(&first, &columns.derived(names)));
        let count = |columns: &[Column]| Arc::new(columns.len());
        assert_eq!(*columns.derived(count), 2);
        assert!(!Arc::ptr_eq(&columns.derived(count), &columns.derived(count)));
    }
}
