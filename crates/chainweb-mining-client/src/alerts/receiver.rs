//! A receiver of alerts: its URL, and the form in which it takes them.
//!
//! The whole URL is a secret, but for its host: no error, output or log shows more.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use miner::telemetry::problem::Severity;
use miner::units::About;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Url};
use serde_json::{Map, Value, json};

use super::notice::{Notice, State};

/// The most characters of a text. Discord takes 2000, and escapes double it at worst.
const LONGEST: usize = 900;
/// The delay of a notice from which its text says so.
const LATE: Duration = Duration::from_mins(2);

/// Where alerts go.
#[derive(Clone, PartialEq, Eq)]
pub struct Receiver {
    url: Url,
    form: Form,
}

/// The form of alerts that a receiver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Discord,
    Telegram,
    Ntfy,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({:?}, {})", self.form, self.host())
    }
}

impl FromStr for Receiver {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (named, url) = match text.split_once('+') {
            Some((form, url)) if url.contains("://") && !form.contains(':') => {
                let form = match form.to_ascii_lowercase().as_str() {
                    "json" => Form::Json,
                    "discord" => Form::Discord,
                    "telegram" => Form::Telegram,
                    "ntfy" => Form::Ntfy,
                    _ => {
                        return Err(
                            "expected json+, discord+, telegram+ or ntfy+ before the URL".into(),
                        );
                    }
                };
                (Some(form), url)
            }
            _ => (None, text),
        };
        // An error of the parser does not contain the text.
        let url = Url::parse(url).map_err(|error| format!("expected an http(s) URL: {error}"))?;
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
            return Err("expected an http(s) URL".to_owned());
        }
        let form = named.unwrap_or_else(|| Form::of(&url));
        let has_chat = url.query_pairs().any(|(key, _)| key == "chat_id");
        if form == Form::Telegram && !(url.path().ends_with("/sendMessage") && has_chat) {
            return Err(
                "expected https://api.telegram.org/bot<token>/sendMessage?chat_id=<number>".into(),
            );
        }
        Ok(Self { url, form })
    }
}

impl Form {
    fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        let is_of = |domain: &str| {
            let rest = host.strip_suffix(domain);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if is_of("discord.com") || is_of("discordapp.com") {
            Self::Discord
        } else if is_of("api.telegram.org") {
            Self::Telegram
        } else if is_of("ntfy.sh") {
            Self::Ntfy
        } else {
            Self::Json
        }
    }
}

impl Receiver {
    /// Returns the host, the only part of the URL that may be shown.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Whether the host is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        node::Endpoint::parse(self.host(), false).is_ok_and(|host| host.is_loopback())
    }

    /// Returns the request that delivers a notice at `now`.
    pub(super) fn request(
        &self,
        client: &Client,
        notice: &Notice,
        now: SystemTime,
    ) -> RequestBuilder {
        let mut text: String = notice.text.chars().take(LONGEST).collect();
        let age = now.duration_since(notice.at).unwrap_or_default();
        if age >= LATE {
            text = format!("{text} ({} ago)", About(age));
        }
        let post = |url: Url, body: Value| {
            let json = HeaderValue::from_static("application/json");
            let request = client.post(url).header(CONTENT_TYPE, json);
            request.body(body.to_string())
        };
        match self.form {
            Form::Json => post(self.url.clone(), json_of(notice, &text)),
            Form::Discord => post(
                self.url.clone(),
                json!({
                    "content": format!("**{}**\n{}", notice.title(), without_markdown(&text)),
                    "allowed_mentions": { "parse": [] },
                    // No previews of links: 1 << 2.
                    "flags": 4,
                }),
            ),
            Form::Telegram => {
                let mut url = self.url.clone();
                url.set_query(None);
                let fields = self.url.query_pairs();
                let fields = fields.map(|(key, value)| (key.into_owned(), value.into()));
                let mut body: Map<String, Value> = fields.collect();
                // Without a parse_mode the text has no markup. A word joiner after it keeps the
                // sign from mentioning a user.
                body.remove("parse_mode");
                let text = format!("{}\n{}", notice.title(), text.replace('@', "@\u{2060}"));
                body.insert("text".to_owned(), text.into());
                body.insert(
                    "link_preview_options".to_owned(),
                    json!({ "is_disabled": true }),
                );
                post(url, Value::Object(body))
            }
            Form::Ntfy => {
                let (priority, tag) = match (notice.state, notice.severity) {
                    (State::Raised, Some(Severity::Stopped)) => ("high", "rotating_light"),
                    (State::Raised, _) => ("default", "warning"),
                    (State::Cleared, _) => ("default", "white_check_mark"),
                    (State::Event, _) => ("default", "package"),
                };
                client
                    .post(self.url.clone())
                    .header("Title", notice.title())
                    .header("Priority", priority)
                    .header("Tags", tag)
                    .body(text)
            }
        }
    }
}

