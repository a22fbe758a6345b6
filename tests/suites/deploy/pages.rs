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
