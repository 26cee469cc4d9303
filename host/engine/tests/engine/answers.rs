//! An answer is bounded in every direction, and what breaks a bound is dropped whole.

use mynah_engine::Fault;
use mynah_model::action::{Action, ActionBody};
use mynah_model::message::Segment;
use mynah_model::refusal::Code;

use crate::guest::Guest;
use crate::world::{call, message, script};

/// Bytes of an `action` in a guest's memory.
const ACTION: usize = 176;

/// A guest that answers with so many actions, all of which lie at 4096 on and are zeroes but for these.
fn answer(count: usize, stores: &str) -> Result<Vec<Action>, Fault> {
    let guest = Guest::new().handle(&format!(
        "{stores}
         (i32.store (i32.const 132) (i32.const 4096))
         (i32.store (i32.const 136) (i32.const {count})) i32.const 128"
    ));
    call(&script(&guest.build()), &message("hello")).result
}

fn word(offset: usize, value: usize) -> String {
    format!("(i32.store (i32.const {}) (i32.const {value}))", 4096 + offset)
}

/// The actions' case: `stop` is 15.
fn cases(count: usize, case: usize) -> String {
    (0..count).map(|number| word(number * ACTION, case)).collect()
}

/// A reply of so many segments at 65000, which are texts (case 0) without any text.
fn reply(segments: usize) -> String {
    word(8, 200_000) + &word(12, segments)
}

#[test]
fn actions_arrive_in_order() {
    let actions = answer(64, &cases(64, 15)).unwrap();
    assert_eq!(actions, vec![Action::new(ActionBody::Stop); 64]);
    let [one] = answer(1, &reply(2)).unwrap().try_into().unwrap();
    assert_eq!(one, Action::new(ActionBody::Reply { segments: vec![Segment::text(""); 2], quote: false }));
}

#[test]
fn one_action_too_many_drops_them_all() {
    let fault = answer(65, &cases(65, 15)).unwrap_err();
    assert_eq!(fault.to_string(), "limit.actions: the script returned 65 actions; it may return 64");
}

#[test]
fn so_many_that_they_are_not_even_read_are_too_much_data() {
    let guest = Guest::new().handle(
        "(drop (memory.grow (i32.const 300)))
         (i32.store (i32.const 132) (i32.const 524288))
         (i32.store (i32.const 136) (i32.const 100000)) i32.const 128",
    );
    let fault = call(&script(&guest.build()), &message("hello")).result.unwrap_err();
    assert_eq!(fault.code, Code::LimitHostCalls);
    assert!(answer(1_000_000, "").is_err(), "they are not all there");
}

#[test]
fn a_message_has_some_segments_but_not_too_many() {
    assert_eq!(answer(1, &reply(0)).unwrap_err().code, Code::ScriptAnswer);
    assert_eq!(answer(1, &reply(101)).unwrap_err().code, Code::LimitSegments);
}

#[test]
fn a_text_is_not_too_long() {
    // `cancel` is case 13 and holds one text.
    let cancel = |len| cases(1, 13) + &word(8, 200_000) + &word(12, len);
    assert_eq!(answer(1, &cancel(16_384)).unwrap().len(), 1);
    let fault = answer(1, &cancel(16_385)).unwrap_err();
    assert_eq!(fault.code, Code::LimitText);
    assert!(fault.text.starts_with("`cancel` of action 0 has a text of 16385 bytes"), "{}", fault.text);
}

#[test]
fn an_id_is_not_too_long() {
    // `unshutup` is case 4: an absent target of 40 bytes, then one member at 65,000, whose id is at 200,000.
    let member = |len: usize| {
        format!(
            "(i32.store (i32.const 65000) (i32.const 200000)) (i32.store (i32.const 65004) (i32.const {len}))"
        )
    };
    let unshutup = |len| cases(1, 4) + &word(48, 65_000) + &word(52, 1) + &member(len);
    assert_eq!(answer(1, &unshutup(128)).unwrap().len(), 1);
    let fault = answer(1, &unshutup(129)).unwrap_err();
    assert_eq!(fault.code, Code::LimitText);
    assert!(fault.text.starts_with("`members` of action 0 has an id of 129 bytes"), "{}", fault.text);
    assert!(fault.text.len() < 200, "it is quoted in part: {}", fault.text);
}

#[test]
fn a_case_that_the_contract_does_not_have_is_no_answer() {
    assert_eq!(answer(1, &cases(1, 99)).unwrap_err().code, Code::ScriptAnswer);
}

#[test]
fn members_are_not_nobody() {
    // `unshutup` is case 4: an absent target, then the members.
    assert_eq!(answer(1, &cases(1, 4)).unwrap_err().code, Code::ScriptAnswer);
}
