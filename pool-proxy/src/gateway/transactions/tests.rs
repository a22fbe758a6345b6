//! What the names of transactions say.

use super::Instance;

#[test]
fn an_id_names_its_instance_and_cannot_be_guessed() {
    let alone = Instance::default();
    let (one, other) = (alone.id(), alone.id());
    assert_ne!(one, other);
    assert_eq!(uuid::Uuid::try_parse(&one).unwrap().get_version_num(), 4);
    let here = Instance::new(Some("a-1")).unwrap();
    let id = here.id();
    assert!(id.starts_with("a-1."), "{id}");
    assert_eq!(here.elsewhere(&id), None);
    assert_eq!(alone.elsewhere(&id).as_deref(), Some("a-1"));
    let there = Instance::new(Some("b-2")).unwrap();
    assert_eq!(there.elsewhere(&id).as_deref(), Some("a-1"));
    // Whatever is no id of ours is nowhere.
    for id in ["nope", "a-1.nope", ".", "a b.0b31d208-eecc-4fb3-9301-78ff806f5046", &*one] {
        assert_eq!(there.elsewhere(id), None, "{id}");
    }
}

#[test]
fn an_instance_has_a_name_that_fits_into_a_path() {
    for (name, fits) in [("148e21ea7d4e89", true), ("eu_1-a", true), ("", false), ("a.b", false), ("a/b", false)] {
        assert_eq!(Instance::new(Some(name)).is_some(), fits, "{name}");
    }
}
