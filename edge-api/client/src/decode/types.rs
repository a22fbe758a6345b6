//! The types that Postgres has from birth, by the OIDs in its catalog (`pg_type.dat`).

/// What a type's text is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Bool,
    /// int2, int4.
    Integer,
    /// int8, oid: more digits than an f64 holds.
    Long,
    Float,
    Numeric,
    Json,
    Bytes,
    /// timestamp, timestamptz.
    Timestamp,
    Text,
    /// An array of elements of this type, parted by commas or, boxes alone, by semicolons.
    Array {
        element: u32,
        delimiter: char,
    },
    /// int2vector, oidvector: parted by spaces.
    Vector {
        element: u32,
    },
    /// Made by the user or an extension: enums, their arrays, composites, vectors, ...
    Unknown,
}

pub(super) fn class(oid: u32) -> Class {
    match oid {
        16 => Class::Bool,
        17 => Class::Bytes,
        20 | 26 | 28 | 29 | 5069 => Class::Long,
        21 | 23 => Class::Integer,
        22 => Class::Vector { element: 21 },
        30 => Class::Vector { element: 26 },
        700 | 701 => Class::Float,
        1700 => Class::Numeric,
        114 | 3802 => Class::Json,
        1114 | 1184 => Class::Timestamp,
        1020 => Class::Array { element: 603, delimiter: ';' },
        18 | 19 | 25 | 1042 | 1043 | 2950 => Class::Text,
        _ => match SCALARS.iter().find(|(scalar, array, _)| *scalar == oid || *array == oid) {
            Some((scalar, array, _)) if *array == oid => Class::Array { element: *scalar, delimiter: ',' },
            Some(_) => Class::Text,
            None => Class::Unknown,
        },
    }
}

/// The type's name for an error, as people know it.
pub(super) fn name(oid: u32) -> String {
    match SCALARS.iter().find(|(scalar, array, _)| *scalar == oid || *array == oid) {
        Some((scalar, _, name)) if *scalar == oid => (*name).to_owned(),
        Some((_, _, name)) => format!("{name}[]"),
        None => format!("type with OID {oid}"),
    }
}

/// OID, OID of the array, name.
const SCALARS: &[(u32, u32, &str)] = &[
    (16, 1000, "bool"),
    (17, 1001, "bytea"),
    (18, 1002, "\"char\""),
    (19, 1003, "name"),
    (20, 1016, "int8"),
    (21, 1005, "int2"),
    (22, 1006, "int2vector"),
    (23, 1007, "int4"),
    (24, 1008, "regproc"),
    (25, 1009, "text"),
    (26, 1028, "oid"),
    (27, 1010, "tid"),
    (28, 1011, "xid"),
    (29, 1012, "cid"),
    (30, 1013, "oidvector"),
    (114, 199, "json"),
    (142, 143, "xml"),
    (600, 1017, "point"),
    (601, 1018, "lseg"),
    (602, 1019, "path"),
    (603, 1020, "box"),
    (604, 1027, "polygon"),
    (628, 629, "line"),
    (650, 651, "cidr"),
    (700, 1021, "float4"),
    (701, 1022, "float8"),
    (718, 719, "circle"),
    (774, 775, "macaddr8"),
    (790, 791, "money"),
    (829, 1040, "macaddr"),
    (869, 1041, "inet"),
    (1033, 1034, "aclitem"),
    (1042, 1014, "char"),
    (1043, 1015, "varchar"),
    (1082, 1182, "date"),
    (1083, 1183, "time"),
    (1114, 1115, "timestamp"),
    (1184, 1185, "timestamptz"),
    (1186, 1187, "interval"),
    (1266, 1270, "timetz"),
    (1560, 1561, "bit"),
    (1562, 1563, "varbit"),
    (1700, 1231, "numeric"),
    (2205, 2210, "regclass"),
    (2206, 2211, "regtype"),
    (2950, 2951, "uuid"),
    (3220, 3221, "pg_lsn"),
    (3614, 3643, "tsvector"),
    (3615, 3645, "tsquery"),
    (3802, 3807, "jsonb"),
    (3904, 3905, "int4range"),
    (3906, 3907, "numrange"),
    (3908, 3909, "tsrange"),
    (3910, 3911, "tstzrange"),
    (3912, 3913, "daterange"),
    (3926, 3927, "int8range"),
    (4072, 4073, "jsonpath"),
    (4451, 6150, "int4multirange"),
    (4532, 6151, "nummultirange"),
    (4533, 6152, "tsmultirange"),
    (4534, 6153, "tstzmultirange"),
    (4535, 6155, "datemultirange"),
    (4536, 6157, "int8multirange"),
    (5069, 271, "xid8"),
];
