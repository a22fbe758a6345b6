//! Results of the Neon contract, written straight into the answer's body as rows come in.

use std::ops::Range;
use std::sync::Arc;

use crate::gateway::call::{Budget, Format, ResultSink};
use crate::postgres::{Column, Columns, QueryError, Row, RowSink, value};

/// How the results of a call are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Every value as Postgres printed it, in a string.
    pub raw_text: bool,
    /// For each query, whether its rows are arrays.
    pub arrays: Vec<bool>,
    /// `{"results": [...]}` instead of one result.
    pub batch: bool,
}

impl Format for Layout {
    fn sink(&self, query: usize, budget: Budget) -> Box<dyn ResultSink> {
        Box::new(Rows {
            out: Vec::new(),
            arrays: self.arrays.get(query).copied().unwrap_or(false),
            raw_text: self.raw_text,
            head: None,
            budget,
            charged: 0,
            count: 0,
        })
    }

    fn finish(&self, results: Vec<Box<dyn ResultSink>>) -> Vec<u8> {
        let mut results = results.into_iter().map(ResultSink::into_bytes);
        if !self.batch {
            return results.next().unwrap_or_default();
        }
        let mut body = b"{\"results\":[".to_vec();
        for (index, result) in results.enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend_from_slice(&result);
        }
        body.extend_from_slice(b"]}");
        body
    }
}

/// About what a field takes, in bytes, with a name of usual length.
const FIELD: usize = 128;

/// About what a key takes, in bytes.
const KEY: usize = 16;

/// One result being written.
struct Rows {
    out: Vec<u8>,
    arrays: bool,
    raw_text: bool,
    head: Option<Arc<Head>>,
    budget: Budget,
    charged: usize,
    count: u64,
}

/// What follows from a result's columns.
#[derive(Default)]
struct Head {
    /// The beginning of the answer, up to the first row.
    text: Vec<u8>,
    columns: Vec<Place>,
    /// `"name":` of one column after the other.
    keys: Vec<u8>,
}

/// How a column's values are written.
struct Place {
    type_oid: u32,
    /// Where its key stands among the keys.
    key: Range<usize>,
    /// Another column of the same name comes later, and an object has room for one.
    hidden: bool,
}

impl Head {
    fn of(columns: &[Column]) -> Self {
        let mut head = Self {
            text: Vec::with_capacity(columns.len() * FIELD + 64),
            columns: Vec::with_capacity(columns.len()),
            keys: Vec::with_capacity(columns.len() * KEY),
        };
        head.text.extend_from_slice(b"{\"fields\":[");
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                head.text.push(b',');
            }
            head.text.extend_from_slice(b"{\"name\":");
            let (name, key) = (head.text.len(), head.keys.len());
            value::write_string(&mut head.text, &column.name);
            head.keys.extend_from_slice(head.text.get(name..).unwrap_or_default());
            head.keys.push(b':');
            let mut number = itoa::Buffer::new();
            let mut field = |name: &str, text: &str| {
                head.text.extend_from_slice(name.as_bytes());
                head.text.extend_from_slice(text.as_bytes());
            };
            field(",\"dataTypeID\":", number.format(column.type_oid));
            field(",\"tableID\":", number.format(column.table_oid));
            field(",\"columnID\":", number.format(column.column_id));
            field(",\"dataTypeSize\":", number.format(column.type_length));
            field(",\"dataTypeModifier\":", number.format(column.type_modifier));
            field(",\"format\":\"text\"}", "");
            let hidden = columns[index + 1..].iter().any(|later| later.name == column.name);
            head.columns.push(Place { type_oid: column.type_oid, key: key..head.keys.len(), hidden });
        }
        head.text.extend_from_slice(b"],\"rows\":[");
        head
    }
}

impl Rows {
    fn charge(&mut self) -> Result<(), QueryError> {
        let grown = self.out.len() - self.charged;
        self.charged = self.out.len();
        self.budget.spend(grown)
    }
}

impl RowSink for Rows {
    fn begin(&mut self, columns: &Columns) {
        // Kept with the statement: to write it anew would take most of the time of a short answer.
        let head = columns.derived(|columns| Arc::new(Head::of(columns)));
        self.out.reserve(head.text.len() + 256);
        self.out.extend_from_slice(&head.text);
        self.head = Some(head);
        // If that is too much already, whoever watches the budget sees it.
        let _ = self.charge();
    }

