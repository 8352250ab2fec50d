//! The file of waivers: read, signed, and presented to the gates of a run.

use std::path::{Path, PathBuf};

use powerflow::{Diagnostic, Diagnostics};
use reports::attest::signature::{PrivateKey, PublicKey};
use reports::waiver::{WAIVER_TYPE, is_day};
use reports::{CandidateRecord, GateRecord, WAIVER_SCHEMA, Waiver, WaiverRecord};

use crate::fields::{Document, Fields};
use crate::run::folder::problems;

/// A waiver as the file has it, with its signature and its place.
#[derive(Clone, Debug, PartialEq)]
struct Signed {
    waiver: Waiver,
    signature: Option<String>,
    /// Line of its table, from 1, where known.
    line: Option<u32>,
}

/// Waivers with the key that they have to be signed with and the day on which they are presented.
#[derive(Clone, Debug)]
pub struct Waivers {
    list: Vec<Signed>,
    key: PublicKey,
    today: String,
}

impl Waivers {
    /// Reads the file and the public key. `today` is `YYYY-MM-DD`, UTC.
    ///
    /// # Errors
    /// All that is wrong with the file, each with its line: `waiver.read`, `waiver.syntax`, `waiver.schema`, `waiver.*`; `signature.key`,
    /// `usage.today`. A waiver that does not hold is none of these: it is told with the verdict.
    pub fn read(file: &Path, key: &Path, today: String) -> Result<Self, Diagnostics> {
        if !is_day(&today) {
            let message = format!("`{today}` is no day");
            return Err(Diagnostic::error("usage.today", message).hint("write it as 2026-11-21").into());
        }
        let pem = text(key, "the key")?;
        let key = PublicKey::from_pem(&pem)
            .map_err(|problem| problems(vec![problem.at(key.display().to_string())]))?;
        Ok(Self { list: read(file, &text(file, "the file of waivers")?)?, key, today })
    }

    /// The day on which they are presented.
    pub fn today(&self) -> &str {
        &self.today
    }

    /// What becomes of each of them, in the order of the file.
    pub fn present(
        &self,
        suite: &str,
        candidate: &CandidateRecord,
        gates: &[GateRecord],
    ) -> Vec<WaiverRecord> {
        let present = |signed: &Signed| {
            let signature = signed.signature.as_deref();
            signed.waiver.present(signature, &self.key, &self.today, suite, candidate, gates)
        };
        self.list.iter().map(present).collect()
    }
}

/// Signs every waiver of a TOML file and writes the signatures into it, each below the header of its table; everything else stays as it was
/// written. Answers how many there are.
///
/// # Errors
/// As [`Waivers::read`], and `run.write` where the file cannot be written.
pub fn sign(file: &Path, key: &Path) -> Result<usize, Diagnostics> {
    let pem = text(key, "the key")?;
    let key = PrivateKey::from_pem(&pem)
        .map_err(|problem| problems(vec![problem.at(key.display().to_string())]))?;
    let source = text(file, "the file of waivers")?;
    let list = read(file, &source)?;
    let mut signed = String::with_capacity(source.len() + 160 * list.len());
    let mut inside = false;
    for (at, line) in source.split_inclusive('\n').enumerate() {
        // A line that begins with the key is one of ours: texts over several lines are refused below.
        if inside && line.trim_start().starts_with("signature") {
            continue;
        }
        signed.push_str(line);
        let here = list.iter().find(|waiver| waiver.line == u32::try_from(at + 1).ok());
        if let Some(waiver) = here {
            inside = true;
            if !line.ends_with('\n') {
                signed.push('\n');
            }
            let signature = key.sign(WAIVER_TYPE, &waiver.waiver.signed_bytes());
            signed.push_str(&format!("signature = \"{signature}\"\n"));
        }
    }
    // What was written is read again: a layout that this does not understand must not lose a word.
    let again = read(file, &signed)?;
    let public = key.public();
    let whole = again.len() == list.len()
        && again.iter().zip(&list).all(|(new, old)| {
            let signature = new.signature.as_deref().unwrap_or_default();
            new.waiver == old.waiver && public.signed(WAIVER_TYPE, &new.waiver.signed_bytes(), signature)
        });
    if !whole {
        let message = "the file is laid out in a way that signatures cannot be written into";
        return Err(Diagnostic::error("waiver.layout", message)
            .at(file.display().to_string(), None)
            .hint("write each waiver as a table [[waiver]] with one key a line")
            .into());
    }
    crate::run::write_whole(file, signed.as_bytes())?;
    Ok(list.len())
}

fn text(path: &Path, what: &str) -> Result<String, Diagnostics> {
    std::fs::read_to_string(path).map_err(|error| {
        Diagnostic::error("waiver.read", format!("{what} cannot be read: {error}"))
            .at(path.display().to_string(), None)
            .into()
    })
}

fn read(path: &Path, text: &str) -> Result<Vec<Signed>, Diagnostics> {
    let document = Document::toml(&path.display().to_string(), text, "waiver")?;
    let mut fields = document.root("waiver", "the file of waivers");
    let schema = fields.text("schema");
    let schema = fields.need("schema", schema);
    if let Some(schema) = schema.filter(|schema| *schema != WAIVER_SCHEMA) {
        let message = format!("the schema is `{schema}`, and this program reads `{WAIVER_SCHEMA}`");
        fields.complain_with(
            "schema",
            Some("schema"),
            message,
            Some(format!("schema = \"{WAIVER_SCHEMA}\"")),
        );
        return document.finish(None, "waiver");
    }
    let waivers: Vec<Option<Signed>> =
        fields.tables("waiver", "waiver").into_iter().map(read_waiver).collect();
    fields.finish();
    document.finish(waivers.into_iter().collect(), "waiver")
}

