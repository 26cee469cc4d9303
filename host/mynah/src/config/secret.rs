//! Secrets: in the file itself, in a file beside it, or in the environment. What is wrong with one is said without it.

use std::io::Read;
use std::path::Path;

use mynah_api::WebhookSecret;

use super::problem::Problem;
use super::section::Value;

/// The most bytes of a secret.
const MOST: usize = 4096;

/// Reads `"text"`, `{ file = "PATH" }` or `{ env = "NAME" }`.
pub(super) fn read(value: &Value<'_>, folder: &Path) -> Result<WebhookSecret, Problem> {
    if !value.is_table() {
        return keep(value, value.text("a text, { file = \"PATH\" } or { env = \"NAME\" }")?.to_owned());
    }
    let mut section = value.section("of a secret")?;
    let (file, env) = (section.take("file"), section.take("env"));
    section.finish()?;
    match (file, env) {
        (Some(file), None) => {
            let path = super::read_path(&file, folder)?;
            let text = read_file(&path)
                .map_err(|error| file.problem(format!("cannot be read: {}: {error}", path.display())))?;
            keep(&file, text.trim_end_matches(['\r', '\n']).to_owned())
        }
        (None, Some(env)) => {
            let name = env.text("the name of an environment variable")?;
            let text = std::env::var(name)
                .map_err(|_| env.problem(format!("names `{name}`, which is not set, or is not UTF-8")))?;
            keep(&env, text)
        }
        _ => Err(value.problem("needs either `file` or `env`")),
    }
}

fn read_file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MOST as u64 + 3).read_to_string(&mut text)?;
    Ok(text)
}

fn keep(value: &Value<'_>, text: String) -> Result<WebhookSecret, Problem> {
    match text.len() {
        0 => Err(value.problem("is an empty secret")),
        length if length > MOST => Err(value.problem(format!("is a secret of more than {MOST} bytes"))),
        _ => Ok(WebhookSecret::new(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn secret(folder: &Path, given: &str) -> Result<Option<WebhookSecret>, String> {
        let text = format!("[[account]]\nname = \"qq\"\nwebhook_secret = {given}\n");
        let config = Config::parse(&folder.join("mynah.toml"), &text).map_err(|error| error.message)?;
        Ok(config.api.reports.values().next().unwrap().webhook_secret.clone())
    }

    #[test]
    fn a_secret_comes_from_the_file_a_file_or_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), "hunter2\r\n").unwrap();
        let hunter2 = Some(WebhookSecret::new("hunter2".into()));
        assert_eq!(secret(folder.path(), "\"hunter2\"").unwrap(), hunter2);
        assert_eq!(secret(folder.path(), "{ file = \"key\" }").unwrap(), hunter2);
        let path = std::env::var("PATH").unwrap();
        assert_eq!(secret(folder.path(), "{ env = \"PATH\" }").unwrap(), Some(WebhookSecret::new(path)));
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_said_without_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        std::fs::write(folder.path().join("long"), "x".repeat(MOST + 1)).unwrap();
        for (given, expected) in [
            ("\"\"", "is an empty secret"),
            ("{ file = \"empty\" }", "is an empty secret"),
            ("{ file = \"long\" }", "more than 4096 bytes"),
            ("{ file = \"gone\" }", "cannot be read"),
            ("{ env = \"MYNAH_NOT_SET\" }", "which is not set"),
            ("{}", "needs either `file` or `env`"),
            ("{ file = \"a\", env = \"b\" }", "needs either `file` or `env`"),
            ("{ fil = \"a\" }", "unknown key `fil`"),
        ] {
            let error = secret(folder.path(), given).unwrap_err();
            assert!(error.contains(expected), "{given}: {error}");
        }
    }
}
