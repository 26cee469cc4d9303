//! Logging in by a QR code, and logging in again.

use mynah_networks::sim::CODE_LIFE_MS;

use super::*;

/// What a phone would read from a JPEG.
fn read_code(picture: &[u8]) -> String {
    let mut decoder = zune_jpeg::JpegDecoder::new(std::io::Cursor::new(picture));
    let pixels = decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    let colors = pixels.len() / (width * height);
    let mut image =
        rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[(y * width + x) * colors]);
    image.detect_grids()[0].decode().unwrap().1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_logged_in_by_its_qr_code_from_the_picture_to_the_running_state() {
    let home = Home::of(&[("qq", ApiKind::Openqq, LoginMode::QrCode)]);
    let stage = home.start();
    let text = until_code(&stage, "qq", "").await;
    let answer = stage.send(request("GET", "/openqq/get_qrcode").body(String::new().into()).unwrap()).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "image/jpeg");
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-cache");
    let picture = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    assert_eq!(read_code(&picture), text);
    let file = home.file("mojo_webqq_qrcode_qq.jpg");
    assert_eq!(std::fs::read(&file).unwrap(), picture);

    let refused = stage.post("/api/v1/accounts/qq/sim/scan", r#"{"then":"refuse"}"#).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.json()["text"].as_str().unwrap().contains("refused"), "{}", refused.text);
    let renewed = until_code(&stage, "qq", &text).await;
    let accounts = stage.get("/api/v1/accounts").await.json();
    let shown = std::fs::canonicalize(&file).unwrap();
    assert_eq!(accounts[0]["qrcode_path"], json!(shown));
    assert_eq!(accounts[0]["state"], "scaning");

    let waits = stage.post("/api/v1/accounts/qq/sim/scan", r#"{"then":"wait"}"#).await;
    assert_eq!(waits.status, StatusCode::OK, "{}", waits.text);
    until(&stage, "qq", AccountState::Confirming).await;
    let gone = stage.get("/openqq/get_qrcode").await.json();
    assert_eq!((&gone["code"], &gone["state"]), (&json!(100), &json!("confirming")), "{gone}");
    assert!(!file.exists(), "a code that was scanned is of no use to anybody");
    assert_eq!(stage.post("/api/v1/accounts/qq/sim/confirm", "").await.status, StatusCode::OK);
    until(&stage, "qq", AccountState::Running).await;
    let again = stage.post("/api/v1/accounts/qq/sim/confirm", "{}").await;
    assert_eq!(again.status, StatusCode::CONFLICT);

    let expected = [
        "loading",
        "scaning",
        "code",
        "confirming",
        "scaning",
        "code",
        "confirming",
        "updating",
        "login true",
        "running",
    ];
    until_life(&stage, "qq", &expected).await;
    let events = stage.host.events(Seq(0), u32::MAX).await.unwrap();
    let codes: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::QrCode { text, path } => Some((text.clone(), path.clone().unwrap())),
            _ => None,
        })
        .collect();
    let path = shown.display().to_string();
    assert_eq!(codes, [(text, path.clone()), (renewed, path)]);
    let info = stage.get("/openqq/get_qrcode").await.json();
    assert!(info["status"].as_str().unwrap().contains("client is running"), "{info}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_lives_two_minutes_and_another_one_follows() {
    let home = Home::of(&[("qq", ApiKind::Openqq, LoginMode::QrCode)]);
    let stage = home.start();
    let first = until_code(&stage, "qq", "").await;
    home.clock.advance(u64::try_from(CODE_LIFE_MS).unwrap());
    let second = until_code(&stage, "qq", &first).await;
    let late = stage.post("/api/v1/accounts/qq/sim/scan", "").await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.json()["text"].as_str().unwrap().contains("expired"), "{}", late.text);
    assert_eq!(stage.host.account("qq").unwrap().login_code().unwrap().text(), second);
    let scanned = stage.post("/api/v1/accounts/qq/sim/scan", "{}").await;
    assert_eq!(scanned.status, StatusCode::OK, "{}", scanned.text);
    until(&stage, "qq", AccountState::Running).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relogin_goes_through_the_states_again_and_asks_for_a_new_scan() {
    let home = Home::of(&[("qq", ApiKind::Openqq, LoginMode::QrCode)]);
    let stage = home.start();
    assert_eq!(stage.get("/openqq/relogin").await.json()["code"], -7, "not before it runs");
    let first = until_code(&stage, "qq", "").await;
    stage.post("/api/v1/accounts/qq/sim/scan", "").await;
    let answer = stage.get("/openqq/relogin").await.json();
    let status = format!("success, client({}) will relogin in 0 seconds", std::process::id());
    assert_eq!((&answer["code"], &answer["status"]), (&json!(0), &json!(status)));
    until_code(&stage, "qq", &first).await;
    stage.post("/api/v1/accounts/qq/sim/scan", "").await;
    until(&stage, "qq", AccountState::Running).await;
    let once = ["loading", "scaning", "code", "confirming", "updating", "login true", "running"];
    // It is not stopped in between.
    until_life(&stage, "qq", &[once, once].concat()).await;
    let sent = stage.get("/openqq/send_group_message?uid=552603&content=hi").await.json();
    assert_eq!(sent["code"], 0, "{sent}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_a_killed_host_left_spares_the_scan_and_a_relogin_forgets_it() {
    let home = Home::of(&[("qq", ApiKind::Openqq, LoginMode::QrCode)]);
    let stage = home.start();
    until_code(&stage, "qq", "").await;
    stage.post("/api/v1/accounts/qq/sim/scan", "").await;
    let cookie = home.file("mojo_webqq_cookie_qq.dat");
    let session = std::fs::read(&cookie).unwrap();
    stage.end().await;
    assert!(!cookie.exists(), "a clean stop leaves nothing");
    std::fs::write(&cookie, session).unwrap();

    let stage = home.start();
    until(&stage, "qq", AccountState::Running).await;
    let scanned = ["loading", "scaning", "code", "confirming", "updating", "login true", "running", "stop"];
    let spared = ["loading", "updating", "login false", "running"];
    until_life(&stage, "qq", &[&scanned[..], &spared].concat()).await;
    stage.get("/openqq/relogin").await;
    until_code(&stage, "qq", "").await;
    stage.end().await;
}
