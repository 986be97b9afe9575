//! Writes a tree as the XML of the query protocols.
//!
//! Objects become elements, null is left out, and each item of a list becomes an element of its own name: `item` for EC2,
//! `member` for STS. Source: Smithy, "AWS EC2 query protocol" and "AWS query protocol".

use serde_json::Value;

/// Writes the children of an element.
pub(super) fn write(out: &mut String, value: &Value, item: &str) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => escape(out, text),
        Value::Array(items) => items.iter().for_each(|child| element(out, item, child, item)),
        Value::Object(fields) => {
            fields
                .iter()
                .filter(|(_, child)| !child.is_null())
                .for_each(|(name, child)| element(out, name, child, item));
        }
    }
}

fn element(out: &mut String, name: &str, value: &Value, item: &str) {
    out.extend(["<", name, ">"]);
    write(out, value, item);
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
            "item",
        );
        assert_eq!(
            out,
            "<n>&lt;a&gt;</n><vpcSet><item><isDefault>false</isDefault><vpcId>vpc-1</vpcId></item></vpcSet>"
        );
    }
}
