//! What is refused, and in which words.

use super::{ENOUGH, Scratch, load};
use crate::config::{Config, Sources};

const HASH: &str = "sha256:6740d7bd126c4bd3948a27573a78dcd7432dba71e4eeaad499d8dcc6641007ec";

/// Every fault of this file and these variables, in order; a case says how each begins.
pub(super) fn check(file: &str, variables: &[(&str, &str)], expected: &[&str]) {
    let file = file.replace("HASH", HASH);
    let said = load(&file, variables).err().unwrap_or_else(|| panic!("accepted: {file} {variables:?}"));
    assert!(!said.contains("geheim"), "a secret is told: {said}");
    let lines: Vec<&str> = said.lines().skip(1).map(str::trim_start).collect();
    assert_eq!(lines.len(), expected.len(), "{said}");
    for (line, start) in lines.iter().zip(expected) {
        assert!(line.starts_with(start), "expected {start}\n     got {line}");
    }
}

/// One fault beside a set-up that is enough.
fn in_file(file: &str, expected: &str) {
    check(file, &ENOUGH, &[expected]);
}

fn in_variable(name: &str, value: &str, expected: &str) {
    let [url, key] = ENOUGH;
    check("", &[url, key, (name, value)], &[expected]);
}

#[test]
fn nothing_at_all() {
    check(
        "",
        &[],
        &["databases: expected at least one: set DATABASE_URL", "keys: expected at least one: set POOL_PROXY_KEY"],
    );
    // Empty is unset.
    let empty = [("DATABASE_URL", ""), ("POOL_PROXY_KEY", "")];
    check("", &empty, &["databases: expected", "keys: expected"]);
}

#[test]
fn an_unknown_key_is_told_with_its_line() {
    in_file("\nlissen = 1", "config (FILE:2): unknown key `lissen`, expected one of `listen`,");
    in_file(
        "[ops]\n\n# geheim\ntokken = \"geheim\"",
        "config (FILE:4): unknown key `tokken`, expected one of `listen`, `token`, `statements`",
    );
    in_file("[databases.default.pool]\nmaximum = 3", "config (FILE:2): unknown key `maximum`");
    in_file("[[keys]]\nname = \"a\"\n[[keys]]\nsecret = \"geheim\"", "config (FILE:4): unknown key `secret`");
    in_file("[caches]\nbytes = 1", "config (FILE:1): unknown key `caches`");
}

#[test]
fn a_file_that_is_none() {
    in_file(
        "[databases]\ndefault = \"postgres://a:geheim@b/c\"",
        "config (FILE:2): expected a table, not a value of type string",
    );
    in_file("keys = \"geheim\"", "config (FILE:1): expected a sequence, not a value of type string");
    in_file("[databases.default]\nurl = \"postgres://a:geheim@b/c\n", "config (FILE:2): invalid basic string");
    in_file(
        "[databases.default.url]\na = \"geheim\"",
        "config (FILE:1): expected a string, a number, true or false, not",
    );
    let sources = Sources { file: Some("/absent/file".into()), ..Sources::default() };
    let said = Config::load(&sources).err().unwrap().to_string();
    assert!(said.contains("config = /absent/file (--config): expected a TOML file that can be read"), "{said}");
    let environment = [("POOL_PROXY_CONFIG".to_owned(), "/absent/file".to_owned())].into();
    let said = Config::load(&Sources { environment, ..Sources::default() }).err().unwrap().to_string();
    assert!(said.contains("config = /absent/file (POOL_PROXY_CONFIG): expected"), "{said}");
}

