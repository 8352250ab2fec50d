//! A child process that answers lines with lines, and can neither block us for ever nor outlive us.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::{Cause, Failure};
use super::message::Hello;

/// How much of what the child writes to its standard error is kept.
const STDERR_KEPT: usize = 64 * 1024;
/// The longest line that is read: a batch of 256 rows of 10,000 numbers fits.
const LINE_MAX: u64 = 64 * 1024 * 1024;
/// How long a child that closed its output, or was asked to close, may take to end by itself.
const FAREWELL: Duration = Duration::from_millis(200);

/// How to start the child.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// Program and arguments, paths already absolute.
    pub(super) argv: Vec<OsString>,
    /// The candidate's directory, for messages only: no path of this machine belongs in a document.
    pub(super) home: PathBuf,
    /// How long it may take to say hello.
    pub(super) start_up: Duration,
}

/// A running child.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    requests: Option<SyncSender<Vec<u8>>>,
    replies: Receiver<Line>,
    stderr: Arc<Mutex<VecDeque<u8>>>,
    stderr_closed: Receiver<()>,
    home: PathBuf,
    directory: tempfile::TempDir,
}

#[derive(Debug)]
enum Line {
    Text(String),
    NotText,
    TooLong,
}

impl Worker {
    /// Starts the child in an empty directory of its own, with an environment of `PATH`, `LANG` and `PYTHON*` only,
    /// and reads its hello.
    pub(super) fn start(launch: &Launch) -> Result<(Worker, Hello), Failure> {
        let failed = |message: String| Failure { cause: Cause::Crash, message };
        let directory = tempfile::tempdir()
            .map_err(|e| failed(format!("no working directory for the program could be made: {e}")))?;
        let Some((program, arguments)) = launch.argv.split_first() else {
            return Err(failed("there is no program to start".to_owned()));
        };
        let passed_on = std::env::vars_os().filter(|(name, _)| {
            name == "PATH" || name == "LANG" || name.to_str().is_some_and(|n| n.starts_with("PYTHON"))
        });
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(passed_on)
            // Its byte code would change the digest of the candidate's directory, its hash seed the order of its sets;
            // and who forgets to flush waits for ever.
            .envs([("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONHASHSEED", "0"), ("PYTHONUNBUFFERED", "1")])
            // One thread a candidate: the episodes are what is parallel, and sums keep their order.
            .envs([("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1"), ("MKL_NUM_THREADS", "1")])
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| {
                let program =
                    program.to_string_lossy().replace(&*launch.home.to_string_lossy(), "<candidate>");
                failed(format!("the program {program} does not start: {e}"))
            })?;
        let (requests, to_write) = sync_channel::<Vec<u8>>(1);
        let (read, replies) = sync_channel(16);
        let (ended, stderr_closed) = sync_channel(0);
        let stderr = Arc::new(Mutex::new(VecDeque::new()));
        // Three threads, each blocked on one pipe, so that this one never is. They end when the child's pipes close.
        if let Some(mut stdin) = child.stdin.take() {
            std::thread::spawn(move || {
                for line in to_write {
                    if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
                        break;
                    }
                }
            });
        }
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut stdout = BufReader::new(stdout);
                while let Some(line) = next_line(&mut stdout) {
                    let last = matches!(line, Line::TooLong);
                    if read.send(line).is_err() || last {
                        break;
                    }
                }
            });
        }
        if let Some(pipe) = child.stderr.take() {
            let kept = stderr.clone();
            std::thread::spawn(move || {
                keep_tail(pipe, &kept);
                drop(ended);
            });
        }
        let mut worker = Worker {
            child,
            requests: Some(requests),
            replies,
            stderr,
            stderr_closed,
            home: launch.home.clone(),
            directory,
        };
        let line = worker.next_reply(launch.start_up, "no hello")?;
        match serde_json::from_str(&line) {
            Ok(hello) => Ok((worker, hello)),
            Err(error) => {
                let message = format!("its first line is not a hello ({error}): {}", shortened(&line));
                Err(worker.explain(Cause::Protocol, message))
            }
        }
    }

    /// Sends one line and waits for the next one. After a failure the two are out of step: drop the worker.
    pub(super) fn ask(&mut self, request: Vec<u8>, patience: Duration) -> Result<String, Failure> {
        let taken = self.requests.as_ref().is_some_and(|requests| requests.try_send(request).is_ok());
        if !taken {
            // Either the writer is gone with the pipe, or it still holds an earlier request that nobody reads.
            return Err(match self.child.try_wait() {
                Ok(Some(status)) => self.explain(Cause::Crash, format!("the program ended ({status})")),
                _ => self.explain(Cause::Protocol, "the program does not read its input".to_owned()),
            });
        }
        self.next_reply(patience, "no answer")
    }

    fn next_reply(&mut self, patience: Duration, nothing: &str) -> Result<String, Failure> {
        match self.replies.recv_timeout(patience) {
            Ok(Line::Text(line)) => Ok(line),
            Ok(Line::NotText) => {
                Err(self.explain(Cause::Protocol, "it wrote a line that is not UTF-8".to_owned()))
            }
            Ok(Line::TooLong) => {
                Err(self.explain(Cause::Protocol, format!("it wrote a line of more than {LINE_MAX} bytes")))
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(self.explain(Cause::Timeout, format!("{nothing} within {} ms", patience.as_millis())))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let message = match self.ended_within(FAREWELL) {
                    Some(status) => format!("the program ended ({status})"),
                    None => "the program closed its output".to_owned(),
                };
                Err(self.explain(Cause::Crash, message))
            }
        }
    }

    /// A failure of the child, with the last lines that it wrote to its standard error where they explain it.
    fn explain(&mut self, cause: Cause, message: String) -> Failure {
        if cause == Cause::Crash {
            // What it said last may still be in the pipe.
            let _ = self.stderr_closed.recv_timeout(FAREWELL);
        }
        // Of a child that still runs, how much of its standard error is here is a matter of luck, and a failure is written
        // into documents that a second run must not change. After a time-out they depend on the clock anyhow.
        if cause == Cause::Protocol {
            return Failure { cause, message: shortened(&message) };
        }
        let kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = kept.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let mut last: Vec<&str> = text.lines().rev().filter(|l| !l.trim().is_empty()).take(2).collect();
        last.reverse();
        let said = if last.is_empty() { String::new() } else { format!("; it said: {}", last.join(" | ")) };
        let mut message = shortened(&format!("{message}{said}"));
        for (path, name) in [(self.directory.path(), "."), (self.home.as_path(), "<candidate>")] {
            if let Some(path) = path.to_str() {
                message = message.replace(path, name);
            }
        }
        Failure { cause, message }
    }

    fn ended_within(&mut self, patience: Duration) -> Option<std::process::ExitStatus> {
        let until = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
                _ => return None,
            }
        }
    }

    /// Says goodbye and gives the child a moment to end by itself.
    pub(super) fn close(mut self, farewell: Vec<u8>) {
        if let Some(requests) = self.requests.take() {
            let _ = requests.try_send(farewell);
        }
        self.ended_within(FAREWELL);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn next_line(from: &mut impl BufRead) -> Option<Line> {
    let mut bytes = Vec::new();
    let read = from.take(LINE_MAX).read_until(b'\n', &mut bytes).ok()?;
    if read == 0 {
        return None;
    }
    if bytes.last() != Some(&b'\n') && read as u64 == LINE_MAX {
        return Some(Line::TooLong);
    }
    Some(String::from_utf8(bytes).map_or(Line::NotText, Line::Text))
}

fn keep_tail(mut pipe: impl Read, kept: &Mutex<VecDeque<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(n) = pipe.read(&mut buffer) {
        if n == 0 {
            break;
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&buffer[..n]);
        let excess = kept.len().saturating_sub(STDERR_KEPT);
        kept.drain(..excess);
    }
}

/// At most 400 characters, on one line.
pub(super) fn shortened(text: &str) -> String {
    let line = text.trim_end().replace(['\n', '\r'], " ");
    match line.char_indices().nth(400) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}
