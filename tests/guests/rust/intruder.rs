//! Tries, message by message, to reach what it was not given: other chats, other scripts' state, people who are out of
//! bounds, the machine. The message says what; the answer says how far it came.

use std::hint::black_box;
use std::io::Read;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use mynah_sdk::prelude::*;

mynah_sdk::rule!(
    Rule::new("intruder", "Tries to get out.")
        .on_message(attempt)
        .on_timer(throw)
        .on_result(|_, result| reply(format!("{}: {}", result.action, result.code)))
);

#[expect(clippy::panic, reason = "this is what is tried")]
fn throw(_: &Event, timer: &Timer) {
    if timer.tag == "throw" {
        panic!("thrown from a timer");
    }
}

fn attempt(event: &Event, message: &Message) -> Result<Actions> {
    let text = message.text.trim();
    // What it cannot know by itself comes with the message: ids and addresses.
    if let Some((word, rest)) = text.split_once(' ') {
        return with(word, rest);
    }
    match text {
        "kicks-the-owner" => told(kick("boss")),
        "kicks-an-admin" => told(kick("admin")),
        "kicks-itself" => told(kick("me")),
        "kicks-a-stranger" => told(kick("nobody")),
        "kicks-elsewhere" => told(kick("m1").in_chat(group("2"))),
        "kicks-where-it-is-a-member" => told(kick("m1").in_chat(group("3"))),
        "kicks-a-thousand" => told((1..1_000).fold(kick("m1"), |kick, it| kick.and(format!("m{it}")))),
        "kicks-one-a-hundred-times" => told((1..100).fold(kick("boss"), |kick, _| kick.and("boss"))),
        "mutes-for-ten-years" => told(shutup("m1", days(3_650))),
        "mutes-for-no-time" => told(shutup("m1", seconds(0))),
        "mutes-the-owner" => told(shutup("boss", minutes(10))),
        "mutes-by-a-name-with-nul" => told(shutup("boss\0", minutes(10))),
        "mutes-by-a-look-alike" => told(shutup("bоss", minutes(10))),
        "speaks-elsewhere" => told(send(group("2"), "hello")),
        "speaks-to-a-friend" => told(send(chat(ChatKind::Friend, "friend"), "hello")),
        "speaks-through-another-account" => {
            told(send(Target { account: Some("other".into()), ..group("552603") }, "hello"))
        }
        "speaks-through-no-account" => {
            told(send(Target { account: Some("none".into()), ..group("0") }, "hello"))
        }
        "speaks-through-a-path" => {
            told(send(Target { account: Some("../sim".into()), ..group("0") }, "hello"))
        }
        "speaks-to-a-chat-that-is-not" => told(send(chat(ChatKind::Other, "0"), "hello")),
        "speaks-past-the-group" => {
            told(send(Target { via: Some("0".into()), ..chat(ChatKind::Temporary, "m1") }, "hello"))
        }
        "answers-a-request-that-is-not" => {
            told(mynah_sdk::types::AnswerRequest { request_id: "1".into(), approve: true, text: None })
        }
        "sends-a-file-of-the-host" => {
            told(send_media(Media { path: Some("../../mynah.toml".into()), ..media() }))
        }
        "asks-for-what-is-not" => told(ActionBody::Other(mynah_sdk::types::Other {
            kind: "set_group_kick".into(),
            json: "{}".into(),
        })),
        "people-elsewhere" => reply(people_elsewhere()).into_actions(),
        "timers-by-the-thousand" => {
            let timers = (0..60).map(|tag| schedule(format!("{}-{tag}", event.seq), hours(1)).into());
            let mut timers: Vec<Action> = timers.collect();
            timers.truncate(59);
            timers.push(schedule(format!("{}-last", event.seq), hours(1)).tell_result());
            Ok(timers)
        }
        "throws-from-a-timer" => schedule("throw", minutes(1)).into_actions(),
        "a-timer-in-a-million-years" => told(schedule("late", days(365_000_000))),
        "a-timer-of-every-moment" => told(schedule("cron", cron("* * * * * *"))),
        "a-timer-that-never-comes" => told(schedule("cron", cron("0 0 30 2 *"))),
        "a-timer-in-a-file-of-zones" => told(schedule("cron", cron("* * * * *").in_zone("../../etc/passwd"))),
        "a-timer-with-a-pattern-of-a-mile" => told(schedule("cron", cron("1,".repeat(5_000)))),
        "state-of-others" => reply(state_of_others()?).into_actions(),
        "state-under-odd-names" => reply(odd_names()?).into_actions(),
        "state-too-large" => reply(too_large()).into_actions(),
        "state-without-end" => {
            for number in 0_u64.. {
                kv::set(&format!("{}-{number}", event.seq), &"x".repeat(1 << 10))?;
            }
            told(stop())
        }
        "state-over-many-events" => reply(fill(event)).into_actions(),
        "state-beyond-numbers" => {
            kv::set("number", &i64::MAX)?;
            let sum = kv::increment("number", 1);
            reply(sum.map_or("it stays as it is".into(), |sum| sum.to_string())).into_actions()
        }
        "shared-state-read-for-ever" => {
            kv_shared::set("large", &"x".repeat(60_000))?;
            loop {
                black_box(kv_shared::get::<String>("large")?);
            }
        }
        "shared-state-of-others" => {
            kv_shared::set("count", &1_000_000)?;
            reply("wrote into its own").into_actions()
        }
        "the-environment" => reply(environment()).into_actions(),
        "clocks" => reply(clocks()).into_actions(),
        "chance-by-the-gigabyte" => {
            reply(mynah_sdk::bindings::mynah::script::random::bytes(u32::MAX).len().to_string())
                .into_actions()
        }
        "a-thread" => {
            let thread = std::thread::Builder::new().spawn(|| ());
            reply(if thread.is_ok() { "it has a thread" } else { "there are no threads" }).into_actions()
        }
        "logs" => {
            for line in 0..5_000 {
                log::info(&format!("line {line}"));
            }
            reply("logged").into_actions()
        }
        "forges-the-log" => {
            log::info("all is well\n2026-01-01T00:00:00Z  INFO mynah: the operator granted everything");
            log::warn("\x1b[2J\x1b]0;owned\x07 and the screen is empty");
            forge_errors();
            reply("logged").into_actions()
        }
        "patterns-of-a-megabyte" => {
            let found = patterns::find("words", &"x".repeat(1 << 20));
            reply(found.map_or_else(|_| "refused".into(), |found| found.len().to_string())).into_actions()
        }
        _ => ().into_actions(),
    }
}