#[test]
fn addresses() {
    in_file("listen = \":8080\"", "listen = :8080 (FILE:1): expected an address and a port: 127.0.0.1:8080 for");
    in_variable(
        "POOL_PROXY_LISTEN",
        "8080",
        "listen = 8080 (POOL_PROXY_LISTEN): expected an address and a port: 127.0.0.1:8080 for",
    );
    in_variable(
        "POOL_PROXY_LISTEN",
        "0.0.0.0",
        "listen = 0.0.0.0 (POOL_PROXY_LISTEN): expected an address and a port, such as 0.0.0.0:8080",
    );
    in_variable(
        "POOL_PROXY_LISTEN",
        "::",
        "listen = :: (POOL_PROXY_LISTEN): expected an address and a port, such as [::]:8080",
    );
    in_variable(
        "POOL_PROXY_LISTEN",
        "*:80",
        "listen = *:80 (POOL_PROXY_LISTEN): expected an address and a port: 0.0.0.0:80 or [::]:80",
    );
    in_variable(
        "POOL_PROXY_OPS_LISTEN",
        "db.internal:9080",
        "ops.listen = db.internal:9080 (POOL_PROXY_OPS_LISTEN): expected an address and a port, such as 127.0.0.1:8080; a name is not resolved",
    );
    in_variable(
        "POOL_PROXY_OPS_LISTEN",
        "[::]:9080",
        "ops.listen = [::]:9080 (POOL_PROXY_OPS_LISTEN): expected ops.token (POOL_PROXY_OPS_TOKEN) too",
    );
    in_variable(
        "POOL_PROXY_OPS_LISTEN",
        "127.0.0.1:8080",
        "ops.listen = 127.0.0.1:8080 (POOL_PROXY_OPS_LISTEN): expected another address than listen (default)",
    );
}

#[test]
fn secrets() {
    let [url, key] = ENOUGH;
    check(
        "",
        &[url, ("POOL_PROXY_KEY", "geheim")],
        &["POOL_PROXY_KEY = [hidden] (POOL_PROXY_KEY): expected at least 16 characters; it has 6"],
    );
    check(
        "",
        &[url, ("POOL_PROXY_KEY", "geheim, 0123456789\n")],
        &["POOL_PROXY_KEY = [hidden] (POOL_PROXY_KEY): expected no control characters"],
    );
    check(
        "",
        &[key, ("DATABASE_URL", "mysql://a:geheim@b/c")],
        &["databases.default.url = [hidden] (DATABASE_URL): a connection URL starts with postgres://"],
    );
    check(
        "",
        &[key, ("DATABASE_URL", "postgres://a:b@c?geheim@host/d")],
        &["databases.default.url = [hidden] (DATABASE_URL): expected a question mark only before the parameters"],
    );
    check(
        "",
        &[key, ("DATABASE_URL", "postgres://host/d")],
        &["databases.default.url = [hidden] (DATABASE_URL): the connection URL names no user"],
    );
    check(
        "",
        &[key, ("DATABASE_URL", "postgres://a:geheim@host/d?foo=1")],
        &["databases.default.url = [hidden] (DATABASE_URL): the connection URL's parameter \"foo\" is not supported"],
    );
    in_variable(
        "POOL_PROXY_OPS_TOKEN",
        "geheim",
        "ops.token = [hidden] (POOL_PROXY_OPS_TOKEN): expected at least 16 characters",
    );
    check(
        "",
        &[url, key, ("POOL_PROXY_TLS_KEY", "-----BEGIN geheim")],
        &[
            "tls.cert: expected a PEM file, since tls.key is set",
            "tls.key = [hidden] (POOL_PROXY_TLS_KEY): expected the path",
        ],
    );
    // A URL at the wrong place.
    in_variable(
        "POOL_PROXY_LISTEN",
        "postgres://a:geheim@b/c",
        "listen = [hidden] (POOL_PROXY_LISTEN): expected an address",
    );
    check(
        "",
        &[url, ("POOL_PROXY_KEY", "geheim, 0123456789 \u{fffd}"), ("POOL_PROXY_BIN", "\u{fffd}")],
        &["POOL_PROXY_KEY: expected text in UTF-8"],
    );
}

