use mynah_engine::Deferred;
use mynah_model::Attrs;
use mynah_model::address::ChatKind;
use mynah_model::event::{Chat as EventChat, EventBody};
use mynah_model::names::Seq;

use super::*;

fn event(chat: &str, seq: u64) -> Arc<Event> {
    Arc::new(Event {
        seq: Seq(seq),
        account: "sim".parse().unwrap(),
        network: "sim".into(),
        self_id: "1".into(),
        time: 0,
        received_at: 0,
        cause: None,
        depth: 0,
        by_script: None,
        chat: Some(EventChat {
            kind: ChatKind::Group,
            id: chat.into(),
            name: String::new(),
            via: None,
            attrs: Attrs::new(),
        }),
        body: EventBody::Stopped,
        attrs: Attrs::new(),
    })
}

#[test]
fn ready_chats_take_turns_and_a_chat_is_never_handled_twice_at_a_time() {
    let scheduler = Scheduler::new(2);
    for (chat, seq) in [("a", 1), ("a", 2), ("b", 3)] {
        scheduler.push(event(chat, seq));
    }
    let first = scheduler.next(0).unwrap();
    let second = scheduler.next(1).unwrap();
    assert_eq!((first.event.seq, second.event.seq), (Seq(1), Seq(3)));
    scheduler.done(second, Pace::Normal);
    assert!(scheduler.take(&mut scheduler.state.lock(), 1).is_none(), "chat a is being handled");
    scheduler.done(first, Pace::Normal);
    let third = scheduler.next(0).unwrap();
    assert_eq!(third.event.seq, Seq(2));
    scheduler.done(third, Pace::Normal);
    assert!(scheduler.state.lock().chats.is_empty(), "idle chats cost nothing");
}

#[test]
fn a_stuck_worker_is_replaced_and_slow_chats_do_not_take_all_workers() {
    let scheduler = Scheduler::new(2);
    for chat in ["a", "b", "c"] {
        scheduler.push(event(chat, 1));
        scheduler.push(event(chat, 2));
    }
    let (a, b) = (scheduler.next(0).unwrap(), scheduler.next(1).unwrap());
    assert!(scheduler.take(&mut scheduler.state.lock(), 2).is_none(), "both workers are busy");
    let long_ago = Instant::now() - limits::STUCK_AFTER * 2;
    scheduler.state.lock().busy.iter_mut().flatten().for_each(|busy| busy.since = long_ago);
    scheduler.tick();
    let c = scheduler.next(2).unwrap();
    assert_eq!(c.event.chat.as_ref().unwrap().id, "c");
    for slow in [a, b] {
        scheduler.done(slow, Pace::Slow);
    }
    scheduler.done(c, Pace::Normal);
    let next = scheduler.next(0).unwrap();
    assert_eq!(next.event.chat.as_ref().unwrap().id, "c", "the chat that kept its deadline comes first");
    let slow = scheduler.next(1).unwrap();
    scheduler.done(next, Pace::Normal);
    assert!(scheduler.take(&mut scheduler.state.lock(), 0).is_none(), "one worker serves the slow lane");
    scheduler.done(slow, Pace::Slow);
    assert!(scheduler.next(0).is_some());
}

#[test]
fn long_runners_go_on_one_after_the_other_and_others_take_their_places() {
    let scheduler = Scheduler::new(2);
    for chat in ["a", "b", "c", "d"] {
        scheduler.push(event(chat, 1));
    }
    let (a, b) = (scheduler.next(0).unwrap(), scheduler.next(1).unwrap());
    assert!(scheduler.take(&mut scheduler.state.lock(), 2).is_none(), "both workers are busy");
    scheduler.give_way(0).unwrap();
    let c = scheduler.next(2).unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| scheduler.give_way(1).unwrap());
        let d = scheduler.next(3).unwrap();
        for other in [c, d] {
            scheduler.done(other, Pace::Normal);
        }
        assert!(!second.is_finished(), "the first one runs still");
        scheduler.give_way(0).unwrap();
        scheduler.done(a, Pace::Slow);
        second.join().unwrap();
    });
    scheduler.done(b, Pace::Slow);
    let state = scheduler.state.lock();
    assert_eq!((state.turns, state.long, state.working, state.giving_way.len()), (0, 0, 0, 0));
}

#[test]
fn a_turn_that_is_over_goes_to_the_next_one() {
    let scheduler = Scheduler::new(2);
    for chat in ["a", "b"] {
        scheduler.push(event(chat, 1));
    }
    let (a, b) = (scheduler.next(0).unwrap(), scheduler.next(1).unwrap());
    scheduler.give_way(0).unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            scheduler.give_way(1).unwrap();
            scheduler.done(b, Pace::Normal);
        });
        while scheduler.state.lock().giving_way.is_empty() {
            std::thread::yield_now();
        }
        let long_ago = Instant::now() - limits::TURN;
        scheduler.state.lock().busy[0].as_mut().unwrap().turn = Some(long_ago);
        // Waits until the second one is done.
        scheduler.give_way(0).unwrap();
        assert!(scheduler.state.lock().busy[1].is_none());
        second.join().unwrap();
    });
    scheduler.done(a, Pace::Normal);
    let state = scheduler.state.lock();
    assert_eq!((state.turns, state.long, state.giving_way.len()), (0, 0, 0));
}

