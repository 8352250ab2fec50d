//! The lines of the protocol `gridgate/1`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::io_map::{ModelOutput, ModelTensor};
use super::super::{Cause, Failure};
use super::worker::shortened;

/// Name and version of the protocol.
pub(super) const PROTOCOL: &str = "gridgate/1";

/// Kind of the error reply by which a child says that it does not decide in this state.
const ABSTAINED: &str = "abstained";

/// The child's first line. Other fields are allowed and ignored.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Hello {
    pub(super) hello: String,
    pub(super) task: String,
    #[serde(default)]
    pub(super) stateful: bool,
    /// Whether it keeps apart the memories of several episodes, and is asked for all of them at once.
    #[serde(default)]
    pub(super) slots: bool,
}

/// What the child is asked.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    pub(super) id: u64,
    pub(super) op: Op,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) slots: Option<&'a [usize]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seeds: Option<Vec<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inputs: Option<BTreeMap<&'a str, Input<'a>>>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Op {
    /// An episode begins.
    Reset,
    /// Decide.
    Infer,
    /// End.
    Close,
}

/// One tensor on its way to the child.
#[derive(Debug, Serialize)]
pub(super) struct Input<'a> {
    pub(super) shape: Vec<usize>,
    pub(super) dtype: &'static str,
    pub(super) data: &'a [f32],
}

impl Request<'_> {
    /// A request without content.
    pub(super) fn bare(id: u64, op: Op) -> Self {
        Request { id, op, seed: None, slots: None, seeds: None, inputs: None }
    }

    /// The line.
    pub(super) fn line(&self) -> Result<Vec<u8>, Failure> {
        let mut line = serde_json::to_vec(self)
            .map_err(|e| Failure { cause: Cause::Protocol, message: format!("cannot be asked: {e}") })?;
        line.push(b'\n');
        Ok(line)
    }
}

#[derive(Debug, Deserialize)]
struct Reply {
    id: u64,
    outputs: Option<BTreeMap<String, Output>>,
    error: Option<ErrorReply>,
}

#[derive(Debug, Deserialize)]
struct Output {
    shape: Vec<usize>,
    data: Vec<Number>,
}

#[derive(Debug, Deserialize)]
struct ErrorReply {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    message: String,
}

/// A number, or what writers of JSON make of one that is not finite: null, or a word.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Number {
    Finite(f64),
    Word(NotFinite),
    Null(()),
}

#[derive(Debug, Deserialize)]
enum NotFinite {
    NaN,
    Infinity,
    #[serde(rename = "-Infinity")]
    MinusInfinity,
}

impl Number {
    fn value(&self) -> f64 {
        match self {
            Number::Finite(value) => *value,
            Number::Null(()) | Number::Word(NotFinite::NaN) => f64::NAN,
            Number::Word(NotFinite::Infinity) => f64::INFINITY,
            Number::Word(NotFinite::MinusInfinity) => f64::NEG_INFINITY,
        }
    }
}

/// What a reply to the request `id` says: `Ok(None)` where it has no outputs (to a reset).
///
/// The inner error is the child's own ([`Cause::Exception`]), after which it can be asked on; the outer one means that
/// the line is not of the protocol, and the child is not to be trusted any more.
pub(super) fn read_reply(
    line: &str,
    id: u64,
    expected: &[ModelTensor],
) -> Result<Result<Option<Vec<ModelOutput>>, Failure>, Failure> {
    let protocol = |message: String| Failure { cause: Cause::Protocol, message };
    let reply: Reply = match serde_json::from_str(line) {
        Ok(reply) => reply,
        // Many writers of JSON write NaN and Infinity bare, which JSON does not have.
        Err(error) => serde_json::from_str(&with_words_quoted(line))
            .map_err(|_| protocol(format!("the answer is not one ({error}): {}", shortened(line))))?,
    };
    if reply.id != id {
        return Err(protocol(format!("the answer is to request {}, not {id}", reply.id)));
    }
    if let Some(error) = reply.error {
        let message = shortened(&format!("it reports: {} {}", error.kind, error.message));
        let cause = if error.kind == ABSTAINED { Cause::Abstained } else { Cause::Exception };
        return Ok(Err(Failure { cause, message }));
    }
    let Some(mut outputs) = reply.outputs else { return Ok(Ok(None)) };
    let mut found = Vec::with_capacity(expected.len());
    for tensor in expected {
        let Some(output) = outputs.remove(&tensor.name) else {
            let message = format!("the answer has no output `{}`", tensor.name);
            return Ok(Err(Failure { cause: Cause::Shape, message }));
        };
        let data = output.data.iter().map(Number::value).collect();
        found.push(ModelOutput { shape: output.shape, data });
    }
    Ok(Ok(Some(found)))
}