#[test]
fn poolers() {
    for url in [
        "postgres://a:geheim@db.example.com:6543/c",
        "postgres://a:geheim@ep-cool-pooler.eu.example.com/c",
        "postgres://a:geheim@db/c?pgbouncer=true",
    ] {
        let expected = "databases.default.url = [hidden] (DATABASE_URL): expected Postgres itself; this URL points at a transaction pooler (";
        check("", &[ENOUGH[1], ("DATABASE_URL", url)], &[expected]);
    }
}

#[test]
fn databases() {
    in_file("[databases.a]", "databases.a.url: expected url or url_file in [databases.a] (FILE:1)");
    in_file(
        "[databases.a]\nurl = \"postgres://a:geheim@b/c\"\nurl_file = \"/absent\"",
        "databases.a.url_file = /absent (FILE:3): expected either url or url_file, not both",
    );
    in_file(
        "[databases.a]\nurl_file = \"/absent\"",
        "databases.a.url_file = /absent (FILE:2): expected a file that holds the URL and can be read",
    );
    let empty = Scratch::new(" \n");
    let file = format!("[databases.a]\nurl_file = {:?}", empty.path());
    in_file(
        &file,
        &format!("databases.a.url_file = {} (FILE:2): expected a file that holds the URL; it is empty", empty.path()),
    );
    in_file(
        "[databases.\"a b\"]\nurl = \"postgres://a@b/c\"",
        "databases.a b = \"a b\" (FILE:1): expected a name of 1 to 63",
    );
    in_variable(
        "POOL_PROXY_DB_ROOT_CERT",
        "/absent",
        "databases.default.root_cert = /absent (POOL_PROXY_DB_ROOT_CERT): the root certificate /absent cannot be read",
    );
}

#[test]
fn pools() {
    in_variable("POOL_PROXY_POOL_MAX", "0", "pool.max = 0 (POOL_PROXY_POOL_MAX): expected a whole number from 1");
    in_variable("POOL_PROXY_POOL_MAX", "-1", "pool.max = -1 (POOL_PROXY_POOL_MAX): expected a whole number");
    in_variable(
        "POOL_PROXY_POOL_MAX",
        "1000000000000",
        "pool.max = 1000000000000 (POOL_PROXY_POOL_MAX): expected a whole number from 1 to 262143",
    );
    in_variable(
        "POOL_PROXY_POOL_MIN_IDLE",
        "11",
        "pool.min_idle = 11 (POOL_PROXY_POOL_MIN_IDLE): expected at most pool.max, which is 10 (default)",
    );
    in_file("[pool]\nmax_lifetime = \"0s\"", "pool.max_lifetime = 0s (FILE:2): expected at least 1s");
    in_file("[pool]\nidle_timeout = \"no\"", "pool.idle_timeout = no (FILE:2): expected a duration");
    in_file(
        "[pool]\nmin_idle = 5\n[databases.default.pool]\nmax = 4",
        "databases.default.pool.min_idle = 5 (FILE:2): expected at most databases.default.pool.max, which is 4 (FILE:4)",
    );
    // A default in the place of what cannot be read is not compared with.
    in_file("[pool]\nmin_idle = 50\nmax = \"many\"", "pool.max = many (FILE:3): expected a whole number");
}

#[test]
fn limits() {
    in_file("[limits]\ntransaction = \"91s\"", "limits.transaction = \"1m 31s\" (FILE:2): expected at most 90s");
    in_file("[limits]\nquery = \"0s\"", "limits.query = 0s (FILE:2): expected more than nothing");
    in_file("[limits]\nquery = 10", "limits.query = 10 (FILE:2): expected a duration such as 500ms, 10s or 2m");
    in_file(
        "[databases.default.limits]\nqueue = \"soon\"",
        "databases.default.limits.queue = soon (FILE:2): expected a duration",
    );
    in_file(
        "[limits]\nrequest_bytes = \"10 MX\"",
        "limits.request_bytes = \"10 MX\" (FILE:2): expected a number of bytes, or a size",
    );
    in_file("[limits]\nresponse_bytes = 0", "limits.response_bytes = 0 (FILE:2): expected at least one byte");
    in_variable(
        "POOL_PROXY_CACHE_BYTES",
        "99999999999GiB",
        "cache.bytes = 99999999999GiB (POOL_PROXY_CACHE_BYTES): expected a number of bytes",
    );
}

