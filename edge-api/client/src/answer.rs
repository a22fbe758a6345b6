//! What comes back: rows, counts, and what the proxy says of how it answered.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Visitor};
use serde_json::value::RawValue;

use crate::bookmark::{self, Bookmark};
use crate::decode::{Column, Shape, decode_row, hide};
use crate::error::{Error, Kind};
use crate::transport::Response;

/// A statement was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// How many rows it changed or returned; nothing for commands that have none, such as CREATE.
    pub rows_affected: Option<u64>,
    /// The command's first word, as `INSERT`.
    pub command: String,
    /// A place in the database's log behind what it has changed.
    pub bookmark: Option<Bookmark>,
    /// The id under which the proxy logged the request.
    pub request_id: Option<String>,
    /// `Server-Timing`: where the proxy spent the time.
    pub server_timing: Option<String>,
}

/// The rows of a query. `Debug` shows how many there are, not what they hold.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rows<T> {
    /// In the order of the query.
    pub rows: Vec<T>,
    /// `Cache-Status`, such as `pool-proxy; hit; ttl=41`; only of queries with cache hints.
    pub cache_status: Option<String>,
    /// How old a cached answer is, in whole seconds.
    pub age: Option<Duration>,
    /// A place in the database's log that the rows cover.
    pub bookmark: Option<Bookmark>,
    /// The id under which the proxy logged the request.
    pub request_id: Option<String>,
    /// `Server-Timing`: where the proxy spent the time.
    pub server_timing: Option<String>,
}

impl<T> Rows<T> {
    /// Whether the proxy's cache answered, fresh or stale. Another cache in between has a say of its own in
    /// [`cache_status`](Self::cache_status), and may set [`age`](Self::age), too.
    pub fn is_hit(&self) -> bool {
        let is_own_hit = |cache: &str| {
            let mut words = cache.split(';').map(str::trim);
            words.next() == Some("pool-proxy") && words.any(|word| word == "hit")
        };
        self.cache_status.as_deref().is_some_and(|caches| caches.split(',').any(is_own_hit))
    }
}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("rows", &self.rows.len())
            .field("cache_status", &self.cache_status)
            .field("age", &self.age)
            .field("bookmark", &self.bookmark)
            .field("request_id", &self.request_id)
            .field("server_timing", &self.server_timing)
            .finish()
    }
}

impl<T> IntoIterator for Rows<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

/// A result without its rows.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    command: String,
    row_count: Option<u64>,
}

/// A result as it stands in the answer.
#[derive(serde::Deserialize)]
struct Table<'a> {
    #[serde(borrow)]
    fields: Vec<Column<'a>>,
    #[serde(borrow)]
    rows: Vec<Vec<Option<Text<'a>>>>,
}

/// A string, borrowed where it holds no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Borrowing).map(Self)
    }
}

const NO_RESULT: &str = "it is not JSON of a result";

pub(crate) fn done(response: &Response) -> Result<Done, Error> {
    head(response, &response.body)
}

fn head(response: &Response, json: &[u8]) -> Result<Done, Error> {
    let head: Head = serde_json::from_slice(json).map_err(|_| Error::unreadable(response, NO_RESULT))?;
    let header = |name| response.header(name).map(str::to_owned);
    Ok(Done {
        rows_affected: head.row_count,
        command: head.command,
        bookmark: bookmark::of(response),
        request_id: header("x-request-id"),
        server_timing: header("server-timing"),
    })
}

pub(crate) fn rows<T: DeserializeOwned>(response: &Response, shape: Shape) -> Result<Rows<T>, Error> {
    let header = |name| response.header(name).map(str::to_owned);
    let rows = table(response, &response.body, shape)?;
    Ok(Rows {
        rows,
        cache_status: header("cache-status"),
        age: response.header("age").and_then(|digits| digits.parse().ok()).map(Duration::from_secs),
        bookmark: bookmark::of(response),
        request_id: header("x-request-id"),
        server_timing: header("server-timing"),
    })
}

fn table<T: DeserializeOwned>(response: &Response, json: &[u8], shape: Shape) -> Result<Vec<T>, Error> {
    let mut table: Table<'_> = serde_json::from_slice(json).map_err(|_| Error::unreadable(response, NO_RESULT))?;
    hide(&mut table.fields);
    let mut rows = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let cells: Vec<Option<&str>> = row.iter().map(|cell| cell.as_ref().map(|Text(text)| &**text)).collect();
        if cells.len() != table.fields.len() {
            return Err(Error::unreadable(response, "a row has not as many values as there are columns"));
        }
        rows.push(decode_row(&table.fields, &cells, shape)?);
    }
    Ok(rows)
}

