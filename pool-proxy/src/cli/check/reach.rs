//! Can the database be reached, stage by stage, and is it Postgres itself.

use pool_proxy::config::DatabaseConfig;
use pool_proxy::drain::Drain;
use pool_proxy::postgres::{ConnectError, Server, SessionAttrs, Stage};
use tokio_postgres::Client;

use super::ask;
use super::finding::Findings;

const STAGES: [Stage; 6] = [Stage::Dns, Stage::Tcp, Stage::Tls, Stage::Authentication, Stage::Role, Stage::Startup];

/// Opens a connection; every stage that was passed is a finding, and the one that was not.
pub(super) async fn connect(database: &DatabaseConfig, drain: &Drain, findings: &mut Findings) -> Option<Server> {
    let (passed, outcome) = match database.target.connect(drain, ()).await {
        Ok(server) => (STAGES.len(), Ok(server)),
        Err(error) => (STAGES.iter().position(|stage| *stage == error.stage).unwrap_or(0), Err(error)),
    };
    let address = database.target.address();
    for stage in &STAGES[..passed] {
        let detail = match stage {
            Stage::Dns => format!("{address} is found"),
            Stage::Tcp => format!("{address} is reached"),
            // What is in use is told by the server, once it can be asked.
            Stage::Tls => continue,
            Stage::Authentication => format!("{} is let in", database.target.user()),
            Stage::Role if database.target.session_attrs() == SessionAttrs::Any => continue,
            Stage::Role => "one of the hosts is what target_session_attrs asks for".to_owned(),
            Stage::Startup => "a session starts".to_owned(),
        };
        findings.fine(stage.as_str(), detail);
    }
    match outcome {
        Ok(server) => Some(server),
        Err(error) => {
            findings.fail(error.stage.as_str(), format!("{}{}", error.message, advice(&error)));
            None
        }
    }
}

/// What to do about it.
fn advice(error: &ConnectError) -> String {
    let advice = match (error.stage, error.code.as_deref()) {
        // What PgBouncer says to a setting that it does not pass on.
        _ if error.message.contains("unsupported startup parameter") => {
            "this is a pooler such as PgBouncer; take the direct URL of Postgres"
        }
        (Stage::Dns, _) => "is the host's name spelled right, and known here?",
        (Stage::Tcp, _) => "is the port right, the server up, and the way to it open?",
        (Stage::Tls, _) => "does the server speak TLS, and do sslmode and the root certificate fit its certificate?",
        (Stage::Role, _) => "no host of the URL is what its target_session_attrs asks for",
        (_, Some("28P01")) => "check user and password of the URL",
        (_, Some("28000")) => "check the role, and what pg_hba.conf says of it",
        (_, Some("3D000")) => "check the name after the slash of the URL, or create the database",
        (_, Some("53300")) => "all connections are taken: lower pool.max or the number of others",
        (_, Some("42501")) => "grant CONNECT on the database to the role",
        _ => return code(error),
    };
    format!("{}; {advice}", code(error))
}

fn code(error: &ConnectError) -> String {
    error.code.as_ref().map_or(String::new(), |code| format!(" (SQLSTATE {code})"))
}

/// A second connection beside the first. Of Postgres itself it gets a backend of its own; a transaction pooler gives it
/// the one that the first has just let go of.
pub(super) async fn second(first: &Client, database: &DatabaseConfig, drain: &Drain, findings: &mut Findings) {
    const CHECK: &str = "direct connection";
    const PID: &str = "SELECT pg_backend_pid()::text";
    let server = match database.target.connect(drain, ()).await {
        Ok(server) => server,
        Err(error) => {
            return findings.fail(CHECK, format!("no second connection: {}{}", error.message, advice(&error)));
        }
    };
    let pids = (ask::row::<1>(first, PID, &[]).await, ask::row::<1>(server.client(), PID, &[]).await);
    match pids {
        (Ok(one), Ok(other)) if one == other => findings.fail(
            CHECK,
            "two connections share a backend: a transaction pooler stands before Postgres; take the direct URL",
        ),
        (Ok(_), Ok(_)) => findings.fine(CHECK, "no pooler in between"),
        (Err(error), _) | (_, Err(error)) => findings.unknown(CHECK, &error),
    }
}
