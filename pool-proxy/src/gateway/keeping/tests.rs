use std::collections::BTreeMap;

use super::*;
use crate::statement::{Kind, PinKind, Place};

fn verdict(relation: u32, places: Option<Vec<Place>>) -> Verdict {
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

#[test]
fn what_is_not_known_may_write_and_show_anything() {
    assert!(writes(None) && shows(None));
    let verdict = Verdict { contained: false, writes: Vec::new(), ..verdict(7, None) };
    assert!(writes(Some(&verdict)) && shows(Some(&verdict)));
    let nothing = Verdict { contained: true, cacheable: Ok(()), ..verdict };
    assert!(!writes(Some(&nothing)) && !shows(Some(&nothing)));
    assert!(shows(Some(&Verdict { reads: vec![9], ..nothing })), "whether it is followed or not");
}

#[test]
fn a_row_is_named_where_the_statement_says_so() {
    let pin = Pin { column: 1, kind: PinKind::Integer, values: vec![Source::Param(0)] };
    let named = Place { pins: vec![pin], changes: vec![2] };
    let told = Told { relation: 7, identity: Box::new([1]) };
    let of = |verdict: &Verdict, param: &str| rows(verdict, 7, &told, &query(param));
    let five = Some(vec![RowKey::new(["5"])]);
    assert_eq!(of(&verdict(7, Some(vec![named.clone()])), " 5"), five);
    assert_eq!(of(&verdict(7, Some(vec![named.clone()])), "five"), None);
    assert_eq!(of(&verdict(7, None), "5"), None);
    let longer = Verdict { params: 2, ..verdict(7, Some(vec![named.clone()])) };
    assert_eq!(of(&longer, "5"), None, "another one was judged in its place");
    let moved = Place { changes: vec![1], ..named };
    assert_eq!(of(&verdict(7, Some(vec![moved])), "5"), None);
}
