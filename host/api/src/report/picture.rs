//! The picture of a QR code in its report, as base64.

use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use crate::settings::QR_PICTURE;

/// How many bytes stand in a line of base64, which has 76 characters then: what the original's encoder writes.
const LINE: usize = 57;

/// Reads the picture that a report of `input_qrcode` names and puts it beside its path; others stay as they are.
/// The report goes out without it if it cannot be read: its path stands there.
pub(crate) async fn add(report: &mut Value) {
    if report.get("event").and_then(Value::as_str) != Some("input_qrcode") {
        return;
    }
    let Some([Value::String(path), picture]) =
        report.get_mut("params").and_then(Value::as_array_mut).map(Vec::as_mut_slice)
    else {
        return;
    };
    if path.is_empty() {
        return;
    }
    match read(Path::new(path)).await {
        Ok(bytes) => *picture = mime_base64(&bytes).into(),
        Err(error) => tracing::warn!(path, %error, "the picture of a QR code cannot be read"),
    }
}

async fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).await?.take(QR_PICTURE + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > QR_PICTURE {
        return Err(io::Error::other(format!("it has more than {QR_PICTURE} bytes")));
    }
    Ok(bytes)
}

/// Base64 in lines, each with its end: what programs written for the original were given.
pub(crate) fn mime_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() / 3 * 4 + bytes.len() / LINE + 5);
    for line in bytes.chunks(LINE) {
        STANDARD.encode_string(line, &mut text);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::event;

    #[test]
    fn base64_comes_in_lines() {
        assert_eq!(mime_base64(b""), "");
        assert_eq!(mime_base64(b"a"), "YQ==\n");
        for length in [57, 58, 114, 1000] {
            let text = mime_base64(&vec![7; length]);
            assert!(text.ends_with('\n') && text.lines().all(|line| line.len() <= 76), "{text}");
            assert_eq!(text.lines().map(str::len).sum::<usize>(), length.div_ceil(3) * 4);
            assert_eq!(text.lines().count(), length.div_ceil(LINE));
        }
    }

    #[tokio::test]
    async fn the_picture_stands_beside_its_path_if_it_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("code.jpg");
        std::fs::write(&path, b"abc").unwrap();
        let mut report = event("input_qrcode", json!([path, ""]));
        add(&mut report).await;
        assert_eq!(report["params"], json!([path, "YWJj\n"]));
        std::fs::write(&path, vec![0; QR_PICTURE as usize + 1]).unwrap();
        let gone = folder.path().join("gone.jpg");
        for path in [json!(path), json!(gone), json!("")] {
            let mut report = event("input_qrcode", json!([path, ""]));
            add(&mut report).await;
            assert_eq!(report["params"], json!([path, ""]));
        }
        let mut other = event("state_change", json!(["scaning", "stop"]));
        add(&mut other).await;
        assert_eq!(other["params"], json!(["scaning", "stop"]));
    }
}
