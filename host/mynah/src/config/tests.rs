//! The file as a whole: what is read, and how it is refused.

use mynah_engine::InstancePolicy;
use mynah_model::names::ReleaseId;
use mynah_runtime::Update;
use mynah_runtime::grants::{Counted, Mode, OnFault};
use serde_json::json;

use super::*;

fn parse(text: &str) -> Config {
    Config::parse(Path::new("etc/mynah.toml"), text).unwrap_or_else(|error| panic!("{error}"))
}

fn addresses(config: &Config) -> Vec<String> {
    config.listen.iter().map(|listener| listener.address.to_string()).collect()
}

#[test]
fn an_empty_file_is_the_defaults() {
    let config = parse("");
    assert_eq!(addresses(&config), ["127.0.0.1:5000"]);
    assert_eq!(config.data_dir, Path::new("etc/data"));
    assert_eq!(config.accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), ["sim"]);
    assert!(config.check_exposure().is_ok());
}

#[test]
fn everything_that_can_be_written_is_read() {
    let config = parse(
        r#"
        listen = ["localhost:80", "[::1]:80"]
        data_dir = "/var/lib/mynah"
        scripts_dir = "rules"
        tmpdir = "files"
        max_clients = 3
        exit_with_last_account = true
        allow_from = ["10.0.0.0/8"]
        hosts = ["Bot.Example.NET"]
        durability = "power"
        max_action_age = "10min"

        [api]
        jsonp = true
        cors = ["https://example.net"]
        shutup_time_unit = "minute"
        body_limit = "2MiB"

        [[account]]
        name = "qq"
        network = "sim"
        api = "openqq"
        dialect = "v1"
        roster = "people.json"
        seed = 7
        login = "qrcode"

        [script.group-guard]
        mode = "dry-run"
        chats = ["qq/group/*"]
        allow = ["reply", "shutup", "kick"]
        imports = ["kv", "roster"]
        budget = { shutup = "6/min", kick = "3/h", message = "20/min", "message per chat" = "5/min" }
        priority = 10
        policy = { warm = 100 }
        deadline = "20ms"
        memory = "16MiB"
        may_target = ["admin"]
        on-fault = "stop"
        update = "hold"
        pin = "sha256:abababababababababababababababababababababababababababababababab"
        settings = { flood = "6 in 10s", steps = ["warn", "kick"], since = 1979-05-27 }
        [script.group-guard.chat."qq/group/778899"]
        settings = { flood = "12 in 10s" }
        [script.group-guard.chat."qq"]
        settings = { flood = "9 in 10s" }
        "#,
    );
    assert_eq!(addresses(&config), ["127.0.0.1:80", "[::1]:80"]);
    assert_eq!(config.data_dir, Path::new("/var/lib/mynah"));
    assert_eq!(config.scripts_dir, Path::new("etc/rules"));
    assert_eq!(config.max_action_age, Duration::from_secs(600));
    assert_eq!(config.tmpdir.as_deref(), Some(Path::new("etc/files")));
    assert_eq!((config.max_clients, config.exit_with_last_account), (3, true));
    assert_eq!(config.api.hosts, ["bot.example.net"]);
    assert!(config.api.jsonp && config.api.body_limit == 2 << 20);
    let NetworkConfig::Sim(account) = &config.accounts[0].network else { panic!() };
    assert_eq!(account.roster.as_deref(), Some(Path::new("etc/people.json")));
    assert_eq!(config.api.dialect_of(&config.accounts[0].name), mynah_api::openqq::Dialect::V1);

    let setup = &config.scripts["group-guard"];
    assert_eq!(setup.grants.mode, Mode::DryRun);
    assert!(setup.grants.listed && setup.grants.may_target_admins && setup.grants.allow.contains("kick"));
    assert_eq!(setup.grants.budget[&Counted::in_each("message")], "5/min".parse().unwrap());
    assert_eq!((setup.grants.budget.len(), setup.grants.on_fault), (4, OnFault::Stop));
    assert_eq!((setup.update, setup.pin), (Update::Hold, Some(ReleaseId([0xab; 32]))));
    assert!(setup.imports.kv && setup.imports.roster && !setup.imports.kv_shared);
    assert_eq!(setup.policy, InstancePolicy::Warm { max_calls: 100 });
    assert_eq!((setup.limits.deadline, setup.limits.memory), (Duration::from_millis(20), 16 << 20));
    assert_eq!(setup.settings["since"], json!("1979-05-27"));
    let layers: Vec<_> = setup.chat_settings.iter().map(|(pattern, _)| pattern.to_string()).collect();
    assert_eq!(layers, ["qq/*/*", "qq/group/778899"], "the widest comes first");
}

