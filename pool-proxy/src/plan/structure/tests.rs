use super::{Arity, Encoding, Enums, Kind, Structure};

const NODE: &str = r#"{"type":"object","serializedName":null,"fields":{"id":{"type":"field","dbName":"id","fieldType":{"arity":"required","type":"int"}},"ro\"les":{"type":"field","dbName":"roles","fieldType":{"arity":"list","type":"enum","name":"Role"}},"posts":{"type":"object","serializedName":"posts","fields":{},"skipNulls":true},"pic":{"type":"field","dbName":"p","fieldType":{"arity":"optional","type":"bytes","encoding":"hex"}}},"skipNulls":false}"#;

fn parse(json: &str) -> Result<Structure, serde_json::Error> {
    serde_json::from_str(json)
}

/// Order is kept, in whatever order the keys of a node come.
#[test]
fn reads_and_describes_nodes() {
    let mut out = Vec::new();
    parse(NODE).unwrap().describe(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), NODE);
}

#[test]
fn reads_nodes_of_older_and_newer_clients() {
    let structure = parse(
        r#"{"fields":{"a":{"new":[],"fieldType":{"type":"bytes"},"dbName":"b","type":"field"}},"type":"object"}"#,
    );
    let Structure::Object(object) = structure.unwrap() else { panic!("not an object") };
    assert!(object.serialized_name.is_none() && !object.skip_nulls);
    let [member] = &object.members[..] else { panic!("not one") };
    assert_eq!((&*member.name, &*member.key), ("a", "\"a\":"));
    let Structure::Field(field) = &member.structure else { panic!("not a field") };
    assert_eq!(&*field.db_name, "b");
    assert_eq!(field.field_type.arity, Arity::Required);
    assert_eq!(field.field_type.kind, Kind::Bytes(Encoding::Array));
}

#[test]
fn refuses_what_it_does_not_know() {
    for json in [
        "{}",
        r#"{"type":"nope"}"#,
        r#"{"type":"field","dbName":"a"}"#,
        r#"{"type":"field","fieldType":{"type":"int"}}"#,
        r#"{"type":"field","dbName":"a","fieldType":{"type":"nope"}}"#,
        r#"{"type":"field","dbName":"a","fieldType":{"type":"enum"}}"#,
        r#"{"type":"object","fields":[]}"#,
        "null",
    ] {
        assert!(parse(json).is_err(), "{json}");
    }
}

#[test]
fn reads_enums() {
    let enums: Enums = serde_json::from_str(r#"{"Role":{"admin":"ADMIN"}}"#).unwrap();
    assert_eq!(enums.get("Role").and_then(|names| names.get("admin")).map(|name| &**name), Some("ADMIN"));
    assert!(enums.get("Other").is_none());
}
