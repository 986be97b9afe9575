//! The functions of a source file, found by the form that rustfmt gives to code: a function ends at the first line that is
//! its own indentation and a brace.

/// One function, by the numbers of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function<'t> {
    /// Its name.
    pub(super) name: &'t str,
    /// The first line: visibility, `fn` and name.
    pub(super) signature: usize,
    /// The first line of its body.
    pub(super) body: usize,
    /// Its closing brace.
    pub(super) end: usize,
}

/// The lines of a text, each with its line break.
pub(super) fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// All functions of a text that have a body of their own lines, in order. Functions within functions are not among them.
pub(super) fn functions(text: &str) -> Vec<Function<'_>> {
    let lines = lines(text);
    let (mut functions, mut at) = (Vec::new(), 0);
    while at < lines.len() {
        let signature = at;
        at += 1;
        let Some(name) = name(lines[signature]) else { continue };
        let opens = lines[signature..].iter().position(|line| line.ends_with("{\n") || line.ends_with(";\n"));
        let Some(opens) = opens.map(|opens| signature + opens).filter(|opens| lines[*opens].ends_with("{\n")) else {
            continue;
        };
        let indentation = lines[signature].len() - lines[signature].trim_start().len();
        let brace = format!("{}}}\n", &lines[signature][..indentation]);
        let Some(end) = lines[opens..].iter().position(|line| *line == brace) else { continue };
        at = opens + end;
        functions.push(Function { name, signature, body: opens + 1, end: at });
    }
    functions
}

/// The name of the function whose signature begins in a line, if one does.
fn name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    // Before `fn` are words such as `pub(super)`, `const` and `async`, and `pub(in crate::model)`.
    let (before, after) = line.strip_prefix("fn ").map(|after| ("", after)).or_else(|| line.split_once(" fn "))?;
    let known = |word: &str| matches!(word, "pub" | "pub(super)" | "pub(crate)" | "pub(in" | "const" | "async");
    let is_signature = before.split_whitespace().all(|word| known(word) || word.starts_with("crate::"));
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    is_signature.then(|| &after[..end])
}
