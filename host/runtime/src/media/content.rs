//! What bytes are, told by the bytes; and how a file may be called, whatever it was called.

use std::path::Path;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::limits;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Content {
    /// Media type, for example `image/png`.
    pub(super) mime: &'static str,
    /// The usual ending of such files, without the dot.
    pub(super) ext: &'static str,
}

const TEXT: Content = Content { mime: "text/plain", ext: "txt" };
const UNKNOWN: Content = Content { mime: "application/octet-stream", ext: "bin" };

impl Content {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let beginning = bytes.get(..limits::MEDIA_SNIFFED_BYTES).unwrap_or(bytes);
        match infer::get(beginning) {
            Some(found) => Self { mime: found.mime_type(), ext: found.extension() },
            None if is_text(beginning) => TEXT,
            None => UNKNOWN,
        }
    }
}

/// The media type of bytes, `application/octet-stream` if nothing tells it.
pub fn sniff(bytes: &[u8]) -> &'static str {
    Content::of(bytes).mime
}

/// Whether this is the beginning of a text in UTF-8 that people can read.
fn is_text(beginning: &[u8]) -> bool {
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        // The last character may be cut off.
        Err(error) if error.error_len().is_none() => {
            let whole = beginning.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(whole).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}'))
}

/// The name of a file as people see it: the last part of what was given, without what cannot be seen or would turn the
/// direction of writing. A name that leaves nothing is `media`. What is known of the content is added where there is no
/// ending.
pub(super) fn plain_name(given: &str, ext: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name = String::new();
    for c in last.chars().filter(|c| !c.is_control() && !is_hidden(*c)) {
        if name.len() + c.len_utf8() > limits::MEDIA_NAME_BYTES {
            break;
        }
        name.push(c);
    }
    let name = name.trim();
    match name.trim_matches('.') {
        "" => format!("media.{ext}"),
        _ if name.contains('.') => name.to_owned(),
        _ => format!("{name}.{ext}"),
    }
}

/// Characters that take no room, or turn the direction of what follows: `gpj.exe` looks like `exe.jpg` behind one.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The ending that is said of a file: the one of its content; of texts and of what nothing is known of, that of its name.
pub(super) fn shown_ext<'a>(name: &'a str, ext: &'a str) -> &'a str {
    let given = name.rsplit_once('.').map_or("", |(_, given)| given);
    let is_plain = (1..=8).contains(&given.len()) && given.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_plain && (ext == TEXT.ext || ext == UNKNOWN.ext) { given } else { ext }
}

/// What the last part of a path calls a file.
pub(super) fn name_of_path(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// What the last part of a URL calls a file.
pub(super) fn name_of_url(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let last = url.path_segments()?.next_back()?;
    Some(percent_decode_str(last).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_is_told_by_its_bytes() {
        for (bytes, mime, ext) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], "image/png", "png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg", "jpg"),
            (b"GIF89a\x01\0\x01\0", "image/gif", "gif"),
            (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video/mp4", "mp4"),
            (b"%PDF-1.7\n", "application/pdf", "pdf"),
            (b"<!DOCTYPE html><script>", "text/html", "html"),
            ("你好\n".as_bytes(), "text/plain", "txt"),
            ("你".as_bytes().split_at(2).0, "text/plain", "txt"),
            (b"\0\x01\x02", "application/octet-stream", "bin"),
            (b"\xff\xfe\xfd", "application/octet-stream", "bin"),
            (b"", "text/plain", "txt"),
        ] {
            assert_eq!(Content::of(bytes), Content { mime, ext }, "{bytes:?}");
        }
        assert_eq!(Content::of("好".repeat(limits::MEDIA_SNIFFED_BYTES).as_bytes()), TEXT);
    }

    #[test]
    fn a_name_holds_no_folder_and_nothing_that_cannot_be_seen() {
        for (given, expected) in [
            ("图.png", "图.png"),
            ("/tmp/test.mp4", "test.mp4"),
            ("C:\\Users\\x\\a.png", "a.png"),
            ("../../etc/passwd", "passwd.png"),
            ("..", "media.png"),
            ("", "media.png"),
            ("a/", "media.png"),
            ("a\0b\r\n.png", "ab.png"),
            ("\u{202e}gnp.exe", "gnp.exe"),
            (" x ", "x.png"),
        ] {
            assert_eq!(plain_name(given, "png"), expected, "{given:?}");
        }
        let long = plain_name(&"长".repeat(500), "png");
        assert!(long.len() <= limits::MEDIA_NAME_BYTES + 4 && long.starts_with('长'), "{long}");
    }

    #[test]
    fn an_ending_that_somebody_gave_counts_only_where_the_bytes_say_nothing() {
        for (name, ext, expected) in [
            ("a.exe", "png", "png"),
            ("notes.md", "txt", "md"),
            ("a.b/c", "bin", "bin"),
            ("a.大", "bin", "bin"),
            ("a", "bin", "bin"),
        ] {
            assert_eq!(shown_ext(name, ext), expected, "{name}");
        }
        assert_eq!(name_of_url("http://a/b/%E5%9B%BE.png?x=1").as_deref(), Some("图.png"));
        assert_eq!(name_of_url("http://a/").as_deref(), Some(""));
        assert_eq!(plain_name(&name_of_url("http://a/%2e%2e%2fx").unwrap(), "bin"), "x.bin");
    }
}