fn json_of(notice: &Notice, text: &str) -> Value {
    let severity = notice.severity.map(|severity| match severity {
        Severity::Losing => "losing",
        Severity::Stopped => "stopped",
    });
    let seconds = notice.at.duration_since(SystemTime::UNIX_EPOCH);
    json!({
        "alert": text,
        "kind": notice.kind,
        "state": notice.state.name(),
        "severity": severity,
        "subjects": notice.subjects,
        "count": notice.count,
        "time_seconds": seconds.unwrap_or_default().as_secs(),
        "program": "chainweb-mining-client",
        "version": env!("CARGO_PKG_VERSION"),
    })
}

/// Returns a text in which no character is markup of Discord, and nothing is a link.
fn without_markdown(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.replace("://", ":/\u{2060}/").chars() {
        if "\\*_~`|<>[]()#@".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use reqwest::Client;
    use serde_json::{Value, json};

    use super::{Form, Receiver};
    use crate::alerts::notice::{Notice, State};

    const HOSTILE: &str = "@everyone <@1> [x](http://evil)\r\nTitle: é";

    fn receiver(url: &str) -> Receiver {
        url.parse().expect("a URL of a receiver")
    }

    #[test]
    fn the_form_is_chosen_by_the_url() {
        #[track_caller]
        fn check(url: &str, form: Form) {
            assert_eq!(receiver(url).form, form, "{url}");
        }
        check("http://10.0.0.7:8123/api/webhook/secret", Form::Json);
        check("https://hooks.example.com/a+b?c=d", Form::Json);
        check("https://discord.com/api/webhooks/1/secret", Form::Discord);
        check(
            "https://ptb.discord.com/api/webhooks/1/secret",
            Form::Discord,
        );
        check("https://notdiscord.com/api/webhooks/1/secret", Form::Json);
        check(
            "https://api.telegram.org/bot1:secret/sendMessage?chat_id=-100",
            Form::Telegram,
        );
        check("https://ntfy.sh/secret", Form::Ntfy);
        check("ntfy+http://10.0.0.7/secret", Form::Ntfy);
        check("DISCORD+http://10.0.0.7/secret", Form::Discord);
        check("json+https://ntfy.sh/secret", Form::Json);
    }

    #[test]
    fn errors_and_debug_output_hide_the_url() {
        for url in [
            "secret",
            "ftp://host/secret",
            "https://api.telegram.org/botsecret/sendMessage",
            "https://api.telegram.org/botsecret?chat_id=1",
            "slack+https://host/secret",
            "http://host:secret/",
            "http://[secret]/",
        ] {
            let error = url.parse::<Receiver>().expect_err("a wrong URL");
            assert!(!error.contains("secret"), "{url}: {error}");
        }
        let shown = format!(
            "{:?}",
            receiver("https://u:secret@host/secret?secret#secret")
        );
        assert_eq!(shown, "Receiver(Json, host)");
    }

    #[track_caller]
    fn body(url: &str) -> (reqwest::Request, String) {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let notice = Notice {
            kind: "device_silent".to_owned(),
            state: State::Raised,
            severity: None,
            subjects: vec![HOSTILE.to_owned()],
            count: 1,
            text: HOSTILE.to_owned(),
            at,
        };
        node::install_crypto_provider();
        let request = receiver(url).request(&Client::default(), &notice, at);
        let request = request.build().expect("a valid request");
        let body = request.body().and_then(|body| body.as_bytes());
        let body = String::from_utf8(body.unwrap_or_default().to_vec());
        (request, body.expect("UTF-8"))
    }

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn hostile_names_are_inert_in_each_form() {
        let (_, text) = body("http://host/secret");
        let alert = parsed(&text);
        assert_eq!(alert["alert"], HOSTILE);
        assert_eq!(alert["subjects"], json!([HOSTILE]));
        assert_eq!(
            (&alert["kind"], &alert["state"]),
            (&json!("device_silent"), &json!("raised"))
        );

        let (_, text) = body("https://discord.com/api/webhooks/1/secret");
        let alert = parsed(&text);
        assert_eq!(alert["allowed_mentions"], json!({"parse": []}));
        let content = "**Problem: device silent**\n\\@everyone \\<\\@1\\> \\[x\\]\\(http:/\u{2060}\
                       /evil\\)\r\nTitle: é";
        assert_eq!(alert["content"], content);

        let url = "https://api.telegram.org/botsecret/sendMessage?chat_id=-7&parse_mode=HTML";
        let (request, text) = body(url);
        let alert = parsed(&text);
        assert_eq!(request.url().query(), None);
        assert_eq!(
            (alert.get("parse_mode"), &alert["chat_id"]),
            (None, &json!("-7"))
        );
        let shown = alert["text"].as_str().unwrap_or_default();
        assert!(shown.contains("@\u{2060}everyone"), "{shown}");

        let (request, text) = body("ntfy+http://host/secret");
        assert_eq!(text, HOSTILE);
        let headers = request.headers();
        let title = headers.get("Title").and_then(|title| title.to_str().ok());
        assert_eq!(title, Some("Problem: device silent"));
        assert_eq!(headers["Priority"], "default");
    }
}