#[test]
fn keys() {
    let entry = |lines: &str| format!("[[keys]]\nname = \"a\"\nhash = \"HASH\"\n{lines}");
    in_file("[[keys]]\nhash = \"HASH\"", "keys[0].name: expected a name in the entry at FILE:1");
    in_file("[[keys]]\nname = \"a\"", "keys.a.hash: expected a hash in the entry at FILE:1");
    in_file("[[keys]]\nname = \"a b\"\nhash = \"HASH\"", "keys[0].name = \"a b\" (FILE:2): expected a name of 1 to 64");
    in_file(
        "[[keys]]\nname = \"env\"\nhash = \"HASH\"",
        "keys[0].name = env (FILE:2): expected a name of its own; POOL_PROXY_KEY goes by this name",
    );
    in_file(
        "[[keys]]\nname = \"a\"\nhash = \"geheim\"",
        "keys.a.hash = [hidden] (FILE:3): expected sha256: and 64 hexadecimal digits",
    );
    let twice = entry("[[keys]]\nname = \"b\"\nhash = \"HASH\"");
    in_file(&twice, "keys.b.hash = [hidden] (FILE:6): expected a hash of its own; the key \"a\" has the same");
    let other = HASH.replace("6740", "6741");
    in_file(
        &entry(&format!("[[keys]]\nname = \"a\"\nhash = \"{other}\"")),
        "keys[1].name = a (FILE:5): expected a name of its own; it is taken",
    );
    in_file(
        &entry("databases = [\"b\"]"),
        "keys.a.databases = b (FILE:4): expected the name of a configured database: default",
    );
    in_file(&entry("databases = []"), "keys.a.databases = [] (FILE:4): expected the name of a database");
    in_file(&entry("role = \"None\""), "keys.a.role = None (FILE:4): expected the name of a Postgres role");
    in_file(&entry("role = \"\""), "keys.a.role = \"\" (FILE:4): expected the name of a Postgres role");
    in_file(&entry("read_only = \"yes\""), "keys.a.read_only = yes (FILE:4): expected true or false");
    in_file(
        &entry("expires = \"2035-13-01\""),
        "keys.a.expires = 2035-13-01 (FILE:4): expected a date such as 2035-01-01",
    );
}

#[test]
fn the_rest() {
    in_variable(
        "POOL_PROXY_LOG",
        "xml,info",
        "log = xml,info (POOL_PROXY_LOG): expected text or json, then an env-filter",
    );
    in_variable("POOL_PROXY_REGION", "fra 1", "region = \"fra 1\" (POOL_PROXY_REGION): expected at most 32 letters");
    in_file("drain_delay = \"x\"", "drain_delay = x (FILE:1): expected a duration");
    in_file(
        "[cors]\norigins = [\"https://a.example/\"]",
        "cors.origins = https://a.example/ (FILE:2): expected an origin such as",
    );
    in_file(
        "[cors]\norigins = [\n  \"*\",\n  \"a.example\",\n]",
        "cors.origins = a.example (FILE:4): expected an origin such as",
    );
    let other = Scratch::new("nothing");
    let file = format!("[tls]\ncert = {0:?}\nkey = {0:?}", other.path());
    let path = other.path();
    check(
        &file,
        &ENOUGH,
        &[
            &format!("tls.cert = {path} (FILE:2): expected a PEM file with a certificate in it"),
            &format!("tls.key = {path} (FILE:3): expected a PEM file with a private key in it"),
        ],
    );
}

#[test]
fn all_at_once() {
    let file = "listen = \"1\"\n[pool]\nmax = 0\n[limits]\nquery = \"x\"\n[databases.a]\n[[keys]]\n";
    let expected =
        ["listen = 1", "pool.max = 0", "limits.query = x", "databases.a.url", "keys[0].name", "keys[0].hash"];
    check(file, &[], &expected);
}
