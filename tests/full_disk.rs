//! The store cannot be written for a while, as on a full disk: the host goes on by itself when it can, and nothing is lost,
//! done twice or out of order.

use mynah_model::event::EventBody;

use crate::support::guests::counter;
use crate::support::house::{House, crowd, wait_for};

/// Refuses to keep decisions for as long as the table `full` has a row.
const FULL: &str = "
    CREATE TABLE full (since INTEGER);
    CREATE TRIGGER refuse BEFORE INSERT ON outbox WHEN (SELECT count(*) FROM full) > 0
    BEGIN SELECT RAISE(ABORT, 'no room'); END;
    INSERT INTO full VALUES (1);";

#[tokio::test(flavor = "multi_thread")]
async fn decisions_that_cannot_be_kept_are_made_again_in_their_order_once_there_is_room() {
    const MESSAGES: usize = 30;
    let house = House::plan().sim(crowd(2)).trusted("counter", &counter(0)).start().await;
    house.say("0", "m0", "before").await;
    house.host.settled().await.unwrap();
    let disk = rusqlite::Connection::open(house.data().join("mynah.db")).unwrap();
    disk.busy_timeout(std::time::Duration::from_secs(60)).unwrap();
    disk.execute_batch(FULL).unwrap();
    for number in 0..MESSAGES {
        for chat in ["0", "1"] {
            house.say(chat, "m0", &number.to_string()).await;
        }
    }
    // Every chat has tried at least once, and both rest.
    wait_for("decisions that fail", || house.status("counter").events >= 3).await;
    disk.execute_batch("DELETE FROM full").unwrap();
    house.host.settled().await.unwrap();

    let mut answers = vec![Vec::new(), Vec::new()];
    for event in house.events().await {
        let EventBody::MessageSent(message) = &event.body else { continue };
        let chat: usize = event.chat.as_ref().unwrap().id.parse().unwrap();
        answers[chat].push(message.text.clone());
    }
    let said = |before: &[&str]| -> Vec<String> {
        let numbers = (0..MESSAGES).map(|number| number.to_string());
        let said = before.iter().map(|text| (*text).to_owned()).chain(numbers);
        said.enumerate().map(|(place, text)| format!("{text} {} release-00000000", place + 1)).collect()
    };
    assert_eq!(answers, [said(&["before"]), said(&[])]);
}
