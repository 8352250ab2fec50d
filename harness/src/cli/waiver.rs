//! `gridgate waiver sign FILE`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{exit, print, refuse};

/// Sign permissions to fail a gate.
#[derive(Debug, Args)]
pub(super) struct Waiver {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Sign every waiver of a file, and write the signatures into it.
    Sign(Sign),
}

#[derive(Debug, Args)]
struct Sign {
    /// The file of waivers (TOML).
    file: PathBuf,
    /// Private Ed25519 key in PEM, as `openssl genpkey -algorithm ed25519` writes it.
    #[arg(long)]
    key: PathBuf,
}

impl Waiver {
    pub(super) fn run(self) -> u8 {
        let Verb::Sign(Sign { file, key }) = self.verb;
        match crate::waiver::sign(&file, &key) {
            Ok(count) => {
                print(&format!("{}: {count} waivers signed", file.display()));
                exit::PASS
            }
            Err(complaints) => refuse(&complaints),
        }
    }
}