#[test]
fn a_set_of_chats_is_meant_by_its_name_wherever_chats_are() {
    let config = parse(
        "[chats.lively]\naddresses = [\"qq/group/1\", \"qq/group/2\"]\n[script.a]\nchats = [\"chats.lively\", \"wx\"]\n\
         [script.a.chat.\"chats.lively\"]\nsettings = { x = 1 }",
    );
    let setup = &config.scripts["a"];
    let chats: Vec<_> = setup.grants.chats.iter().map(ToString::to_string).collect();
    assert_eq!(chats, ["qq/group/1", "qq/group/2", "wx/*/*"]);
    assert_eq!(setup.chat_settings.len(), 2);
    for (text, says) in [
        ("[chats.a]\naddresses = []", "`chats.a` names no chat"),
        ("[chats.a]\naddress = []", "unknown key `address`"),
        ("[chats.\"A b\"]\naddresses = [\"qq\"]", "cannot name a set of chats"),
        (
            "[chats.home]\naddresses = [\"qq\"]\n[script.a]\nchats = \"chats.hom\"",
            "is a set that there is not",
        ),
        ("[script.a]\nchats = []", "`chats` is empty"),
        ("[script.a.chat.\"chats.x\"]\nsettings = {}", "is a set that there is not"),
    ] {
        let error = Config::parse(Path::new("mynah.toml"), text).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn no_more_accounts_can_be_named_than_may_run() {
    let two = "max_clients = 1\n[[account]]\nname = \"a\"\n[[account]]\nname = \"b\"";
    let error = Config::parse(Path::new("mynah.toml"), two).unwrap_err().to_string();
    assert!(error.contains("names 2 accounts and `max_clients` is 1"), "{error}");
    for wrong in ["max_clients = 0", "max_clients = 1001", "exit_with_last_account = 1", "tmpdir = \"\""] {
        assert!(Config::parse(Path::new("mynah.toml"), wrong).is_err(), "{wrong}");
    }
    let error = Config::parse(Path::new("mynah.toml"), "max_client = 1").unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("did you mean `max_clients`?"), "{error}");
}

#[test]
fn an_error_shows_the_line_even_after_wide_characters_and_a_byte_order_mark() {
    let error = Config::parse(
        Path::new("mynah.toml"),
        "\u{feff}# 配置\n[script.a]\nsettings = { \"值\" = 1, \"值\" = 2 }",
    );
    let error = error.unwrap_err();
    assert_eq!(error.place, Some((3, 23)), "{error}");
    assert!(error.to_string().contains("3 | settings = { \"值\" = 1"), "{error}");
}

#[test]
fn only_loopback_addresses_need_neither_a_key_nor_a_list_of_who_may() {
    for (listen, exposed) in [
        ("127.0.0.2:1", false),
        ("[::1]:1", false),
        ("[::ffff:127.0.0.1]:1", false),
        ("0.0.0.0:1", true),
        ("10.0.0.1:1", true),
    ] {
        let config = parse(&format!("listen = \"{listen}\""));
        assert_eq!(config.check_exposure().is_err(), exposed, "{listen}");
    }
    assert!(parse("listen = \"0.0.0.0:1\"\nallow_from = [\"10.0.0.0/8\"]").check_exposure().is_ok());
    let key = "[[key]]\nname = \"a\"\nsecret = { env = \"A\" }";
    assert!(parse(&format!("listen = \"0.0.0.0:1\"\n{key}")).check_exposure().is_ok());
}
