//! The way to Postgres: a pool whose connections one request has at a time, or one connection that all share.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use futures_util::TryStreamExt;
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
