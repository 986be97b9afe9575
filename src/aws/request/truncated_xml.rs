//! Answers that stop half way.
//!
//! The SDK's reader of XML takes the end of the text for the end of everything that is open: of an answer that was cut, where
//! neither a length nor the connection tells, it makes a shorter list, and what is missing from a list may be gone for the
//! operator. JSON that was cut cannot be read. So whoever has XML to read looks first whether it is whole.

use aws_sdk_ec2::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::AfterDeserializationInterceptorContextRef},
    error::BoxError,
};

/// Fails a call whose answer says that it succeeded, and is not there to its end. Then it may have had its effect.
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
            Some(body) if answer.status().is_success() && !is_whole(body) => Err("the answer stops half way".into()),
            Some(_) | None => Ok(()),
        }
    }
}

/// Whether XML ends with what its first element is closed by.
fn is_whole(xml: &[u8]) -> bool {
    let text = String::from_utf8_lossy(xml);
    let mut rest = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let end = rest;
    // The declaration, and comments.
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
    fn xml_is_whole_only_to_its_last_letter() {
        for text in [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Answer xmlns=\"http://x/\">\n  <set><item>a</item></set>\n</Answer>\n",
            "<Answer><Answer>1</Answer></Answer >",
            "\u{feff}<!-- none --><Answer/>",
        ] {
            assert!(is_whole(text.as_bytes()), "{text}");
            let cut = text.trim_end().len();
            for end in (0..cut).filter(|end| text.is_char_boundary(*end)) {
                // What is closed within is no answer of AWS: none has its own name inside.
                if text[..end].trim_end() != "<Answer><Answer>1</Answer>" {
                    assert!(!is_whole(&text.as_bytes()[..end]), "{}", &text[..end]);
                }
            }
        }
    }
}
