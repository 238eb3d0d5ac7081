//! What is printed, read again, is the same configuration.

use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::setting::{Form, Setting};
use super::{Settings, catalog, settle};

/// Values of all kinds: valid for one setting or another, or easily written wrongly.
const TEXTS: [&str; 50] = [
    "1",
    "2",
    "7",
    "40",
    "1500",
    "0.5",
    "1M",
    "auto",
    "auto:20",
    "block",
    "0-3",
    "3/8",
    "cpu",
    "Stratum",
    "normal",
    "IDLE",
    "portable",
    "avx2",
    "10s",
    "1500ms",
    "delayed:2s",
    "immediate",
    "*",
    "!4",
    "127.0.0.1",
    "\"*\"",
    "[::1]:1848",
    "host.example:1900",
    "https://host",
    "https://host,ca=a b,insecure=false",
    "host:1,insecure",
    "debug",
    "quiet",
    "json",
    "plain",
    "true",
    "false",
    "null",
    "~",
    "no",
    "",
    "12345678901234567890123456789012345678901234567890123456789012e5",
    "0x10",
    "a: b #c",
    "- x",
    "'\"\\",
    "😀\u{7f}\u{85}\u{2028}\u{feff}",
    " \t\r\n ",
    "A=1",
    "work=5s",
];

/// What is set where: a source, a setting, and which of its good values.
type Choice = (usize, Index, Index);

/// A text in quotes in the way of JSON, which the two other formats understand.
fn literal(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        // JSON writes what needs more than four digits as it is.
        c if c.is_control() || (c > '\u{2000}' && c < '\u{10000}') => {
            format!("\\u{:04x}", u32::from(c))
        }
        c => c.to_string(),
    };
    let inner: String = text.chars().map(escape).collect();
    format!("\"{inner}\"")
}

#[derive(Debug, Default)]
struct Mix {
    flags: Vec<String>,
    variables: Vec<(String, String)>,
    documents: [Vec<(String, String)>; 3],
}

