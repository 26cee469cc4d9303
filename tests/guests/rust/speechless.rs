//! Fails when it is asked what it is.

use mynah_sdk::prelude::*;

mynah_sdk::rule!(speechless());

#[expect(clippy::panic, reason = "this is what is tried")]
fn speechless() -> Rule {
    panic!("I will not say who I am")
}
