//! Documents as bytes: one way to write them, one way to read them, and the digest of either.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::Formatter;
use sha2::{Digest as _, Sha256};

use crate::evidence::{
    Digest, EPISODE_SCHEMA, EVIDENCE_SCHEMA, EpisodeRecord, Evidence, MANIFEST_SCHEMA, Manifest,
    NETWORK_SCHEMA, NetworkRecord, RUN_SCHEMA, RunRecord,
};
use crate::finite::non_finite;
use crate::problem::Problem;

/// A document that names its own schema and version.
pub trait Document: DeserializeOwned {
    /// The schema that this program writes and reads, `gridgate/<kind>/<version>`.
    const SCHEMA: &'static str;
}

impl Document for Evidence {
    const SCHEMA: &'static str = EVIDENCE_SCHEMA;
}
impl Document for RunRecord {
    const SCHEMA: &'static str = RUN_SCHEMA;
}
impl Document for EpisodeRecord {
    const SCHEMA: &'static str = EPISODE_SCHEMA;
}
impl Document for NetworkRecord {
    const SCHEMA: &'static str = NETWORK_SCHEMA;
}
impl Document for Manifest {
    const SCHEMA: &'static str = MANIFEST_SCHEMA;
}

impl Digest {
    /// SHA-256 of `bytes`.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        let sha256 = Sha256::digest(bytes.as_ref()).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { sha256 }
    }

    /// Whether this is 64 lower-case hexadecimal digits.
    pub fn is_well_formed(&self) -> bool {
        self.sha256.len() == 64 && self.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }
}

/// The bytes of a document: fields in the order of the type, maps sorted by key, shortest numbers that read back to
/// the same bits, objects indented by one space, ended by a newline.
///
/// # Errors
/// `document.not-finite`, naming every field that holds NaN or an infinity: JSON would say `null`, which means
/// "absent" here, and a number that went wrong is not absent.
pub fn canonical_json<T: Serialize>(document: &T) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    write(document, &mut serde_json::Serializer::with_formatter(&mut bytes, Indent::default()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The bytes of one line of a `.jsonl` file: as [`canonical_json`] but on a single line, newline included.
///
/// # Errors
/// As [`canonical_json`].
pub fn canonical_line<T: Serialize>(document: &T) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    write(document, &mut serde_json::Serializer::new(&mut bytes))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn write<T: Serialize, F: Formatter>(
    document: &T,
    serializer: &mut serde_json::Serializer<&mut Vec<u8>, F>,
) -> Result<(), Problem> {
    let wrong =
        non_finite(document).map_err(|error| Problem::new("document.not-serializable", error.to_string()))?;
    if !wrong.is_empty() {
        let fields = wrong.join(", ");
        return Err(Problem::new("document.not-finite", format!("not a finite number: {fields}"))
            .hint("a number that may not exist is written as an absent value, never as NaN"));
    }
    document
        .serialize(serializer)
        .map_err(|error| Problem::new("document.not-serializable", error.to_string()))
}

/// Reads a document.
///
/// # Errors
/// `document.newer` where a later program wrote it, `document.older` where its version is no longer read,
/// `document.kind` where it is another kind of document, `document.malformed` where it is not the JSON it says it is.
pub fn read<T: Document>(bytes: &[u8]) -> Result<T, Problem> {
    // The schema first and alone: what else a newer version holds is not ours to complain about.
    #[derive(serde::Deserialize)]
    struct Header {
        schema: String,
    }
    let malformed = |error: serde_json::Error| Problem::new("document.malformed", error.to_string());
    let found = serde_json::from_slice::<Header>(bytes).map_err(malformed)?.schema;
    if found != T::SCHEMA {
        return Err(unreadable(&found, T::SCHEMA));
    }
    serde_json::from_slice(bytes).map_err(malformed)
}

fn unreadable(found: &str, ours: &str) -> Problem {
    let split = |schema: &str| {
        let (kind, version) = schema.rsplit_once('/')?;
        Some((kind.to_owned(), version.parse::<u64>().ok()?))
    };
    match (split(found), split(ours)) {
        (Some((kind, version)), Some((our_kind, our_version))) if kind == our_kind => {
            if version > our_version {
                Problem::new(
                    "document.newer",
                    format!("this document is {found}; this program reads up to {ours}"),
                )
                .hint("read it with the version of gridgate that wrote it, or a later one")
            } else {
                Problem::new("document.older", format!("this document is {found}; this program reads {ours}"))
                    .hint("read it with the version of gridgate that wrote it")
            }
        }
        _ => Problem::new("document.kind", format!("expected a document {ours}, found {found:?}")),
    }
}

/// Objects one key per line, indented by one space; arrays stay on a line, so that a column of 10,000 buses is one.
#[derive(Default)]
struct Indent {
    depth: usize,
    filled: bool,
}

impl Indent {
    fn line<W: ?Sized + std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b" "))
    }
}

