use super::*;

impl Part for Vec<u32> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

fn row(value: &str) -> RowKey {
    RowKey::new([value])
}

fn rows(relation: u32, values: &[&str]) -> Scope {
    let mut scope = Scope::default();
    for value in values {
        scope.add_row(relation, row(value));
    }
    scope
}

fn met(places: &Places<Vec<u32>>, scope: &Scope) -> Vec<u32> {
    let mut met = Vec::new();
    places.meet(scope, |value| met.extend(value));
    met.sort_unstable();
    met
}

/// 1: all of relation 7; 2: its row a; 3: its row b; 4: relation 8; 5: whatever there is.
fn places() -> Places<Vec<u32>> {
    let mut places = Places::default();
    let scopes = [Scope::of([7]), rows(7, &["a"]), rows(7, &["b"]), Scope::of([8]), Scope::everything()];
    for (number, scope) in (1..).zip(&scopes) {
        places.change(scope, |value: &mut Vec<u32>| value.push(number));
    }
    places
}

#[test]
fn meets_where_both_are() {
    let places = places();
    assert_eq!(met(&places, &Scope::of([7])), [1, 2, 3, 5]);
    assert_eq!(met(&places, &rows(7, &["a", "c"])), [1, 2, 5]);
    assert_eq!(met(&places, &rows(8, &["a"])), [4, 5]);
    assert_eq!(met(&places, &Scope::of([9])), [5]);
    assert_eq!(met(&places, &Scope::default()), [5]);
    assert_eq!(met(&places, &Scope::everything()), [1, 2, 3, 4, 5]);
}

#[test]
fn what_is_empty_is_not_kept() {
    let mut places = places();
    places.change(&rows(7, &["a"]), Vec::clear);
    assert_eq!(met(&places, &Scope::of([7])), [1, 3, 5]);
    places.change(&rows(9, &["a"]), Vec::clear);
    places.each(|value| value.retain(|number| *number == 5));
    assert_eq!(places.relations.len(), 0);
    assert_eq!(met(&places, &Scope::everything()), [5]);
}

#[test]
fn all_rows_take_in_each_row() {
    let mut scope = rows(7, &["a"]);
    scope.add(7);
    scope.add_row(7, row("b"));
    assert_eq!(scope, Scope::of([7]));
    let mut both = rows(7, &["a"]);
    both.extend(&rows(7, &["b"]));
    both.extend(&Scope::of([8]));
    assert_eq!(both.len(), 3);
    assert_eq!(met(&places(), &both), [1, 2, 3, 4, 5]);
}

#[test]
fn rows_are_told_apart_by_each_value() {
    assert_eq!(RowKey::new(["a", "b"]), RowKey::new(["a", "b"]));
    assert_ne!(RowKey::new(["a", "b"]), RowKey::new(["b", "a"]));
    assert_ne!(RowKey::new(["ab"]), RowKey::new(["a", "b"]));
}