fn with(word: &str, rest: &str) -> Result<Actions> {
    match word {
        "fetch" => told(fetch("page", rest)),
        "fetch-as-another" => told(fetch("page", rest).header("host", "127.0.0.1:1")),
        "fetch-with-two-lines" => told(fetch("page", rest).header("x-a", "1\r\nhost: 127.0.0.1:1")),
        "show" => told(send_media(Media { url: Some(rest.into()), ..media() })),
        "say-with-picture" => {
            let picture = Segment::Image(Media { url: Some(rest.into()), ..media() });
            told(Reply { segments: vec![picture], ..reply("") })
        }
        "recall" => told(recall(rest)),
        "recall-elsewhere" => told(recall(rest).in_chat(group("1"))),
        "quote" => told(Reply {
            segments: vec![Segment::ReplyTo(rest.into()), Segment::Text("see".into())],
            ..reply("")
        }),
        "answer" => {
            told(mynah_sdk::types::AnswerRequest { request_id: rest.into(), approve: true, text: None })
        }
        _ => ().into_actions(),
    }
}

/// The action, of whose end the script hears.
fn told(action: impl Act) -> Result<Actions> {
    action.tell_result().into_actions()
}

fn chat(kind: ChatKind, id: &str) -> Target {
    Target { account: None, kind, id: id.into(), via: None }
}

fn group(id: &str) -> Target {
    chat(ChatKind::Group, id)
}

fn media() -> Media {
    Media { id: None, url: None, path: None, name: None, mime: None, size: None, attrs: Vec::new() }
}

/// The counter beside this script counts under `count`, in this chat and in another one.
fn state_of_others() -> Result<String> {
    let keys = [
        "count",
        "counter/count",
        "../counter/count",
        "counter\0count",
        "соunt",
        "sim/group/1/count",
        "*",
        "",
    ];
    let mut found = Vec::new();
    for key in keys {
        if kv::get::<i64>(key).is_ok_and(|value| value.is_some())
            || kv_shared::get::<i64>(key).is_ok_and(|it| it.is_some())
        {
            found.push(key);
        }
    }
    let listed = kv::keys("").len() + kv_shared::keys("").len();
    Ok(format!("{} found, {listed} listed", found.len()))
}

/// Names that could be taken for each other are different names.
fn odd_names() -> Result<String> {
    let names = ["name", "nаme", "name\0", "NAME", " name", "name/../name", "%", "_", "'; DROP TABLE kv; --"];
    for (value, name) in names.iter().enumerate() {
        kv::set(name, &value)?;
    }
    let mut kept = 0;
    for (value, name) in names.iter().enumerate() {
        kept += usize::from(kv::get::<usize>(name)? == Some(value));
    }
    for name in names {
        kv::delete(name);
    }
    Ok(format!("{kept} of {} kept apart", names.len()))
}

/// Writes as much as one event may, and says whether it was taken.
fn fill(event: &Event) -> String {
    let mut refused = None;
    for part in 0..15 {
        let written = kv::set(&format!("{}-{part}", event.seq), &"x".repeat(60_000));
        refused = refused.or(written.err());
    }
    match refused {
        Some(error) if error.text().contains("limit.kv-total") => "limit.kv-total".into(),
        Some(error) => error.text().into(),
        None => "written".into(),
    }
}

/// Looks in groups that it was not given, for whom it could find there, and in one that is not.
fn people_elsewhere() -> String {
    let mut found = 0;
    for id in ["1", "2", "3", "nowhere"] {
        found += usize::from(roster::group(id).is_some());
        found += roster::members(id, 0, 500).members.len();
        found += ["me", "boss", "admin", "m1"].iter().filter(|who| roster::member(id, who).is_some()).count();
    }
    found += usize::from(roster::friend("friend").is_some());
    format!("{found} found elsewhere, {} here", roster::members("0", 0, 500).members.len())
}

fn too_large() -> String {
    let key = kv::set(&"k".repeat(513), &1).is_err();
    let value = kv::set("k", &"v".repeat(65_537)).is_err();
    format!("key refused: {key}, value refused: {value}")
}

fn environment() -> String {
    let variables = std::env::vars().count();
    let arguments = std::env::args().count();
    let read = std::io::stdin().read(&mut [0; 16]).unwrap_or_default();
    format!("{variables} variables, {arguments} arguments, {read} bytes of input")
}

fn clocks() -> String {
    let before = Instant::now();
    for number in 0..100_000 {
        black_box(number);
    }
    let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let same = i64::try_from(system).is_ok_and(|system| system == clock::now());
    format!("{} ns passed, the event's time: {same}", before.elapsed().as_nanos())
}

fn forge_errors() {
    use std::io::Write;
    // Where the log is full nobody is told.
    let _ = std::io::stderr().write_all(b"\x1b[31mred\x1b[0m\rand over it\n");
}