impl Formatter for Indent {
    fn begin_object<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.depth += 1;
        self.filled = false;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.depth -= 1;
        if self.filled {
            self.line(writer)?;
        }
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.line(writer)
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + std::io::Write>(&mut self, _writer: &mut W) -> std::io::Result<()> {
        self.filled = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn sha256_agrees_with_the_standard() {
        // FIPS 180-4, example "abc".
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").sha256, abc);
        assert!(Digest::of(b"").is_well_formed());
        assert!(!Digest { sha256: abc.to_uppercase() }.is_well_formed());
    }

    #[test]
    fn numbers_are_the_shortest_that_read_back() {
        let map: BTreeMap<&str, f64> =
            BTreeMap::from([("b", 0.1 + 0.2), ("a", 1e300), ("c", -0.0), ("d", 5e-324)]);
        let bytes = canonical_json(&map).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert_eq!(
            text,
            "{\n \"a\": 1e+300,\n \"b\": 0.30000000000000004,\n \"c\": -0.0,\n \"d\": 5e-324\n}\n"
        );
        let back: BTreeMap<String, f64> = serde_json::from_slice(&bytes).unwrap();
        assert!(back.values().zip(map.values()).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn nested_documents_are_json_again() {
        let network = NetworkRecord {
            schema: NETWORK_SCHEMA.into(),
            location: vec![None, Some((1.5, -2.0))],
            bus_ids: vec![1, 9010],
            ..NetworkRecord::default()
        };
        assert_eq!(read::<NetworkRecord>(&canonical_json(&network).unwrap()).unwrap(), network);
        assert_eq!(read::<NetworkRecord>(&canonical_line(&network).unwrap()).unwrap(), network);
        assert_eq!(canonical_json(&vec![BTreeMap::<String, u8>::new()]).unwrap(), b"[{}]\n");
    }

    #[test]
    fn a_number_that_is_not_one_is_refused_by_name() {
        let run = RunRecord {
            elapsed_s: f64::NAN,
            timings_ms: BTreeMap::from([("p50".into(), f64::INFINITY), ("p99".into(), 1.0)]),
            ..RunRecord::default()
        };
        let problem = canonical_json(&run).unwrap_err();
        assert_eq!(problem.code, "document.not-finite");
        assert_eq!(problem.message, "not a finite number: elapsed_s, timings_ms.p50");
        assert_eq!(canonical_line(&run).unwrap_err().code, "document.not-finite");
    }

    #[test]
    fn a_newer_document_is_refused_and_the_reader_says_so() {
        let newer = br#"{"schema":"gridgate/run/12","more":{"than":"we know"}}"#;
        let problem = read::<RunRecord>(newer).unwrap_err();
        assert_eq!(problem.code, "document.newer");
        assert!(problem.to_string().contains("gridgate/run/12"), "{problem}");
        assert_eq!(read::<RunRecord>(br#"{"schema":"gridgate/run/0"}"#).unwrap_err().code, "document.older");
        assert_eq!(
            read::<RunRecord>(br#"{"schema":"gridgate/evidence/1"}"#).unwrap_err().code,
            "document.kind"
        );
        assert_eq!(read::<RunRecord>(br#"{"verdict":"pass"}"#).unwrap_err().code, "document.malformed");
        let unknown = br#"{"schema":"gridgate/run/1","verdict":"pass"}"#;
        assert_eq!(read::<RunRecord>(unknown).unwrap_err().code, "document.malformed");
    }
}
