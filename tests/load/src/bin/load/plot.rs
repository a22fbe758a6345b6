//! A chart as a picture: one SVG file that needs nothing else and is readable on light and on dark pages.
//!
//! Written here, as the crates that draw cannot have one file follow the reader's colours, or place labels by logarithms
//! without a tree of other crates.

mod scale;
#[cfg(test)]
mod tests;

use std::fmt::{Result, Write};

use crate::chart::{Along, Chart, Line, Panel};
use scale::Scale;

/// Of the whole picture, in the units of all that follows.
const WIDTH: f64 = 960.0;
const MARGIN: f64 = 16.0;
/// Of a panel, all that belongs to it included.
const PANEL_HEIGHT: f64 = 272.0;
/// Around the frame of a panel.
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const ABOVE: f64 = 30.0;
const BELOW: f64 = 58.0;
/// Of letters in the sizes used here, about; a reader's font may differ.
const LETTER: f64 = 6.6;
const LEGEND_LINE: f64 = 20.0;
/// Between points at one place that are not joined to others.
const DODGE: f64 = 11.0;
/// Of a legend's stroke, and of the space behind its text.
const STROKE: f64 = 34.0;
const SPACE: f64 = 22.0;

/// Text, frames and lines; the colours of lines are told apart by people with any colour vision (after Okabe and Ito,
/// <https://jfly.uni-koeln.de/color/>), and lines by dashes besides.
const STYLE: &str = "\
text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#24292f}\
.title{font-size:16px;font-weight:600}.figure{font-weight:600}.place,.value{font-size:11px;fill:#57606a}\
.paper{fill:#fff}.frame{fill:none;stroke:#8c959f}.grid{stroke:#d8dee4}\
.line{fill:none;stroke-width:2}.yardstick{stroke-dasharray:6 4}\
.c0{stroke:#0072b2}.c1{stroke:#d55e00}.c2{stroke:#009e73}.c3{stroke:#a8559b}.c4{stroke:#8a6d00}.c5{stroke:#444c56}\
.dot{stroke-width:2;fill:#fff}\
@media(prefers-color-scheme:dark){\
text{fill:#e6edf3}.place,.value{fill:#9da7b3}.paper,.dot{fill:#0d1117}.frame{stroke:#6e7681}.grid{stroke:#262c36}\
.c0{stroke:#58a6ff}.c1{stroke:#ff8f4d}.c2{stroke:#3ddba6}.c3{stroke:#d99ad0}.c4{stroke:#e3c34a}.c5{stroke:#c9d1d9}}";
const COLOURS: usize = 6;

