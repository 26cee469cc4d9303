//! Any bytes as a frame of a OneBot implementation: understood in the same way each time, or not at all.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mynah_networks::onebot::decode;

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(decode(bytes), decode(bytes));
});
