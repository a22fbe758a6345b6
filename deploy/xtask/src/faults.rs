//! `cargo xtask faults`: runs the tests of faults one after the other, and writes what they saw into README.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use harness::{Error, target_dir};
use serde_json::Value;

use crate::test;

/// The marks in README.md between which the table stands.
const BEGIN: &str = "<!-- faults -->\n";
const END: &str = "<!-- /faults -->";

const HEAD: &str = "| fault | requests, and what failed of them | back after | connections | writes acknowledged, lost, too many |\n\
    | --- | --- | --- | --- | --- |\n";

/// Runs the tests and writes the table.
pub(crate) fn run() -> Result<ExitCode, Error> {
    let folder = target_dir().join("faults");
    // Rows of an earlier run are none of this one.
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::doing(folder.display())(error));
        }
        _ => {}
    }
    // Side by side they would share the machine, and tell of each other.
    let code = test::run_with(&["faults::", "--test-threads=1"].map(str::to_owned), &[("FAULTS_TABLE", &folder)])?;
    if code == ExitCode::SUCCESS {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
        write(&readme, &folder)?;
        eprintln!("wrote the table of faults into README.md");
    }
    Ok(code)
}

fn write(readme: &PathBuf, folder: &Path) -> Result<(), Error> {
    let text = fs::read_to_string(readme).map_err(Error::doing(readme.display()))?;
    let table = table(folder)?;
    let text = replaced(&text, &table).ok_or_else(|| Error::new("README.md has no marks for the table of faults"))?;
    fs::write(readme, text).map_err(Error::doing(readme.display()))
}

/// The rows in their order, each from a file of its own.
fn table(folder: &Path) -> Result<String, Error> {
    let mut rows = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::doing(folder.display()))? {
        let path = entry.map_err(Error::doing(folder.display()))?.path();
        let row = fs::read(&path).map_err(Error::doing(path.display()))?;
        rows.push(serde_json::from_slice::<Value>(&row).map_err(Error::doing(path.display()))?);
    }
    rows.sort_by_key(|row| row["place"].as_u64());
    let line = |row: &Value| {
        let cells = row["cells"].as_array().into_iter().flatten().filter_map(Value::as_str);
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    // Each has its place, from 0 on: where one was skipped, the table would lack a row.
    let expected = (0_u64..).zip(&rows).all(|(place, row)| row["place"].as_u64() == Some(place));
    if !expected || rows.is_empty() {
        return Err(Error::new("not every fault was seen: one of the tests was skipped; the table stays as it was"));
    }
    Ok(format!("{HEAD}{}", rows.iter().map(line).collect::<String>()))
}

fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn the_table_takes_the_place_of_the_last_one() {
        let text = "a\n<!-- faults -->\nold\n<!-- /faults -->\nb";
        assert_eq!(replaced(text, "new\n").unwrap(), "a\n<!-- faults -->\nnew\n<!-- /faults -->\nb");
        assert_eq!(replaced("a", "new"), None);
    }
}