    fn row(&mut self, row: Row<'_>) -> Result<(), QueryError> {
        let head = self.head.as_deref().ok_or(QueryError::Closed)?;
        let start = self.out.len();
        if self.count > 0 {
            self.out.push(b',');
        }
        self.count += 1;
        self.out.push(if self.arrays { b'[' } else { b'{' });
        let mut first = true;
        let mut values = row.values();
        for place in &head.columns {
            let value = values.next().ok_or(QueryError::Closed)?;
            if place.hidden && !self.arrays {
                continue;
            }
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            if !self.arrays {
                self.out.extend_from_slice(head.keys.get(place.key.clone()).unwrap_or_default());
            }
            let Some(bytes) = value else {
                self.out.extend_from_slice(b"null");
                continue;
            };
            if self.raw_text {
                value::write_text(&mut self.out, bytes);
            } else {
                value::write_json(&mut self.out, place.type_oid, bytes);
            }
        }
        self.out.push(if self.arrays { b']' } else { b'}' });
        // One look at all of them: at each of many short texts it would take as long as everything else.
        std::str::from_utf8(self.out.get(start..).unwrap_or_default())
            .map_err(|_| QueryError::Invalid("the result is not UTF-8; the statement has run".to_owned()))?;
        self.charge()
    }

    fn dropped(&mut self) -> QueryError {
        self.budget.overspend()
    }

    fn end(&mut self, tag: Option<&str>) {
        let (command, count) = split_tag(tag.unwrap_or_default());
        self.out.extend_from_slice(b"],\"command\":");
        value::write_string(&mut self.out, command);
        self.out.extend_from_slice(b",\"rowCount\":");
        self.out.extend_from_slice(count.unwrap_or("null").as_bytes());
        self.out.extend_from_slice(if self.arrays { b",\"rowAsArray\":true}" } else { b",\"rowAsArray\":false}" });
    }
}

impl ResultSink for Rows {
    fn into_bytes(self: Box<Self>) -> Vec<u8> {
        self.out
    }
}

/// `INSERT 0 1` is INSERT with 1 row, `SELECT 3` SELECT with 3, `CREATE TABLE` CREATE without a count.
fn split_tag(tag: &str) -> (&str, Option<&str>) {
    let mut words = tag.split(' ');
    let command = words.next().unwrap_or_default();
    let count = if command == "INSERT" { words.nth(1) } else { words.next() };
    (command, count.filter(|count| count.bytes().all(|digit| digit.is_ascii_digit())))
}

#[cfg(test)]
mod tests {
    use super::{Layout, split_tag};
    use crate::gateway::call::{Budget, Format};
    use crate::postgres::{Column, Columns, QueryError, Row, RowSink, row};

    /// What becomes of a row of texts, integers and lists of integers.
    fn written(values: &[Option<&[u8]>]) -> Result<String, QueryError> {
        let layout = Layout { arrays: vec![true], raw_text: false, batch: false };
        let mut sink = layout.sink(0, Budget::new(1000));
        sink.begin(&Columns::new([25, 23, 1007].map(|type_oid| Column {
            name: "c".into(),
            type_oid,
            type_length: -1,
            type_modifier: -1,
            table_oid: 0,
            column_id: 0,
        })));
        let message = row(values);
        sink.row(Row::next(&mut &*message).unwrap())?;
        sink.end(Some("SELECT 1"));
        let body = layout.finish(vec![sink]);
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        Ok(body["rows"][0].to_string())
    }

    #[test]
    fn a_row_is_written_or_refused() {
        assert_eq!(written(&[Some("é\"".as_bytes()), None, Some(b"{1,2}")]).unwrap(), r#"["é\"",null,[1,2]]"#);
        let of_another_encoding: [&[Option<&[u8]>]; 4] = [
            &[Some(b"\xe9"), None, None],
            &[Some(b"a \"quoted\" \xe9"), None, None],
            &[None, Some(b"1\xe9"), None],
            &[None, None, Some(b"{1,\xe9}")],
        ];
        for values in of_another_encoding {
            assert!(matches!(written(values), Err(QueryError::Invalid(why)) if why.contains("UTF-8")));
        }
        // One that is cut short.
        assert!(matches!(written(&[Some(b"a"), None]), Err(QueryError::Closed)));
    }

    #[test]
    fn splits_tags() {
        for (tag, expected) in [
            ("INSERT 0 12", ("INSERT", Some("12"))),
            ("SELECT 3", ("SELECT", Some("3"))),
            ("CREATE TABLE", ("CREATE", None)),
            ("BEGIN", ("BEGIN", None)),
            ("", ("", None)),
        ] {
            assert_eq!(split_tag(tag), expected);
        }
    }
}
