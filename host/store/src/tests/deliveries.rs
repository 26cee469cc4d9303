//! Reports wait at their address, in order, until they end; how far a webhook has come is kept with them.

use mynah_model::address::Address;
use mynah_model::names::{AccountName, Seq};

use super::{folder, open, temporary, write};
use crate::{Delivery, Store, StoreError, Write};

fn at(address: &str, seq: u64) -> Delivery {
    let address: Address = address.parse().unwrap();
    Delivery { seq: Seq(seq), address, queued_at: 5, report: Some(format!("{{\"id\":{seq}}}")) }
}

fn ended(address: &str, seq: u64) -> Write {
    Write::DeliveryEnded { address: address.parse().unwrap(), seq: Seq(seq) }
}

fn qq() -> AccountName {
    "qq".parse().unwrap()
}

fn next(store: &Store, address: &str) -> Option<u64> {
    let address: Address = address.parse().unwrap();
    store.read(|reader| reader.next_delivery(&address)).unwrap().map(|delivery| delivery.seq.0)
}

#[test]
fn reports_of_an_address_come_in_the_order_of_their_events() {
    let store = temporary();
    let queued = [("qq/group/1", 9), ("qq/group/2", 4), ("qq/group/1", 7), ("qq", 3)];
    write(&store, queued.map(|(place, seq)| Write::DeliveryQueued(at(place, seq))).to_vec()).unwrap();
    assert_eq!((next(&store, "qq/group/1"), next(&store, "qq/group/2")), (Some(7), Some(4)));
    assert_eq!((next(&store, "qq"), next(&store, "qq/group/3")), (Some(3), None));
    write(&store, ended("qq/group/1", 7)).unwrap();
    assert_eq!(next(&store, "qq/group/1"), Some(9));
    let addresses = store.read(|reader| reader.delivery_addresses(&qq(), 9)).unwrap();
    assert_eq!(addresses.len(), 3);
    assert_eq!(store.read(|reader| reader.deliveries(&qq())).unwrap(), 3);
    let other = "other".parse().unwrap();
    assert_eq!(store.read(|reader| reader.delivery_addresses(&other, 9)).unwrap(), []);
}

#[test]
fn a_report_ends_once_and_what_came_with_its_second_end_does_not_happen() {
    let store = temporary();
    write(&store, Write::DeliveryQueued(at("qq/group/1", 7))).unwrap();
    write(&store, ended("qq/group/1", 7)).unwrap();
    let fact = Write::Meta { key: "host".into(), value: "twice".into() };
    let error = write(&store, vec![fact, ended("qq/group/1", 7)]).unwrap_err();
    assert!(matches!(error, StoreError::NoDelivery { seq: Seq(7) }), "{error}");
    assert_eq!(store.read(|reader| reader.meta("host")).unwrap(), None);
}

#[test]
fn what_waits_and_how_far_it_came_survives_and_goes_with_the_webhook() {
    let (_folder, path) = folder();
    let (store, _) = open(&path);
    let moved = Write::WebhookMoved { account: qq(), next: Seq(8) };
    write(&store, vec![Write::DeliveryQueued(at("qq/group/1", 7)), moved]).unwrap();
    store.close();
    let (store, _) = open(&path);
    assert_eq!(store.read(|reader| reader.webhook_next(&qq())).unwrap(), Some(Seq(8)));
    let address = "qq/group/1".parse().unwrap();
    let kept = store.read(|reader| reader.next_delivery(&address)).unwrap();
    assert_eq!(kept, Some(at("qq/group/1", 7)));
    write(&store, Write::WebhookRemoved(qq())).unwrap();
    assert_eq!(store.read(|reader| reader.webhook_next(&qq())).unwrap(), None);
    assert_eq!(next(&store, "qq/group/1"), None);
}
