//! Pictures of people and groups: a pattern of squares that is drawn from the seed and the id, so that everybody looks
//! the same in every run.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::world::World;
use crate::network::{AvatarOf, NetworkError};

/// Squares in each direction; the right half mirrors the left one.
const SQUARES: usize = 5;

/// Pixels of a square, and of the picture's margin.
const PIXELS: usize = 16;

/// Pixels in each direction: web WeChat's pictures are about as large.
const SIDE: usize = (SQUARES + 1) * PIXELS;

impl World {
    /// The picture of somebody who is there, as a PNG.
    pub(super) fn avatar(&self, of: &AvatarOf) -> Result<Vec<u8>, NetworkError> {
        let roster = &self.roster;
        let (id, is_known) = match of {
            AvatarOf::User => (&roster.user.id, true),
            AvatarOf::Group { id } => (id, roster.groups.get(id).is_some()),
            AvatarOf::Person { id, group: Some(group) } => (id, roster.member(group, id).is_some()),
            AvatarOf::Person { id, group: None } => (id, roster.friends.get(id).is_some()),
        };
        if !is_known {
            return Err(NetworkError::Refused(format!("there is nobody `{id}`")));
        }
        let encoded = draw(&mut ChaCha8Rng::seed_from_u64(self.seed ^ fold(id)));
        encoded.map_err(|error| NetworkError::Refused(format!("the picture cannot be drawn: {error}")))
    }
}

/// An id as a number (FNV-1a), the same on every machine.
fn fold(id: &str) -> u64 {
    id.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn draw(chance: &mut ChaCha8Rng) -> Result<Vec<u8>, png::EncodingError> {
    // Dark enough to be seen on white.
    let ink = [(); 3].map(|()| (chance.next_u32() % 160) as u8);
    let pattern = chance.next_u32();
    let square_of = |place: usize| {
        let square = place.checked_sub(PIXELS / 2).map(|inner| inner / PIXELS);
        square.filter(|square| *square < SQUARES)
    };
    let pixel = |at: usize| {
        let (Some(row), Some(column)) = (square_of(at / SIDE), square_of(at % SIDE)) else { return 0 };
        let mirrored = column.min(SQUARES - 1 - column);
        (pattern >> (row * SQUARES.div_ceil(2) + mirrored) & 1) as u8
    };
    let pixels: Vec<u8> = (0..SIDE * SIDE).map(pixel).collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE as u32, SIDE as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette([[255; 3], ink].concat());
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(file)
}
