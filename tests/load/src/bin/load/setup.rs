//! What every part stands on: a scratch folder, a database with one table, the Node yardstick's packages.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use load::Outcome;

use crate::interrupt;
use crate::options::Options;
use crate::processes;
use crate::sql::Sql;

/// Rows of the table; ids run from 1.
pub(crate) const ROWS: u32 = 100_000;
/// Request bodies that oha picks from at random, each with another id.
const BODIES: u32 = 10_000;
/// The statement of every part.
pub(crate) const SELECT: &str = "SELECT id, name, email, credits, active FROM bench_users WHERE id = $1";

/// All that the parts share; dropping it drops the database and the folder.
pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) database: Database,
    pub(crate) scratch: Scratch,
}

impl Bench {
    pub(crate) fn prepare(options: Options) -> Outcome<Self> {
        expect_oha(&options.oha)?;
        processes::expect_files(options.open_files())?;
        let scratch = Scratch::create()?;
        interrupt::clean_up(scratch.0.clone())?;
        std::fs::write(scratch.bodies(), select_bodies()?)?;
        install_node()?;
        progress(&format!("creating a table of {ROWS} rows"));
        let database = Database::create(&options.postgres)?;
        Ok(Self { options, database, scratch })
    }
}

/// The benchmark's own database.
pub(crate) struct Database {
    pub(crate) admin_url: String,
    pub(crate) name: String,
    pub(crate) url: String,
}

impl Database {
    fn create(admin_url: &str) -> Outcome<Self> {
        let name = format!("pool_proxy_bench_{}", std::process::id());
        let url = with_database(admin_url, &name)?;
        Sql::connect(admin_url)?.run(&format!("CREATE DATABASE {name}"))?;
        let database = Self { admin_url: admin_url.to_owned(), name, url };
        let sql = Sql::connect(&database.url)?;
        sql.run(&format!(
            "CREATE TABLE bench_users (id int PRIMARY KEY, name text NOT NULL, email text NOT NULL,
                                       credits bigint NOT NULL, active bool NOT NULL);
             INSERT INTO bench_users SELECT n, 'User number ' || n, 'user' || n || '@example.com', n * 7919::bigint, n % 3 > 0
             FROM generate_series(1, {ROWS}) n"
        ))?;
        sql.run("VACUUM ANALYZE bench_users")?;
        Ok(database)
    }

    /// Waits until nobody is connected, so that what is counted next is the next server's.
    pub(crate) fn wait_until_unused(&self) -> Outcome<()> {
        let sql = Sql::connect(&self.admin_url)?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while sql.connections_to(&self.name)? > 0 {
            if Instant::now() > deadline {
                return Err(format!("connections to {} stay open after their server ended", self.name).into());
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = Sql::connect(&self.admin_url)
            .and_then(|sql| sql.run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)));
        if let Err(failure) = dropped {
            eprintln!("load: {failure}");
        }
    }
}

/// A folder of this run, gone with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    fn create() -> Outcome<Self> {
        let folder = std::env::temp_dir().join(format!("pool-proxy-bench-{}", std::process::id()));
        std::fs::create_dir(&folder).map_err(|failure| format!("{}: {failure}", folder.display()))?;
        Ok(Self(folder))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The request bodies of the uncached select, one a line.
    pub(crate) fn bodies(&self) -> PathBuf {
        self.file("bodies")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The request body that asks for one row, as the Neon driver writes it: parameters are strings.
pub(crate) fn select_body(id: u32) -> String {
    format!(r#"{{"query":"{SELECT}","params":["{id}"]}}"#)
}

fn select_bodies() -> Outcome<String> {
    let mut lines = String::new();
    for number in 0..BODIES {
        writeln!(lines, "{}", select_body(number * (ROWS / BODIES) + 1))?;
    }
    Ok(lines)
}

/// Where the Node yardstick lies.
pub(crate) fn node_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("node")
}

/// Where the tests' own npm clients lie, and Prisma's server among them.
pub(crate) fn clients_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients")
}

/// Where the edge API lies.
pub(crate) fn edge_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../edge-api")
}

fn expect_oha(oha: &Path) -> Outcome<()> {
    let answer = Command::new(oha).arg("--version").output();
    if answer.is_ok_and(|answer| answer.status.success()) {
        return Ok(());
    }
    let oha = oha.display();
    Err(format!("{oha} does not run: `cargo install oha --locked`, or name one in OHA_BIN").into())
}

fn install_node() -> Outcome<()> {
    let folder = node_folder();
    if folder.join("node_modules/hono").is_dir() && folder.join("node_modules/pg").is_dir() {
        return Ok(());
    }
    progress("installing the Node yardstick's packages");
    let npm = Command::new("npm").args(["ci", "--ignore-scripts", "--silent"]).current_dir(&folder).output();
    let done = npm.map_err(|failure| format!("npm (Node 20 or newer) is needed: {failure}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("npm ci in {}: {}", folder.display(), String::from_utf8_lossy(&done.stderr).trim()).into())
}

/// `url` with its path replaced, its options kept.
fn with_database(url: &str, name: &str) -> Outcome<String> {
    let (scheme, rest) = url.split_once("://").ok_or("POOL_PROXY_BENCH_POSTGRES is not a postgres:// URL")?;
    let (front, query) = rest.split_once('?').map_or((rest, None), |(front, query)| (front, Some(query)));
    let authority = front.split('/').next().unwrap_or_default();
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Ok(format!("{scheme}://{authority}/{name}{query}"))
}

/// A line on standard error, so that nobody looks at nothing.
pub(crate) fn progress(line: &str) {
    eprintln!("load: {line}");
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn a_url_gets_another_database() {
        let check = |url: &str, expected: &str| {
            assert_eq!(with_database(url, "b").expect("a URL"), expected);
        };
        check("postgres://u:p@h:1/a", "postgres://u:p@h:1/b");
        check("postgres://u@h", "postgres://u@h/b");
        check("postgresql://u@h/a?sslmode=disable", "postgresql://u@h/b?sslmode=disable");
        check("postgres:///a?host=/tmp", "postgres:///b?host=/tmp");
        check("postgres://u@h?sslmode=disable", "postgres://u@h/b?sslmode=disable");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        assert!(with_database("host=h user=u", "b").is_err());
    }
}