#[test]
fn long_runners_beyond_the_spare_threads_are_deferred_and_leave_the_workers_to_others() {
    let scheduler = Scheduler::new(1);
    let most = scheduler.threads() - 1;
    for number in 0..=most + 1 {
        scheduler.push(event(&format!("long {number}"), 1));
    }
    scheduler.push(event("long 0", 2));
    std::thread::scope(|scope| {
        let mut works = Vec::new();
        for thread in 0..most {
            works.push(scheduler.next(thread).unwrap());
            scope.spawn({
                let scheduler = &scheduler;
                move || scheduler.give_way(thread)
            });
            while scheduler.state.lock().long <= thread {
                std::thread::yield_now();
            }
        }
        // The last thread: nobody may keep it for long.
        for _ in 0..2 {
            let work = scheduler.next(most).unwrap();
            assert_eq!(scheduler.give_way(most), Err(Deferred));
            scheduler.done(work, Pace::Deferred);
        }
        let mut state = scheduler.state.lock();
        assert!(scheduler.take(&mut state, most).is_none(), "what was deferred waits for room");
        assert_eq!(state.waiting, 3);
        drop(state);
        scheduler.push(event("quick", 1));
        let quick = scheduler.next(most).unwrap();
        assert_eq!(quick.event.chat.as_ref().unwrap().id, "quick");
        scheduler.done(quick, Pace::Normal);
        scheduler.abandon();
        for work in works {
            scheduler.done(work, Pace::Deferred);
        }
    });
    scheduler.close();
    assert!(scheduler.next(0).is_none() && scheduler.is_idle());
    let state = scheduler.state.lock();
    assert_eq!((state.turns, state.long, state.working, state.waiting), (0, 0, 0, 0));
}

#[test]
fn a_slow_chat_gets_its_turn_while_others_never_end() {
    let scheduler = Scheduler::new(1);
    scheduler.push(event("slow", 0));
    scheduler.push(event("slow", 1));
    let work = scheduler.next(0).unwrap();
    scheduler.done(work, Pace::Slow);
    scheduler.push(event("busy", 2));
    let slow = (0..limits::SLOW_TURN * 2).any(|seq| {
        scheduler.push(event("busy", 3 + seq));
        let work = scheduler.next(0).unwrap();
        let slow = work.event.seq == Seq(1);
        scheduler.done(work, Pace::Normal);
        slow
    });
    assert!(slow);
}

#[test]
fn only_as_many_threads_are_called_as_can_work() {
    let scheduler = Scheduler::new(2);
    std::thread::scope(|scope| {
        for thread in 0..scheduler.threads() {
            let scheduler = &scheduler;
            scope.spawn(move || {
                while let Some(work) = scheduler.next(thread) {
                    scheduler.done(work, Pace::Normal);
                }
            });
        }
        let settled = || {
            let state = scheduler.state.lock();
            state.idle.len() == scheduler.threads() && state.chats.is_empty()
        };
        while !settled() {
            std::thread::yield_now();
        }
        let first = *scheduler.state.lock().idle.last().unwrap();
        let mut state = scheduler.state.lock();
        for chat in ["a", "b", "c"] {
            let address = Arc::new(event(chat, 1).address());
            state.chats.insert(address.clone(), Chat { events: [event(chat, 1)].into(), ..Chat::default() });
            state.ready.push_back(address);
            state.waiting += 1;
            scheduler.call_one(&mut state);
        }
        assert_eq!((state.called, state.idle.len()), (2, scheduler.threads() - 2));
        assert!(!state.idle.contains(&first), "the last one to wait is called first");
        drop(state);
        while !settled() {
            std::thread::yield_now();
        }
        scheduler.close();
    });
    assert_eq!(scheduler.state.lock().called, 0);
}

#[tokio::test]
async fn a_full_chat_makes_its_reporter_wait_and_nobody_else() {
    let scheduler = Arc::new(Scheduler::new(1));
    for seq in 0..limits::CHAT_QUEUE as u64 {
        scheduler.push(event("a", seq));
    }
    scheduler.room(&event("b", 0).address()).await;
    let waiting = tokio::spawn({
        let scheduler = scheduler.clone();
        async move { scheduler.room(&event("a", 0).address()).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    let work = scheduler.next(0).unwrap();
    scheduler.done(work, Pace::Normal);
    waiting.await.unwrap();
}

#[test]
fn what_is_abandoned_is_not_handled_and_keeps_nobody() {
    let scheduler = Scheduler::new(1);
    for (chat, seq) in [("a", 1), ("a", 2), ("b", 3)] {
        scheduler.push(event(chat, seq));
    }
    let work = scheduler.next(0).unwrap();
    scheduler.abandon();
    scheduler.push(event("a", 4));
    scheduler.close();
    scheduler.done(work, Pace::Normal);
    assert!(scheduler.next(0).is_none());
    assert!(scheduler.is_idle() && scheduler.waiting() == 0);
}

#[test]
fn closing_lets_threads_end_after_the_last_event() {
    let scheduler = Scheduler::new(1);
    scheduler.push(event("a", 1));
    scheduler.close();
    let work = scheduler.next(0).unwrap();
    scheduler.done(work, Pace::Normal);
    assert!(scheduler.next(0).is_none());
}
