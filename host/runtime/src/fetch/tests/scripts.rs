//! What scripts may fetch: what is granted, and nothing else by whatever way.

use mynah_model::action::ActionBody;

use super::*;

fn names(places: impl IntoIterator<Item = (&'static str, IpAddr)>) -> Arc<dyn Resolver> {
    Arc::new(Names(places.into_iter().map(|(name, address)| (name, vec![address])).collect()))
}

fn granted(origins: &[String]) -> FetchGrants {
    let origins = origins.iter().map(|text| text.parse::<Origin>().unwrap().into()).collect();
    FetchGrants { origins, secrets: Vec::new() }
}

fn private(origin: &str) -> FetchGrants {
    let origin = origin.parse().unwrap();
    FetchGrants { origins: vec![GrantedOrigin { origin, private: true }], secrets: Vec::new() }
}

fn action(url: &str) -> ActionBody {
    let headers = vec![("x-mine".to_owned(), "1".to_owned()), ("accept".to_owned(), "text/plain".to_owned())];
    let (tag, method, url) = ("t".to_owned(), "GET".to_owned(), url.to_owned());
    ActionBody::Fetch { tag, method, url, headers, body: None, secret: None }
}

async fn fetch(fetcher: &Fetcher, grants: &FetchGrants, action: &ActionBody) -> Result<Answer, String> {
    let request =
        Request::of(action, &"s".parse().unwrap(), grants).map_err(|refusal| refusal.to_string())?;
    fetcher.fetch(request, grants).await.map_err(|error| error.to_string())
}

async fn get(fetcher: &Fetcher, grants: &FetchGrants, url: &str) -> Result<Answer, String> {
    fetch(fetcher, grants, &action(url)).await
}

#[tokio::test]
async fn a_script_is_given_status_headers_and_bytes_of_a_place_that_is_granted() {
    let page = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nX-A: b\r\nX-a: c\r\n\r\nbye".to_owned();
    let server = Server::start([("/x", page, Then::Close)]).await;
    let grants = granted(&[format!("http://{}", server.address)]);
    let answer = get(&Fetcher::new(Vec::new(), limits()), &grants, &server.url("/x")).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (404, b"bye".as_slice()));
    assert_eq!(answer.headers[1], ("x-a".to_owned(), "b".to_owned()));
    let heard = server.heard.lock().pop().unwrap();
    assert!(heard.starts_with("GET /x HTTP/1.1\r\n") && heard.contains("x-mine: 1"), "{heard}");
}

#[tokio::test]
async fn a_granted_name_leads_to_public_addresses_only_unless_it_is_granted_as_private() {
    let server = Server::start([("/", ok("inside"), Then::Close)]).await;
    let port = server.address.port();
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "0.0.0.0",
        "::1",
        "fe80::1",
        "fc00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ] {
        let names = names([("evil.test", address.parse().unwrap())]);
        let fetcher = Fetcher::with_resolver(Vec::new(), limits(), names);
        let url = format!("http://evil.test:{port}/");
        let error = get(&fetcher, &granted(&[format!("http://evil.test:{port}")]), &url).await.unwrap_err();
        assert!(error.contains(&format!("leads to {address}")), "{address}: {error}");
    }
    assert_eq!(server.asked(), 0);
    let fetcher =
        Fetcher::with_resolver(Vec::new(), limits(), names([("weather.test", server.address.ip())]));
    let origin = format!("http://weather.test:{port}");
    assert_eq!(get(&fetcher, &private(&origin), &format!("{origin}/")).await.unwrap().body, b"inside");
}

#[tokio::test]
async fn redirects_lead_to_granted_places_only_and_leave_secrets_behind() {
    let other = Server::start([("/", ok("other"), Then::Close)]).await;
    let pages = [
        ("/near", to("/end"), Then::Close),
        ("/end", ok("end"), Then::Close),
        ("/far", to(&other.url("/")), Then::Close),
        ("/name", to("http://localhost:8080/"), Then::Close),
        ("/mapped", to("http://[::ffff:127.0.0.1]:8080/"), Then::Close),
        ("/user", to(&format!("http://a:b@{}/", other.address)), Then::Close),
        ("/loop", to("/loop"), Then::Close),
    ];
    let server = Server::start(pages).await;
    let here = format!("http://{}", server.address);
    let used = SecretUse::new("key", "authorization", "Bearer ", vec![here.parse().unwrap()]).unwrap();
    let secrets = vec![used.with("hunter2").unwrap()];
    let alone = FetchGrants { secrets: secrets.clone(), ..granted(std::slice::from_ref(&here)) };
    let both = FetchGrants { secrets, ..granted(&[here, format!("http://{}", other.address)]) };
    let fetcher = Fetcher::new(Vec::new(), limits());
    let asking = |path: &str| match action(&server.url(path)) {
        ActionBody::Fetch { tag, method, url, headers, body, .. } => {
            ActionBody::Fetch { tag, method, url, headers, body, secret: Some("key".to_owned()) }
        }
        other => other,
    };
    for (path, why) in [
        ("/far", "not among the places"),
        ("/name", "not among the places"),
        ("/mapped", "not among the places"),
        ("/user", "user name"),
        ("/loop", "more than 3 times"),
    ] {
        let error = fetch(&fetcher, &alone, &asking(path)).await.unwrap_err();
        assert!(error.contains(why) && !error.contains("hunter2"), "{path}: {error}");
    }
    assert_eq!(other.asked(), 0);
    server.heard.lock().clear();
    assert_eq!(fetch(&fetcher, &both, &asking("/near")).await.unwrap().body, b"end");
    assert!(server.heard.lock().iter().all(|heard| heard.contains("authorization: Bearer hunter2")));
    assert_eq!(fetch(&fetcher, &both, &asking("/far")).await.unwrap().body, b"other");
    let heard = other.heard.lock().pop().unwrap();
    assert!(heard.contains("accept: text/plain"), "{heard}");
    assert!(!heard.contains("hunter2") && !heard.contains("x-mine"), "{heard}");
}

#[tokio::test]
async fn answers_beyond_the_limits_are_given_up() {
    let headers = format!("HTTP/1.1 200 OK\r\nX-A: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(40_000));
    let pages = [
        ("/large", ok(&"x".repeat(10_001)), Then::Close),
        ("/endless", "HTTP/1.1 200 OK\r\n\r\n".to_owned(), Then::Endless),
        ("/headers", headers, Then::Close),
        ("/silent", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n".to_owned(), Then::Silence),
    ];
    let server = Server::start(pages).await;
    let grants = granted(&[format!("http://{}", server.address)]);
    let fetcher = Fetcher::new(Vec::new(), limits());
    for (path, why) in
        [("/large", "10000 bytes"), ("/endless", "10000 bytes"), ("/headers", "headers have more")]
    {
        let error = get(&fetcher, &grants, &server.url(path)).await.unwrap_err();
        assert!(error.contains(why), "{path}: {error}");
    }
    let fetcher = Fetcher::new(Vec::new(), FetchLimits { time: Duration::from_millis(300), ..limits() });
    let error = get(&fetcher, &grants, &server.url("/silent")).await.unwrap_err();
    assert!(error.contains("did not come within"), "{error}");
}
