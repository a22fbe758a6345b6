//! The fixed cases that are no literals, and the types that have none.

/// Types that are read from no text, or only seen in some place: the type, and an expression.
pub(super) const EXPRESSIONS: &[(&str, &str)] = &[
    ("cstring", "'a \"c\" string'::cstring"),
    ("record", "ROW(1, 'a \"b\"', NULL, ROW(ARRAY[1, NULL], '\\x00'::bytea), 1.5)"),
    ("record", "ROW()"),
    ("_record", "ARRAY[ROW(1, 'a'), ROW(NULL, 'b,\"c\"')]"),
    ("void", "pg_advisory_unlock_all()"),
    ("void", "pg_sleep(0)"),
    ("pg_node_tree", "(SELECT ev_action FROM pg_rewrite ORDER BY oid LIMIT 1)"),
    ("pg_node_tree", "(SELECT adbin FROM pg_attrdef ORDER BY oid LIMIT 1)"),
    ("anyarray", "(SELECT most_common_vals FROM pg_stats WHERE tablename = 'stats' AND attname = 'b')"),
    ("pg_ndistinct", "(SELECT stxdndistinct FROM pg_statistic_ext_data)"),
    ("pg_dependencies", "(SELECT stxddependencies FROM pg_statistic_ext_data)"),
    ("pg_mcv_list", "(SELECT stxdmcv FROM pg_statistic_ext_data)"),
    ("int4", "(SELECT NULL::int WHERE false)"),
    ("text", "repeat('ü', 100000)"),
    ("text", "(SELECT string_agg(chr(n), '') FROM generate_series(1, 55295) n)"),
    ("text", "(SELECT string_agg(chr(n), '') FROM generate_series(65536, 80000) n)"),
    ("int4[]", "(SELECT array_agg(n) FROM generate_series(1, 10000) n)"),
    ("int4[]", "array_fill(7, ARRAY[2, 3, 4], ARRAY[-1, 0, 100])"),
    ("numeric", "(10::numeric ^ 5000) + (10::numeric ^ -2000)"),
    ("numeric", "2::numeric ^ -1000"),
    ("unknown", "'of no type'"),
    ("pair", "(SELECT p FROM (VALUES (1, 'x')) AS p (a, b))"),
    ("xml", "xmlelement(name \"a-b\", xmlattributes('<\"&' AS q), 'é<>&')"),
    ("json", "to_json(ARRAY[1.50, 'NaN'::numeric])"),
    ("regclass", "'\"Weird \"\"table\"\"\"'::regclass"),
];

/// What some of the expressions read.
pub(super) const SETUP: &str = "
CREATE TABLE \"Weird \"\"table\"\"\" (a int DEFAULT 7);
CREATE TABLE stats (a int, b text, c int);
INSERT INTO stats SELECT n % 3, 'text ' || n % 3, n % 5 FROM generate_series(1, 1000) n;
CREATE STATISTICS all_of_them (ndistinct, dependencies, mcv) ON a, b, c FROM stats;
ANALYZE stats;
";

/// Types that have no values, or none that SQL could show, and why.
pub(super) const NONE: &[(&str, &str)] = &[
    ("any", "only a function's argument"),
    ("anycompatible", "only a function's argument"),
    ("anycompatiblearray", "only a function's argument"),
    ("anycompatiblemultirange", "only a function's argument"),
    ("anycompatiblenonarray", "only a function's argument"),
    ("anycompatiblerange", "only a function's argument"),
    ("anyelement", "only a function's argument"),
    ("anyenum", "only a function's argument"),
    ("anymultirange", "only a function's argument"),
    ("anynonarray", "only a function's argument"),
    ("anyrange", "only a function's argument"),
    ("event_trigger", "only what a trigger function returns"),
    ("trigger", "only what a trigger function returns"),
    ("fdw_handler", "only what a handler returns"),
    ("index_am_handler", "only what a handler returns"),
    ("language_handler", "only what a handler returns"),
    ("table_am_handler", "only what a handler returns"),
    ("tsm_handler", "only what a handler returns"),
    ("internal", "has no text"),
    ("pg_ddl_command", "has no text"),
    ("gtsvector", "lives in an index only"),
    ("pg_brin_bloom_summary", "lives in an index only"),
    ("pg_brin_minmax_multi_summary", "lives in an index only"),
];