/// The line with bare `NaN`, `Infinity` and `-Infinity` put in quotes, outside of texts.
fn with_words_quoted(line: &str) -> String {
    let mut quoted = String::with_capacity(line.len());
    let mut rest = line;
    let mut in_text = false;
    while let Some(first) = rest.chars().next() {
        let word = ["NaN", "Infinity", "-Infinity"].into_iter().find(|w| !in_text && rest.starts_with(w));
        if let Some(word) = word {
            quoted.extend(["\"", word, "\""]);
            rest = &rest[word.len()..];
            continue;
        }
        let mut len = first.len_utf8();
        if in_text && first == '\\' {
            len += rest[len..].chars().next().map_or(0, char::len_utf8);
        }
        in_text ^= first == '"';
        quoted.push_str(&rest[..len]);
        rest = &rest[len..];
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Vec<ModelTensor> {
        vec![ModelTensor { name: "y".to_owned(), elements: None, width: 4, open_ended: false }]
    }

    #[test]
    fn numbers_that_json_does_not_have_arrive_as_what_they_are() {
        let line = r#"{"id":7,"outputs":{"y":{"shape":[1,4],"dtype":"f32","data":[NaN,-Infinity,Infinity,null]}},"extra":{"note":"NaN \" Infinity"}}"#;
        let outputs = read_reply(line, 7, &one()).unwrap().unwrap().unwrap();
        assert_eq!(outputs[0].shape, [1, 4]);
        let text: Vec<String> = outputs[0].data.iter().map(f64::to_string).collect();
        assert_eq!(text, ["NaN", "-inf", "inf", "NaN"]);
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        for line in [
            "rubbish",
            "{}",
            "[1]",
            "{\"id\":8,\"outputs\":{}}",
            "{\"id\":7,\"outputs\":{\"y\":3}}",
            "\u{7f}",
        ] {
            assert_eq!(read_reply(line, 7, &one()).unwrap_err().cause, Cause::Protocol, "{line}");
        }
        let error = r#"{"id":7,"error":{"kind":"ValueError","message":"no"}}"#;
        let failure = read_reply(error, 7, &one()).unwrap().unwrap_err();
        assert_eq!(
            (failure.cause, failure.message.as_str()),
            (Cause::Exception, "it reports: ValueError no")
        );
        let abstains = r#"{"id":7,"error":{"kind":"abstained","message":"two outages"}}"#;
        assert_eq!(read_reply(abstains, 7, &one()).unwrap().unwrap_err().cause, Cause::Abstained);
        let unnamed = r#"{"id":7,"outputs":{"z":{"shape":[0],"data":[]}}}"#;
        assert_eq!(read_reply(unnamed, 7, &one()).unwrap().unwrap_err().cause, Cause::Shape);
    }

    #[test]
    fn a_request_is_one_line_of_json_with_the_fields_of_the_protocol() {
        let input = Input { shape: vec![1, 2], dtype: "f32", data: &[0.1, -2.0] };
        let request = Request {
            seed: Some(u64::MAX),
            inputs: Some(BTreeMap::from([("x", input)])),
            ..Request::bare(3, Op::Infer)
        };
        assert_eq!(
            String::from_utf8(request.line().unwrap()).unwrap(),
            "{\"id\":3,\"op\":\"infer\",\"seed\":18446744073709551615,\
             \"inputs\":{\"x\":{\"shape\":[1,2],\"dtype\":\"f32\",\"data\":[0.1,-2.0]}}}\n"
        );
    }
}
