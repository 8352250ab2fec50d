//! The one shape of a complaint about a document or a run folder.

/// What is wrong with a document or a file: the same parts as a diagnostic of the engine, which this crate does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error[{code}]: {message}{}{}", place(.file), advice(.hint))]
pub struct Problem {
    /// A name one can search for, such as `run.file.changed`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The file, relative to the run folder, where one is concerned.
    pub file: Option<String>,
    /// What to try.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without a place.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), file: None, hint: None }
    }

    /// The same problem, pointing at a file.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same problem with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

fn place(file: &Option<String>) -> String {
    file.as_ref().map_or_else(String::new, |file| format!("\n  --> {file}"))
}

fn advice(hint: &Option<String>) -> String {
    hint.as_ref().map_or_else(String::new, |hint| format!("\nhint: {hint}"))
}
