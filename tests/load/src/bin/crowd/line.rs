//! A client's connection, whatever it speaks.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use load::Outcome;
use rustls::ClientConfig;
use serde_json::json;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Statement};

use crate::http::Http;
use crate::reads::Reads;
use crate::transaction;
use crate::work::Task;

/// Where to connect.
pub(crate) enum Target {
    Http {
        address: String,
        tls: Option<Arc<ClientConfig>>,
        /// Headers, all but the length.
        head: String,
        reads: Arc<Reads>,
    },
    Postgres {
        config: Box<Config>,
        /// Statements are prepared once on each connection.
        prepared: bool,
    },
}

/// A connection that was made.
pub(crate) enum Line {
    Http {
        http: Http,
        head: String,
        reads: Arc<Reads>,
    },
    Postgres(Client),
    /// With the statements that it has prepared.
    Prepared(Client, HashMap<String, Statement>),
}

/// An answer.
pub(crate) enum Said {
    Done {
        /// It came out of the proxy's cache.
        hit: bool,
    },
    /// 429 or 503.
    Refused { status: u16, retry_after: bool },
}

impl Target {
    pub(crate) fn http(address: String, tls: Option<Arc<ClientConfig>>, headers: &[String], reads: Reads) -> Self {
        let mut head = format!("host: {address}\r\ncontent-type: application/json\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        Self::Http { address, tls, head, reads: Arc::new(reads) }
    }

    pub(crate) async fn connect(&self) -> Outcome<Line> {
        match self {
            Self::Http { address, tls, head, reads } => {
                let http = Http::connect(address, tls.clone()).await?;
                Ok(Line::Http { http, head: head.clone(), reads: Arc::clone(reads) })
            }
            Self::Postgres { config, prepared } => {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(connection);
                Ok(if *prepared { Line::Prepared(client, HashMap::new()) } else { Line::Postgres(client) })
            }
        }
    }
}

impl Line {
    /// Asks and waits for the answer; an error means that the connection is of no more use.
    pub(crate) async fn ask(&mut self, task: &Task<'_>) -> Outcome<Said> {
        match (self, task) {
            (Self::Http { http, head, .. }, Task::Transaction(queries)) => transaction::run(http, head, queries).await,
            (Self::Http { http, head, reads }, Task::Statement { sql, id, writes }) => {
                // As the Neon driver writes them: parameters are strings.
                let params: Vec<_> = id.iter().map(i32::to_string).collect();
                let head = if *writes { Cow::Borrowed(head.as_str()) } else { reads.add(head, *id) };
                let answer = http.post("/sql", &head, &json!({ "query": sql, "params": params }).to_string()).await?;
                match answer.status {
                    200 => Ok(Said::Done { hit: answer.hit }),
                    status @ (429 | 503) => Ok(Said::Refused { status, retry_after: answer.retry_after }),
                    status => Err(format!("status {status}").into()),
                }
            }
            (Self::Postgres(client), Task::Statement { sql, id, .. }) => {
                // Unnamed and sent whole: a pooler by transactions may give each request another server.
                let params: Vec<(&(dyn ToSql + Sync), Type)> =
                    id.iter().map(|id| (id as &(dyn ToSql + Sync), Type::INT4)).collect();
                client.query_typed(sql, &params).await?;
                Ok(Said::Done { hit: false })
            }
            (Self::Prepared(client, statements), Task::Statement { sql, id, .. }) => {
                let statement = if let Some(known) = statements.get(*sql) {
                    known.clone()
                } else {
                    let statement = client.prepare(sql).await?;
                    statements.insert((*sql).to_owned(), statement.clone());
                    statement
                };
                let params: Vec<&(dyn ToSql + Sync)> = id.iter().map(|id| id as &(dyn ToSql + Sync)).collect();
                client.query(&statement, &params).await?;
                Ok(Said::Done { hit: false })
            }
            (Self::Postgres(_) | Self::Prepared(..), Task::Transaction(_)) => Err("transactions go over HTTP".into()),
        }
    }
}
