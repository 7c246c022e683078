//! A browser that a test drives: Chromium through ChromeDriver's WebDriver, JSON over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// WebDriver's names of keys.
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const DOWN: &str = "\u{e015}";
pub const RIGHT: &str = "\u{e014}";

/// How long a page may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What keeps Chromium from asking anything of a network, and from moving what is about to be clicked.
const ARGUMENTS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-prefers-reduced-motion",
];

/// Whether somebody without a browser wants to go on without these tests.
pub fn is_skipped() -> bool {
    let skipped = std::env::var("NA_SKIP").unwrap_or_default();
    skipped.split(',').any(|name| name == "browser")
}

/// A browser with one window, and a folder for what it saves.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: TempDir,
}

impl Browser {
    /// Starts one. A machine without `chromium` and `chromedriver` fails the test.
    pub fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is not installed: ./check setup, or NA_SKIP=browser to go on without it");
        let mut port = None;
        for line in BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok) {
            if let Some((_, told)) = line.split_once("started successfully on port ") {
                port = told.trim_end_matches('.').parse().ok();
                break;
            }
        }
        let port = port.expect("chromedriver says its port");
        let profile = tempfile::tempdir().unwrap();
        let saved = profile.path().join("saved");
        std::fs::create_dir(&saved).unwrap();
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", profile.path().join("profile").display()));
        let options = json!({
            "args": arguments,
            "prefs": {
                "download.default_directory": saved,
                "download.prompt_for_download": false,
                "profile.default_content_setting_values.automatic_downloads": 1,
            },
        });
        let wanted = json!({
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let mut browser = Self { driver, port, session: String::new(), profile };
        let begun =
            browser.request("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        begun["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        browser.size(1280, 900);
        browser
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(told) = line.strip_prefix("content-length:") {
                length = told.trim().parse().unwrap();
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert!(answer["value"]["error"].is_null(), "{method} {path}: {}", answer["value"]["message"]);
        answer["value"].clone()
    }

    fn post(&self, command: &str, body: &Value) -> Value {
        self.request("POST", &format!("/session/{}/{command}", self.session), body)
    }

    /// A command of the Chrome DevTools Protocol.
    fn tell(&self, command: &str, parameters: Value) -> Value {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Opens a file, at a place in it if that begins with `#`, and drops what was logged before.
    pub fn open(&self, page: &Path, place: &str) {
        self.post("url", &json!({ "url": "about:blank" }));
        self.console();
        self.requests();
        self.post("url", &json!({ "url": format!("file://{}{place}", page.display()) }));
    }

    /// Opens a file and waits until its script is ready.
    pub fn open_ready(&self, page: &Path, place: &str) {
        self.open(page, place);
        self.wait("document.documentElement.dataset.ready");
    }

    /// What an expression of JavaScript gives.
    pub fn value(&self, expression: &str) -> Value {
        self.post("execute/sync", &json!({ "script": format!("return {expression}"), "args": [] }))
    }

    pub fn text(&self, expression: &str) -> String {
        self.value(expression).as_str().unwrap_or_else(|| panic!("{expression} is no text")).to_owned()
    }

    pub fn number(&self, expression: &str) -> f64 {
        self.value(expression).as_f64().unwrap_or_else(|| panic!("{expression} is no number"))
    }

    /// What a script gives to its last argument, `done`.
    pub fn later(&self, script: &str) -> Value {
        let script = format!("const done = arguments[arguments.length - 1]; {script}");
        self.post("execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn wait(&self, expression: &str) {
        let started = Instant::now();
        while !self.is(expression) {
            assert!(started.elapsed() < PATIENCE, "{expression} never came: {:?}", self.console());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn is(&self, expression: &str) -> bool {
        self.value(&format!("Boolean({expression})")) == true
    }

    /// Clicks where a user would.
    pub fn click(&self, selector: &str) {
        let found = self.post("element", &json!({ "using": "css selector", "value": selector }));
        let element = found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        self.post(&format!("element/{element}/click"), &json!({}));
    }

    /// Presses keys, one after the other. WebDriver's names: U+E004 is tab, U+E007 enter, U+E012 to U+E015 the arrows.
    pub fn press(&self, keys: &str) {
        let presses = keys.chars().flat_map(|key| {
            let key = key.to_string();
            [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
        });
        let actions = json!([{ "type": "key", "id": "keyboard", "actions": presses.collect::<Vec<_>>() }]);
        self.post("actions", &json!({ "actions": actions }));
    }

    pub fn size(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", metrics);
    }

    pub fn dark(&self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.tell("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Whether the scripts of pages run.
    pub fn scripts(&self, run: bool) {
        self.tell("Emulation.setScriptExecutionDisabled", json!({ "value": !run }));
    }

    pub fn back(&self) {
        self.post("back", &json!({}));
    }

    pub fn reload(&self) {
        self.post("refresh", &json!({}));
    }

    /// What the console has told since it was last asked.
    pub fn console(&self) -> Vec<String> {
        let told = self.post("se/log", &json!({ "type": "browser" }));
        told.as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// What was asked for since it was last asked, but what the page has in itself.
    pub fn requests(&self) -> Vec<String> {
        let told = self.post("se/log", &json!({ "type": "performance" }));
        let told = told.as_array().unwrap().iter().filter_map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            (message["method"] == "Network.requestWillBeSent")
                .then(|| message["params"]["request"]["url"].as_str().map(str::to_owned))?
        });
        told.filter(|url| !url.starts_with("data:") && !url.starts_with("blob:") && url != "about:blank")
            .collect()
    }

    /// The page on paper, as PDF.
    pub fn print(&self) -> Vec<u8> {
        self.decoded(&self.post("print", &json!({ "background": true })))
    }

    /// What lies between the tops of two elements, or from the first to its bottom, as PNG.
    pub fn picture(&self, from: &str, to: Option<&str>, scale: f64) -> Vec<u8> {
        let of = |selector: &str, side: &str| {
            self.number(&format!(
                "document.querySelector({selector:?}).getBoundingClientRect().{side} + scrollY"
            ))
        };
        let (top, bottom) = (of(from, "top"), to.map_or_else(|| of(from, "bottom"), |to| of(to, "top")));
        let clip = json!({ "x": 0, "y": top - 6.0, "width": self.number("innerWidth"), "height": bottom - top + 6.0, "scale": scale });
        let parameters = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        self.decoded(&self.tell("Page.captureScreenshot", parameters)["data"])
    }

    fn decoded(&self, value: &Value) -> Vec<u8> {
        use base64::Engine;
        base64::prelude::BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap()
    }

    /// The content of a file that the page saves, once it is there.
    pub fn saved(&self, name: &str) -> String {
        let path: PathBuf = self.profile.path().join("saved").join(name);
        let started = Instant::now();
        loop {
            // It may be there before its content is.
            if let Some(text) = std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n')) {
                std::fs::remove_file(&path).unwrap();
                return text;
            }
            assert!(started.elapsed() < PATIENCE, "{name} was not saved");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Also after a test that failed: the driver ends its browser.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let ended = write!(
                stream,
                "DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
                self.session
            );
            // The answer comes when the browser is gone.
            let _ = ended.and_then(|()| stream.read(&mut [0; 64]));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
