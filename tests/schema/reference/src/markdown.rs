//! Writes GitHub Flavored Markdown: escaped text, and tables.

/// Returns a heading.
pub(crate) fn heading(level: usize, title: &str) -> String {
    format!("{} {title}", "#".repeat(level))
}

/// Returns a word as code, which is also valid inside a table.
pub(crate) fn code(word: &str) -> String {
    format!("`{}`", word.replace('|', "\\|"))
}

/// Escapes prose that contains code in back-quotes. Outside code, all markup is escaped, because GitHub would treat
/// `<region>` as HTML. Inside code, only `|` is escaped, because it ends the cell of a table (GitHub Flavored
/// Markdown, "Tables").
pub(crate) fn text(prose: &str) -> String {
    let mut escaped = String::with_capacity(prose.len());
    let mut in_code = false;
    for c in prose.chars() {
        if c == '`' {
            in_code = !in_code;
        }
        match c {
            '|' => escaped.push('\\'),
            '*' | '_' | '[' | ']' | '<' | '>' | '~' | '\\' if !in_code => escaped.push('\\'),
            _ => {}
        }
        escaped.push(c);
    }
    escaped
}

/// Returns a table. The cells must already be Markdown.
pub(crate) fn table<const N: usize>(header: &[&str; N], rows: &[[String; N]]) -> String {
    let line = |cells: &[&str]| format!("| {} |", cells.join(" | "));
    let separator = format!("|{}", "---|".repeat(N));
    let rows = rows.iter().map(|row| line(&row.each_ref().map(String::as_str)));
    [line(header), separator].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_markup() {
        assert_eq!(text("a|b of 'x.<region>', not '*' or \\"), "a\\|b of 'x.\\<region\\>', not '\\*' or \\\\");
        assert_eq!(text("use `a[*]|b_c` or d_e"), "use `a[*]\\|b_c` or d\\_e");
        assert_eq!(code("a|b"), "`a\\|b`");
    }

    #[test]
    fn a_table_has_one_line_per_row() {
        let table = table(&["A", "B"], &[["1".to_owned(), String::new()]]);
        assert_eq!(table, "| A | B |\n|---|---|\n| 1 |  |");
    }
}
