//! Removes from a report what it must not reveal: account IDs, identities, and encoded authorization messages.

/// Returns the text without the account ID of the run (`ACCOUNT`), without those of others (`OTHER-ACCOUNT`), without ARNs
/// of identities (`IDENTITY`), and without encoded authorization messages.
pub(crate) fn redact(text: &str, account: &str) -> String {
    const ENCODED: &str = "Encoded authorization failure message:";
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let is_separator = |c: char| c.is_whitespace() || "\"'`|,;()[]<>".contains(c);
        let end = rest.find(is_separator).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        redacted.push_str(&redact_word(word, account));
        if redacted.ends_with(ENCODED) {
            let after = after.trim_start();
            rest = after.find(char::is_whitespace).and_then(|end| after.get(end..)).unwrap_or_default();
            redacted.push_str(" (removed)");
            continue;
        }
        let separator = after.chars().next();
        redacted.extend(separator);
        rest = after.get(separator.map_or(0, char::len_utf8)..).unwrap_or_default();
    }
    redacted
}

fn redact_word(word: &str, account: &str) -> String {
    if word.contains(":iam::") || word.contains(":sts::") {
        return "IDENTITY".to_owned();
    }
    let parts = word.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).map(|part| {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let separator = part.get(digits.len()..).unwrap_or_default();
        let is_account = digits.len() == 12 && digits.bytes().all(|c| c.is_ascii_digit());
        match digits {
            digits if digits == account => format!("ACCOUNT{separator}"),
            _ if is_account => format!("OTHER-ACCOUNT{separator}"),
            _ => part.to_owned(),
        }
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_identities_and_encoded_messages_are_removed() {
        let text = "User: arn:aws:sts::123456789012:assumed-role/admin/jane is not authorized on \
                    arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1 of 210987654321. \
                    Encoded authorization failure message: xYz123 ok";
        let expected = "User: IDENTITY is not authorized on arn:aws:ec2:us-east-1:ACCOUNT:vpc/vpc-1 of OTHER-ACCOUNT. \
                        Encoded authorization failure message: (removed) ok";
        assert_eq!(redact(text, "123456789012"), expected);
        assert_eq!(redact("vpc-0123456789abcdef0, 2026-12-01", "123456789012"), "vpc-0123456789abcdef0, 2026-12-01");
    }
}
