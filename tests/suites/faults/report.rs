//! A fault's row in README.md's table.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::tally::{Compared, FINE};

/// Where `cargo xtask faults` wants rows written, one file each.
const FOLDER: &str = "FAULTS_TABLE";

/// What there is to say about a fault.
pub(super) struct Row {
    place: usize,
    cells: Vec<String>,
}

impl Row {
    pub(super) fn new(
        fault: &str,
        seen: &BTreeMap<String, u64>,
        healed: Option<Duration>,
        (most, cap): (i64, i64),
        compared: &Compared,
    ) -> Self {
        let place = super::FAULTS.iter().position(|known| *known == fault).unwrap();
        let all: u64 = seen.values().sum();
        let mut failed: Vec<_> = seen.iter().filter(|(what, _)| *what != FINE).collect();
        failed.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        let told: Vec<_> = failed.iter().map(|(what, times)| format!("{what} ({times})")).collect();
        let told = if told.is_empty() { "nothing".to_owned() } else { told.join(", ") };
        let healed = healed.map_or_else(|| "at once".to_owned(), |time| format!("{:.2} s", time.as_secs_f32()));
        let writes = format!("{}, {}, {}", compared.acknowledged, compared.lost, compared.too_many);
        let cells = vec![fault.to_owned(), format!("of {all}: {told}"), healed, format!("{most} of {cap}"), writes];
        Self { place, cells }
    }

    /// Leaves it where it is wanted, if it is.
    pub(super) fn write(&self) {
        let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else { return };
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{}.json", self.place));
        fs::write(file, json!({ "place": self.place, "cells": self.cells }).to_string()).unwrap();
    }
}
