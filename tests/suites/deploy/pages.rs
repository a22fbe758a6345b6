//! The pages.

use std::fs;
use std::path::Path;

use super::parts::{artefacts, deploy, read, root, variables};

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
