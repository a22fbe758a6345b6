//! Rows as the JSON of `POST /sql`, for the few types that the benchmark's table has.

use std::borrow::Cow;

use bytes::Bytes;
use load::Outcome;
use serde::Serialize;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Column, Row, Statement};

/// One entry of `fields`, in the contract's order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Field<'a> {
    name: &'a str,
    #[serde(rename = "dataTypeID")]
    data_type_id: u32,
    #[serde(rename = "tableID")]
    table_id: u32,
    #[serde(rename = "columnID")]
    column_id: i16,
    data_type_size: i16,
    data_type_modifier: i32,
    format: &'static str,
}

/// The whole answer to a batch.
pub(crate) fn batch(queries: &[Cow<'_, str>], results: &[(Statement, Vec<Row>)]) -> Outcome<Bytes> {
    let mut out = br#"{"results":["#.to_vec();
    for (position, (query, (statement, rows))) in queries.iter().zip(results).enumerate() {
        if position > 0 {
            out.push(b',');
        }
        render(&mut out, query, statement.columns(), rows)?;
    }
    out.extend_from_slice(b"]}");
    Ok(out.into())
}

/// The whole answer to one statement.
pub(crate) fn one(query: &str, columns: &[Column], rows: &[Row]) -> Outcome<Vec<u8>> {
    let mut out = Vec::with_capacity(1024);
    render(&mut out, query, columns, rows)?;
    Ok(out)
}

/// A result. The command is the statement's first word: the client hides the tag.
fn render(out: &mut Vec<u8>, query: &str, columns: &[Column], rows: &[Row]) -> Outcome<()> {
    let command = query.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    out.extend_from_slice(br#"{"command":"#);
    serde_json::to_writer(&mut *out, &command)?;
    out.extend_from_slice(br#","rowCount":"#);
    serde_json::to_writer(&mut *out, &rows.len())?;
    out.extend_from_slice(br#","rowAsArray":false,"rows":["#);
    for (position, row) in rows.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_row(out, row)?;
    }
    out.extend_from_slice(br#"],"fields":"#);
    let fields = columns.iter().map(field).collect::<Outcome<Vec<_>>>()?;
    serde_json::to_writer(&mut *out, &fields)?;
    out.push(b'}');
    Ok(())
}

fn write_row(out: &mut Vec<u8>, row: &Row) -> Outcome<()> {
    for (index, column) in row.columns().iter().enumerate() {
        out.push(if index == 0 { b'{' } else { b',' });
        serde_json::to_writer(&mut *out, column.name())?;
        out.push(b':');
        match *column.type_() {
            Type::BOOL => write_value::<bool>(out, row, index)?,
            Type::INT2 => write_value::<i16>(out, row, index)?,
            Type::INT4 => write_value::<i32>(out, row, index)?,
            Type::INT8 => {
                let digits = row.try_get::<_, Option<i64>>(index)?;
                serde_json::to_writer(&mut *out, &digits.map(|digits| digits.to_string()))?;
            }
            Type::TEXT => write_value::<&str>(out, row, index)?,
            ref other => return Err(format!("this yardstick does not render {other}").into()),
        }
    }
    out.push(b'}');
    Ok(())
}

fn write_value<'a, T: FromSql<'a> + Serialize>(out: &mut Vec<u8>, row: &'a Row, index: usize) -> Outcome<()> {
    serde_json::to_writer(out, &row.try_get::<_, Option<T>>(index)?)?;
    Ok(())
}

fn field(column: &Column) -> Outcome<Field<'_>> {
    Ok(Field {
        name: column.name(),
        data_type_id: column.type_().oid(),
        table_id: column.table_oid().unwrap_or(0),
        column_id: column.column_id().unwrap_or(0),
        data_type_size: size(column.type_())?,
        data_type_modifier: column.type_modifier(),
        format: "text",
    })
}

/// `pg_type.typlen`, which the client hides.
fn size(kind: &Type) -> Outcome<i16> {
    Ok(match *kind {
        Type::BOOL => 1,
        Type::INT2 => 2,
        Type::INT4 => 4,
        Type::INT8 => 8,
        Type::TEXT => -1,
        ref other => return Err(format!("this yardstick does not render {other}").into()),
    })
}
