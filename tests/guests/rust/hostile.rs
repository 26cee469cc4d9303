//! Tries, message by message, what a script could do to its host: the message says what.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mynah_sdk::prelude::*;

mynah_sdk::rule!(
    Rule::new("hostile", "Tries things.").on_message(attempt).asks("reply", "to say that it lives")
);

fn attempt(_: &Event, message: &Message) -> Result<Vec<Reply>> {
    match message.text.trim() {
        "loop" => spin(),
        "allocate" => allocate(),
        "recurse" => Ok(vec![reply(recurse(1).to_string())]),
        #[expect(clippy::panic, reason = "this is what is tried")]
        "panic" => panic!("I fell over on purpose"),
        "sleep" => {
            std::thread::sleep(Duration::from_secs(3_600));
            Ok(vec![reply("slept")])
        }
        "exit" => std::process::exit(3),
        "million" => Ok(vec![reply("again"); 1_000_000]),
        "twenty-thousand" => Ok(vec![reply("again"); 20_000]),
        "many" => Ok(vec![reply("again"); 1_000]),
        "long" => Ok(vec![reply("x".repeat(1 << 19))]),
        "segments" => {
            let segments = vec![Segment::Text("again".into()); 1_000];
            Ok(vec![Reply { segments, ..reply("") }])
        }
        "attributes" => Ok(vec![Reply { segments: vec![decorated()], ..reply("") }]),
        "scream" => screams(),
        "mutter" => mutters(),
        "grow" => Ok(vec![reply(format!("{} KiB", grow() >> 10))]),
        "abort" => std::process::abort(),
        "error" => Err(Error::fault("I would rather not")),
        "log" => {
            for line in 0..100_000 {
                mynah_sdk::log::info(&format!("line {line}"));
            }
            Ok(vec![reply("logged")])
        }
        "state" => {
            kv::set("half", "done")?;
            Err(Error::fault("after writing"))
        }
        "half" => Ok(vec![reply(kv::get::<String>("half")?.unwrap_or_else(|| "nothing".into()))]),
        "time" => Ok(vec![reply(times())]),
        "chance" => Ok(vec![reply(chances())]),
        "fine" => Ok(vec![reply("fine")]),
        _ => Ok(Vec::new()),
    }
}

/// A picture with more to say of it than anybody reads.
fn decorated() -> Segment {
    let attr = |number: u32| mynah_sdk::types::Attr { name: format!("a{number}"), value: "1".into() };
    let attrs = (0..10_000).map(attr).collect();
    let url = Some("https://example.org/".into());
    Segment::Image(Media { id: None, url, path: None, name: None, mime: None, size: None, attrs })
}

#[expect(clippy::panic, reason = "this is what is tried")]
fn screams() -> ! {
    panic!("{}", "A".repeat(500_000))
}

/// Writes without a line's end, for as long as it is let.
fn mutters() -> ! {
    use std::io::Write;
    loop {
        // Nobody is told what was not taken.
        let _ = std::io::stderr().write_all(&[b'.'; 4_096]);
    }
}

/// Takes memory a thousand times, page by page, up to just under what it may have: the bytes.
fn grow() -> usize {
    let mut pages = 0;
    for _ in 0..1_000 {
        #[cfg(target_arch = "wasm32")]
        if core::arch::wasm32::memory_grow(0, 1) == usize::MAX {
            break;
        }
        pages += 1;
    }
    pages << 16
}

fn spin() -> ! {
    loop {
        black_box(());
    }
}

fn allocate() -> ! {
    let mut kept = Vec::new();
    loop {
        kept.push(black_box(vec![1u8; 1 << 20]));
    }
}

#[expect(unconditional_recursion, reason = "this is what is tried")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(black_box(depth + 1)).wrapping_add(frame.iter().sum::<u64>())
}

/// The contract's clock, the system's and a stopwatch: all of them are the event's time, and stand still.
fn times() -> String {
    let before = Instant::now();
    let system =
        SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_millis()).unwrap_or_default();
    format!("{} {system} {}", clock::now(), before.elapsed().as_nanos())
}

/// Numbers of the contract's source of randomness, and the order of a hash map, which std seeds from the system's.
fn chances() -> String {
    let map: HashMap<u32, ()> = (0..8).map(|key| (key, ())).collect();
    let order: Vec<_> = map.keys().map(u32::to_string).collect();
    format!("{} {}", random::below(u64::MAX), order.join(""))
}
