use roxmltree::{Document, Node};

use super::svg;
use crate::chart::{Along, Chart, Line, Panel};

const HOSTILE: &str = "</text><script>\"'&\u{0}\u{1b}]]>";

fn chart(names: &[&str], along: Along, values: &[(f64, f64)]) -> Chart {
    let line = |name: &&str| Line { name: (*name).to_owned(), is_yardstick: false, points: values.to_vec() };
    let panel = |figure: &str| Panel { figure: figure.to_owned(), lines: names.iter().map(line).collect() };
    let panels = vec![panel("requests/s"), panel("p50, ms"), panel("p99, ms")];
    Chart { chapter: "x", file: "x", title: format!("Title {HOSTILE}"), along, panels }
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap_or_default().parse().unwrap_or(f64::NAN)
}

fn of_class<'a, 'input>(node: Node<'a, 'input>, class: &str) -> Vec<Node<'a, 'input>> {
    let is_it = |node: &Node<'_, '_>| node.attribute("class").is_some_and(|all| all.split(' ').any(|one| one == class));
    node.descendants().filter(is_it).collect()
}

#[test]
fn every_point_is_inside_its_frame() {
    let check = |along: Along, values: &[(f64, f64)], expected: usize| {
        let text = svg(&chart(&["one", "two"], along, values)).unwrap();
        let document = Document::parse(&text).unwrap();
        let panels = of_class(document.root(), "panel");
        assert_eq!(panels.len(), 3);
        for panel in panels {
            let frame = of_class(panel, "frame")[0];
            let (left, top) = (number(frame, "x"), number(frame, "y"));
            let (right, bottom) = (left + number(frame, "width"), top + number(frame, "height"));
            let dots = of_class(panel, "dot");
            assert_eq!(dots.len(), 2 * expected, "{values:?}");
            for dot in dots {
                let (x, y) = (number(dot, "cx"), number(dot, "cy"));
                assert!(left <= x && x <= right && top <= y && y <= bottom, "{x} {y} of {values:?}");
            }
        }
    };
    let clients = || Along::log("clients", &[1, 10, 10_000]);
    check(clients(), &[(1.0, 3.0), (10.0, 40_000.0), (10_000.0, 9.99)], 3);
    check(clients(), &[(1.0, 3.0), (10.0, 3.1), (10_000.0, 0.0)], 3);
    check(Along::linear("hits", &[0, 50, 95, 100]), &[(0.0, 1.0), (100.0, 1e9)], 2);
    check(Along::names("transport", &["HTTP/1.1", "HTTP/2"]), &[(1.0, 0.004), (2.0, 0.001)], 2);
    // What cannot be drawn is left out.
    check(clients(), &[(1.0, f64::NAN), (10.0, 5.0), (7e9, 5.0)], 1);
    check(clients(), &[(1.0, 0.0), (10.0, 5.0), (10_000.0, 5_000.0)], 2);
    check(clients(), &[], 0);
}

#[test]
fn a_line_joins_only_what_has_something_between() {
    let lines = |along: Along| {
        let text = svg(&chart(&["one"], along, &[(1.0, 3.0), (2.0, 4.0)])).unwrap();
        let document = Document::parse(&text).unwrap();
        of_class(document.root(), "panel").into_iter().map(|panel| of_class(panel, "line").len()).sum::<usize>()
    };
    assert_eq!(lines(Along::linear("clients", &[1, 2])), 3);
    assert_eq!(lines(Along::names("transport", &["HTTP/1.1", "HTTP/2"])), 0);
}

#[test]
fn hostile_labels_stay_text() {
    let along = Along::names(HOSTILE, &[HOSTILE]);
    let text = svg(&chart(&[HOSTILE], along, &[(1.0, 3.0)])).unwrap();
    let document = Document::parse(&text).unwrap();
    assert!(!document.descendants().any(|node| node.has_tag_name("script")));
    let shown = HOSTILE.replace(char::is_control, "\u{fffd}");
    let texts = document.descendants().filter(|node| node.text().is_some_and(|text| text.contains(&shown)));
    // The title twice; the line's name and its points' of three panels; a place and the axis's name in each.
    assert!(texts.count() >= 12);
}

#[test]
fn no_two_labels_overlap() {
    let names = [
        "pool-proxy, from its cache",
        "bare-hyper, the same bytes",
        "pool-proxy, from Postgres",
        "bare-pool, from Postgres",
    ];
    let text = svg(&chart(&names, Along::linear("hits", &[0, 50, 97, 100]), &[(0.0, 1.0), (97.0, 30.0)])).unwrap();
    let document = Document::parse(&text).unwrap();
    let texts: Vec<_> = document.descendants().filter(|node| node.has_tag_name("text")).collect();
    let boxed = |node: &Node<'_, '_>| {
        let width = super::wide(node.text().unwrap_or_default());
        let shift = match node.attribute("text-anchor") {
            Some("middle") => width / 2.0,
            Some("end") => width,
            _ => 0.0,
        };
        (number(*node, "x") - shift, number(*node, "y"), width)
    };
    for (place, one) in texts.iter().enumerate() {
        let (x, y, width) = boxed(one);
        assert!(x >= 0.0 && x + width <= super::WIDTH, "{:?} is cut", one.text());
        for other in &texts[..place] {
            let (left, level, length) = boxed(other);
            let apart = (y - level).abs() >= 11.0 || x + width <= left || left + length <= x;
            assert!(apart, "{:?} lies on {:?}", one.text(), other.text());
        }
    }
}
