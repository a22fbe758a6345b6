//! Asks Postgres for a few values.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

/// All rows of a query. Its columns must be text: connections of the proxy carry results as text.
pub(super) async fn rows(client: &Client, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, String> {
    client.query(sql, params).await.map_err(|error| match error.as_db_error() {
        Some(said) => said.message().to_owned(),
        None => error.to_string(),
    })
}

/// The columns of the only row.
pub(super) async fn row<const N: usize>(
    client: &Client,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<[String; N], String> {
    let rows = rows(client, sql, params).await?;
    let row = rows.first().ok_or("Postgres answered with no row")?;
    let mut columns = [const { String::new() }; N];
    for (index, column) in columns.iter_mut().enumerate() {
        let value: Option<String> = row.try_get(index).map_err(|error| error.to_string())?;
        *column = value.unwrap_or_default();
    }
    Ok(columns)
}

/// A boolean as Postgres casts it to text.
pub(super) fn truth(text: &str) -> bool {
    text == "true"
}
