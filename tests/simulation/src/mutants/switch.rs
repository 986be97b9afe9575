//! Compiles many bugs at once: each function that patches change gets a switch with its own body and the patched
//! ones. In the copy of the operator, an environment variable selects the body that runs.

use anyhow::{Context, Result, ensure};

use super::function::{Function, functions, lines};

/// The environment variable with the number of the active bug. Without it, no bug is active.
pub const VARIABLE: &str = "MGNET_PLANTED";

/// The module that is added to the copy of the operator.
pub const MODULE: &str = r#"//! Selects the active planted bug.

/// The number of the active bug; 0 if none.
pub(crate) fn bug() -> usize {
    static BUG: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *BUG.get_or_init(|| std::env::var("MGNET_PLANTED").ok().and_then(|number| number.parse().ok()).unwrap_or(0))
}
"#;

/// Merges the versions of a file that patches produce, each with the number of its bug, into one text.
///
/// # Errors
/// If a version differs in anything but bodies of functions.
pub fn merged(original: &str, mutated: &[(usize, String)]) -> Result<String> {
    let (lines, functions) = (lines(original), functions(original));
    // The bodies that the mutants give to each function.
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

/// Returns the functions that differ in the changed file, each as its index and its new body.
fn changed(original: &str, text: &str) -> Result<Vec<(usize, String)>> {
    let (was, is) = (functions(original), functions(text));
    let (old, new) = (lines(original), lines(text));
    ensure!(was.len() == is.len(), "the patch adds or removes functions");
    let rest = |lines: &[&str], functions: &[Function<'_>]| {
        let ends = functions.iter().map(|function| function.end);
        let gaps = [0].into_iter().chain(ends).zip(functions.iter().map(|function| function.body).chain([lines.len()]));
        gaps.map(|(from, to)| lines[from..to].concat()).collect::<Vec<_>>()
    };
    ensure!(rest(&old, &was) == rest(&new, &is), "the patch changes code outside the bodies of functions");
    let pairs = was.iter().zip(&is).enumerate();
    let bodies = pairs.map(|(at, (was, is))| (at, was, old[was.body..was.end].concat(), new[is.body..is.end].concat()));
    bodies
        .filter(|(_, _, was, is)| was != is)
        .map(|(at, function, _, is)| {
            let signature = old[function.signature..function.body].concat();
            ensure!(
                !signature.contains("-> impl "),
                "the bodies of a function that returns `impl` have different types; it cannot be switched"
            );
            Ok((at, is))
        })
        .collect::<Result<_>>()
        .context("cannot switch a function")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGINAL: &str = "use a;\n\nimpl A {\n    pub const fn one(\n        self,\n    ) -> u8 {\n        1\n    \
                            }\n}\n\nfn two() {\n    2;\n}\n";

    #[test]
    fn each_changed_function_gets_a_switch() {
        let mutated = [(7, ORIGINAL.replace("        1\n", "        7\n")), (9, ORIGINAL.replace("1\n", "9\n"))];
        let merged = merged(ORIGINAL, &mutated).expect("only bodies differ");
        let one = "    pub fn one(\n        self,\n    ) -> u8 {\nmatch crate::planted::bug() {\n7 => {\n        \
                   7\n}\n9 => {\n        9\n}\n_ => {\n        1\n}\n}\n    }\n";
        assert_eq!(
            merged,
            ORIGINAL.replace("    pub const fn one(\n        self,\n    ) -> u8 {\n        1\n    }\n", one)
        );
    }

    #[test]
    fn changes_outside_bodies_cannot_be_switched() {
        for (from, to) in
            [("use a", "use b"), ("-> u8", "-> u16"), ("fn two", "fn three"), ("}\n\nfn", "}\n\nfn x() {\n}\n\nfn")]
        {
            assert!(merged(ORIGINAL, &[(1, ORIGINAL.replacen(from, to, 1))]).is_err(), "{from} became {to}");
        }
    }
}
