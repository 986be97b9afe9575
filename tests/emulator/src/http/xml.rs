//! Writes a tree as the XML of the query protocols.
//!
//! Objects become elements, null is left out, and each item of a list becomes an element. Source: Smithy, "AWS EC2 query
//! protocol", "AWS query protocol" and "AWS restXml protocol".

use serde_json::Value;

/// The naming of list elements.
#[derive(Clone, Copy)]
pub(super) enum Lists {
    /// The elements have this name and are nested in the element of the list: `item` for EC2, `member` for STS.
    Named(&'static str),
    /// The elements have the name of the list and are not nested.
    Flat,
}

/// Writes the children of an element.
pub(super) fn write(out: &mut String, value: &Value, lists: Lists) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => escape(out, text),
        Value::Array(items) => {
            let name = match lists {
                Lists::Named(name) => name,
                Lists::Flat => "member",
            };
            elements(out, name, items, lists);
        }
        Value::Object(fields) => {
            for (name, child) in fields.iter().filter(|(_, child)| !child.is_null()) {
                match (child, lists) {
                    (Value::Array(items), Lists::Flat) => elements(out, name, items, lists),
                    _ => element(out, name, child, lists),
                }
            }
        }
    }
}

fn elements(out: &mut String, name: &str, items: &[Value], lists: Lists) {
    for item in items {
        element(out, name, item, lists);
    }
}

fn element(out: &mut String, name: &str, value: &Value, lists: Lists) {
    out.extend(["<", name, ">"]);
    write(out, value, lists);
    out.extend(["</", name, ">"]);
}

/// Writes text.
pub(super) fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_tree_becomes_elements() {
        let mut out = String::new();
        super::write(
            &mut out,
            &json!({"vpcSet": [{"vpcId": "vpc-1", "isDefault": false, "x": null}], "n": "<a>"}),
            super::Lists::Named("item"),
        );
        assert_eq!(
            out,
            "<n>&lt;a&gt;</n><vpcSet><item><isDefault>false</isDefault><vpcId>vpc-1</vpcId></item></vpcSet>"
        );
    }
}
