//! [`test_guests::keywords`] as a script.

mynah_sdk::rule!(test_guests::keywords());
