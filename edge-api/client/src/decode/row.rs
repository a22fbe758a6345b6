//! A row as serde sees it: a map by column names, a tuple by positions, or else the value of its only column. A list is
//! that, too, and of several columns their values.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::cell::Cell;
use super::{Column, Misfit};

#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    columns: &'a [Column<'a>],
    cells: &'a [Option<&'a str>],
}

impl<'a> Row<'a> {
    pub(super) fn new(columns: &'a [Column<'a>], cells: &'a [Option<&'a str>]) -> Self {
        Self { columns, cells }
    }

    /// What `read` makes of the only column.
    pub(super) fn scalar<T>(self, read: impl FnOnce(Cell<'a>) -> Result<T, Misfit>) -> Result<T, Misfit> {
        let ([column], [cell]) = (self.columns, self.cells) else {
            let count = self.columns.len();
            return Err(Misfit::new(format!("the rows have {count} columns where one value was expected")));
        };
        read(Cell::new(column.oid, *cell)).map_err(|misfit| misfit.in_column(&column.name, column.oid))
    }

    fn positions(self, expected: usize) -> Result<Positions<'a>, Misfit> {
        let count = self.columns.len();
        if count != expected {
            return Err(Misfit::new(format!("the rows have {count} columns where {expected} were expected")));
        }
        Ok(Positions { row: self, next: 0 })
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
            self.scalar(|cell| cell.$method(visitor))
        }
    )*};
}

impl<'a> Deserializer<'a> for Row<'a> {
    type Error = Misfit;

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_map(visitor)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.columns {
            [_] => self.scalar(|cell| cell.deserialize_option(visitor)),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.columns {
            // Else a list of texts would silently hold an array's literal.
            [_] => self.scalar(|cell| cell.deserialize_seq(visitor)),
            _ => visitor.visit_seq(Positions { row: self, next: 0 }),
        }
    }

    fn deserialize_tuple<V: Visitor<'a>>(self, length: usize, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_seq(self.positions(length)?)
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_seq(self.positions(length)?)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_map(Names { row: self, next: 0 })
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.scalar(|cell| cell.deserialize_enum(name, variants, visitor))
    }
}

/// Columns from left to right.
struct Positions<'a> {
    row: Row<'a>,
    next: usize,
}

impl<'a> SeqAccess<'a> for Positions<'a> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        let (Some(column), Some(cell)) = (self.row.columns.get(self.next), self.row.cells.get(self.next)) else {
            return Ok(None);
        };
        self.next += 1;
        let value = seed.deserialize(Cell::new(column.oid, *cell));
        value.map(Some).map_err(|misfit| misfit.in_column(&column.name, column.oid))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.row.columns.len() - self.next)
    }
}

/// Columns by name; of several with one name the last.
struct Names<'a> {
    row: Row<'a>,
    next: usize,
}

impl<'a> MapAccess<'a> for Names<'a> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        while let Some(column) = self.row.columns.get(self.next) {
            self.next += 1;
            if !column.hidden {
                return seed.deserialize(BorrowedStrDeserializer::new(&column.name)).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let at = self.next.saturating_sub(1);
        let (Some(column), Some(cell)) = (self.row.columns.get(at), self.row.cells.get(at)) else {
            return Err(Misfit::new("a value was asked for before its name"));
        };
        let value = seed.deserialize(Cell::new(column.oid, *cell));
        value.map_err(|misfit| misfit.in_column(&column.name, column.oid))
    }
}
