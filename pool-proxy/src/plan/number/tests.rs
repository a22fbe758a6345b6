use super::{is_integer, of_text, write, write_decimal, write_json, write_money};
use crate::plan::value::Number;

#[test]
fn writes_numbers() {
    for (number, expected) in [
        (Number::Int(i64::MIN), "-9223372036854775808"),
        (Number::Float(1.0), "1"),
        (Number::Float(-0.0), "0"),
        (Number::Float(0.1), "0.1"),
        (Number::Float(1e20), "100000000000000000000"),
        (Number::Float(1e21), "1e+21"),
        (Number::Float(1.5e-7), "1.5e-7"),
        (Number::Float(0.000_001), "0.000001"),
        (Number::Float(1e300), "1e+300"),
        (Number::Float(5e-324), "5e-324"),
        (Number::Float(3.4e38), "3.4e+38"),
        (Number::Float(f64::NAN), "NaN"),
        (Number::Float(f64::INFINITY), "Infinity"),
    ] {
        let mut out = Vec::new();
        write(&mut out, number);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn writes_no_json_that_is_none() {
    for (number, expected) in
        [(f64::NAN, "null"), (f64::INFINITY, "null"), (f64::NEG_INFINITY, "null"), (-0.0, "0"), (2.5, "2.5")]
    {
        let mut out = Vec::new();
        write_json(&mut out, Number::Float(number));
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn reads_numbers() {
    for (text, expected) in [
        ("", 0.0),
        ("  ", 0.0),
        (" 12.9\n", 12.9),
        ("-0", -0.0),
        ("+5", 5.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1E-3", -0.001),
        ("0x1F", 31.0),
        ("0b101", 5.0),
        ("0o17", 15.0),
        ("0e1", 0.0),
        ("Infinity", f64::INFINITY),
        ("-Infinity", f64::NEG_INFINITY),
        ("9007199254740993", 9_007_199_254_740_992.0),
        ("1e999", f64::INFINITY),
    ] {
        assert_eq!(of_text(text).to_bits(), expected.to_bits(), "{text}");
    }
    for text in [
        "abc", "1a", "NaN", "nan", "inf", "infinity", "0x", "0xg", "-0x1", "1_000", "--1", "+", ".", "e1", "1 2", "0d1",
    ] {
        assert!(of_text(text).is_nan(), "{text}");
    }
}

#[test]
fn knows_integers() {
    for text in ["0", "-1", "12345678901234567890"] {
        assert!(is_integer(text), "{text}");
    }
    for text in ["", "-", "1.0", "+1", "1e3", " 1", "a"] {
        assert!(!is_integer(text), "{text}");
    }
}

#[test]
fn writes_decimals() {
    for (text, expected) in [
        ("0", "0"),
        ("-0", "0"),
        ("0.000", "0"),
        ("1", "1"),
        ("1.10", "1.1"),
        ("2.000", "2"),
        ("-0.01", "-0.01"),
        ("007.50", "7.5"),
        ("+.5", "0.5"),
        ("5.", "5"),
        ("100", "100"),
        ("-5.25", "-5.25"),
        ("99999999.99", "99999999.99"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("0.00000012345", "1.2345e-7"),
        ("100000000000000000000", "100000000000000000000"),
        ("123456789012345678901", "123456789012345678901"),
        ("1000000000000000000000", "1e+21"),
        ("1234567890123456789012.5", "1.2345678901234567890125e+21"),
        ("123456789012345678901234567890.123456789", "1.23456789012345678901234567890123456789e+29"),
        ("0.000000000000000000000000000001", "1e-30"),
        ("1.5e3", "1500"),
        ("1.5E+3", "1500"),
        ("15e-1", "1.5"),
        ("1.23e-10", "1.23e-10"),
        ("12300e-4", "1.23"),
        ("1e21", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
    ] {
        let mut out = Vec::new();
        assert!(write_decimal(&mut out, text), "{text}");
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
    }
    for text in ["", "-", ".", "abc", "1.2.3", "1e", "e5", "1,5", " 1", "é", "-NaN"] {
        let mut out = Vec::new();
        assert!(!write_decimal(&mut out, text) && out.is_empty(), "{text}");
    }
}

#[test]
fn writes_money() {
    for (text, expected) in [
        ("$12.34", "12.34"),
        ("$1,234.50", "1234.50"),
        ("-$5.25", "-5.25"),
        ("($5.25)", "-5.25"),
        ("$1,234,567.89", "1234567.89"),
        ("-$92,233,720,368,547,758.08", "-92233720368547758.08"),
        ("1.234,50 €", "1234.50"),
        ("12,5", "12.5"),
        ("¥1,234", "1234"),
        ("￥1,234,567", "1234567"),
        ("1234.50", "1234.50"),
        ("$0.00", "0.00"),
    ] {
        let mut out = Vec::new();
        write_money(&mut out, text);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
    }
}
