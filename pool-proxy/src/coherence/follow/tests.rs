use super::*;
use crate::cache::Told;

/// The scope of a transaction that changes a row in each of so many relations, and again, `times` times.
fn told(relations: u32, times: u32) -> Scope {
    let tell = |relation| (relation, Told { relation, identity: Box::new([1]) });
    let followed: Published = (0..relations).map(tell).collect();
    let mut open = Collected::new(1);
    for time in 0..times {
        for relation in 0..relations {
            let rows = vec![Row::Known(vec![time.to_string()])];
            open.add(Change::Rows { relation, rows }, &followed);
        }
    }
    open.transaction.scope
}

#[test]
fn few_rows_are_told_one_by_one() {
    assert_eq!(told(1, 600).len(), 600);
    assert_eq!(told(2, 600).len(), 1200);
}

#[test]
fn many_rows_are_told_by_their_relation() {
    assert_eq!(told(1, 3000), Scope::of([0]));
    assert_eq!(told(2, 3000), Scope::of([0, 1]), "one after the other");
    let few_of_many = told(1000, 100);
    assert!(few_of_many.len() <= MOST + 1000, "{}", few_of_many.len());
    assert_eq!(few_of_many.relations().count(), 1000);
}
