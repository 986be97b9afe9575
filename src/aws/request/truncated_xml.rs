//! Rejects XML answers that are truncated.
//!
//! At the end of the text, the SDK's XML parser closes all open elements. It thus turns a truncated answer into a
//! shorter list, if neither a content length nor the connection reveals the truncation, and the operator may take the
//! missing items for deleted resources. Truncated JSON fails to parse. Every client of an XML service therefore
//! checks that the answer is complete.

use aws_sdk_ec2::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::AfterDeserializationInterceptorContextRef},
    error::BoxError,
};

/// Fails a call whose answer reports success but is truncated. The call may have taken effect.
#[derive(Debug)]
pub(crate) struct RefuseTruncatedXml;

impl Intercept for RefuseTruncatedXml {
    fn name(&self) -> &'static str {
        "RefuseTruncatedXml"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.response();
        match answer.body().bytes() {
            Some(body) if answer.status().is_success() && !is_complete(body) => Err("the answer is truncated".into()),
            Some(_) | None => Ok(()),
        }
    }
}

/// Whether the XML ends with the closing tag of its root element.
fn is_complete(xml: &[u8]) -> bool {
    let text = String::from_utf8_lossy(xml);
    let mut rest = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let end = rest;
    // Skips the declaration and comments.
    while let Some(after) = rest.strip_prefix("<?").or_else(|| rest.strip_prefix("<!")) {
        let Some((_, after)) = after.split_once('>') else { return false };
        rest = after.trim_start();
    }
    let Some(element) = rest.strip_prefix('<') else { return false };
    let name: &str = element.split(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).next().unwrap_or_default();
    let closed = end.strip_suffix('>').map(str::trim_end).and_then(|end| end.strip_suffix(name));
    closed.is_some_and(|before| before.ends_with("</"))
        || (element.ends_with("/>") && element.matches('<').count() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_is_complete_only_with_its_last_character() {
        for text in [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Answer xmlns=\"http://x/\">\n  <set><item>a</item></set>\n</Answer>\n",
            "<Answer><Answer>1</Answer></Answer >",
            "\u{feff}<!-- none --><Answer/>",
        ] {
            assert!(is_complete(text.as_bytes()), "{text}");
            let cut = text.trim_end().len();
            for end in (0..cut).filter(|end| text.is_char_boundary(*end)) {
                // The truncated text may close a nested element of the same name, but no AWS answer nests its own
                // name.
                if text[..end].trim_end() != "<Answer><Answer>1</Answer>" {
                    assert!(!is_complete(&text.as_bytes()[..end]), "{}", &text[..end]);
                }
            }
        }
    }
}
