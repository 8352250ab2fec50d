//! What a kernel calls is compiled into it.
//!
//! A kernel runs with wide instructions because it is compiled inside a function that has them enabled. A function that it
//! calls and that is not part of it would be compiled without: its intrinsics would become calls, right and many times
//! slower, and no test of numbers would notice.

use super::{product, sources};

/// A function as it is written; the sources are formatted, so a body ends at the indentation where it began.
struct Function<'a> {
    name: &'a str,
    attributes: Vec<&'a str>,
    /// From `fn` to the opening brace.
    signature: String,
    body: String,
    /// The head of the `impl` or `trait` block that it is in, or nothing.
    block: &'a str,
}

fn functions(source: &str) -> Vec<Function<'_>> {
    let lines: Vec<&str> = source.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    let mut blocks: Vec<(usize, &str)> = Vec::new();
    let mut attributes = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim();
        if code == "}" {
            blocks.retain(|(depth, _)| *depth < indent(line));
        }
        if code.starts_with("impl") || code.starts_with("trait") || code.starts_with("pub(crate) trait") {
            blocks.push((indent(line), code));
        }
        if code.starts_with("#[") {
            attributes.push(code);
            continue;
        }
        let words = code.strip_prefix("pub(crate) ").or_else(|| code.strip_prefix("pub(super) "));
        let words = words.or_else(|| code.strip_prefix("pub ")).unwrap_or(code);
        let words = words.strip_prefix("const ").unwrap_or(words);
        if let Some(rest) = words.strip_prefix("fn ") {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            let end = (at..lines.len())
                .find(|i| lines[*i].ends_with(['{', ';']) || lines[*i].ends_with("}"))
                .unwrap_or(at);
            let signature = lines[at..=end].join(" ");
            let closing = |i: &usize| indent(lines[*i]) == indent(line) && lines[*i].trim() == "}";
            let last = (end..lines.len()).find(closing).unwrap_or(end);
            let body = if lines[end].ends_with('{') { lines[end..=last].join("\n") } else { String::new() };
            let block = blocks.last().map_or("", |(_, head)| *head);
            found.push(Function {
                name,
                attributes: std::mem::take(&mut attributes),
                signature,
                body,
                block,
            });
        } else if !code.starts_with("//") {
            attributes.clear();
        }
    }
    found
}

/// Functions of the kernel's files that prepare its memory: they run between passes and not inside them.
const BETWEEN_PASSES: &[&str] = &[
    "default",
    "fit",
    "fit_schedule",
    "voltage_of",
    "set_voltage",
    "set_magnitude",
    "set_patches",
    "gather_patches",
];

#[test]
fn what_a_kernel_calls_is_compiled_into_it() {
    let mut counted = 0;
    for (path, source) in sources() {
        if !path.starts_with("powerflow/src/") || path.ends_with("tests.rs") {
            continue;
        }
        // The adjoint is one state's and scalar: it is nobody's inner loop.
        let kernel = path.starts_with("powerflow/src/kernel/") && !path.ends_with("/adjoint.rs");
        for Function { name, attributes, signature, body, block } in functions(product(&source)) {
            // An entrance is called from outside: what it dispatches is compiled into the function with the instructions.
            let enters = body.is_empty() || body.contains("dispatch(") || body.contains(".run(work)");
            let of_work = name == "run" && (block.contains(" Work for ") || block.contains(" Entry for "));
            let of_lane = block.contains(" Lane for ") && name != "dispatch";
            let of_kernel = kernel && !BETWEEN_PASSES.contains(&name);
            let of_newton = path.ends_with("/newton.rs") && signature.contains("<L: Lane>");
            if of_work || of_lane || (of_kernel || of_newton) && !enters {
                let named = format!("{path}: fn {name} ({block})");
                assert!(attributes.contains(&"#[inline(always)]"), "{named} is not #[inline(always)]");
                counted += 1;
            }
        }
    }
    assert!(counted > 80, "only {counted} functions were looked at");
}
