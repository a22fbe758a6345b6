//! TLS at the benchmark's Postgres, for as long as it is asked for: the cluster starts without.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use load::Outcome;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::certificate::Certificate;
use crate::setup::Bench;
use crate::sql::Sql;

const SETTINGS: [&str; 3] = ["ssl", "ssl_cert_file", "ssl_key_file"];

/// Switches it off again when dropped.
pub(super) struct Encrypted<'a>(&'a Bench);

/// The server gets copies of the certificate's files: it reads no key that others may read.
pub(super) fn switch_on<'a>(bench: &'a Bench, certificate: &Certificate) -> Outcome<Encrypted<'a>> {
    let sql = Sql::connect(&bench.database.admin_url)?;
    let folder = sql.text("SHOW data_directory")?;
    let folder = Path::new(&folder);
    let owner = std::fs::metadata(folder).map_err(|failure| {
        format!("{}: {failure}: the part distance needs a Postgres on this machine", folder.display())
    })?;
    let mut settings = vec!["ALTER SYSTEM SET ssl = on".to_owned()];
    for (file, setting) in [(&certificate.cert, SETTINGS[1]), (&certificate.key, SETTINGS[2])] {
        let copy = folder.join(format!("bench_{setting}.pem"));
        std::fs::copy(file, &copy)?;
        std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o600))?;
        chown(&copy, Some(owner.uid()), Some(owner.gid()))?;
        settings.push(format!("ALTER SYSTEM SET {setting} = '{}'", copy.display()));
    }
    settings.iter().try_for_each(|setting| sql.run(setting))?;
    let encrypted = Encrypted(bench);
    sql.run("SELECT pg_reload_conf()")?;
    let deadline = Instant::now() + Duration::from_secs(10);
    // A session learns of it between two of its statements.
    while sql.text("SHOW ssl")? != "on" {
        if Instant::now() > deadline {
            return Err("Postgres does not switch TLS on; its log says why".into());
        }
        sleep(Duration::from_millis(10));
    }
    Ok(encrypted)
}

impl Drop for Encrypted<'_> {
    fn drop(&mut self) {
        let undone = Sql::connect(&self.0.database.admin_url).and_then(|sql| {
            SETTINGS.iter().try_for_each(|setting| sql.run(&format!("ALTER SYSTEM RESET {setting}")))?;
            sql.run("SELECT pg_reload_conf()")
        });
        if let Err(failure) = undone {
            eprintln!("load: {failure}");
        }
    }
}

/// Host and port of the cluster.
pub(super) fn address(bench: &Bench) -> Outcome<String> {
    let config: Config = bench.database.url.parse()?;
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts() {
        [Host::Tcp(host)] => Ok(format!("{host}:{port}")),
        _ => Err("the part distance needs a Postgres that listens on TCP".into()),
    }
}
