//! The `mynah` command, as a person runs it.

use std::borrow::BorrowMut;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use super::{guests, wait_for};

/// The command, in a folder, with a cargo target folder that all tests share.
pub(crate) fn mynah<S: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mynah"));
    command
        .args(args)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", guests::target_dir())
        .env_remove("RUST_LOG");
    command
}

/// Runs it to its end: exit code, stdout, stderr.
pub(crate) fn run<S: AsRef<OsStr>>(
    folder: &Path,
    args: impl IntoIterator<Item = S>,
) -> (i32, String, String) {
    told(mynah(folder, args).stdin(Stdio::null()).output().unwrap())
}

/// What a command said.
pub(crate) fn told(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// A command that goes on until it is told to end; killed when dropped.
pub(crate) struct Session {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl Session {
    /// Starts it with its input and output in our hands.
    pub(crate) fn start(mut command: impl BorrowMut<Command>) -> Self {
        let command = command.borrow_mut();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        Self { child, stdin, stdout, stderr }
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    /// Ends its input.
    pub(crate) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Waits until stdout holds a text so many times.
    pub(crate) async fn wait_for_output(&mut self, text: &str, times: usize) {
        self.wait(text, times, |session| &session.stdout).await;
    }

    /// Waits until stderr holds a text so many times; all of it by then.
    pub(crate) async fn wait_for_log(&mut self, text: &str, times: usize) -> String {
        self.wait(text, times, |session| &session.stderr).await;
        self.log()
    }

    async fn wait(&mut self, text: &str, times: usize, stream: fn(&Self) -> &Arc<Mutex<String>>) {
        let what = format!("{text:?}, {times} times");
        let mut ended = false;
        wait_for(&what, || {
            let found = stream(self).lock().unwrap().matches(text).count() >= times;
            // Once more after the end: the last words may have come in between.
            assert!(found || !ended, "ended without {what}:\n{}\n{}", self.output(), self.log());
            ended = self.child.try_wait().unwrap().is_some();
            async move { found.then_some(()) }
        })
        .await;
    }

    /// All of stdout so far.
    pub(crate) fn output(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    /// All of stderr so far.
    pub(crate) fn log(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Where its API listens, by its log.
    pub(crate) async fn url(&mut self) -> String {
        let log = self.wait_for_log("listening on http://", 1).await;
        let after = log.split("listening on ").nth(1).unwrap();
        after.split_whitespace().next().unwrap().to_owned()
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most bytes of memory that it ever held: the resident set's high-water mark.
    pub(crate) fn peak_memory(&self) -> usize {
        self.status("VmHWM:")
    }

    /// The bytes of memory that it holds: the resident set.
    pub(crate) fn memory(&self) -> usize {
        self.status("VmRSS:")
    }

    fn status(&self, name: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches("kB").trim().parse::<usize>().unwrap() * 1024
    }

    /// Tells it to end, as `kill` and service managers do.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Waits for its end; the exit code.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let child = &mut self.child;
        wait_for("the end of the command", || {
            let ended = child.try_wait().unwrap();
            async move { ended }
        })
        .await
        .code()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps what a stream says, line by line.
fn collect(stream: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let kept = Arc::new(Mutex::new(String::new()));
    let keep = kept.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let mut kept = keep.lock().unwrap();
            kept.push_str(&String::from_utf8_lossy(&line));
            kept.push('\n');
        }
    });
    kept
}