/// The results of a batch, in the order of its statements. `Debug` shows no values.
#[derive(Debug)]
pub struct Results {
    response: Response,
    /// The id that the request was sent with.
    sent: Option<String>,
    /// Whether it was of a batch that could change nothing.
    read: bool,
    done: Vec<Done>,
    /// Where each result stands in the body.
    places: Vec<std::ops::Range<usize>>,
}

#[derive(serde::Deserialize)]
struct Many<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
}

impl Results {
    pub(crate) fn read(response: Response, read: bool, sent: Option<&str>) -> Result<Self, Error> {
        const NO_RESULTS: &str = "it is not JSON of the results of a batch";
        let unreadable = || Error::unreadable(&response, NO_RESULTS);
        let body = std::str::from_utf8(&response.body).map_err(|_| unreadable())?;
        let many: Many<'_> = serde_json::from_str(body).map_err(|_| unreadable())?;
        let mut done = Vec::with_capacity(many.results.len());
        let mut places = Vec::with_capacity(many.results.len());
        for result in many.results {
            let json = result.get();
            // Raw values are slices of the body.
            let start = json.as_ptr().addr() - body.as_ptr().addr();
            places.push(start..start + json.len());
            done.push(head(&response, json.as_bytes())?);
        }
        Ok(Self { response, sent: sent.map(str::to_owned), read, done, places })
    }

    /// How many there are: as many as the batch has statements.
    pub fn len(&self) -> usize {
        self.done.len()
    }

    /// Whether the batch had no statements.
    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// What the statement at `index`, from 0, came to.
    ///
    /// # Errors
    /// If the batch has no such statement.
    pub fn done(&self, index: usize) -> Result<&Done, Error> {
        self.done.get(index).ok_or_else(|| self.no_result(index))
    }

    /// The rows of the statement at `index`, from 0; of one with a single column `(T,)` is its value, whatever its type.
    ///
    /// # Errors
    /// If the batch has no such statement, or its rows do not fit the type.
    pub fn rows<T: DeserializeOwned>(&self, index: usize) -> Result<Vec<T>, Error> {
        let place = self.places.get(index).ok_or_else(|| self.no_result(index))?;
        let json = self.response.body.get(place.clone()).unwrap_or_default();
        table(&self.response, json, Shape::Row).map_err(|error| self.error(error.of_query(index)))
    }

    /// The one row of the statement at `index`, from 0.
    ///
    /// # Errors
    /// As [`rows`](Self::rows); also if there is no row, or more than one.
    pub fn one<T: DeserializeOwned>(&self, index: usize) -> Result<T, Error> {
        only(self.rows(index)?).and_then(some).map_err(|error| self.error(error.of_query(index)))
    }

    /// The row of the statement at `index`, from 0, if there is one.
    ///
    /// # Errors
    /// As [`rows`](Self::rows); also if there is more than one row.
    pub fn optional<T: DeserializeOwned>(&self, index: usize) -> Result<Option<T>, Error> {
        only(self.rows(index)?).map_err(|error| self.error(error.of_query(index)))
    }

    /// A place in the database's log behind what the batch has changed.
    pub fn bookmark(&self) -> Option<Bookmark> {
        bookmark::of(&self.response)
    }

    /// The id under which the proxy logged the request.
    pub fn request_id(&self) -> Option<&str> {
        self.response.header("x-request-id")
    }

    /// `Server-Timing`: where the proxy spent the time.
    pub fn server_timing(&self) -> Option<&str> {
        self.response.header("server-timing")
    }

    fn no_result(&self, index: usize) -> Error {
        self.error(Kind::NoResult { index, count: self.len() }.into())
    }

    /// An error that knows of which request it is.
    fn error(&self, error: Error) -> Error {
        error.unless_read(self.read).of_request(self.request_id()).of_request(self.sent.as_deref())
    }
}

/// At most one row.
pub(crate) fn only<T>(rows: Vec<T>) -> Result<Option<T>, Error> {
    let count = rows.len();
    let mut rows = rows.into_iter();
    match (rows.next(), count) {
        (row, 0 | 1) => Ok(row),
        _ => Err(Kind::ManyRows(count).into()),
    }
}

/// A row that must be there.
pub(crate) fn some<T>(row: Option<T>) -> Result<T, Error> {
    row.ok_or_else(|| Kind::NoRow.into())
}

#[cfg(test)]
mod tests;
