//! The pages.

use std::fs;
use std::path::Path;

use harness::Folder;

use super::parts::{artefacts, config, deploy, printed, read, root, variables};

#[test]
fn every_variable_is_explained() {
    let page = variables(&read("configuration.md"));
    let readme = variables(&fs::read_to_string(root().join("README.md")).unwrap());
    for file in artefacts() {
        let unknown: Vec<String> = variables(&read(&file)).difference(&page).cloned().collect();
        assert!(unknown.is_empty(), "{file} uses {unknown:?}, which configuration.md does not explain");
    }
    let unknown: Vec<&String> = page.difference(&readme).collect();
    assert!(unknown.is_empty(), "configuration.md explains {unknown:?}, which README.md does not list");
}

#[test]
fn the_pages_name_files_that_exist() {
    let is_page = |file: &&String| Path::new(file).extension().is_some_and(|kind| kind == "md");
    for page in artefacts().iter().filter(is_page) {
        let text = read(page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap();
            assert!(deploy(file).exists(), "{page} links to {link}");
        }
    }
}

#[test]
fn what_the_threats_page_claims_is_tested() {
    let page = read("threats.md");
    let named =
        page.split('`').skip(1).step_by(2).filter(|word| Path::new(word).extension().is_some_and(|kind| kind == "rs"));
    let mut count = 0;
    for test in named {
        let file = root().join("tests/suites").join(test);
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let has_tests = text.contains("#[test]") || text.contains("#[tokio::test]");
        assert!(has_tests, "{test} has no tests");
        count += 1;
    }
    assert!(count > 30, "{count}");
    for place in ["README.md", "ARCHITECTURE.md"] {
        let text = fs::read_to_string(root().join(place)).unwrap();
        assert!(text.contains("](deploy/threats.md)"), "{place} does not link to it");
    }
}

#[test]
fn the_examples_of_the_sizing_page_are_accepted() {
    let page = read("sizing.md");
    let examples: Vec<&str> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 4);
    for example in examples {
        let folder = Folder::new();
        let path = folder.write("pool-proxy.toml", example);
        let variables = [
            ("DATABASE_URL", "postgres://app:secret@postgres:5432/app?sslmode=disable"),
            ("POOL_PROXY_KEY", "0123456789abcdef0123456789abcdef"),
        ];
        let answer = config(&variables, Some(&path));
        assert!(answer.status.success(), "{example}{}", printed(&answer));
    }
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains("](deploy/sizing.md)"));
    // What is said to hold a figure is there, and so is each metric.
    for word in page.split('`').skip(1).step_by(2) {
        if word.starts_with("tests/") {
            assert!(root().join(word).is_file(), "{word}");
        } else if word.starts_with("pool_proxy_") {
            assert!(readme.contains(word), "{word}");
        }
    }
}
