//! The server: its version, the encryption of the way to it, whether it takes writes, its clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pool_proxy::config::DatabaseConfig;
use pool_proxy::postgres::tls::SslMode;
use tokio_postgres::Client;

use super::ask;
use super::finding::Findings;

/// The oldest version that is supported, as `server_version_num` writes it.
const OLDEST: u32 = 140_000;

/// Clocks that differ by more make expiries and logs misleading.
const SKEW: Duration = Duration::from_secs(5);

pub(super) async fn examine(client: &Client, database: &DatabaseConfig, findings: &mut Findings) {
    version(client, findings).await;
    encryption(client, database, findings).await;
    writes(client, findings).await;
    clock(client, findings).await;
}

async fn version(client: &Client, findings: &mut Findings) {
    const CHECK: &str = "version";
    const SQL: &str = "SELECT current_setting('server_version_num'), current_setting('server_version')";
    match ask::row::<2>(client, SQL, &[]).await {
        Ok([number, version]) => {
            if number.parse().is_ok_and(|number: u32| number >= OLDEST) {
                findings.fine(CHECK, format!("Postgres {version}"));
            } else {
                findings.fail(CHECK, format!("Postgres {version}; expected 14 or newer"));
            }
        }
        Err(error) => findings.unknown(CHECK, &error),
    }
}

async fn encryption(client: &Client, database: &DatabaseConfig, findings: &mut Findings) {
    const CHECK: &str = "TLS";
    // Of the session's own row everybody may see all columns.
    const SQL: &str = "SELECT ssl::text, version, (inet_server_addr() IS NULL \
        OR host(inet_server_addr())::inet <<= '127.0.0.0/8' OR host(inet_server_addr()) = '::1')::text \
        FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let mode = database.target.sslmode();
    match ask::row::<3>(client, SQL, &[]).await {
        Ok([ssl, version, local]) => {
            let named = format!("sslmode={}", mode.as_str());
            match (ask::truth(&ssl), mode) {
                (true, SslMode::VerifyFull) => {
                    findings.fine(CHECK, format!("{version}, certificate and name verified"));
                }
                (true, SslMode::VerifyCa) => {
                    findings.fine(CHECK, format!("{version}, certificate verified, not the name ({named})"));
                }
                (true, _) if ask::truth(&local) => {
                    findings.fine(CHECK, format!("{version}, on this machine ({named})"));
                }
                (true, _) => findings.warn(
                    CHECK,
                    format!("{version}, but who answers is not verified ({named}); expected sslmode=verify-full"),
                ),
                (false, _) if ask::truth(&local) => findings.info(CHECK, format!("none, on this machine ({named})")),
                (false, _) => findings.warn(
                    CHECK,
                    format!(
                        "none: password and data cross the network in clear ({named}); expected sslmode=verify-full"
                    ),
                ),
            }
        }
        Err(error) => findings.unknown(CHECK, &error),
    }
}

async fn writes(client: &Client, findings: &mut Findings) {
    const CHECK: &str = "writable";
    const SQL: &str = "SELECT pg_is_in_recovery()::text, current_setting('default_transaction_read_only')";
    match ask::row::<2>(client, SQL, &[]).await {
        Ok([recovery, _]) if ask::truth(&recovery) => findings.warn(
            CHECK,
            "a standby: it refuses writes, and statements cannot be analysed there, so that nothing is cached and \
             restricted keys are refused",
        ),
        Ok([_, read_only]) if read_only == "on" => findings
            .warn(CHECK, "default_transaction_read_only is on: writes are refused, and statements cannot be analysed"),
        Ok(_) => findings.fine(CHECK, "takes writes"),
        Err(error) => findings.unknown(CHECK, &error),
    }
}

async fn clock(client: &Client, findings: &mut Findings) {
    const CHECK: &str = "clock";
    const SQL: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text";
    let before = SystemTime::now();
    let answer = ask::row::<1>(client, SQL, &[]).await;
    let took = before.elapsed().unwrap_or_default();
    let ours = (before + took / 2).duration_since(UNIX_EPOCH).unwrap_or_default();
    let theirs = answer.and_then(|[text]| text.parse().map(Duration::from_millis).map_err(|_| "no time".to_owned()));
    match theirs {
        // Half of the way there and back may have been waiting.
        Ok(theirs) if ours.abs_diff(theirs) > SKEW + took / 2 => {
            let ahead = if theirs > ours { "ahead of" } else { "behind" };
            let seconds = ours.abs_diff(theirs).as_secs();
            findings.warn(CHECK, format!("the database's clock is {seconds} s {ahead} this machine's"));
        }
        Ok(_) => findings.fine(CHECK, "agrees with this machine's"),
        Err(error) => findings.unknown(CHECK, &error),
    }
}
