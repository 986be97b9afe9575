//! Finds the functions of a source file that rustfmt has formatted: a function ends at the first line that consists
//! of the indentation of the function and a brace.

/// A function with the numbers of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function<'t> {
    /// The name of the function.
    pub(super) name: &'t str,
    /// The first line of the signature: visibility, `fn` and name.
    pub(super) signature: usize,
    /// The first line of the body.
    pub(super) body: usize,
    /// The line of the closing brace.
    pub(super) end: usize,
}

/// Splits a text into lines, each with its line break.
pub(super) fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Returns all functions whose body has its own lines, in order. Nested functions are not included.
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

/// The name of the function whose signature starts in this line, if any.
fn name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    // Words such as `pub(super)`, `const`, `async` and `pub(in crate::model)` may precede `fn`.
    let (before, after) = line.strip_prefix("fn ").map(|after| ("", after)).or_else(|| line.split_once(" fn "))?;
    let known = |word: &str| matches!(word, "pub" | "pub(super)" | "pub(crate)" | "pub(in" | "const" | "async");
    let is_signature = before.split_whitespace().all(|word| known(word) || word.starts_with("crate::"));
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    is_signature.then(|| &after[..end])
}
