//! A login code as people scan it: a JPEG, and blocks for a terminal. Made here for every network.

use std::path::{Path, PathBuf};

use jpeg_encoder::{ColorType, Encoder};
use qrcode::render::unicode::Dense1x2;
use qrcode::{Color, QrCode};

/// Pixels of a module's side: as a JPEG's blocks, so that no edge is blurred.
const MODULE: usize = 8;

/// Modules of white around the code, as the standard asks for.
const MARGIN: usize = 4;

/// The JPEG's quality, of 100. More makes the file larger and nothing sharper.
const QUALITY: u8 = 90;

/// Why a text cannot be drawn as a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginCodeError {
    /// It does not fit.
    #[error("a login code of {bytes} bytes cannot be a QR code: {why}")]
    Text {
        /// How long it is.
        bytes: usize,
        /// What the encoder says.
        why: String,
    },
    /// The picture could not be encoded.
    #[error("the picture of a login code could not be made: {0}")]
    Picture(String),
}

/// A login code that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginCode {
    text: String,
    picture: Vec<u8>,
    blocks: String,
    path: Option<PathBuf>,
}

impl LoginCode {
    /// Draws a code that says this.
    pub fn draw(text: &str) -> Result<Self, LoginCodeError> {
        let wrong = |why: qrcode::types::QrError| LoginCodeError::Text {
            bytes: text.len(),
            why: format!("{why}; about 2300 bytes fit"),
        };
        let code = QrCode::new(text).map_err(wrong)?;
        // Terminals are dark, mostly: what is drawn is the light of the code.
        let blocks =
            code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
        Ok(Self { text: text.to_owned(), picture: jpeg(&code)?, blocks, path: None })
    }

    /// Notes where the picture lies.
    pub(crate) fn at(mut self, path: Option<PathBuf>) -> Self {
        self.path = path;
        self
    }

    /// What the code says: whoever has it can log in as the account's owner only with their phone.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The JPEG.
    pub fn picture(&self) -> &[u8] {
        &self.picture
    }

    /// The code in half blocks, two modules in a character, for a dark terminal.
    pub fn blocks(&self) -> &str {
        &self.blocks
    }

    /// The file of the JPEG, if it could be written.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

fn jpeg(code: &QrCode) -> Result<Vec<u8>, LoginCodeError> {
    let width = code.width();
    let side = (width + 2 * MARGIN) * MODULE;
    let colors = code.to_colors();
    let mut pixels = vec![u8::MAX; side * side];
    for (row, modules) in colors.chunks(width).enumerate() {
        for (column, _) in modules.iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
            let left = (column + MARGIN) * MODULE;
            let lines = pixels.chunks_mut(side).skip((row + MARGIN) * MODULE).take(MODULE);
            lines.filter_map(|line| line.get_mut(left..left + MODULE)).for_each(|module| module.fill(0));
        }
    }
    let failed = |why: String| LoginCodeError::Picture(why);
    let short = u16::try_from(side).map_err(|error| failed(error.to_string()))?;
    let mut picture = Vec::new();
    Encoder::new(&mut picture, QUALITY)
        .encode(&pixels, short, short, ColorType::Luma)
        .map_err(|error| failed(error.to_string()))?;
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a phone would read from a JPEG.
    fn read(picture: &[u8]) -> String {
        let mut decoder = zune_jpeg::JpegDecoder::new(std::io::Cursor::new(picture));
        let pixels = decoder.decode().unwrap();
        let info = decoder.info().unwrap();
        let (width, height) = (usize::from(info.width), usize::from(info.height));
        let colors = pixels.len() / (width * height);
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
            pixels[(y * width + x) * colors]
        });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    #[test]
    fn a_picture_is_a_jpeg_that_says_what_it_was_drawn_from() {
        let long = "x".repeat(2_000);
        for text in ["https://sim.invalid/login?code=00112233445566778899aabbccddeeff", "扫码 登录", &long]
        {
            let code = LoginCode::draw(text).unwrap();
            assert!(code.picture().starts_with(&[0xff, 0xd8, 0xff]));
            assert_eq!(read(code.picture()), text);
        }
    }

    #[test]
    fn blocks_have_two_modules_in_a_character_and_a_margin_of_light() {
        let code = LoginCode::draw("https://sim.invalid/login?code=1").unwrap();
        let lines: Vec<_> = code.blocks().lines().collect();
        let width = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == width));
        assert_eq!(width.div_ceil(2), lines.len());
        assert!(lines[0].chars().all(|c| c == '█'), "{}", lines[0]);
    }

    #[test]
    fn a_text_that_does_not_fit_is_an_error() {
        let error = LoginCode::draw(&"x".repeat(3_000)).unwrap_err();
        assert!(error.to_string().contains("3000 bytes"), "{error}");
    }
}
