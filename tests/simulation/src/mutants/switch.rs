//! Many bugs in one compilation: each function that a patch changes gets a switch with its own body and those that patches
//! make of it. An environment variable says which one runs, in the copy alone.

use anyhow::{Context, Result, ensure};

use super::function::{Function, functions, lines};

/// The variable that has the number of the bug that is to be there; none is there without it.
pub const VARIABLE: &str = "MGNET_PLANTED";

/// The module that the copy of the operator gets.
pub const MODULE: &str = r#"//! Which of the planted bugs is to be there.

/// Its number; 0 if none.
pub(crate) fn bug() -> usize {
    static BUG: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *BUG.get_or_init(|| std::env::var("MGNET_PLANTED").ok().and_then(|number| number.parse().ok()).unwrap_or(0))
}
"#;

/// The text of a file with all of these in it, each by its number: what a patch makes of the file.
///
/// # Errors
/// If one of them changes anything but bodies of functions.
pub fn merged(original: &str, mutated: &[(usize, String)]) -> Result<String> {
    let (lines, functions) = (lines(original), functions(original));
    // What the mutants make of each function.
    let mut bodies: Vec<Vec<(usize, String)>> = functions.iter().map(|_| Vec::new()).collect();
    for (number, text) in mutated {
        for (at, body) in changed(original, text)? {
            bodies[at].push((*number, body));
        }
    }
    let (mut text, mut at) = (String::new(), 0);
    for (function, bodies) in functions.iter().zip(bodies).filter(|(_, bodies)| !bodies.is_empty()) {
        text += &lines[at..function.signature].concat();
        text += &lines[function.signature..function.body].concat().replacen("const fn ", "fn ", 1);
        text += "match crate::planted::bug() {\n";
        for (number, body) in bodies {
            text.extend([&format!("{number} => {{\n"), &body, "}\n"]);
        }
        text.extend(["_ => {\n", &lines[function.body..function.end].concat(), "}\n}\n"]);
        at = function.end;
    }
    Ok(text + &lines[at..].concat())
}

/// The functions, by their place in the file, that differ in a changed file, each with its body there.
fn changed(original: &str, text: &str) -> Result<Vec<(usize, String)>> {
    let (was, is) = (functions(original), functions(text));
    let (old, new) = (lines(original), lines(text));
    ensure!(was.len() == is.len(), "there are other functions");
    let rest = |lines: &[&str], functions: &[Function<'_>]| {
        let ends = functions.iter().map(|function| function.end);
        let gaps = [0].into_iter().chain(ends).zip(functions.iter().map(|function| function.body).chain([lines.len()]));
        gaps.map(|(from, to)| lines[from..to].concat()).collect::<Vec<_>>()
    };
    ensure!(rest(&old, &was) == rest(&new, &is), "something beside the bodies of functions is another");
    let pairs = was.iter().zip(&is).enumerate();
    let bodies = pairs.map(|(at, (was, is))| (at, was, old[was.body..was.end].concat(), new[is.body..is.end].concat()));
    bodies
        .filter(|(_, _, was, is)| was != is)
        .map(|(at, function, _, is)| {
            let signature = old[function.signature..function.body].concat();
            ensure!(!signature.contains("-> impl "), "the bodies would have different types");
            Ok((at, is))
        })
        .collect::<Result<_>>()
        .context("a function")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGINAL: &str = "use a;\n\nimpl A {\n    pub const fn one(\n        self,\n    ) -> u8 {\n        1\n    }\n}\n\nfn \
                            two() {\n    2;\n}\n";

    #[test]
    fn each_changed_function_gets_a_switch() {
        let mutated = [(7, ORIGINAL.replace("        1\n", "        7\n")), (9, ORIGINAL.replace("1\n", "9\n"))];
        let merged = merged(ORIGINAL, &mutated).expect("bodies only");
        let one = "    pub fn one(\n        self,\n    ) -> u8 {\nmatch crate::planted::bug() {\n7 => {\n        7\n}\n9 => {\n        \
                   9\n}\n_ => {\n        1\n}\n}\n    }\n";
        assert_eq!(
            merged,
            ORIGINAL.replace("    pub const fn one(\n        self,\n    ) -> u8 {\n        1\n    }\n", one)
        );
    }

    #[test]
    fn what_changes_more_than_bodies_cannot_be_switched() {
        for (from, to) in
            [("use a", "use b"), ("-> u8", "-> u16"), ("fn two", "fn three"), ("}\n\nfn", "}\n\nfn x() {\n}\n\nfn")]
        {
            assert!(merged(ORIGINAL, &[(1, ORIGINAL.replacen(from, to, 1))]).is_err(), "{from} became {to}");
        }
    }
}