/// A setting and good values of it.
type Values = (Arc<Setting>, Vec<&'static str>);

/// All settings, and which of the texts are good values of each.
static GOOD: LazyLock<Vec<Values>> = LazyLock::new(|| {
    let catalog = catalog();
    // The values of pairs and some URLs may be secret, and only a comment names them.
    let settings = catalog.in_files().into_iter();
    let printed =
        settings.filter(|setting| setting.key != "externalEnv" && !setting.is_secret_url());
    let good = printed.map(|setting| {
        let texts = match setting.form {
            Form::Switch => vec!["true", "false"],
            _ => TEXTS
                .into_iter()
                .filter(|text| setting.check(text).is_ok())
                .collect(),
        };
        (Arc::clone(setting), texts)
    });
    good.collect()
});

impl Mix {
    fn new(choices: &[Choice], random: &str) -> Self {
        let all = &*GOOD;
        let mut mix = Self::default();
        for (source, setting, value) in choices {
            let (setting, good) = &all[setting.index(all.len())];
            let is_switch = setting.form == Form::Switch;
            let mut good = good.clone();
            // A path is a text, but not an empty one.
            if setting.is_text() && setting.check(random).is_ok() {
                good.push(random);
            }
            if good.is_empty() {
                continue;
            }
            let text = good[value.index(good.len())];
            match source {
                0 => mix
                    .variables
                    .push((setting.variable.clone(), text.to_owned())),
                1..=3 => {
                    let document = &mut mix.documents[source - 1];
                    document.retain(|(key, _)| *key != setting.key);
                    let text = if is_switch {
                        text.to_owned()
                    } else {
                        literal(text)
                    };
                    document.push((setting.key.clone(), text));
                }
                _ => mix.flags.push(match (is_switch, text) {
                    (true, "true") => format!("--{}", setting.flag),
                    (true, _) => match &setting.opposite {
                        Some(opposite) => format!("--{opposite}"),
                        None => continue,
                    },
                    _ => format!("--{}={text}", setting.flag),
                }),
            }
        }
        mix
    }

    fn settle(&self, print: &str) -> Settings {
        let mut flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        flags.push(print);
        let variables = self.variables.iter();
        let variables: Vec<(&str, &str)> =
            variables.map(|(name, value)| (&**name, &**value)).collect();
        let write = |at: usize, between: &str, join: &str| {
            let entries = self.documents[at].iter();
            let lines: Vec<String> = entries
                .map(|(key, value)| match at {
                    1 => format!("\"{key}\"{between}{value}"),
                    _ => format!("{key}{between}{value}"),
                })
                .collect();
            lines.join(join)
        };
        let yaml = write(0, ": ", "\n");
        let json = format!("{{{}}}", write(1, ": ", ",\n\t"));
        let toml = write(2, " = ", "\n");
        let documents = [("a.yaml", &*yaml), ("b.json", &*json), ("c.toml", &*toml)];
        settle(&flags, &variables, &documents).expect("all values are good")
    }
}

proptest! {
    #[test]
    fn a_printed_configuration_is_the_same_from_any_mix_of_sources(
        choices in vec((0..5_usize, any::<Index>(), any::<Index>()), 0..16),
        random in "\\PC{0,12}|[ -~\\x07\\n\u{80}-\u{a0}]{0,8}",
    ) {
        let mix = Mix::new(&choices, &random);
        for print in ["--print-config-as=full", "--print-config-as=minimal"] {
            let first = mix.settle(print);
            let text = first.printed.as_ref().expect("it was asked for");
            let again = settle(&[print], &[], &[("again.yaml", text)]);
            let again = again.unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
            prop_assert_eq!(format!("{:?}", again.parsed), format!("{:?}", first.parsed), "{}", text);
            prop_assert_eq!(again.printed.as_ref(), first.printed.as_ref());
        }
    }
}

#[test]
fn a_difference_shows_the_default_and_what_is_there() {
    let settings = settle(
        &["--print-config-as", "DIFF", "-n", "a", "-n", "1.1.1.1"],
        &[],
        &[("a.yaml", "{stratumDifficulty: block, publicKey: 12e5}")],
    );
    let printed = settings.expect("good settings").printed.expect("asked for");
    let marked: Vec<&str> = printed
        .lines()
        .filter(|line| !line.starts_with(' '))
        .collect();
    assert_eq!(
        marked,
        [
            "--- default",
            "+++ actual",
            "-node: \"localhost:1848\"",
            "+node:",
            "+  - a",
            "+  - \"1.1.1.1\"",
            "-publicKey: null",
            "+publicKey: \"12e5\"",
            "-stratumDifficulty: auto",
            "+stratumDifficulty: block",
        ]
    );
    assert!(printed.contains("\n stratumPort: 1917\n"), "{printed}");
}

#[test]
fn pairs_are_printed_by_name_in_a_comment_of_settings_that_can_be_read_again() {
    let pairs = ["--external-env=TOKEN=hunter2", "--external-env=A=b=c"];
    let args = [&pairs[..], &["--print-config-as=minimal"]].concat();
    let settings = settle(&args, &[], &[]).expect("good settings");
    let printed = settings.printed.expect("asked for");
    assert_eq!(
        printed,
        "externalEnv: null # values not printed: TOKEN, A\n"
    );
    let again = settle(&["--print-config-as=minimal"], &[], &[("a.yaml", &printed)]);
    let again = again.expect("good settings");
    assert!(again.warnings().is_empty());
    assert_eq!(again.printed.as_deref(), Some("{}\n"));
}

#[test]
fn all_settings_are_printed_and_those_of_the_haskell_client_first() {
    let settings = settle(&["--print-config"], &[], &[]).expect("good settings");
    let printed = settings.printed.expect("asked for");
    let keys: Vec<&str> = printed
        .lines()
        .filter_map(|line| line.split(": ").next())
        .collect();
    let catalog = catalog();
    let all: Vec<&str> = catalog
        .in_files()
        .into_iter()
        .map(|setting| &*setting.key)
        .collect();
    assert_eq!(keys, all);
    let place = |key: &str| keys.iter().position(|other| *other == key).expect(key);
    for pair in [
        "node",
        "useTls",
        "insecure",
        "publicKey",
        "account",
        "worker",
        "stratumRate",
        "cpuKernel",
    ]
    .windows(2)
    {
        assert!(place(pair[0]) < place(pair[1]), "{pair:?} in {keys:?}");
    }
    assert!(!printed.contains("configFile") && !printed.contains("printConfig"));
}
