//! The closed list of node labels that a parsed (not yet planned) query may hold in Postgres 14 to 18, and what their fields
//! mean.
//!
//! A label that is not here is a thing we know nothing about, so a tree with one is not analysable. Postgres 16 began to generate
//! its writers from the header files and renamed some labels on the way (`ARRAY` became `ARRAYEXPR`, `RTE` became
//! `RANGETBLENTRY`): both names are here. See `primnodes.h` and the upper half of `parsenodes.h`.

/// `FirstNormalObjectId` of `transam.h`: ids below it were given by initdb.
pub(super) const FIRST_USER_OID: u32 = 16384;

/// The few kinds of node whose mere presence, or whose place, matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeKind {
    Query,
    RangeTableEntry,
    OnConflict,
    RowMark,
    CurrentOf,
    NextValue,
    /// `CURRENT_DATE`, `CURRENT_USER` and their kin.
    ValueFunction,
    /// A cast by way of the text form.
    CastByText,
    Call,
    Constant,
    /// Makes values out of JSON or XML by the input functions of their types.
    Parse,
    /// Only its fields matter.
    Plain,
}

/// What a field's number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Function,
    Operator,
    Sample,
    Type,
    Subscripted,
    /// A type of the value or the parameter itself.
    ValueType,
    Relation,
    ResultRelation,
    Command,
    /// A column's number.
    Column,
    /// Which of the value functions.
    ValueFunction,
    /// The type a cast makes, besides being a type.
    CastTo,
    Nothing,
}

/// What a node label stands for; None if it is not on the list.
pub(super) fn node(label: &str) -> Option<NodeKind> {
    Some(match label {
        "QUERY" => NodeKind::Query,
        "RTE" | "RANGETBLENTRY" => NodeKind::RangeTableEntry,
        "ONCONFLICTEXPR" => NodeKind::OnConflict,
        "ROWMARKCLAUSE" => NodeKind::RowMark,
        "CURRENTOFEXPR" => NodeKind::CurrentOf,
        "NEXTVALUEEXPR" => NodeKind::NextValue,
        "SQLVALUEFUNCTION" => NodeKind::ValueFunction,
        "COERCEVIAIO" => NodeKind::CastByText,
        "FUNCEXPR" => NodeKind::Call,
        "CONST" => NodeKind::Constant,
        "TABLEFUNC" | "JSONEXPR" => NodeKind::Parse,
        _ if PLAIN.binary_search(&label).is_ok() => NodeKind::Plain,
        _ => return None,
    })
}

/// In byte order, for the search; a test holds it to that.
pub(super) const PLAIN: &[&str] = &[
    "AGGREF",
    "ALIAS",
    "ARRAY",
    "ARRAYCOERCEEXPR",
    "ARRAYEXPR",
    "BOOLEANTEST",
    "BOOLEXPR",
    "CASE",
    "CASEEXPR",
    "CASETESTEXPR",
    "CASEWHEN",
    "COALESCE",
    "COALESCEEXPR",
    "COERCETODOMAIN",
    "COERCETODOMAINVALUE",
    "COLLATE",
    "COLLATEEXPR",
    "COMMONTABLEEXPR",
    "CONVERTROWTYPEEXPR",
    "CTECYCLECLAUSE",
    "CTESEARCHCLAUSE",
    "DISTINCTEXPR",
    "FIELDSELECT",
    "FIELDSTORE",
    "FROMEXPR",
    "GROUPINGFUNC",
    "GROUPINGSET",
    "INFERENCEELEM",
    "JOINEXPR",
    "JSONBEHAVIOR",
    "JSONCONSTRUCTOREXPR",
    "JSONFORMAT",
    "JSONISPREDICATE",
    "JSONRETURNING",
    "JSONTABLEPATH",
    "JSONTABLEPATHSCAN",
    "JSONTABLESIBLINGJOIN",
    "JSONVALUEEXPR",
    "MERGEACTION",
    "MERGESUPPORTFUNC",
    "MINMAX",
    "MINMAXEXPR",
    "NAMEDARGEXPR",
    "NULLIFEXPR",
    "NULLTEST",
    "OPEXPR",
    "PARAM",
    "RANGETBLFUNCTION",
    "RANGETBLREF",
    "RELABELTYPE",
    "RETURNINGEXPR",
    "ROW",
    "ROWCOMPARE",
    "ROWCOMPAREEXPR",
    "ROWEXPR",
    "RTEPERMISSIONINFO",
    "SCALARARRAYOPEXPR",
    "SETOPERATIONSTMT",
    "SETTODEFAULT",
    "SORTGROUPCLAUSE",
    "SUBLINK",
    "SUBSCRIPTINGREF",
    "TABLESAMPLECLAUSE",
    "TARGETENTRY",
    "VAR",
    "WHEN",
    "WINDOWCLAUSE",
    "WINDOWFUNC",
    "WITHCHECKOPTION",
    "XMLEXPR",
];

/// What a field stands for; None for one that looks as if it named something that is run, and is not known.
///
/// By name alone, whichever node it stands in: the names are unique enough, and an id too many is only looked up for nothing.
pub(super) fn field(name: &str) -> Option<Meaning> {
    Some(match name {
        "funcid" | "opfuncid" | "hashfuncid" | "negfuncid" | "aggfnoid" | "winfnoid" | "startInRangeFunc"
        | "endInRangeFunc" => Meaning::Function,
        "opno" | "opnos" | "eqop" | "sortop" | "cycle_mark_neop" => Meaning::Operator,
        "tsmhandler" => Meaning::Sample,
        "refcontainertype" => Meaning::Subscripted,
        "consttype" | "paramtype" => Meaning::ValueType,
        "varattno" => Meaning::Column,
        "relid" => Meaning::Relation,
        "resultRelation" => Meaning::ResultRelation,
        "commandType" => Meaning::Command,
        "op" => Meaning::ValueFunction,
        "resulttype" => Meaning::CastTo,
        _ if HARMLESS.contains(&name) => Meaning::Nothing,
        _ => guess(name)?,
    })
}

/// Fields that look like a function's or an operator's id and are none.
const HARMLESS: &[&str] = &[
    "funccolcollations",
    "funccolcount",
    "funccolnames",
    "funccoltypmods",
    "funccollid",
    "funcformat",
    "funcordinality",
    "funcparams",
    "funcretset",
    "funcvariadic",
    "functions",
    "hasWindowFuncs",
    "operName",
];

/// Types are taken by the end of the name (`vartype`, `coltypes`, `typeId`, `typid`); enumerations that share it are numbers too
/// small to be a type of the user's. Anything else that speaks of functions or operators in a newer Postgres must not be passed
/// over in silence.
fn guess(name: &str) -> Option<Meaning> {
    let name = name.to_ascii_lowercase();
    let ends = ["type", "types", "typeid", "typid", "typeids"];
    if ends.iter().any(|end| name.ends_with(end)) {
        return Some(Meaning::Type);
    }
    let speaks = ["func", "fnoid", "opno", "oper", "handler", "eqop", "sortop", "proc"];
    if speaks.iter().any(|word| name.contains(word)) && name != "setoperations" {
        return None;
    }
    Some(Meaning::Nothing)
}
