//! Whether answers can be kept until they change.

use pool_proxy::coherence::Mode;
use pool_proxy::coherence::install::Standing;
use pool_proxy::config::DatabaseConfig;
use tokio_postgres::Client;

use super::finding::Findings;

/// Names told at most.
const SOME: usize = 5;

pub(super) async fn examine(client: &Client, database: &DatabaseConfig, findings: &mut Findings) {
    const CHECK: &str = "cache coherence";
    let publication = &*database.keep.publication;
    let standing = match Standing::ask(client, publication).await {
        Ok(standing) => standing,
        Err(error) => return findings.unknown(CHECK, &error.to_string()),
    };
    // Whether answers are kept or not, what is published is in the way.
    let refused: Vec<&str> = standing.refusing().collect();
    if !refused.is_empty() {
        let detail = format!(
            "Postgres refuses UPDATE and DELETE on {}: published, and without a replica identity; run `pool-proxy coherence apply`",
            listed(&refused)
        );
        findings.fail("published tables", detail);
    }
    if database.keep.mode == Mode::Ask {
        let can = if standing.obstacles().is_empty() {
            "; with cache.mode = \"auto\", and `pool-proxy coherence apply`, until it changes"
        } else {
            ""
        };
        let detail =
            format!("TTL only: an answer is served for as long as the request allows, or until /invalidate{can}");
        return findings.info(CHECK, detail);
    }
    let obstacles = standing.obstacles();
    if !obstacles.is_empty() {
        return findings.fail(CHECK, format!("answers cannot be kept until they change: {}", obstacles.join("; ")));
    }
    let followed = standing.tables.iter().filter(|table| table.is_published && table.obstacle.is_none()).count();
    match &standing.publication {
        None => {
            let detail = format!("there is no publication {publication}: run `pool-proxy coherence apply`");
            return findings.fail(CHECK, detail);
        }
        Some(held) if !held.tells_all => {
            let detail =
                format!("the publication {publication} does not tell of all changes: run `pool-proxy coherence apply`");
            findings.fail(CHECK, detail);
        }
        Some(_) => findings.fine(CHECK, format!("{followed} of {} tables are followed", standing.tables.len())),
    }
    let missing = names(&standing, |table| !table.is_published && table.obstacle.is_none());
    if !missing.is_empty() {
        let detail = format!("{} could be followed and are not: run `pool-proxy coherence apply`", listed(&missing));
        findings.warn("published tables", detail);
    }
    let out = names(&standing, |table| table.obstacle.is_some());
    if !out.is_empty() {
        let detail =
            format!("answers from {} are kept for their time only; `pool-proxy coherence plan` says why", listed(&out));
        findings.info("tables left out", detail);
    }
    if standing.free_slots < 1 {
        findings.warn("replication slots", "none is free: each proxy needs one; raise max_replication_slots");
    }
    if standing.tells_definitions {
        findings.fine("definitions and rights", "told by event triggers; rights of roles are looked at twice a second");
    } else {
        findings
            .info("definitions and rights", "looked at twice a second: a change counts within the bound of a second");
    }
}

fn names(standing: &Standing, which: impl Fn(&pool_proxy::coherence::install::Table) -> bool) -> Vec<&str> {
    standing.tables.iter().filter(|table| which(table)).map(|table| table.name.as_str()).collect()
}

fn listed(names: &[&str]) -> String {
    let more = names.len().saturating_sub(SOME);
    let some = names.get(..SOME).unwrap_or(names).join(", ");
    if more > 0 { format!("{some} and {more} more") } else { some }
}
