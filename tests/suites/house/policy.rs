//! What is built in, held to the lists of `deploy/deny.toml`: licences, where packages come from, and versions beside each
//! other. `cargo deny` reads the same file and looks for known holes, too; it joins in where it is installed.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::process::Command;

use toml::Table;

use super::{assert_none, root};

fn policy() -> Table {
    fs::read_to_string(root().join("deploy/deny.toml")).unwrap().parse().unwrap()
}

/// The texts of a list.
fn texts(policy: &Table, section: &str, key: &str) -> BTreeSet<String> {
    let list = policy[section][key].as_array().unwrap();
    list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// A package that is built in.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    license: String,
    /// Where it comes from, if not from crates.io.
    elsewhere: Option<String>,
}

/// Everything that is built for one of the policy's targets, tests included. Of cargo's tree, since its metadata has packages
/// that no feature asks for.
fn packages(policy: &Table) -> BTreeSet<Package> {
    let mut all = BTreeSet::new();
    for target in texts(policy, "graph", "targets") {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args([
            "tree",
            "--locked",
            "--workspace",
            "--all-features",
            "--edges",
            "normal,build,dev",
            "--prefix",
            "none",
        ]);
        let answer = cargo.args(["--format", "{p}|{l}", "--target", &target]).current_dir(root()).output().unwrap();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        let tree = String::from_utf8(answer.stdout).unwrap();
        for (package, license) in tree.lines().filter_map(|line| line.split_once('|')) {
            let mut words = package.split_whitespace();
            let (name, version) = (words.next().unwrap().to_owned(), words.next().unwrap());
            let elsewhere = words.find(|word| *word != "(proc-macro)").map(str::to_owned);
            let license = license.trim_end_matches(" (*)").to_owned();
            all.insert(Package { name, version: version.trim_start_matches('v').to_owned(), license, elsewhere });
        }
    }
    assert!(all.len() > 100, "{}", all.len());
    all
}

/// Whether one of the ways in which a licence may be taken needs nothing but what is allowed
/// (<https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/>).
fn is_allowed(license: &str, allowed: &BTreeSet<String>) -> bool {
    let text = license.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words: Vec<&str> = text.split_whitespace().rev().collect();
    any(&mut words, allowed) && words.is_empty()
}

fn any(words: &mut Vec<&str>, allowed: &BTreeSet<String>) -> bool {
    let mut is = all(words, allowed);
    while words.pop_if(|word| *word == "OR").is_some() {
        is |= all(words, allowed);
    }
    is
}

fn all(words: &mut Vec<&str>, allowed: &BTreeSet<String>) -> bool {
    let mut is = one(words, allowed);
    while words.pop_if(|word| *word == "AND").is_some() {
        is &= one(words, allowed);
    }
    is
}

fn one(words: &mut Vec<&str>, allowed: &BTreeSet<String>) -> bool {
    match words.pop() {
        Some("(") => {
            let inner = any(words, allowed);
            words.pop() == Some(")") && inner
        }
        Some(license) => match words.pop_if(|word| *word == "WITH").and_then(|_| words.pop()) {
            Some(exception) => allowed.contains(&format!("{license} WITH {exception}")),
            None => allowed.contains(license),
        },
        None => false,
    }
}

#[test]
fn licence_expressions_are_read() {
    let allowed = BTreeSet::from(["MIT", "Apache-2.0", "ISC"].map(str::to_owned));
    for (license, expected) in [
        ("MIT", true),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND ISC", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("(MIT AND GPL-3.0) OR ISC", true),
        ("(GPL-3.0 OR LGPL-2.1) AND ISC", false),
        ("Apache-2.0 WITH LLVM-exception", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("GPL-3.0", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(license, &allowed), expected, "{license}");
    }
}

#[test]
fn every_licence_is_one_that_is_allowed() {
    let policy = policy();
    let allowed = texts(&policy, "licenses", "allow");
    let packages = packages(&policy);
    let wrong = packages.iter().filter(|package| !is_allowed(&package.license, &allowed));
    assert_none(wrong.map(|package| format!("{package:?}")));
    // A licence that nothing has is one too many in the list.
    let used = |license: &&String| packages.iter().any(|package| package.license.contains(license.as_str()));
    assert_none(allowed.iter().filter(|license| !used(license)).map(|license| format!("{license} is not used")));
}

#[test]
fn every_package_comes_from_the_registry() {
    let policy = policy();
    let registries = BTreeSet::from(["https://github.com/rust-lang/crates.io-index".to_owned()]);
    assert_eq!(texts(&policy, "sources", "allow-registry"), registries, "the tree names every other");
    let here = format!("({}", root().canonicalize().unwrap().display());
    let denied = texts(&policy, "bans", "deny");
    let packages = packages(&policy);
    let is_strange = |package: &&Package| package.elsewhere.as_ref().is_some_and(|from| !from.starts_with(&here));
    let strange = packages.iter().filter(is_strange);
    assert_none(strange.map(|package| format!("{package:?}")));
    assert_none(packages.iter().filter(|package| denied.contains(&package.name)).map(|package| format!("{package:?}")));
}

#[test]
fn no_package_is_there_twice_beyond_those_that_are_listed() {
    let policy = policy();
    let text = |skip: &toml::Value| skip["crate"].as_str().unwrap().to_owned();
    let skipped: BTreeSet<String> = policy["bans"]["skip"].as_array().unwrap().iter().map(text).collect();
    let packages = packages(&policy);
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages.iter().filter(|package| !skipped.contains(&format!("{}@{}", package.name, package.version)))
    {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    let twice = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    assert_none(twice.map(|(name, versions)| format!("{name}: {versions:?}")));
    let there: BTreeSet<String> =
        packages.iter().map(|package| format!("{}@{}", package.name, package.version)).collect();
    assert_none(skipped.difference(&there).map(|gone| format!("{gone} is listed, and not there any more")));
}

#[test]
fn cargo_deny_agrees() {
    if Command::new("cargo-deny").arg("--version").output().is_err() {
        return eprintln!("cargo-deny is not installed: the policy was checked by cargo's tree alone");
    }
    let mut deny = Command::new("cargo-deny");
    deny.args(["--offline", "--config"]).arg(root().join("deploy/deny.toml"));
    let answer = deny.args(["check", "bans", "licenses", "sources"]).current_dir(root()).output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
}
