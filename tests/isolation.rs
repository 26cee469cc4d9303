//! How long a ping in one chat takes while scripts in other chats throw, spin, or try to end the process. Nothing here fails
//! for being slow: every ping is answered and every fault is recorded, and the table says how long it took.

use std::time::{Duration, Instant};

use mynah_networks::sim::Say;

use crate::support::guests::component;
use crate::support::house::{House, crowd, wait_for};

/// Rounds in one host: a script that burns its deadline in each has used up its CPU budget after ten.
const ROUNDS: usize = 8;

/// Hosts, one after the other.
const HOUSES: usize = 1;

/// The chat that is pinged; the troublemakers have those after it.
const PINGED: usize = 0;

/// Longer than any breaker rests.
const RECOVERED_MS: u64 = 700_000;

/// What goes on elsewhere while somebody waits for a pong.
struct Trouble {
    name: &'static str,
    /// The guest that makes it, and what it is told.
    guest: &'static str,
    text: &'static str,
    /// In so many chats at once, each with a script of its own.
    chats: usize,
    /// How far the clock goes on before it happens.
    later_ms: u64,
    /// How each of its calls ends.
    code: &'static str,
}

const TROUBLES: [Trouble; 5] = [
    Trouble { name: "throws", guest: "hostile", text: "panic", chats: 1, later_ms: 0, code: "script.trap" },
    Trouble { name: "spins", guest: "hostile", text: "loop", chats: 1, later_ms: 0, code: "limit.deadline" },
    Trouble {
        name: "four spin",
        guest: "hostile",
        text: "loop",
        chats: 4,
        later_ms: 0,
        code: "limit.deadline",
    },
    Trouble {
        name: "throws from a timer",
        guest: "intruder",
        text: "throws-from-a-timer",
        chats: 1,
        later_ms: 60_000,
        code: "script.trap",
    },
    Trouble {
        name: "calls exit",
        guest: "hostile",
        text: "exit",
        chats: 1,
        later_ms: 0,
        code: "script.exit",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_is_answered_whatever_scripts_in_other_chats_do_and_each_fault_is_recorded() {
    println!("{:22} {:>9} {:>9} {:>9}   faults", "elsewhere", "median", "longest", "x idle");
    let idle = delays(None).await;
    let median = |delays: &[Duration]| delays[delays.len() / 2];
    let line = |name: &str, delays: &[Duration], faults: usize| {
        let ratio = median(delays).as_secs_f64() / median(&idle).as_secs_f64();
        let ms = |delay: Duration| format!("{:.1} ms", delay.as_secs_f64() * 1e3);
        let longest = ms(delays[delays.len() - 1]);
        println!("{name:22} {:>9} {longest:>9} {ratio:>9.1}   {faults}", ms(median(delays)));
    };
    line("nothing", &idle, 0);
    for trouble in &TROUBLES {
        let delays = delays(Some(trouble)).await;
        line(trouble.name, &delays, HOUSES * ROUNDS * trouble.chats);
    }
}

/// From each ping to its pong, shortest first.
async fn delays(trouble: Option<&Trouble>) -> Vec<Duration> {
    let mut delays = Vec::new();
    for _ in 0..HOUSES {
        delays.extend(delays_in_one_house(trouble).await);
    }
    delays.sort();
    delays
}

async fn delays_in_one_house(trouble: Option<&Trouble>) -> Vec<Duration> {
    let mut plan = House::plan().sim(crowd(5)).workers(2);
    let names: Vec<String> = trouble
        .iter()
        .flat_map(|trouble| (1..=trouble.chats).map(|chat| format!("trouble-{chat}")))
        .collect();
    for name in &names {
        // Each is called for its own chat only.
        let chat = name.trim_start_matches("trouble-");
        let guest = component(trouble.unwrap().guest);
        plan = plan.trusted_in(name, &guest, &format!("sim/group/{chat}"));
    }
    let house = plan.trusted_in("ping", &component("answerer"), &format!("sim/group/{PINGED}")).start().await;
    let mut delays = Vec::new();
    for round in 0..ROUNDS {
        let mut events = house.host.subscribe();
        for (chat, _) in names.iter().enumerate() {
            house.say(&(chat + 1).to_string(), "m0", trouble.unwrap().text).await;
        }
        if let Some(Trouble { later_ms: 1.., .. }) = trouble {
            house.host.settled().await.unwrap();
            house.clock.advance(trouble.unwrap().later_ms);
        }
        let (text, began) = (format!("{round}"), Instant::now());
        house.sim().say(Say::group(PINGED.to_string(), "m0", &text)).await.unwrap();
        let answer = format!("re: {text}");
        loop {
            let event = events.recv().await.unwrap();
            if event.body.message().is_some_and(|message| message.text == answer) {
                break;
            }
        }
        delays.push(began.elapsed());
        wait_for("the faults of this round", || {
            names.iter().all(|name| house.status(name).faults == round as u64 + 1)
        })
        .await;
        house.clock.advance(RECOVERED_MS);
    }
    for name in &names {
        let status = house.status(name);
        assert!(status.last_error.unwrap().starts_with(trouble.unwrap().code), "{name}");
        assert_eq!(status.skipped, 0, "{name} was called each time");
    }
    assert_eq!(house.status("ping").faults, 0);
    house.host.shutdown().await;
    delays
}
