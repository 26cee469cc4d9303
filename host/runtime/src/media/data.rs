//! Bytes that came as text: base64, as forms and JSON carry it.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::MediaError;
use crate::limits;

/// Padding may be left out, as many programs do.
const READER: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of a base64 text. Breaks between lines are left out; anything else that is not base64 is refused.
pub fn decode_base64(text: &str) -> Result<Vec<u8>, MediaError> {
    // Within the limit even if every line holds four characters.
    if text.len() / 6 * 3 > limits::MEDIA_FILE_BYTES {
        return Err(MediaError::TooLarge { most: limits::MEDIA_FILE_BYTES });
    }
    if text.contains(' ') {
        return Err(MediaError::Base64("it holds a space: in a form, `+` is written %2B".to_owned()));
    }
    if text.starts_with("data:") {
        return Err(MediaError::Base64("it is a data URL: leave out all up to the comma".to_owned()));
    }
    let decoded = match text.contains(['\r', '\n']) {
        true => READER.decode(text.replace(['\r', '\n'], "")),
        false => READER.decode(text),
    };
    let bytes = decoded.map_err(|error| MediaError::Base64(error.to_string()))?;
    if bytes.len() > limits::MEDIA_FILE_BYTES {
        return Err(MediaError::TooLarge { most: limits::MEDIA_FILE_BYTES });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_strictly() {
        for (text, expected) in [
            ("aGk=", Ok("hi")),
            ("aGk", Ok("hi")),
            ("aG\r\nk=\n", Ok("hi")),
            ("", Ok("")),
            ("aG k=", Err("`+` is written %2B")),
            ("aGl=", Err("no base64")),
            ("a", Err("no base64")),
            ("aGk=aGk=", Err("no base64")),
            ("_-8=", Err("no base64")),
            ("a\tGk", Err("no base64")),
            ("data:image/png;base64,aGk=", Err("data URL")),
        ] {
            let read = decode_base64(text).map(|bytes| String::from_utf8(bytes).unwrap());
            match (&read, expected) {
                (Ok(read), Ok(expected)) => assert_eq!(read, expected, "{text:?}"),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{text:?}: {error}")
                }
                _ => panic!("{text:?}: {read:?}"),
            }
        }
        let most = "AAAA".repeat(limits::MEDIA_FILE_BYTES / 3);
        assert!(decode_base64(&most).is_ok());
        assert!(matches!(decode_base64(&format!("{most}AAAA")), Err(MediaError::TooLarge { .. })));
        assert!(matches!(decode_base64(&most.repeat(2)), Err(MediaError::TooLarge { .. })));
    }
}
