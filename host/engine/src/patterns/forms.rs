//! A text in the forms in which rows are looked for, each made when the first row asks for it.

use std::cell::OnceCell;

use crate::folding::squeezed::{Places, Reading, squeeze};
use crate::folding::{Folding, Origins, fold};

/// A text and its forms.
pub(super) struct Forms<'a> {
    text: &'a str,
    plain: OnceCell<String>,
    letters: OnceCell<String>,
    plain_origins: OnceCell<Origins>,
    letters_origins: OnceCell<Origins>,
    places: OnceCell<Places>,
    leet_places: OnceCell<Places>,
}

impl<'a> Forms<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            text,
            plain: OnceCell::new(),
            letters: OnceCell::new(),
            plain_origins: OnceCell::new(),
            letters_origins: OnceCell::new(),
            places: OnceCell::new(),
            leet_places: OnceCell::new(),
        }
    }

    pub(super) fn folded(&self, folding: Folding) -> &str {
        let form = match folding {
            Folding::Plain => &self.plain,
            Folding::Letters => &self.letters,
        };
        form.get_or_init(|| fold(self.text, folding))
    }

    /// Where a part of a folded form was.
    pub(super) fn origin(&self, folding: Folding, start: usize, end: usize) -> (u32, u32) {
        let origins = match folding {
            Folding::Plain => &self.plain_origins,
            Folding::Letters => &self.letters_origins,
        };
        origins.get_or_init(|| Origins::of(self.text, folding)).original(start, end)
    }

    pub(super) fn squeezed(&self, reading: Reading) -> Option<String> {
        squeeze(self.folded(Folding::Letters), reading)
    }

    pub(super) fn places(&self, reading: Reading) -> &Places {
        let places = match reading {
            Reading::Literal => &self.places,
            Reading::Leet => &self.leet_places,
        };
        places.get_or_init(|| Places::of(self.text, reading))
    }
}
