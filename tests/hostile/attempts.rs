//! The hostile components and what the host says to each: the table of `docs/hostile.md`.

use std::path::Path;

use super::components;

/// One component, and what comes of it.
pub(super) struct Attempt {
    /// The script's name, which is its file's.
    pub(super) name: &'static str,
    /// What is said to it in its chat; what stands in braces is filled in by the test.
    pub(super) text: &'static str,
    /// What it tries, for people.
    pub(super) tries: &'static str,
    /// What lies in the scripts folder.
    pub(super) file: File,
    /// What comes of it.
    pub(super) says: Says,
    /// How often it is spoken to.
    pub(super) times: usize,
}

/// What lies in the scripts folder under the name of the script.
pub(super) enum File {
    /// These bytes.
    Bytes(fn() -> Vec<u8>),
    /// A guest of `tests/guests/rust`, by its name without `guest-`.
    Guest(&'static str),
    /// Something that is made at this path.
    Made(fn(&Path)),
}

/// What the host says.
#[derive(Clone, Copy)]
pub(super) enum Says {
    /// The component is not let in: the code, and a part of the sentence.
    Refused(&'static str, &'static str),
    /// It is let in and its call is ended: the code, and a part of the sentence.
    Ended(&'static str, &'static str),
    /// It is let in and answers with this: what it got, or the code by which its action was refused.
    Answered(&'static str),
    /// It is let in, and nothing comes of it.
    Nothing,
}

use File::{Bytes, Guest, Made};
use Says::{Answered, Ended, Nothing, Refused};

const fn row(name: &'static str, tries: &'static str, file: File, says: Says) -> Attempt {
    Attempt { name, text: name, tries, file, says, times: 1 }
}

/// Says `text` to the intruder, which asks for one action and tells what became of it.
const fn told(name: &'static str, tries: &'static str, text: &'static str, says: &'static str) -> Attempt {
    Attempt { text, ..row(name, tries, Guest("intruder"), Answered(says)) }
}

/// What is not granted to a script that the operator did not list. All others are granted everything in their chat.
pub(super) const UNLISTED: [&str; 3] = ["unlisted-kick", "unlisted-roster", "unlisted-shared"];

/// All of them.
#[rustfmt::skip]
pub(super) const ATTEMPTS: &[Attempt] = &[
    // What is no script.
    row("nothing", "is an empty file", Bytes(Vec::new), Refused("component.invalid", "the file is empty")),
    row("words", "is a shell script", Bytes(|| b"#!/bin/sh\nrm -rf /\n".to_vec()), Refused("component.invalid", "is not WebAssembly")),
    row("module", "is a core module, not a component", Bytes(components::module), Refused("component.invalid", "a plain WebAssembly module")),
    row("half", "ends in the middle", Bytes(components::half), Refused("component.invalid", "before it is complete")),
    row("flipped", "has one bit flipped", Bytes(components::flipped), Refused("component.invalid", "")),
    row("a-hundred-megabytes", "has 100 MB", Made(components::hundred_megabytes), Refused("limit.size", "104857600 bytes")),
    row("a-folder", "is a folder", Made(components::folder), Refused("component.invalid", "no regular file")),
    row("a-device", "is a link to a device that never ends", Made(components::device), Refused("component.invalid", "no regular file")),
    row("a-pipe", "is a pipe that nobody writes to", Made(components::pipe), Refused("component.invalid", "no regular file")),
    row("a-secret", "is a link to a file of the machine", Made(components::link), Refused("component.invalid", "is not WebAssembly")),
    row("COUNTER", "has another script's name in capitals", Bytes(components::quiet), Refused("script.name", "")),
    row("cоunter", "has another script's name with a Cyrillic letter", Bytes(components::quiet), Refused("script.name", "")),
    row("counter\u{200b}", "has another script's name and a space of no width", Bytes(components::quiet), Refused("script.name", "")),
    // What unfolds.
    row("components-unfold", "holds 60 levels of components that make two of the level below", Bytes(components::doubling), Refused("limit.instances", "121 instances of components")),
    row("instances-unfold", "exports instances of instances of instances", Bytes(components::bundles), Refused("limit.instances", "within instances")),
    row("captures-unfold", "holds 60 levels of components that keep the level below twice", Bytes(components::capturing), Refused("limit.instances", "within instances")),
    row("functions-in-instances", "names 2,000 functions in 2,000 instances", Bytes(components::functions_in_instances), Refused("limit.instances", "within instances")),
    row("types-around", "names a type of 18 doublings ten thousand times from within", Bytes(components::types_around), Refused("limit.instances", "types of components around")),
    row("types-unfold", "has a pair of pairs of pairs, 40 deep", Bytes(components::pairs), Refused("limit.instances", "type size")),
    row("types-nested", "has types within types, a million deep", Bytes(components::nested_types), Refused("component.invalid", "more than 16 deep")),
    row("components-nested", "has components within components, 5,000 deep", Bytes(components::nested_components), Refused("component.invalid", "more than 16 deep")),
    row("modules-by-the-thousand", "has 1,001 modules", Bytes(components::modules), Refused("component.invalid", "1000")),
    row("instances-by-the-hundred", "makes 200 instances", Bytes(components::instances), Refused("limit.instances", "")),
    row("five-memories", "has 5 memories", Bytes(components::memories), Refused("limit.instances", "")),
    row("nine-tables", "has 9 tables", Bytes(components::tables), Refused("limit.instances", "")),
    row("a-table-of-millions", "begins with a table of 5 million elements", Bytes(components::large_table), Refused("limit.tables", "")),
    row("a-memory-of-gigabytes", "begins with 4 GiB of memory", Bytes(components::large_memory), Refused("limit.memory", "begins with 4194304 KiB")),
    row("functions-by-the-thousand", "has 10,000 functions and exports them", Bytes(components::functions), Nothing),
    row("compiles-for-minutes", "has a function that takes minutes and gigabytes to compile", Bytes(components::heavy), Refused("limit.size", "pairs of a local and a branch")),
    row("types-by-the-thousand", "has 10,000 types", Bytes(components::types), Refused("contract.mismatch", "`describe`")),
    row("a-name-of-a-mile", "imports something whose name has 90,000 bytes", Bytes(components::long_import), Refused("component.invalid", "it may have 200")),
    row("imports-by-the-thousand", "imports 1,000 things", Bytes(components::many_imports), Refused("component.invalid", "more than 200")),
    // What it imports and exports.
    row("imports-files", "imports files", Guest("files"), Refused("import.refused", "wasi:filesystem")),
    row("imports-sockets", "imports sockets", Guest("sockets"), Refused("import.refused", "wasi:sockets")),
    row("imports-http", "imports an HTTP client", Bytes(|| components::importing("wasi:http/outgoing-handler@0.2.0")), Refused("import.refused", "wasi:http")),
    row("imports-threads", "imports what no host has", Bytes(|| components::importing("wasi:threads/spawn@0.2.0")), Refused("import.unknown", "wasi:threads")),
    row("imports-a-module", "imports a module of the host's", Bytes(components::importing_module), Refused("import.unknown", "")),
    row("from-the-future", "was built for the contract of the future", Bytes(|| components::importing("mynah:script/kv@0.7.0")), Refused("contract.mismatch", "0.7.0")),
    row("another-type", "imports `clock` with other types", Bytes(components::other_clock), Refused("contract.mismatch", "clock")),
    row("another-answer", "exports `handle` with other types", Bytes(components::other_handle), Refused("contract.mismatch", "export")),
    row("no-handle", "exports nothing", Bytes(components::no_exports), Refused("contract.mismatch", "`describe`")),
    row("unlisted-roster", "looks up people without a grant", Bytes(components::roster), Refused("import.not-granted", "`roster`")),
    row("unlisted-shared", "shares state between chats without a grant", Bytes(components::shared), Refused("import.not-granted", "`kv-shared`")),
    // What it does before it is asked anything.
    row("start-loops", "loops in its start function", Bytes(|| components::start("(loop $again (br $again))")), Refused("describe.failed", "limit.deadline")),
    row("start-grows", "takes memory in its start function", Bytes(|| components::start("(drop (memory.grow (i32.const 2000)))")), Refused("describe.failed", "limit.memory")),
    row("start-traps", "traps in its start function", Guest("unstartable"), Refused("describe.failed", "unreachable")),
    row("describe-loops", "loops in `describe`", Bytes(|| components::describe("(loop $again (br $again)) unreachable")), Refused("describe.failed", "limit.deadline")),
    row("describe-recurses", "recurses in `describe`", Bytes(components::describe_recurses), Refused("describe.failed", "limit.stack")),
    row("describe-panics", "panics in `describe`", Guest("speechless"), Refused("describe.failed", "I will not say who I am")),
    row("describe-points-away", "says of itself what lies outside its memory", Bytes(|| components::describe("i32.const 1000000")), Refused("describe.failed", "script.answer")),
    row("describe-reads-state", "reads state in `describe`", Bytes(components::describe_reads), Refused("describe.failed", "is not there in `describe`")),
    row("describe-talks", "says 200 KB of itself", Bytes(components::talkative), Refused("describe.failed", "it may have 2048")),
    row("describe-wants-much", "has 1,000 commands", Bytes(components::thousand_commands), Refused("describe.failed", "there may be 200")),
    row("describes-another", "calls itself `counter`", Bytes(components::namesake), Nothing),
    // What it does with time, memory and stack.
    row("loop", "loops", Guest("hostile"), Ended("limit.deadline", "50 ms")),
    row("allocate", "takes memory until there is none", Guest("hostile"), Ended("limit.memory", "65536 KiB")),
    row("grow", "takes memory a thousand times, to just under its limit", Guest("hostile"), Answered("64000 KiB")),
    row("recurse", "recurses", Guest("hostile"), Ended("limit.stack", "")),
    row("tables-grow", "makes its tables larger and larger", Bytes(components::growing_tables), Ended("limit.tables", "")),
    row("handles", "takes handles and never gives one back", Bytes(components::handles), Ended("limit.handles", "")),
    row("panic", "panics", Guest("hostile"), Ended("script.trap", "I fell over on purpose")),
    row("scream", "panics with 500 KB of text", Guest("hostile"), Ended("script.trap", "AAAA")),
    row("abort", "aborts", Guest("hostile"), Ended("script.trap", "")),
    row("exit", "exits the process", Guest("hostile"), Ended("script.exit", "")),
    row("sleep", "sleeps for an hour", Guest("hostile"), Ended("script.sleep", "schedule")),
    row("a-thread", "starts a thread", Guest("intruder"), Answered("there are no threads")),
    row("unfolding-name", "traps in a function whose C++ name unfolds into terabytes", Bytes(components::unfolding_name), Ended("script.trap", "unreachable")),
    row("clocks", "looks for a clock that runs", Guest("intruder"), Answered("0 ns passed, the event's time: true")),
    row("chance-by-the-gigabyte", "asks for 4 GiB of random bytes", Guest("intruder"), Ended("limit.host-calls", "")),
    row("the-environment", "reads variables, arguments and input", Guest("intruder"), Answered("0 variables, 0 arguments, 0 bytes of input")),
    // What it answers.
    row("twenty-thousand", "answers twenty thousand times", Guest("hostile"), Ended("limit.host-calls", "more data at once")),
    row("many", "answers a thousand times", Guest("hostile"), Ended("limit.actions", "")),
    row("long", "answers with 512 KiB", Guest("hostile"), Ended("limit.text", "")),
    row("segments", "answers in 1,000 segments", Guest("hostile"), Ended("limit.segments", "")),
    row("attributes", "answers with a picture of 10,000 attributes", Guest("hostile"), Ended("script.answer", "it may have 64")),
    row("error", "returns an error", Guest("hostile"), Ended("script.error", "I would rather not")),
    row("error-without-end", "returns an error of 60 KB", Bytes(components::long_error), Ended("script.error", "")),
    row("answer-points-away", "answers with what lies outside its memory", Bytes(|| components::handle("i32.const 100000000")), Ended("script.answer", "")),
    row("answer-is-crooked", "answers at an address that is not aligned", Bytes(|| components::handle("i32.const 3")), Ended("script.answer", "align")),
    row("list-lies", "answers with a list of 4 thousand million actions", Bytes(|| components::list(1_024, u32::MAX)), Ended("script.answer", "")),
    row("list-ends-outside", "answers with a list whose end lies outside its memory", Bytes(|| components::list(524_280, 10)), Ended("script.answer", "")),
    row("text-lies", "answers with a text of 2 GiB", Bytes(|| components::error(1_024, 1 << 31)), Ended("script.answer", "")),
    row("text-is-no-text", "answers with a text that is not UTF-8", Bytes(components::not_utf8), Ended("script.answer", "utf-8")),
    row("no-such-result", "answers with neither a result nor an error", Bytes(|| components::handle("(i32.store8 (i32.const 128) (i32.const 7)) i32.const 128")), Ended("script.answer", "")),
    row("no-such-action", "answers with an action of a kind that is not", Bytes(components::no_such_action), Ended("script.answer", "")),
    row("realloc-garbage", "gives the host room outside its memory", Bytes(|| components::realloc("i32.const -16")), Ended("script.answer", "")),
    row("realloc-crooked", "gives the host room at an address that is not aligned", Bytes(|| components::realloc("i32.const 3")), Ended("script.answer", "")),
    row("realloc-loops", "never gives the host room", Bytes(|| components::realloc("(loop $again (br $again)) unreachable")), Ended("limit.deadline", "")),
    row("realloc-enters-again", "calls the host while the host asks it for room", Bytes(components::reentrant), Ended("script.trap", "cannot leave")),
    // What it logs.
    row("logs", "logs 5,000 lines", Guest("intruder"), Answered("logged")),
    row("mutter", "writes to its standard error without end", Guest("hostile"), Ended("limit.host-calls", "")),
    row("forges-the-log", "logs line breaks and escape codes", Guest("intruder"), Answered("logged")),
    // Whose state it reaches.
    row("state-of-others", "reads other scripts' and chats' state, by paths, NUL and look-alikes", Guest("intruder"), Answered("0 found, 0 listed")),
    row("state-under-odd-names", "uses keys with NUL, quotes and look-alikes", Guest("intruder"), Answered("9 of 9 kept apart")),
    row("state-too-large", "writes a key of 513 bytes and a value of 64 KiB and one", Guest("intruder"), Answered("key refused: true, value refused: true")),
    row("state-without-end", "writes state without end", Guest("intruder"), Ended("limit.host-calls", "")),
    Attempt { times: 8, ..row("state-over-many-events", "fills its state in event after event", Guest("intruder"), Answered("limit.kv-total, written")) },
    row("state-beyond-numbers", "counts beyond the largest number", Guest("intruder"), Answered("it stays as it is")),
    row("shared-state-read-for-ever", "reads a large shared value without end", Guest("intruder"), Ended("limit.deadline", "")),
    row("shared-state-of-others", "writes another script's counter in shared state", Guest("intruder"), Answered("wrote into its own")),
    row("patterns-of-a-megabyte", "looks for patterns in 1 MiB", Guest("intruder"), Ended("limit.host-calls", "")),
    // Whom it acts on.
    Attempt { text: "/kick m1", ..row("unlisted-kick", "kicks without a grant", Guest("later"), Answered("kick the kick: Outcome::Refused grant.missing")) },
    row("kicks-the-owner", "kicks the owner of the group", Guest("intruder"), Answered("kick: moderation.target")),
    row("kicks-an-admin", "kicks an admin", Guest("intruder"), Answered("kick: moderation.target")),
    row("kicks-itself", "kicks its own account", Guest("intruder"), Answered("kick: moderation.target")),
    row("kicks-a-stranger", "kicks somebody who is not there", Guest("intruder"), Answered("kick: moderation.absent")),
    row("kicks-elsewhere", "kicks a member of another group", Guest("intruder"), Answered("kick: grant.chat")),
    row("kicks-where-it-is-a-member", "kicks where the account is no admin", Guest("intruder"), Answered("kick: grant.chat")),
    row("kicks-a-thousand", "kicks 1,000 members at once", Guest("intruder"), Ended("script.answer", "1000 ids; it may have 100")),
    row("kicks-one-a-hundred-times", "kicks the owner 100 times in one act", Guest("intruder"), Answered("kick: moderation.target")),
    row("mutes-for-ten-years", "mutes for 10 years", Guest("intruder"), Answered("shutup: action.invalid")),
    row("mutes-for-no-time", "mutes for 0 seconds", Guest("intruder"), Answered("shutup: action.invalid")),
    row("mutes-the-owner", "mutes the owner", Guest("intruder"), Answered("shutup: moderation.target")),
    row("mutes-by-a-name-with-nul", "mutes the owner's id with a NUL behind it", Guest("intruder"), Answered("shutup: moderation.absent")),
    row("mutes-by-a-look-alike", "mutes the owner's id with a Cyrillic letter", Guest("intruder"), Answered("shutup: moderation.absent")),
    // Where it speaks.
    row("speaks-elsewhere", "speaks in a group that it was not given", Guest("intruder"), Answered("send: grant.chat")),
    row("speaks-to-a-friend", "speaks to a friend of the account", Guest("intruder"), Answered("send: grant.chat")),
    row("speaks-through-another-account", "speaks through another account", Guest("intruder"), Answered("send: grant.chat")),
    row("speaks-through-no-account", "speaks through an account that is not", Guest("intruder"), Answered("send: account.unknown")),
    row("speaks-through-a-path", "speaks through an account named as a path", Guest("intruder"), Ended("script.answer", "")),
    row("speaks-to-a-chat-that-is-not", "speaks in a chat of no kind", Guest("intruder"), Answered("send: grant.chat")),
    row("speaks-past-the-group", "speaks to a member in private", Guest("intruder"), Answered("send: grant.chat")),
    row("sends-a-file-of-the-host", "sends the host's configuration as a picture", Guest("intruder"), Answered("send-media: action.invalid")),
    row("asks-for-what-is-not", "hands the network a call of its own", Guest("intruder"), Answered("other: unsupported")),
    // What it names by an id alone. `{beside}` is a message of the chat beside, `{request}` a request to come into another group.
    told("takes-back-what-was-said-beside", "takes back a message of another chat, by its id", "recall {beside}", "recall: id.unseen"),
    told("takes-back-in-the-chat-beside", "takes back a message there, where it may not act", "recall-elsewhere {beside}", "recall: grant.chat"),
    told("takes-back-what-it-guesses", "takes back a message whose id it guesses", "recall 1", "recall: id.unseen"),
    told("quotes-what-was-said-beside", "quotes a message of another chat, by its id", "quote {beside}", "reply: id.unseen"),
    told("answers-a-request-elsewhere", "lets somebody into a group that it was not given", "answer {request}", "answer-request: grant.chat"),
    row("answers-a-request-that-is-not", "approves a request that nobody made", Guest("intruder"), Answered("answer-request: id.unseen")),
    row("people-elsewhere", "looks up people in other groups, and friends", Guest("intruder"), Answered("0 found elsewhere, 4 here")),
    // What it fetches. `{door}` is a place that it was granted, and `{vault}` the port of another one on the host's machine, which it was
    // granted by the name `localhost`, and so not as a private one. Nobody ever comes to the vault.
    told("fetches-this-machine", "fetches from the host's own machine", "fetch http://127.0.0.1:{vault}/", "fetch: grant.fetch"),
    told("fetches-by-name", "fetches from a granted name that leads to the host's own machine", "fetch http://localhost:{vault}/", "fetch: fetch.address"),
    told("fetches-by-name-in-capitals", "fetches from the same name in capitals", "fetch http://LOCALHOST:{vault}/", "fetch: fetch.address"),
    told("fetches-by-name-with-a-dot", "fetches from the same name with a dot behind it", "fetch http://localhost.:{vault}/", "fetch: grant.fetch"),
    told("fetches-by-ipv6", "fetches by the loopback address of IPv6", "fetch http://[::1]:{vault}/", "fetch: grant.fetch"),
    told("fetches-by-mapped-ipv6", "fetches by an IPv4 address in IPv6 form", "fetch http://[::ffff:127.0.0.1]:{vault}/", "fetch: grant.fetch"),
    told("fetches-by-mapped-ipv6-in-hex", "fetches by the same in hexadecimal", "fetch http://[::ffff:7f00:1]:{vault}/", "fetch: grant.fetch"),
    told("fetches-by-compatible-ipv6", "fetches by an IPv4 address in the old IPv6 form", "fetch http://[::127.0.0.1]:{vault}/", "fetch: grant.fetch"),
    told("fetches-by-nat64", "fetches by an IPv4 address in NAT64 form", "fetch http://[64:ff9b::7f00:1]:{vault}/", "fetch: grant.fetch"),
    told("fetches-by-6to4", "fetches by an IPv4 address in 6to4 form", "fetch http://[2002:7f00:1::]:{vault}/", "fetch: grant.fetch"),
    told("fetches-by-ipv6-with-a-zone", "fetches by a link-local address with a zone", "fetch http://[fe80::1%25lo]:{vault}/", "fetch: action.invalid"),
    told("fetches-by-ipv6-without-brackets", "fetches by an IPv6 address without brackets", "fetch http://::1:{vault}/", "fetch: action.invalid"),
    told("fetches-by-number", "fetches by an address as one number", "fetch http://2130706433:{vault}/", "fetch: action.invalid"),
    told("fetches-by-hex", "fetches by an address in hexadecimal", "fetch http://0x7f000001:{vault}/", "fetch: action.invalid"),
    told("fetches-by-octal", "fetches by an address in octal", "fetch http://0177.0.0.1:{vault}/", "fetch: action.invalid"),
    told("fetches-by-half-an-address", "fetches by an address with parts left out", "fetch http://127.1:{vault}/", "fetch: action.invalid"),
    told("fetches-by-wide-digits", "fetches by an address in full-width digits", "fetch http://１２７.０.０.１:{vault}/", "fetch: action.invalid"),
    told("fetches-by-percents", "fetches by an address whose dots are escaped", "fetch http://127%2E0%2E0%2E1:{vault}/", "fetch: action.invalid"),
    told("fetches-by-any-address", "fetches by the address of no host", "fetch http://0.0.0.0:{vault}/", "fetch: grant.fetch"),
    told("fetches-by-userinfo", "fetches behind a granted place as a user's name", "fetch http://{door}@127.0.0.1:{vault}/", "fetch: action.invalid"),
    told("fetches-behind-a-backslash", "fetches behind a granted place and a backslash: it gets that place", "fetch http://{door}\\@127.0.0.1:{vault}/", "did fetch, fetch: ok"),
    told("fetches-by-redirect", "is led from a granted place to another one", "fetch http://{door}/to?http://127.0.0.1:{vault}/", "fetch: grant.fetch"),
    told("fetches-by-redirect-to-a-name", "is led to a granted name that leads to the host's own machine", "fetch http://{door}/to?http://localhost:{vault}/", "fetch: fetch.address"),
    told("fetches-by-redirect-to-a-number", "is led to an address as one number", "fetch http://{door}/to?http://2130706433:{vault}/", "fetch: grant.fetch"),
    told("fetches-by-redirect-to-a-user", "is led behind a user's name", "fetch http://{door}/to?http://{door}@127.0.0.1:{vault}/", "fetch: fetch.failed"),
    told("fetches-by-redirect-to-a-file", "is led to a file", "fetch http://{door}/to?file:///etc/passwd", "fetch: fetch.failed"),
    told("fetches-in-a-circle", "is led from a place to itself", "fetch http://{door}/circle", "fetch: fetch.failed"),
    told("fetches-as-another", "says that it means another host than it asks", "fetch-as-another http://{door}/", "fetch: action.invalid"),
    told("fetches-with-two-lines", "puts a second header into a header", "fetch-with-two-lines http://{door}/", "fetch: action.invalid"),
    told("fetches-a-file", "fetches a file", "fetch file:///etc/passwd", "fetch: action.invalid"),
    told("fetches-a-socket", "fetches from another protocol", "fetch gopher://127.0.0.1:{vault}/_", "fetch: action.invalid"),
    told("shows-a-picture-of-this-machine", "has a picture fetched from the host's own machine for it", "show http://127.0.0.1:{vault}/", "send-media: grant.fetch"),
    told("says-a-picture-of-elsewhere", "has a picture fetched from where it wants, with what was said in the address", "say-with-picture https://evil.example/?said", "reply: grant.fetch"),
    // When it comes back.
    Attempt { times: 20, ..row("timers-by-the-thousand", "sets 1,200 timers", Guest("intruder"), Answered("schedule: limit.timers, schedule: ok")) },
    row("a-timer-in-a-million-years", "sets a timer in a million years", Guest("intruder"), Answered("schedule: action.invalid")),
    row("a-timer-of-every-moment", "sets a timer for every second", Guest("intruder"), Answered("schedule: ok")),
    row("a-timer-that-never-comes", "sets a timer for every 30 February", Guest("intruder"), Answered("schedule: action.invalid")),
    row("a-timer-in-a-file-of-zones", "names a file as its time zone", Guest("intruder"), Answered("schedule: action.invalid")),
    row("a-timer-with-a-pattern-of-a-mile", "sets a timer by a pattern of 10 KB", Guest("intruder"), Answered("schedule: action.invalid")),
];