/// The whole file.
pub(crate) fn svg(chart: &Chart) -> std::result::Result<String, std::fmt::Error> {
    let legend = legend(&chart.panels);
    let legend_top = 52.0;
    let rows = legend.last().map_or(0.0, |entry| entry.row + 1.0);
    let top = legend_top + rows * LEGEND_LINE;
    let columns = if chart.panels.len() > 1 { 2 } else { 1 };
    let lines = chart.panels.len().div_ceil(columns);
    let height = top + number(lines) * PANEL_HEIGHT + MARGIN / 2.0;
    let title = escaped(&chart.title);

    let mut svg = String::new();
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0} {height:.0}" width="{WIDTH:.0}" height="{height:.0}" role="img">"#
    )?;
    writeln!(svg, "<title>{title}</title>\n<style>{STYLE}</style>")?;
    writeln!(svg, r#"<rect class="paper" width="{WIDTH:.0}" height="{height:.0}"/>"#)?;
    writeln!(svg, r#"<text class="title" x="{MARGIN}" y="30">{title}</text>"#)?;
    for (place, entry) in legend.iter().enumerate() {
        let (x, y) = (MARGIN + entry.left, legend_top + entry.row * LEGEND_LINE);
        let (class, middle) = (class(place, entry.line), x + (STROKE - 8.0) / 2.0);
        writeln!(svg, r#"<path class="line {class}" d="M{x:.1} {y:.1}h{:.1}"/>"#, STROKE - 8.0)?;
        writeln!(svg, r#"<circle class="dot c{}" cx="{middle:.1}" cy="{y:.1}" r="3.2"/>"#, place % COLOURS)?;
        let name = escaped(&entry.line.name);
        writeln!(svg, r#"<text x="{:.1}" y="{:.1}">{name}</text>"#, x + STROKE, y + 4.0)?;
    }
    let names: Vec<_> = legend.iter().map(|entry| entry.line.name.as_str()).collect();
    let width = (WIDTH - 2.0 * MARGIN) / number(columns);
    for (place, panel) in chart.panels.iter().enumerate() {
        let left = MARGIN + number(place % columns) * width;
        let top = top + number(place / columns) * PANEL_HEIGHT;
        let frame = Frame {
            left: left + LEFT,
            right: left + width - RIGHT,
            top: top + ABOVE,
            bottom: top + PANEL_HEIGHT - BELOW,
        };
        draw(&mut svg, &frame, &chart.along, panel, &names)?;
    }
    writeln!(svg, "</svg>")?;
    Ok(svg)
}

/// Where points may be.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// A name and where it stands: so far from the left, in such a row.
struct Entry<'a> {
    line: &'a Line,
    left: f64,
    row: f64,
}

/// Each name once, in as many rows as they need.
fn legend(panels: &[Panel]) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let (mut left, mut row) = (0.0, 0.0);
    for line in panels.iter().flat_map(|panel| &panel.lines) {
        if entries.iter().any(|entry| entry.line.name == line.name) {
            continue;
        }
        let width = STROKE + wide(&line.name);
        if left > 0.0 && left + width > WIDTH - 2.0 * MARGIN {
            (left, row) = (0.0, row + 1.0);
        }
        entries.push(Entry { line, left, row });
        left += width + SPACE;
    }
    entries
}

fn draw(svg: &mut String, frame: &Frame, along: &Along, panel: &Panel, names: &[&str]) -> Result {
    let Frame { left, right, top, bottom } = frame;
    let room = if along.is_continuous { 0.05 } else { 0.2 };
    let across = Scale::places(along.places.iter().map(|(at, _)| *at), along.is_log, room, *left, *right);
    let values = || panel.lines.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value));
    let up = Scale::values(values(), *bottom, *top);
    writeln!(svg, r#"<g class="panel">"#)?;
    writeln!(
        svg,
        r#"<text class="figure" x="{:.1}" y="{:.1}">{}</text>"#,
        left - LEFT + 8.0,
        top - 11.0,
        escaped(&panel.figure)
    )?;
    for value in up.steps() {
        let y = up.at(value);
        writeln!(svg, r#"<path class="grid" d="M{left:.1} {y:.1}H{right:.1}"/>"#)?;
        let text = scale::short(value);
        writeln!(
            svg,
            r#"<text class="value" x="{:.1}" y="{:.1}" text-anchor="end">{text}</text>"#,
            left - 6.0,
            y + 4.0
        )?;
    }
    places(svg, frame, along, &across)?;
    writeln!(
        svg,
        r#"<rect class="frame" x="{left:.1}" y="{top:.1}" width="{:.1}" height="{:.1}"/>"#,
        right - left,
        bottom - top
    )?;
    for line in &panel.lines {
        let colour = names.iter().position(|name| *name == line.name).unwrap_or_default();
        let seen = || line.points.iter().filter(|(at, value)| across.holds(*at) && up.holds(*value));
        let place = |(at, value): &(f64, f64)| (across.at(*at), up.at(*value));
        if along.is_continuous {
            let steps = seen().map(place).map(|(x, y)| format!("{x:.1} {y:.1}")).collect::<Vec<_>>();
            if steps.len() > 1 {
                writeln!(svg, r#"<path class="line {}" d="M{}"/>"#, class(colour, line), steps.join("L"))?;
            }
        }
        for point in seen() {
            let ((x, y), text) = (place(point), scale::short(point.1));
            // Side by side, where nothing would tell one from what lies on it.
            let aside = number(colour) - number(names.len().saturating_sub(1)) / 2.0;
            let x = if along.is_continuous { x } else { x + aside * DODGE };
            let at = along.places.iter().find(|(at, _)| at.total_cmp(&point.0).is_eq());
            let at = at.map_or_else(|| scale::short(point.0), |(_, name)| name.clone());
            let said = escaped(&format!("{}, {at}: {text}", line.name));
            let colour = colour % COLOURS;
            writeln!(
                svg,
                r#"<circle class="dot c{colour}" cx="{x:.1}" cy="{y:.1}" r="3.2"><title>{said}</title></circle>"#
            )?;
        }
    }
    writeln!(svg, "</g>")
}

/// The places across, one row lower where there is no room beside the one before.
fn places(svg: &mut String, frame: &Frame, along: &Along, across: &Scale) -> Result {
    let (mut taken, mut is_lower) = (f64::NEG_INFINITY, false);
    for (at, name) in along.places.iter().filter(|(at, _)| across.holds(*at)) {
        let (x, half) = (across.at(*at), wide(name) / 2.0);
        is_lower = x - half < taken && !is_lower;
        taken = x + half + 4.0;
        let y = frame.bottom + if is_lower { 29.0 } else { 16.0 };
        writeln!(svg, r#"<path class="grid" d="M{x:.1} {:.1}V{:.1}"/>"#, frame.top, frame.bottom)?;
        writeln!(svg, r#"<text class="place" x="{x:.1}" y="{y:.1}" text-anchor="middle">{}</text>"#, escaped(name))?;
    }
    let (middle, y) = (f64::midpoint(frame.left, frame.right), frame.bottom + 44.0);
    writeln!(
        svg,
        r#"<text class="place" x="{middle:.1}" y="{y:.1}" text-anchor="middle">{}</text>"#,
        escaped(&along.label)
    )
}

fn class(place: usize, line: &Line) -> String {
    format!("c{}{}", place % COLOURS, if line.is_yardstick { " yardstick" } else { "" })
}

/// About as wide as a text is drawn.
fn wide(text: &str) -> f64 {
    number(text.chars().count()) * LETTER
}

/// There are few panels, letters and columns.
fn number(count: usize) -> f64 {
    f64::from(u16::try_from(count).unwrap_or(u16::MAX))
}

/// As text of an XML document (<https://www.w3.org/TR/xml/#charsets>).
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other if other.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
