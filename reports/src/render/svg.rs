//! The few SVG pieces that the pictures share. Text is escaped here and nowhere else.

use crate::words::escape_xml;

/// A coordinate: one decimal, no sign on zero, so that equal pictures are equal bytes.
pub(crate) fn coordinate(value: f64) -> String {
    if !value.is_finite() {
        return "0".into();
    }
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".into() } else { text.to_owned() }
}

/// The start of an image with the name and description that a screen reader speaks.
pub(crate) fn open(id: &str, class: &str, size: (f64, f64), title: &str, description: &str) -> String {
    format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" \
         xmlns=\"http://www.w3.org/2000/svg\"><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>\n",
        coordinate(size.0),
        coordinate(size.1),
        escape_xml(title),
        escape_xml(description),
    )
}

/// A text; `class` carries size, colour and anchor.
pub(crate) fn text(class: &str, x: f64, y: f64, text: &str) -> String {
    let (x, y) = (coordinate(x), coordinate(y));
    format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>\n", escape_xml(text))
}

/// A straight line.
pub(crate) fn line(class: &str, from: (f64, f64), to: (f64, f64)) -> String {
    let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(coordinate);
    format!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>\n")
}

/// A rectangle.
pub(crate) fn rectangle(class: &str, corner: (f64, f64), size: (f64, f64)) -> String {
    let [x, y, w, h] = [corner.0, corner.1, size.0.max(0.0), size.1.max(0.0)].map(coordinate);
    format!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"/>\n")
}

/// Roughly how wide a text is at a font size; no font is measured, so this errs on the wide side.
pub(crate) fn text_width(text: &str, font_size: f64) -> f64 {
    text.chars().count() as f64 * font_size * 0.58
}
