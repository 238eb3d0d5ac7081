//! A single value of a document as the text that a flag has: YAML and TOML have forms of their own
//! for numbers and switches.

use super::document::{Node, Place, Style, Value};
use super::setting::Setting;

/// Returns the one value of a node.
pub(super) fn single(setting: &Setting, node: &Node) -> Result<String, (Place, String)> {
    let checked = match &node.value {
        Value::Scalar(text, Style::Plain) if text == "true" || text == "false" => Err(format!(
            "expected text or a number, got {text}; quote it if it is meant as text"
        )),
        Value::Scalar(text, Style::Plain) if !setting.is_text() => {
            let checked = setting.check(text);
            // The Haskell client accepts whole numbers with a fraction or an exponent.
            match whole(text).filter(|_| checked.is_err()) {
                Some(whole) => setting.check(&whole).or(checked),
                None => checked,
            }
        }
        Value::Scalar(text, _) => setting.check(text),
        value => Err(format!("expected one value, got {value}")),
    };
    checked.map_err(|what| (node.place, what))
}

/// The digits of a number, if it is whole and a double holds it exactly.
fn whole(text: &str) -> Option<String> {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    let number: f64 = text.parse().ok()?;
    (number.fract() == 0.0 && number.abs() <= MAX_EXACT).then(|| format!("{number:.0}"))
}

/// Returns the value of a switch, in the spellings of YAML and of environments.
pub(super) fn switch(value: &Value) -> Result<String, String> {
    let text = match value {
        Value::Scalar(text, _) => text.to_ascii_lowercase(),
        _ => String::new(),
    };
    match text.as_str() {
        "true" | "yes" | "on" | "y" | "1" => Ok("true".to_owned()),
        "false" | "no" | "off" | "n" | "0" => Ok("false".to_owned()),
        _ => Err(format!("expected true or false, got {value}")),
    }
}