fn read_waiver(mut fields: Fields<'_>) -> Option<Signed> {
    let needed = |fields: &mut Fields<'_>, key| {
        let text = fields.name(key);
        fields.need(key, text).map(str::to_owned)
    };
    let suite = needed(&mut fields, "suite");
    let gate = needed(&mut fields, "gate");
    let candidate = needed(&mut fields, "candidate");
    let version = fields.name("version").map(str::to_owned);
    let digest = fields.name("digest").map(str::to_owned);
    if !fields.has("version") && !fields.has("digest") {
        let hint = "add version = \"7\", or digest = the candidate's SHA-256 as reports show it".to_owned();
        fields.complain_with("missing", None, "a waiver is for one version or one digest", Some(hint));
    }
    if digest.as_ref().is_some_and(|d| !reports::Digest { sha256: d.clone() }.is_well_formed()) {
        fields.complain("range", Some("digest"), "`digest` is not 64 lower-case hexadecimal digits");
    }
    let reason = needed(&mut fields, "reason");
    let who = needed(&mut fields, "who");
    let expires = needed(&mut fields, "expires");
    if expires.as_ref().is_some_and(|day| !is_day(day)) {
        let hint = Some("expires = \"2026-12-31\", the last day on which it holds".to_owned());
        fields.complain_with("range", Some("expires"), "`expires` is no day", hint);
    }
    let signature = fields.name("signature").map(str::to_owned);
    let line = fields.line();
    fields.finish();
    let waiver = Waiver {
        suite: suite?,
        gate: gate?,
        candidate: candidate?,
        version,
        digest,
        reason: reason?,
        who: who?,
        expires: expires?,
    };
    Some(Signed { waiver, signature, line })
}

/// Where waivers and their key lie, and the day on which they are presented.
#[derive(Clone, Debug)]
pub struct Presented {
    /// The file.
    pub file: PathBuf,
    /// The public key, PEM.
    pub key: PathBuf,
    /// `YYYY-MM-DD`; `None`: the day that the clock says, UTC.
    pub today: Option<String>,
}

impl Presented {
    /// Reads them.
    ///
    /// # Errors
    /// As [`Waivers::read`].
    pub fn read(self) -> Result<Waivers, Diagnostics> {
        let today = self.today.unwrap_or_else(crate::run::folder::today);
        Waivers::read(&self.file, &self.key, today)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# Who may fail what.\nschema = \"gridgate/waiver/1\"\n\n[[waiver]] # the first\nsuite = \"s\"\ngate = \"g\"\n\
                        candidate = \"c\"\nversion = \"1\"\nreason = \"a = b\"\nwho = \"W\"\nexpires = \"2026-12-31\"\n";
    /// RFC 8410, 10.3 and 10.1.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn signing_changes_signatures_and_nothing_else() {
        let desk = tempfile::tempdir().unwrap();
        let [file, private, public] =
            ["waivers.toml", "key.pem", "key.pub.pem"].map(|name| desk.path().join(name));
        let two =
            format!("{FILE}\n[[waiver]]\n{}", &FILE[FILE.find("suite").unwrap()..].replace("\"g\"", "\"h\""));
        std::fs::write(&file, &two).unwrap();
        std::fs::write(&private, PRIVATE).unwrap();
        std::fs::write(&public, PUBLIC).unwrap();
        assert_eq!(sign(&file, &private).unwrap(), 2);
        let once = std::fs::read_to_string(&file).unwrap();
        let without: String =
            once.split_inclusive('\n').filter(|line| !line.starts_with("signature")).collect();
        assert_eq!(without, two);
        // Signing again is the same: Ed25519 is deterministic (RFC 8032, 5.1.6).
        sign(&file, &private).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), once);
        let candidate =
            CandidateRecord { name: "c".into(), version: "1".into(), ..CandidateRecord::default() };
        let waivers = Waivers::read(&file, &public, "2026-11-21".into()).unwrap();
        let found = waivers.present("s", &candidate, &[]);
        assert!(found.iter().all(|record| record.why.contains("has no gate")), "{found:?}");
        assert!(Waivers::read(&file, &public, "21.11.2026".into()).is_err());
        assert!(Waivers::read(&file, &private, "2026-11-21".into()).is_err());
    }

    #[test]
    fn every_mistake_has_its_line() {
        let wrong = |from: &str, to: &str| {
            assert!(FILE.contains(from));
            let found = read(Path::new("w.toml"), &FILE.replacen(from, to, 1)).unwrap_err();
            found
                .0
                .iter()
                .map(|d| (d.code.to_string(), d.place.as_ref().and_then(|p| p.line)))
                .collect::<Vec<_>>()
        };
        let one = |code: &str, line| vec![(code.to_owned(), Some(line))];
        assert_eq!(wrong("/waiver/1", "/waiver/2"), one("waiver.schema", 2));
        assert_eq!(wrong("2026-12-31", "soon"), one("waiver.range", 11));
        assert_eq!(wrong("version = \"1\"", "digest = \"12\""), one("waiver.range", 8));
        assert_eq!(wrong("version = \"1\"\n", ""), one("waiver.missing", 4));
        assert_eq!(wrong("who = \"W\"\n", ""), one("waiver.missing", 4));
        assert_eq!(
            wrong("gate =", "gaet ="),
            [("waiver.missing".into(), Some(4)), ("waiver.unknown-key".into(), Some(6))]
        );
        assert_eq!(wrong("who = ", "who = = ")[0], ("waiver.syntax".into(), Some(10)));
    }
}
