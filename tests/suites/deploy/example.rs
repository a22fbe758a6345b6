//! The example configuration file.

use std::collections::BTreeSet;

use harness::Folder;
use toml::Table;
use toml::Value;

use super::parts::{config, deploy, leaves, printed, uncommented};

/// Every setting of the configuration file, as `section.key`.
const SETTINGS: &str = "listen region instance log slow_query drain_delay ops.listen ops.token ops.statements upstream.url upstream.root_cert tls.cert tls.key cors.origins clients.connections \
    clients.header_timeout clients.body_timeout clients.body_bytes clients.compression trace.endpoint trace.headers trace.sample trace.sql_comment trace.service_name \
    cache.bytes cache.mode cache.bound cache.patience cache.publication cache.safe_functions \
    databases.default.cache.mode \
    pool.max pool.min_idle pool.transactions pool.shared_reads pool.max_lifetime pool.idle_timeout limits.query limits.queue limits.transaction limits.request_bytes limits.response_bytes \
    databases.default.url databases.default.url_file databases.default.root_cert databases.default.pool.max \
    databases.default.pool.min_idle databases.default.pool.max_lifetime databases.default.pool.idle_timeout databases.default.limits.query databases.default.limits.queue \
    databases.default.limits.transaction databases.default.limits.request_bytes \
    databases.default.limits.response_bytes keys.name keys.hash keys.databases keys.read_only keys.role keys.expires \
    keys.rate keys.concurrency issuers.name issuers.issuer issuers.audience issuers.jwks_url issuers.jwks_file \
    issuers.secret issuers.secret_file issuers.role_claim issuers.roles issuers.default_role issuers.claims \
    issuers.databases issuers.read_only issuers.invalidate issuers.rate issuers.concurrency";

#[test]
fn the_example_is_accepted() {
    let answer = config(&[], Some(&deploy("pool-proxy.example.toml")));
    assert!(answer.status.success(), "{}", printed(&answer));
}

#[test]
fn the_example_has_every_setting_and_no_other() {
    let example: Table = uncommented().parse().unwrap();
    let settings: Vec<&str> = SETTINGS.split_whitespace().collect();
    let mut found = BTreeSet::new();
    leaves("", &Value::Table(example), &mut found);
    for setting in &settings {
        assert!(found.contains(*setting), "{setting} is not in the example");
    }
    let same = |path: &str| path.replace("databases.public.", "databases.default.");
    let unknown: Vec<&String> = found.iter().filter(|path| !settings.contains(&same(path).as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn options_left_out_of_the_example_are_known_to_the_binary() {
    let folder = Folder::new();
    // Files that do not exist here would be faults of their own, and so would a second source of an issuer's keys, or
    // databases and keys of a relay.
    let files =
        ["url = \"https:", "cert =", "key =", "url_file =", "root_cert =", "jwks_file =", "secret_file =", "secret ="];
    let is_file = |line: &&str| files.iter().any(|file| line.starts_with(file));
    let text: Vec<String> = uncommented().lines().filter(|line| !is_file(line)).map(str::to_owned).collect();
    let path = folder.write("pool-proxy.toml", text.join("\n"));
    let answer = config(&[], Some(&path));
    assert!(answer.status.success(), "{}", printed(&answer));
    for missing in ["[tls]\ncert = \"/absent\"\nkey = \"/absent\"", "[databases.default]\nurl_file = \"/absent\""] {
        let path = folder.write("missing.toml", missing);
        let said = printed(&config(&[("POOL_PROXY_KEY", "a key of the tests")], Some(&path)));
        assert!(!said.to_lowercase().contains("unknown"), "{missing}\n{said}");
    }
}
