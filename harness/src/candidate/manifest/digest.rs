//! The digest of a candidate: of every file in its directory, by content and by order of names.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use powerflow::{Diagnostic, Diagnostics};
use reports::evidence::Digest;
use sha2::{Digest as _, Sha256};

/// SHA-256 over the concatenated raw SHA-256 digests of all files below `directory`, sorted by the bytes of their
/// relative paths with `/` between the parts. Of no file it is the SHA-256 of nothing.
///
/// Names are not part of the digest but for their order (so says the model-signing statement that carries the same
/// number), and empty directories are not seen.
///
/// # Errors
/// `candidate.digest.symlink` (what it points at may change without the digest), `candidate.digest.name` (a name that
/// is not UTF-8), `candidate.digest.unreadable`.
pub fn digest_of_directory(directory: &Path) -> Result<Digest, Diagnostics> {
    let mut files = Vec::new();
    let mut complaints = Diagnostics::default();
    collect(directory, "", &mut files, &mut complaints);
    files.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let mut root = Sha256::new();
    for (_, path) in &files {
        match digest_of_file(path) {
            Ok(digest) => root.update(digest),
            Err(error) => complaints.push(unreadable(path, &error)),
        }
    }
    complaints.into_result(Digest { sha256: hexadecimal(&root.finalize()) })
}

fn collect(directory: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>, complaints: &mut Diagnostics) {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => return complaints.push(unreadable(directory, &error)),
    };
    for entry in entries {
        let (path, kind, name) = match entry.and_then(|e| Ok((e.path(), e.file_type()?, e.file_name()))) {
            Ok(found) => found,
            Err(error) => {
                complaints.push(unreadable(directory, &error));
                continue;
            }
        };
        let Some(name) = name.to_str() else {
            complaints.push(Diagnostic::error(
                "candidate.digest.name",
                format!("the name of {} is not UTF-8, so it has no place in the digest", path.display()),
            ));
            continue;
        };
        let name = format!("{prefix}{name}");
        if kind.is_dir() {
            collect(&path, &format!("{name}/"), files, complaints);
        } else if kind.is_file() {
            files.push((name, path));
        } else {
            complaints.push(
                Diagnostic::error(
                    "candidate.digest.symlink",
                    format!("{} is not an ordinary file", path.display()),
                )
                .hint("copy what it points at: the candidate is known by the bytes in its directory"),
            );
        }
    }
}

fn digest_of_file(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            n => hash.update(&buffer[..n]),
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("candidate.digest.unreadable", format!("cannot read {}: {error}", path.display()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values from Python's hashlib:
    /// `sha256(b"").hexdigest()`, and over the raw digests of "abc" and "" (order a.txt, b/c.txt).
    #[test]
    fn digest_agrees_with_hashlib() {
        let directory = tempfile::tempdir().unwrap();
        let nothing = digest_of_directory(directory.path()).unwrap();
        assert_eq!(nothing.sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        std::fs::create_dir(directory.path().join("b")).unwrap();
        std::fs::write(directory.path().join("b/c.txt"), "").unwrap();
        std::fs::write(directory.path().join("a.txt"), "abc").unwrap();
        let two = digest_of_directory(directory.path()).unwrap();
        assert_eq!(two.sha256, "6f1290896ee81a0349174d19f4473d267a10289c40480861d5c42affffbd79f9");
    }

    /// `a-b` sorts before `a/b` by bytes, though a walk meets the directory `a` first.
    #[test]
    fn order_is_that_of_whole_paths() {
        let first = tempfile::tempdir().unwrap();
        std::fs::create_dir(first.path().join("a")).unwrap();
        std::fs::write(first.path().join("a/b"), "second").unwrap();
        std::fs::write(first.path().join("a-b"), "first").unwrap();
        let second = tempfile::tempdir().unwrap();
        std::fs::write(second.path().join("1"), "first").unwrap();
        std::fs::write(second.path().join("2"), "second").unwrap();
        assert_eq!(digest_of_directory(first.path()), digest_of_directory(second.path()));
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("elsewhere", directory.path().join("link")).unwrap();
        let refused = digest_of_directory(directory.path()).unwrap_err();
        assert_eq!(refused.0[0].code, "candidate.digest.symlink");
    }
}
