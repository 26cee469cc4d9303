//! Messages that cause messages: chains end.

use mynah_model::event::EventBody;

use crate::support::guests::component;
use crate::support::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn two_scripts_that_answer_each_other_stop_at_depth_three() {
    let answerer = component("answerer");
    let house = House::plan().trusted("one", &answerer).trusted("two", &answerer).start().await;
    let said = house.say("0", "m0", "hello").await;
    let events = house.events().await;
    let depths: Vec<_> = events
        .iter()
        .filter(|event| event.seq > said && matches!(event.body, EventBody::MessageSent(_)))
        .map(|event| event.depth)
        .collect();
    assert_eq!(depths.iter().max(), Some(&3), "{depths:?}");
    assert_eq!(depths.len(), 2 + 2 + 2, "each answers the other twice after the first: {depths:?}");
    for script in ["one", "two"] {
        assert_eq!(house.status(script).faults, 0, "a refused action is no fault");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_never_sees_what_it_said_itself() {
    let house = House::plan().trusted("one", &component("answerer")).start().await;
    house.say("0", "m0", "hello").await;
    assert_eq!(house.sent().await, ["re: hello"]);
}
