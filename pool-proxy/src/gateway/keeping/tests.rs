use std::collections::BTreeMap;

use super::*;
use crate::postgres::Snapshot;
use crate::statement::{Kind, PinKind, Place};

/// Table 7, known by its first column, is followed.
fn keeping() -> Keeping {
    let changes = Arc::new(Changes::new(Duration::from_mins(1)));
    let snapshot: Snapshot = "10:10:".parse().unwrap();
    changes.open(snapshot, [(7, Told { relation: 7, identity: Box::new([1]) })].into_iter().collect());
    Keeping { changes, observes: false, patience: Duration::ZERO }
}

fn writes(relation: u32, places: Option<Vec<Place>>) -> Verdict {
    Verdict {
        kind: Kind::Update,
        cacheable: Err(Refusal::Writes),
        derivable: Err(Refusal::Writes),
        timed: Vec::new(),
        params: 1,
        contained: true,
        clean: true,
        reads_sequence_state: false,
        restricted: Ok(()),
        reads: Vec::new(),
        writes: vec![relation],
        rows: places.map(|places| BTreeMap::from([(relation, places)])).unwrap_or_default(),
    }
}

fn query(param: &str) -> Query {
    Query { text: "UPDATE".into(), params: vec![Param::Text(param.to_owned())], pattern: None }
}

fn touched(verdict: Option<&Verdict>, param: &str) -> Scope {
    let (scope, writes) = keeping().touched(verdict, &query(param));
    assert!(writes);
    scope
}

#[test]
fn what_is_not_known_touches_everything() {
    assert_eq!(touched(None, "1"), Scope::everything());
    let verdict = Verdict { contained: false, ..writes(7, None) };
    assert_eq!(touched(Some(&verdict), "1"), Scope::everything());
}

#[test]
fn what_is_not_followed_is_touched_all_the_same() {
    let mut nine = Scope::default();
    nine.add(9);
    assert_eq!(touched(Some(&writes(9, None)), "1"), nine);
}

#[test]
fn a_row_is_touched_where_the_statement_names_it() {
    let pin = Pin { column: 1, kind: PinKind::Integer, values: vec![Source::Param(0)] };
    let named = Place { pins: vec![pin], changes: vec![2] };
    let (mut all, mut five) = (Scope::default(), Scope::default());
    all.add(7);
    five.add_row(7, RowKey::new(["5"]));
    assert_eq!(touched(Some(&writes(7, Some(vec![named.clone()]))), " 5"), five);
    assert_eq!(touched(Some(&writes(7, Some(vec![named.clone()]))), "five"), all);
    assert_eq!(touched(Some(&writes(7, None)), "5"), all);
    let longer = Verdict { params: 2, ..writes(7, Some(vec![named.clone()])) };
    assert_eq!(touched(Some(&longer), "5"), all, "another one was judged in its place");
    let moved = Place { changes: vec![1], ..named };
    assert_eq!(touched(Some(&writes(7, Some(vec![moved]))), "5"), all);
}
