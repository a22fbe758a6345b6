//! The way to Postgres: a pool whose connections one request has at a time, or one connection that all share.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use futures_util::TryStreamExt;
use futures_util::future::{join, try_join_all};
use load::Outcome;
use serde_json::Value;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use crate::params::TextParam;

/// Both run statements prepared.
pub(crate) enum Database {
    Pool(Pool),
    Pipelined { client: Box<Client>, statements: Mutex<HashMap<String, Statement>> },
}

impl Database {
    pub(crate) fn pool(config: Config, most: usize) -> Outcome<Self> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, NoTls, recycling);
        Ok(Self::Pool(Pool::builder(manager).max_size(most).build()?))
    }

    pub(crate) async fn pipelined(config: &Config) -> Outcome<Self> {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(Self::Pipelined { client: Box::new(client), statements: Mutex::default() })
    }

    /// All in one transaction, sent without waiting for each other.
    pub(crate) async fn batch(
        &self,
        queries: &[Cow<'_, str>],
        params: Vec<Vec<Value>>,
    ) -> Outcome<Vec<(Statement, Vec<Row>)>> {
        let Self::Pool(pool) = self else { return Err("batches need the pool".into()) };
        let client = pool.get().await?;
        let mut statements = Vec::with_capacity(queries.len());
        for query in queries {
            statements.push(client.prepare_cached(query).await?);
        }
        let all = statements.iter().zip(params).map(async |(statement, params)| {
            let rows = client.query_raw(statement, params.into_iter().map(TextParam)).await?;
            rows.try_collect::<Vec<_>>().await
        });
        // Each is sent when it is first polled, and all are polled in this order.
        let ends = join(try_join_all(all), client.batch_execute("COMMIT"));
        let (begun, (rows, committed)) = join(client.batch_execute("BEGIN"), ends).await;
        begun?;
        committed?;
        Ok(statements.iter().cloned().zip(rows?).collect())
    }

    pub(crate) async fn rows(&self, query: &str, params: Vec<Value>) -> Outcome<(Statement, Vec<Row>)> {
        let params = params.into_iter().map(TextParam);
        match self {
            Self::Pool(pool) => {
                let client = pool.get().await?;
                let statement = client.prepare_cached(query).await?;
                let rows = client.query_raw(&statement, params).await?.try_collect().await?;
                Ok((statement, rows))
            }
            Self::Pipelined { client, statements } => {
                let known = || statements.lock().unwrap_or_else(PoisonError::into_inner);
                let prepared = known().get(query).cloned();
                let statement = if let Some(statement) = prepared {
                    statement
                } else {
                    let statement = client.prepare(query).await?;
                    known().insert(query.to_owned(), statement.clone());
                    statement
                };
                let rows = client.query_raw(&statement, params).await?.try_collect().await?;
                Ok((statement, rows))
            }
        }
    }
}
